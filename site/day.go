package site

import (
	"encoding/json"
	"fmt"
	"time"
)

// Day is a calendar day as days since 1970-01-01; the zero value means no day.
// Which instants belong to it depends on the project's zone.
type Day int32

// NewDay is the day of a date.
func NewDay(year int, month time.Month, day int) Day {
	return Day(time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Unix() / 86400)
}

// DayOf is the day that t falls on in loc.
func DayOf(t time.Time, loc *time.Location) Day {
	y, m, d := t.In(loc).Date()
	return NewDay(y, m, d)
}

// ParseDay reads YYYY-MM-DD.
func ParseDay(s string) (Day, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return 0, fmt.Errorf("day %q is not YYYY-MM-DD", s)
	}
	return Day(t.Unix() / 86400), nil
}

// IsZero reports whether there is no day.
func (d Day) IsZero() bool { return d == 0 }

// Start is the first instant of the day in loc.
func (d Day) Start(loc *time.Location) time.Time {
	t := time.Unix(int64(d)*86400, 0).UTC()
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, loc)
}

// At is the instant of a local time of day, given as the time since midnight.
func (d Day) At(sinceMidnight time.Duration, loc *time.Location) time.Time {
	t := time.Unix(int64(d)*86400, 0).UTC()
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, int(sinceMidnight), loc)
}

// Weekday is the day of the week.
func (d Day) Weekday() time.Weekday { return time.Unix(int64(d)*86400, 0).UTC().Weekday() }

// String is YYYY-MM-DD, or empty for no day.
func (d Day) String() string {
	if d == 0 {
		return ""
	}
	return time.Unix(int64(d)*86400, 0).UTC().Format(time.DateOnly)
}

// MarshalJSON writes "YYYY-MM-DD", null for no day.
func (d Day) MarshalJSON() ([]byte, error) {
	if d == 0 {
		return []byte("null"), nil
	}
	return json.Marshal(d.String())
}

// UnmarshalJSON reads "YYYY-MM-DD", null or "".
func (d *Day) UnmarshalJSON(b []byte) error {
	var s *string
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	if s == nil || *s == "" {
		*d = 0
		return nil
	}
	v, err := ParseDay(*s)
	*d = v
	return err
}
