package series

import (
	"fmt"
	"strings"
	"time"
)

// All Flux stands in this file. It keeps to what InfluxDB 1.8 (Flux 0.65) and 2
// both know, and to filters and aggregates that InfluxDB 2 computes in its
// storage engine. Query parameters exist in neither, so values become literals
// here, by text, instant and bucket names go the same way.

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

// fluxFrom reads a measurement in a time range; more are pairs of column and value.
func fluxFrom(bucket string, s span, measurement string, more ...string) string {
	where := "r._measurement == " + text(measurement)
	for i := 0; i+1 < len(more); i += 2 {
		where += fmt.Sprintf(" and r[%s] == %s", text(more[i]), text(more[i+1]))
	}
	return fmt.Sprintf("from(bucket: %s) |> range(start: %s, stop: %s) |> filter(fn: (r) => %s)",
		text(bucket), instant(s.from), instant(s.to), where)
}

// fluxCheck asks for next to nothing, of the bucket that matters.
func fluxCheck(bucket string) string {
	return fmt.Sprintf("from(bucket: %s) |> range(start: -1s) |> limit(n: 1)", text(bucket))
}

func fluxLast(bucket, project, device string) string {
	all := span{minTime.UnixNano(), maxTime.UnixNano()}
	return fluxFrom(bucket, all, Reading, "project", project, "device", device) +
		` |> last() |> keep(columns: ["_time", "_value", "_field"])`
}

func fluxRaw(bucket, project, device, metric string, s span) string {
	return fluxFrom(bucket, s, Reading, "project", project, "device", device, "_field", metric) +
		` |> keep(columns: ["_time", "_value"])`
}

// aggregates are the four summaries; each is a result of its own name, so that
// the storage engine computes each alone.
var aggregates = []string{"count", "mean", "min", "max"}

// fluxWindows summarises one metric. The time of a window that the range cuts
// is the range's start; it is set right by whoever reads it.
func fluxWindows(bucket, project, device, metric string, s span, every int64) string {
	return summarise(fluxFrom(bucket, s, Reading, "project", project, "device", device, "_field", metric), every,
		`"_time", "_value"`)
}

// fluxHours summarises all readings of a time range by the hour.
func fluxHours(bucket string, s span) string {
	return summarise(fluxFrom(bucket, s, Reading), hour, `"_time", "_value", "_field", "project", "device"`)
}

func summarise(from string, every int64, columns string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "data = %s\n", from)
	for _, fn := range aggregates {
		fmt.Fprintf(&b, "data |> aggregateWindow(every: %dns, fn: %s, createEmpty: false, timeSrc: \"_start\") |> keep(columns: [%s]) |> yield(name: %s)\n",
			every, fn, columns, text(fn))
	}
	return b.String()
}

// fluxRolled reads the roll-ups of one metric.
func fluxRolled(bucket, project, device, metric string, s span) string {
	return fluxFrom(bucket, s, rollUp, "project", project, "device", device, "metric", metric) +
		` |> keep(columns: ["_time", "_value", "_field"])`
}

// fluxRolledKeys says which hours of which metrics are rolled up.
func fluxRolledKeys(bucket string, s span) string {
	return fluxFrom(bucket, s, rollUp, "_field", "count") +
		` |> keep(columns: ["_time", "project", "device", "metric"])`
}

// fluxFirst finds the oldest readings of all series.
func fluxFirst(bucket string, s span) string {
	return fluxFrom(bucket, s, Reading) + ` |> first() |> keep(columns: ["_time", "_field", "project", "device"])`
}
