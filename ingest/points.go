package ingest

import "topout/site"

// The points are the published InfluxDB schema. Tags are sorted by key; an empty
// tag is left out, InfluxDB has none. The time is that of the source.

// readingPoints adds the points of a device's readings; tags are shared by them.
func readingPoints(points []site.Point, tags []site.Tag, list []reading) []site.Point {
	n := 0
	for _, r := range list {
		n += len(r.values)
	}
	arena := make([]site.Field, 0, n)
	for _, r := range list {
		start := len(arena)
		for _, v := range r.values {
			arena = append(arena, site.Field{Key: v.Metric, Value: v.Value})
		}
		points = append(points, site.Point{Measurement: "reading", Tags: tags, Fields: arena[start:len(arena):len(arena)], Time: r.t})
	}
	return points
}

func progressPoint(p site.Progress, building string) site.Point {
	fields := []site.Field{{Key: "by", Value: p.By}, {Key: "id", Value: p.ID}}
	if p.HasPercent {
		fields = append(fields, site.Field{Key: "percent", Value: p.Percent})
	}
	if p.HasQty {
		fields = append(fields, site.Field{Key: "quantity", Value: p.Quantity})
	}
	if p.Workers != nil {
		fields = append(fields, site.Field{Key: "workers", Value: *p.Workers})
	}
	return site.Point{
		Measurement: "progress",
		Tags:        tags("building", building, "project", p.Project, "task", p.Task),
		Fields:      withdrawn(fields, p.Withdrawn),
		Time:        p.T,
	}
}

func checkPoint(c site.Check) site.Point {
	return site.Point{
		Measurement: "check",
		Tags:        tags("building", c.Building, "checklist", c.Checklist, "project", c.Project),
		Fields: withdrawn([]site.Field{
			{Key: "by", Value: c.By},
			{Key: "failed_items", Value: int64(c.Failed)},
			{Key: "id", Value: c.ID},
			{Key: "passed", Value: c.Passed},
			{Key: "score", Value: c.Score},
		}, c.Withdrawn),
		Time: c.T,
	}
}

func withdrawn(fields []site.Field, w *site.Withdrawal) []site.Field {
	if w != nil {
		fields = append(fields, site.Field{Key: "withdrawn", Value: true})
	}
	return fields
}

func tags(pairs ...string) []site.Tag {
	out := make([]site.Tag, 0, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			out = append(out, site.Tag{Key: pairs[i], Value: pairs[i+1]})
		}
	}
	return out
}
