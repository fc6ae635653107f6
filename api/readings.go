package api

import (
	"context"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"time"

	"topout/site"
)

func (s *Server) addReadings() {
	o := operation{method: http.MethodGet, path: "/projects/{p}/readings", id: "readings", tag: "readings", action: site.ActView,
		summary: "One metric of one device: raw values, or with `every` min, mean, max and count of each window; newest first"}
	add(s, o, s.readings)
}

// Bounds of what one answer reads.
const (
	minEvery = time.Second
	maxEvery = 10 * 366 * 24 * time.Hour
	ahead    = 10 * time.Minute // how far a source's clock may be ahead
)

// readingView is a raw value (t, value) or a window (t, min, mean, max, count).
type readingView struct {
	T     time.Time `json:"t"`
	Value *float64  `json:"value,omitempty"`
	Min   *float64  `json:"min,omitempty"`
	Mean  *float64  `json:"mean,omitempty"`
	Max   *float64  `json:"max,omitempty"`
	Count *int64    `json:"count,omitempty"`
}

func (s *Server) readings(ctx context.Context, c *caller, in *struct {
	InProject
	Device string `query:"device" required:"true" pattern:"^[A-Za-z0-9_-]{1,64}$"`
	Metric string `query:"metric" required:"true" minLength:"1" maxLength:"64" pattern:"^[^\\x00]*$"`
	Every  string `query:"every" maxLength:"16" pattern:"^([0-9]{1,9}(ms|s|m|h|d))*$" doc:"as 10m, 1h, 8760h; absent: raw values"`
	Span
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"1000"`
	Cursor string `query:"cursor" maxLength:"40" pattern:"^[0-9]*$" doc:"next of the page before"`
}) (*found[list[readingView]], error) {
	from, to, err := in.times(c.project)
	if err != nil {
		return nil, err
	}
	every, err := parseEvery(in.Every)
	if err != nil {
		return nil, err
	}
	err = s.records.View(ctx, func(tx Tx) error {
		d, err := tx.Device(in.Device)
		if missing(err) || err == nil && d.Project != c.project.ID {
			return site.Errorf(site.NotFound, "api.no_device", "device")
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	q := site.SeriesQuery{Project: c.project.ID, Device: in.Device, Metric: in.Metric, From: from, To: to, Every: every, Limit: in.Limit + 1}
	if q.To.IsZero() {
		q.To = s.now().Add(ahead)
	}
	if last, err := strconv.ParseInt(in.Cursor, 10, 64); err == nil && time.UnixMilli(last).Before(q.To) {
		q.To = time.UnixMilli(last)
	}
	if q.From.IsZero() {
		q.From = time.Unix(0, 0)
	}
	items := []readingView{}
	if q.From.Before(q.To) {
		if items, err = s.readSeries(ctx, q); err != nil {
			return nil, err
		}
	}
	slices.Reverse(items)
	next := ""
	if len(items) > in.Limit {
		items = items[:in.Limit]
		next = strconv.FormatInt(items[in.Limit-1].T.UnixMilli(), 10)
	}
	return &found[list[readingView]]{list[readingView]{items, next}}, nil
}

// readSeries asks for raw values or windows, in rising time.
func (s *Server) readSeries(ctx context.Context, q site.SeriesQuery) ([]readingView, error) {
	items := []readingView{}
	if q.Every == 0 {
		samples, err := s.series.Raw(ctx, q)
		for _, x := range samples {
			items = append(items, readingView{T: at(x.T), Value: number(x.Value)})
		}
		return items, err
	}
	windows, err := s.series.Windows(ctx, q)
	for _, w := range windows {
		items = append(items, readingView{T: at(w.T), Min: number(w.Min), Mean: number(w.Mean), Max: number(w.Max), Count: &w.Count})
	}
	return items, err
}

var everyPart = regexp.MustCompile(`([0-9]+)(ms|s|m|h|d)`)

// parseEvery reads the length of a window; zero for none.
func parseEvery(s string) (time.Duration, error) {
	if s == "" {
		return 0, nil
	}
	units := map[string]time.Duration{"ms": time.Millisecond, "s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour}
	var sum time.Duration
	for _, part := range everyPart.FindAllStringSubmatch(s, -1) {
		n, err := strconv.ParseInt(part[1], 10, 64)
		if err != nil || time.Duration(n) > maxEvery/units[part[2]] {
			return 0, site.Errorf(site.Invalid, "api.bad_every", "every")
		}
		sum += time.Duration(n) * units[part[2]]
	}
	if sum < minEvery || sum > maxEvery {
		return 0, site.Errorf(site.Invalid, "api.bad_every", "every")
	}
	return sum, nil
}
