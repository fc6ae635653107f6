package demo

import (
	"context"
	"time"

	"topout/site"
)

// How dense the history of readings is: the last day every two minutes, what is
// before every quarter of an hour.
const (
	coarse = 15 * time.Minute
	fine   = 2 * time.Minute
	// pointsAtATime is how many points are written in one go.
	pointsAtATime = 5000
)

// lastSeen is the newest reading of a device.
type lastSeen struct {
	at     time.Time
	values []site.MetricValue
}

// writePoints writes the measured history: readings, reports and checks.
func (s *seeder) writePoints(ctx context.Context) error {
	batch := make([]site.Point, 0, pointsAtATime)
	add := func(p site.Point) error {
		if batch = append(batch, p); len(batch) < pointsAtATime {
			return nil
		}
		err := s.Write(ctx, batch)
		batch = batch[:0]
		return err
	}
	s.last = make(map[string]lastSeen)
	for _, d := range s.story.cast.Devices {
		if err := s.readings(d, add); err != nil {
			return err
		}
	}
	for _, p := range s.progress {
		if err := add(s.progressPoint(p)); err != nil {
			return err
		}
	}
	for _, c := range s.checks {
		if err := add(checkPoint(c)); err != nil {
			return err
		}
	}
	if len(batch) == 0 {
		return nil
	}
	return s.Write(ctx, batch)
}

// readings are those of one device.
func (s *seeder) readings(d device, add func(site.Point) error) error {
	until := s.Now
	if d.Silent > 0 {
		until = s.silentSince(d)
	}
	from := s.Now.Add(-time.Duration(s.Days) * 24 * time.Hour)
	if installed := s.story.now.Add(-time.Duration(d.Since * 24 * float64(time.Hour))); installed.After(from) {
		from = installed
	}
	of := tags("device", d.ID, "project", Project)
	phase := time.Duration(s.dice.of(d.ID).at(0)*50_000) * time.Millisecond
	for t := from.Truncate(coarse); ; {
		at := t.Add(phase)
		if at.After(until) {
			return nil
		}
		if values := s.signals.read(d, at); !at.Before(from) && len(values) > 0 {
			fields := make([]site.Field, len(values))
			for i, v := range values {
				fields[i] = site.Field{Key: v.Metric, Value: v.Value}
			}
			if err := add(site.Point{Measurement: "reading", Tags: of, Fields: fields, Time: at.UTC()}); err != nil {
				return err
			}
			s.last[d.ID] = lastSeen{at.UTC(), values}
		}
		if s.Now.Sub(t) <= 24*time.Hour {
			t = t.Add(fine)
		} else {
			t = t.Add(coarse)
		}
	}
}

func (s *seeder) progressPoint(p site.Progress) site.Point {
	building := ""
	for _, t := range s.story.plan.Tasks {
		if t.ID == p.Task {
			building = t.Building
		}
	}
	fields := []site.Field{{Key: "id", Value: p.ID}, {Key: "by", Value: p.By}, {Key: "percent", Value: p.Percent}}
	if p.HasQty {
		fields = append(fields, site.Field{Key: "quantity", Value: p.Quantity})
	}
	if p.Workers != nil {
		fields = append(fields, site.Field{Key: "workers", Value: *p.Workers})
	}
	return site.Point{
		Measurement: "progress", Fields: fields, Time: p.T,
		Tags: tags("building", building, "project", Project, "task", p.Task),
	}
}

func checkPoint(c site.Check) site.Point {
	return site.Point{
		Measurement: "check", Time: c.T,
		Tags: tags("building", c.Building, "checklist", c.Checklist, "project", Project),
		Fields: []site.Field{
			{Key: "score", Value: c.Score}, {Key: "passed", Value: c.Passed}, {Key: "failed_items", Value: int64(c.Failed)},
			{Key: "by", Value: c.By}, {Key: "id", Value: c.ID},
		},
	}
}

// tags are pairs of key and value, in order of the keys; an empty one is left out.
func tags(pairs ...string) []site.Tag {
	list := make([]site.Tag, 0, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			list = append(list, site.Tag{Key: pairs[i], Value: pairs[i+1]})
		}
	}
	return list
}
