// Package series keeps what was measured, when. One interface, Store, stands
// over two implementations: Embedded, a SQLite file of one's own, and Influx,
// InfluxDB 2 or 1.8. Both take the points of the published InfluxDB schema.
//
// A point is known by its measurement, tags and time: writing it again changes
// nothing, and writing another value for it is a correction, the later stands.
// So whoever feeds a store from a journal may write a batch again after any
// doubt.
package series

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"topout/site"
)

// Reading is the measurement of what devices measure, the one that is queried
// and that is rolled up by the hour when it is old. Its tags are project and
// device, its fields the metrics.
const Reading = "reading"

// MaxLines is how many points go to InfluxDB, or into a transaction, at a time.
const MaxLines = 5000

// Store is a store of points.
//
// Windows and samples come in rising time; a query's Limit keeps the newest.
type Store interface {
	// Write stores points. What can never be stored is refused, each with its
	// reason, and does not hold back the rest. With an error nothing is certain:
	// the caller keeps all points that were not refused and writes them again
	// later. The error is then a *RetryError.
	Write(ctx context.Context, points []site.Point) ([]PointError, error)
	// Last gives the newest raw value of each metric of a device, by source time,
	// sorted by metric.
	Last(ctx context.Context, project, device string) ([]site.LastValue, error)
	// Windows summarises the readings in [From, To) by windows of Every, which
	// start at multiples of Every since the epoch; empty windows are left out.
	// Where raw readings are gone, windows of an hour and longer come from the
	// hourly roll-ups: an hour that From or To cuts is then left out, and in a
	// window that is no multiple of an hour each hour counts where it starts.
	Windows(ctx context.Context, q site.SeriesQuery) ([]site.Window, error)
	// Raw gives the readings in [From, To) as they came.
	Raw(ctx context.Context, q site.SeriesQuery) ([]site.Sample, error)
	// Prune drops raw readings that are older than before; what it drops is kept
	// as hourly roll-ups, for ever. Other measurements stay. Running it again, or
	// after a crash in the middle, does no harm.
	Prune(ctx context.Context, before time.Time) error
	// Check is nil when the store can be used; what it says is fit for a person.
	Check(ctx context.Context) error
	// Close lets go of files and connections.
	Close() error
}

// PointError says why a point was refused.
type PointError struct {
	Index int // of the point in what was written
	Err   *site.Error
}

// RetryError means that points are not stored now and can be later: keep them
// and write again.
type RetryError struct {
	After time.Duration // the server asks to wait so long; 0: it does not say
	Err   error         // a *site.Error for people, with a cause for the operator
}

func (e *RetryError) Error() string { return e.Err.Error() }

func (e *RetryError) Unwrap() error { return e.Err }

var (
	minTime = time.Unix(0, 0)
	maxTime = time.Date(2262, 1, 1, 0, 0, 0, 0, time.UTC) // nanoseconds in int64 end that year
)

// maxValue bounds what counts as a measurement, so that no sum overflows.
const maxValue = 1e300

// check says why a point can be stored nowhere; nil when it can. It is the same
// for all stores, so that nobody's data depend on which one is set up.
func check(p site.Point) *site.Error {
	if p.Time.Before(minTime) || !p.Time.Before(maxTime) {
		return site.Errorf(site.Invalid, "series.bad_time", "t", "time", p.Time.UTC().Format(time.RFC3339))
	}
	if !validName(p.Measurement) || p.Measurement[0] == '#' { // which starts a comment
		return badName(p.Measurement)
	}
	for _, tag := range p.Tags {
		if !validName(tag.Key) {
			return badName(tag.Key)
		}
		if tag.Value != "" && !validName(tag.Value) {
			return badName(tag.Value)
		}
	}
	if len(p.Fields) == 0 {
		return site.Errorf(site.Invalid, "series.no_values", "values")
	}
	for _, f := range p.Fields {
		// InfluxDB drops a field of the name time without a word.
		if !validName(f.Key) || f.Key == "time" {
			return badName(f.Key)
		}
		switch v := f.Value.(type) {
		case float64:
			if !(math.Abs(v) <= maxValue) { // NaN too
				return site.Errorf(site.Invalid, "series.not_a_measurement", f.Key, "name", f.Key)
			}
		case int64, bool, string:
		default:
			return site.Errorf(site.Invalid, "series.not_a_measurement", f.Key, "name", f.Key)
		}
	}
	return nil
}

