package series

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

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
	old := span{minTime.UnixNano(), before.Truncate(time.Hour).UnixNano()}
	if old.empty() {
		return nil
	}
	rest := old
	for {
		first, err := s.first(ctx, rest)
		if err != nil {
			return err
		}
		if first < 0 {
			break
		}
		const day = 24 * hour
		start := first - first%day
		rest.from = min(start+day, old.to)
		if err := s.rollUp(ctx, span{start, rest.from}); err != nil {
			return err
		}
		if rest.empty() {
			break
		}
	}
	return s.deleteReadings(ctx, old)
}

// first is the time of the oldest reading, -1 when there is none.
func (s *Influx) first(ctx context.Context, in span) (int64, error) {
	first := int64(-1)
	err := s.rows(ctx, fluxFirst(s.opts.Bucket, in), func(r row) error {
		if t := r.Time().UnixNano(); first < 0 || t < first {
			first = t
		}
		return nil
	})
	return first, err
}

// rollUp writes the roll-ups of a time that has none yet.
func (s *Influx) rollUp(ctx context.Context, in span) error {
	known := map[hourKey]bool{}
	err := s.rows(ctx, fluxRolledKeys(s.opts.Bucket, in), func(r row) error {
		known[hourKey{r.str("project"), r.str("device"), r.str("metric"), r.Time().UnixNano()}] = true
		return nil
	})
	if err != nil {
		return err
	}
	fresh := map[hourKey]*summary{}
	err = s.rows(ctx, fluxHours(s.opts.Bucket, in), func(r row) error {
		t := r.Time().UnixNano()
		key := hourKey{r.str("project"), r.str("device"), r.Field(), t - t%hour}
		v, ok := r.num()
		if !ok || known[key] {
			return nil
		}
		if fresh[key] == nil {
			fresh[key] = &summary{}
		}
		fresh[key].set(r.Result(), v)
		return nil
	})
	if err != nil {
		return err
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
			{Key: "min", Value: of.min}, {Key: "mean", Value: of.sum}, // set holds the mean in sum
			{Key: "max", Value: of.max}, {Key: "count", Value: of.count},
		},
		Time: time.Unix(0, key.t),
	}
}

// deleteReadings drops raw readings, by the API of InfluxDB 2 or, where that is
// not known, by a statement of 1.8.
func (s *Influx) deleteReadings(ctx context.Context, in span) error {
	from, to := time.Unix(0, in.from).UTC(), time.Unix(0, in.to).UTC()
	body := `{"start":"` + from.Format(time.RFC3339) + `","stop":"` + to.Format(time.RFC3339) + `","predicate":"_measurement=\"` + Reading + `\""}`
	base := s.client.HTTPService().ServerURL()
	where := url.Values{"org": {s.opts.Org}, "bucket": {s.opts.Bucket}}
	err := s.post(ctx, base+"api/v2/delete?"+where.Encode(), body)
	if statusOf(err) == http.StatusNotFound && strings.Contains(s.opts.Bucket, "/") {
		database, _, _ := strings.Cut(s.opts.Bucket, "/")
		statement := `DELETE FROM "` + Reading + `" WHERE time < '` + to.Format(time.RFC3339) + `'`
		err = s.post(ctx, base+"query?"+url.Values{"db": {database}, "q": {statement}}.Encode(), "")
	}
	if err != nil {
		return s.explain(err)
	}
	return nil
}

func (s *Influx) post(ctx context.Context, to, body string) error {
	asJSON := func(r *http.Request) { r.Header.Set("Content-Type", "application/json") }
	err := s.client.HTTPService().DoPostRequest(ctx, to, strings.NewReader(body), asJSON, func(r *http.Response) error {
		return r.Body.Close()
	})
	if err != nil { // not a nil *Error in an error
		return err
	}
	return nil
}
