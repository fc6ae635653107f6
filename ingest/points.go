package ingest

import "topout/site"

// The points are the published InfluxDB schema. Tags are sorted by key; an empty
// tag is left out, InfluxDB has none. The time is that of the source.

func readingPoint(project, device string, r reading) site.Point {
	fields := make([]site.Field, len(r.values))
	for i, v := range r.values {
		fields[i] = site.Field{Key: v.Metric, Value: v.Value}
	}
	return site.Point{Measurement: "reading", Tags: tags("device", device, "project", project), Fields: fields, Time: r.t}
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