// validName reports whether s can be a measurement, a tag or a field in line
// protocol, which has no way to write control characters, nor a backslash
// before a character that one would escape.
func validName(s string) bool {
	if s == "" || !utf8.ValidString(s) {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case c < 0x20 || c == 0x7f:
			return false
		case c == '\\' && (i == len(s)-1 || strings.IndexByte(` ,="\`, s[i+1]) >= 0):
			return false
		}
	}
	return true
}

func badName(name string) *site.Error {
	return site.Errorf(site.Invalid, "series.bad_name", "", "name", shorten(fmt.Sprintf("%q", name)))
}

// shorten keeps a text to what is fit for a message.
func shorten(s string) string {
	const most = 200
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// span is a query's time range in nanoseconds since the epoch, [from, to).
type span struct{ from, to int64 }

func (s span) empty() bool { return s.from >= s.to }

// spanOf is the range that a query asks for; a zero From or To leaves that side open.
func spanOf(q site.SeriesQuery) span {
	from, to := q.From, q.To
	if from.Before(minTime) { // the zero time too
		from = minTime
	}
	if to.IsZero() || to.After(maxTime) {
		to = maxTime
	}
	if !from.Before(to) {
		return span{}
	}
	return span{from.UnixNano(), to.UnixNano()}
}

const hour = int64(time.Hour)

// hours is the part of s that is made of whole hours.
func (s span) hours() span {
	whole := span{(s.from + hour - 1) / hour * hour, s.to / hour * hour}
	if whole.empty() {
		return span{s.to, s.to}
	}
	return whole
}

// backwards reads s from its newest end, in parts each four times as long as the
// one before, until read has enough. So a page of a year costs no more than the
// page. Parts start at multiples of unit.
func (s span) backwards(step, unit int64, read func(part span) (enough bool, err error)) error {
	for to := s.to; to > s.from; step = 4 * min(step, math.MaxInt64/8) {
		part := span{s.from, to}
		if step < to-s.from {
			part.from = max(s.from, (to-step)/unit*unit)
		}
		if enough, err := read(part); enough || err != nil {
			return err
		}
		to = part.from
	}
	return nil
}

// windowsOf reads the windows of a query, the newest only when it has a limit.
func windowsOf(q site.SeriesQuery, s span, read func(part span) ([]site.Window, error)) ([]site.Window, error) {
	every, limit := int64(q.Every), int64(q.Limit)
	cutsHours := every > hour && every%hour != 0 // then a roll-up could fall between two parts
	if limit <= 0 || cutsHours || every > (s.to-s.from)/limit {
		all, err := read(s)
		return newest(all, q.Limit), err
	}
	var all []site.Window
	err := s.backwards(every*limit, every, func(part span) (bool, error) {
		older, err := read(part)
		all = append(older, all...)
		return int64(len(all)) >= limit, err
	})
	return newest(all, q.Limit), err
}

// windows gathers summaries, fed in rising time, into windows of a length.
type windows struct {
	every int64
	all   []site.Window
	sum   float64 // of the last one
}

// checkWindow refuses a query for windows without a length.
func checkWindow(q site.SeriesQuery) error {
	if q.Every <= 0 {
		return site.Errorf(site.Invalid, "series.bad_window", "every")
	}
	return nil
}

// summary is what is kept of the readings of a time.
type summary struct {
	t             int64 // any instant of it
	count         int64
	sum, min, max float64
}

// observe adds one reading.
func (s *summary) observe(v float64) {
	if s.count == 0 {
		s.min, s.max = v, v
	}
	s.count++
	s.sum += v
	s.min, s.max = min(s.min, v), max(s.max, v)
}

func (w *windows) add(s summary) {
	start := time.Unix(0, s.t-s.t%w.every).UTC()
	if n := len(w.all); n == 0 || !w.all[n-1].T.Equal(start) {
		w.all = append(w.all, site.Window{T: start, Min: s.min, Max: s.max})
		w.sum = 0
	}
	last := &w.all[len(w.all)-1]
	last.Min = min(last.Min, s.min)
	last.Max = max(last.Max, s.max)
	last.Count += s.count
	w.sum += s.sum
	last.Mean = min(max(w.sum/float64(last.Count), last.Min), last.Max) // rounding may not leave the range
}

// newest is the last n of all; 0 means all.
func newest[T any](all []T, n int) []T {
	if n > 0 && len(all) > n {
		return all[len(all)-n:]
	}
	return all
}
