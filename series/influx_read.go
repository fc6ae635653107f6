package series

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/influxdata/influxdb-client-go/v2/api/query"

	"topout/site"
)

// row is one row of a Flux answer.
type row struct{ *query.FluxRecord }

func (r row) str(column string) string {
	s, _ := r.ValueByKey(column).(string)
	return s
}

// num is the row's value as a number; false when it is none, as foreign writers
// may have stored in the same bucket.
func (r row) num() (float64, bool) {
	switch v := r.Value().(type) {
	case float64:
		return v, true
	case int64:
		return float64(v), true
	case uint64:
		return float64(v), true
	}
	return 0, false
}

// rows runs a Flux query and hands out its rows.
func (s *Influx) rows(ctx context.Context, flux string, each func(row)) error {
	result, err := s.query.Query(ctx, flux)
	if err != nil {
		return s.explain(err)
	}
	defer func() { _ = result.Close() }()
	for result.Next() {
		each(row{result.Record()})
	}
	if err := result.Err(); err != nil {
		return s.explain(err)
	}
	return nil
}

// Last gives the newest value of each metric.
func (s *Influx) Last(ctx context.Context, project, device string) ([]site.LastValue, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	f, err := s.flux(ctx)
	if err != nil || !validName(project) || !validName(device) {
		return nil, err
	}
	byMetric := map[string]site.LastValue{}
	err = s.rows(ctx, f.last(project, device), func(r row) {
		v, ok := r.num()
		if known, twice := byMetric[r.Field()]; ok && (!twice || r.Time().After(known.T)) {
			byMetric[r.Field()] = site.LastValue{Metric: r.Field(), T: r.Time().UTC(), Value: v}
		}
	})
	if err != nil {
		return nil, err
	}
	return sortedLast(byMetric), nil
}

func sortedLast(byMetric map[string]site.LastValue) []site.LastValue {
	all := make([]site.LastValue, 0, len(byMetric))
	for _, v := range byMetric {
		all = append(all, v)
	}
	slices.SortFunc(all, func(a, b site.LastValue) int { return cmp.Compare(a.Metric, b.Metric) })
	return all
}

// storable reports whether there can be readings of what is asked for.
func storable(q site.SeriesQuery) bool {
	return validName(q.Project) && validName(q.Device) && validName(q.Metric)
}

// Raw gives readings as they came.
func (s *Influx) Raw(ctx context.Context, q site.SeriesQuery) ([]site.Sample, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	f, err := s.flux(ctx)
	whole := spanOf(q)
	if err != nil || whole.empty() || !storable(q) {
		return nil, err
	}
	if q.Limit <= 0 {
		return s.samples(ctx, f, q, whole)
	}
	var all []site.Sample
	err = whole.backwards(hour, 1, func(part span) (bool, error) {
		older, err := s.samples(ctx, f, q, part)
		all = append(older, all...)
		return len(all) >= q.Limit, err
	})
	return newest(all, q.Limit), err
}

func (s *Influx) samples(ctx context.Context, f flux, q site.SeriesQuery, part span) ([]site.Sample, error) {
	var all []site.Sample
	err := s.rows(ctx, f.raw(q, part), func(r row) {
		if v, ok := r.num(); ok && r.Time().UnixNano() < part.to {
			all = append(all, site.Sample{T: r.Time().UTC(), Value: v})
		}
	})
	slices.SortFunc(all, func(a, b site.Sample) int { return a.T.Compare(b.T) })
	return all, err
}

// Windows summarises readings.
func (s *Influx) Windows(ctx context.Context, q site.SeriesQuery) ([]site.Window, error) {
	if err := checkWindow(q); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	f, err := s.flux(ctx)
	whole := spanOf(q)
	if err != nil || whole.empty() || !storable(q) {
		return nil, err
	}
	return windowsOf(q, whole, func(part span) ([]site.Window, error) { return s.windows(ctx, f, q, part) })
}

// windows reads first what is rolled up, where the windows are long enough, then
// the raw readings that came after it.
func (s *Influx) windows(ctx context.Context, f flux, q site.SeriesQuery, in span) ([]site.Window, error) {
	w := windows{every: int64(q.Every)}
	if whole := in.hours(); q.Every >= time.Hour && !whole.empty() {
		rolled, err := s.summaries(ctx, f.rolled(q, whole), whole, hour, row.Field)
		if err != nil {
			return nil, err
		}
		for _, one := range rolled {
			one.sum *= float64(one.count) // it was the mean
			w.add(one)
			in.from = one.t + hour
		}
	}
	if !in.empty() {
		late, err := s.summaries(ctx, f.windows(q, in), in, w.every, row.Result)
		if err != nil {
			return nil, err
		}
		for _, one := range late {
			w.add(one)
		}
	}
	return w.all, nil
}

// summaries puts rows together by their time, rounded down to a multiple of
// every; which part of a summary a row is, part says.
func (s *Influx) summaries(ctx context.Context, flux string, in span, every int64, part func(row) string) ([]summary, error) {
	byTime := map[int64]*summary{}
	err := s.rows(ctx, flux, func(r row) {
		v, ok := r.num()
		t := r.Time().UnixNano()
		if !ok || t >= in.to {
			return
		}
		t -= t % every
		if byTime[t] == nil {
			byTime[t] = &summary{t: t}
		}
		byTime[t].put(part(r), v)
	})
	if err != nil {
		return nil, err
	}
	all := make([]summary, 0, len(byTime))
	for _, one := range byTime {
		if one.count > 0 {
			all = append(all, *one)
		}
	}
	slices.SortFunc(all, func(a, b summary) int { return cmp.Compare(a.t, b.t) })
	return all, nil
}

// put takes a part of a summary, or a reading.
func (s *summary) put(part string, v float64) {
	switch part {
	case "count":
		s.count = int64(v)
	case "sum", "mean":
		s.sum = v
	case "min":
		s.min = v
	case "max":
		s.max = v
	default:
		s.observe(v)
	}
}
