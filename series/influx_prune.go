package series

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	ihttp "github.com/influxdata/influxdb-client-go/v2/api/http"

	"topout/site"
)

// hourKey is one hour of one metric.
type hourKey struct {
	project, device, metric string
	t                       int64
}

// Prune rolls up what is older than before, to the hour, day by day, and then
// deletes it. An hour that is rolled up already is left as it is: what a crash
// left of its raw readings, or what came after them, is not the whole hour.
func (s *Influx) Prune(ctx context.Context, before time.Time) error {
	if !before.After(minTime) {
		return nil
	}
	old := span{minTime.UnixNano(), before.UnixNano() / hour * hour}
	f, err := s.flux(ctx)
	if err != nil || old.empty() {
		return err
	}
	for rest := old; !rest.empty(); {
		oldest, metrics, err := s.oldest(ctx, f, rest)
		if err != nil {
			return err
		}
		if len(metrics) == 0 {
			break
		}
		const day = 24 * hour
		start := oldest - oldest%day
		rest.from = min(start+day, old.to)
		if err := s.rollUp(ctx, f, metrics, span{start, rest.from}); err != nil {
			return err
		}
	}
	return s.deleteReadings(ctx, f, old)
}

// oldest is the time of the oldest reading and the metrics there are. What is no
// number was stored by others, has no roll-up, and would stop those of the rest.
func (s *Influx) oldest(ctx context.Context, f flux, in span) (int64, []string, error) {
	oldest := in.to
	metrics := map[string]bool{}
	err := s.rows(ctx, f.first(in), func(r row) {
		if _, ok := r.num(); ok {
			oldest = min(oldest, r.Time().UnixNano())
			metrics[r.Field()] = true
		}
	})
	return oldest, slices.Sorted(maps.Keys(metrics)), err
}

// rollUp writes the roll-ups of a time that has none yet.
func (s *Influx) rollUp(ctx context.Context, f flux, metrics []string, in span) error {
	known := map[hourKey]bool{}
	err := s.rows(ctx, f.rolledKeys(in), func(r row) {
		known[hourKey{r.str("project"), r.str("device"), r.str("metric"), r.Time().UnixNano()}] = true
	})
	if err != nil {
		return err
	}
	fresh := map[hourKey]*summary{}
	for _, metric := range metrics {
		err := s.rows(ctx, f.hours(metric, in), func(r row) {
			t := r.Time().UnixNano()
			key := hourKey{r.str("project"), r.str("device"), metric, t - t%hour}
			v, ok := r.num()
			if !ok || known[key] {
				return
			}
			if fresh[key] == nil {
				fresh[key] = &summary{}
			}
			fresh[key].put(r.Result(), v)
		})
		if err != nil {
			return err
		}
	}
	points := make([]site.Point, 0, len(fresh))
	for key, one := range fresh {
		points = append(points, rollUpPoint(key, *one))
	}
	slices.SortFunc(points, func(a, b site.Point) int {
		return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.Tags[0].Value, b.Tags[0].Value))
	})
	refused, err := s.Write(ctx, points)
	if err != nil {
		return err
	}
	if len(refused) > 0 { // then the raw readings must stay
		return refused[0].Err
	}
	return nil
}

func rollUpPoint(key hourKey, of summary) site.Point {
	return site.Point{
		Measurement: rollUp,
		Tags:        []site.Tag{{Key: "device", Value: key.device}, {Key: "metric", Value: key.metric}, {Key: "project", Value: key.project}},
		Fields: []site.Field{
			{Key: "min", Value: of.min}, {Key: "mean", Value: of.sum / float64(of.count)},
			{Key: "max", Value: of.max}, {Key: "count", Value: of.count},
		},
		Time: time.Unix(0, key.t),
	}
}

// deleteReadings drops raw readings: by a statement of InfluxDB 1.8, or by the
// API of 2.
func (s *Influx) deleteReadings(ctx context.Context, f flux, in span) error {
	base := s.client.HTTPService().ServerURL()
	newest := in.to - 1 // both delete it too
	var to, body string
	if f.version1 {
		database, _, _ := strings.Cut(s.opts.Bucket, "/")
		statement := fmt.Sprintf(`DELETE FROM "%s" WHERE time <= %d`, Reading, newest)
		to = base + "query?" + url.Values{"db": {database}, "q": {statement}}.Encode()
	} else {
		to = base + "api/v2/delete?" + url.Values{"org": {s.opts.Org}, "bucket": {s.opts.Bucket}}.Encode()
		body = fmt.Sprintf(`{"start":"%s","stop":"%s","predicate":"_measurement=\"%s\""}`, instant(in.from), instant(newest), Reading)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, strings.NewReader(body))
	if err != nil {
		return s.explain(err)
	}
	req.Header.Set("Content-Type", "application/json")
	var said []byte // 1.8 reports a failed statement in a good answer
	if err := s.call(req, func(res *http.Response) { said, err = io.ReadAll(res.Body) }); err != nil {
		return s.explain(err)
	}
	if err == nil && bytes.Contains(said, []byte(`"error"`)) {
		err = &ihttp.Error{StatusCode: http.StatusOK, Message: string(said)}
	}
	if err != nil {
		return s.explain(err)
	}
	return nil
}
