package series

import (
	"fmt"
	"strings"
	"time"

	"topout/site"
)

// All Flux stands in this file. It keeps to what InfluxDB 1.8 (Flux 0.65) and 2
// both know, and to filters and aggregates that InfluxDB 2 computes in its
// storage engine. Neither knows query parameters: values become literals, by text.

// rollUp is the measurement of hourly roll-ups of readings: tags project, device
// and metric; fields min, mean, max and count; the time is the hour's start.
const rollUp = "reading_1h"

// text is a Flux string literal. Flux knows these escapes; a dollar sign is safe
// but before a brace, where it would start an expression.
func text(s string) string {
	return `"` + textEscapes.Replace(s) + `"`
}

var textEscapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`, `${`, `\${`, "\n", `\n`, "\r", `\r`, "\t", `\t`)

// instant is a Flux time literal.
func instant(ns int64) string { return time.Unix(0, ns).UTC().Format(time.RFC3339Nano) }

// flux writes the queries for one bucket.
type flux struct {
	bucket   string
	version1 bool
}

// from reads a measurement in a time range; more are pairs of column and value.
func (f flux) from(s span, measurement string, more ...string) string {
	stop := s.to
	if f.version1 { // there a range includes its stop, and one of a single instant is an error
		stop = max(s.to-1, s.from+1)
	}
	where := "r._measurement == " + text(measurement)
	for i := 0; i+1 < len(more); i += 2 {
		where += fmt.Sprintf(" and r[%s] == %s", text(more[i]), text(more[i+1]))
	}
	return fmt.Sprintf("from(bucket: %s) |> range(start: %s, stop: %s) |> filter(fn: (r) => %s)",
		text(f.bucket), instant(s.from), instant(stop), where)
}

// readings reads one metric of a device.
func (f flux) readings(q site.SeriesQuery, s span) string {
	return f.from(s, Reading, "project", q.Project, "device", q.Device, "_field", q.Metric)
}

// check asks for next to nothing, of the bucket that matters.
func (f flux) check() string {
	return fmt.Sprintf("from(bucket: %s) |> range(start: -1s) |> limit(n: 1)", text(f.bucket))
}

func (f flux) last(project, device string) string {
	always := span{minTime.UnixNano(), maxTime.UnixNano()}
	return f.from(always, Reading, "project", project, "device", device) +
		` |> last() |> keep(columns: ["_time", "_value", "_field"])`
}

func (f flux) raw(q site.SeriesQuery, s span) string {
	return f.readings(q, s) + ` |> keep(columns: ["_time", "_value"])`
}

// windows summarises one metric. The time of a window that the range cuts is
// the range's start; it is set right by whoever reads it.
func (f flux) windows(q site.SeriesQuery, s span) string {
	return f.summarise(f.readings(q, s), int64(q.Every), `"_time", "_value"`)
}

// hours summarises a metric of all devices by the hour.
func (f flux) hours(metric string, s span) string {
	return f.summarise(f.from(s, Reading, "_field", metric), hour, `"_time", "_value", "_field", "project", "device"`)
}

// summarise makes each summary a result of its own name. Each reads for itself:
// only then does the storage engine of InfluxDB 2 compute it (a month of readings
// each five seconds: 0.1 s instead of 2.7 s). InfluxDB 1.8 takes twice as long to
// make windows as to hand out the readings, so there the readings come as they are.
func (f flux) summarise(from string, every int64, columns string) string {
	if f.version1 {
		return fmt.Sprintf("%s |> keep(columns: [%s])", from, columns)
	}
	var b strings.Builder
	for _, fn := range []string{"count", "sum", "min", "max"} {
		fmt.Fprintf(&b, "%s |> aggregateWindow(every: %dns, fn: %s, createEmpty: false, timeSrc: \"_start\") |> keep(columns: [%s]) |> yield(name: %s)\n",
			from, every, fn, columns, text(fn))
	}
	return b.String()
}

// rolled reads the roll-ups of one metric.
func (f flux) rolled(q site.SeriesQuery, s span) string {
	return f.from(s, rollUp, "project", q.Project, "device", q.Device, "metric", q.Metric) +
		` |> keep(columns: ["_time", "_value", "_field"])`
}

// rolledKeys says which hours of which metrics are rolled up.
func (f flux) rolledKeys(s span) string {
	return f.from(s, rollUp, "_field", "count") + ` |> keep(columns: ["_time", "project", "device", "metric"])`
}

// first finds the oldest reading of each series.
func (f flux) first(s span) string {
	return f.from(s, Reading) + ` |> first() |> keep(columns: ["_time", "_value", "_field", "project", "device"])`
}
