package ingest

import (
	"math"
	"strconv"
	"time"
	"unicode"
	"unicode/utf8"

	"topout/site"
)

// Bounds of a payload.
const (
	maxPayload  = 1 << 20 // bytes
	maxValues   = 1_000   // of one reading
	maxReadings = 10_000  // of one message
	maxMetric   = 64      // bytes of a metric's name
	maxText     = 4_000   // characters of a note
	maxPhotos   = 50
	maxItems    = 500 // of a check
)

// limits say which times are taken.
type limits struct {
	age   time.Duration // how old a reading may be
	ahead time.Duration // how far ahead of its arrival
}

// firstReport and lastReport bound the times of people's reports. Such a clock
// may be wrong, but the time must fit the series store.
var (
	firstReport = time.Unix(0, 0)
	lastReport  = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
)

// names keeps one string per metric name, so that a reading costs no allocation
// for its names.
type names map[string]string

func (n names) of(b []byte) string {
	if s, ok := n[string(b)]; ok {
		return s
	}
	if len(n) >= 4096 {
		clear(n)
	}
	s := string(b)
	n[s] = s
	return s
}

// refuse makes the error of a field of a payload.
func refuse(code, field string, pairs ...string) *site.Error {
	e := site.Errorf(site.Invalid, code, field, append(pairs, "field", field)...)
	return e
}

// jsonPayload checks what all JSON payloads have in common.
func jsonPayload(b []byte) *site.Error {
	switch {
	case len(b) > maxPayload:
		return tooLarge(len(b))
	case !utf8.Valid(b):
		return site.Errorf(site.Invalid, "ingest.invalid_utf8", "")
	case !validJSON(b):
		return site.Errorf(site.Invalid, "ingest.not_json", "")
	}
	return nil
}

func tooLarge(size int) *site.Error {
	return site.Errorf(site.TooLarge, "ingest.too_large", "", "size", strconv.Itoa(size), "most", strconv.Itoa(maxPayload))
}

// instant reads RFC 3339 or Unix milliseconds, cut to the millisecond; false
// when the value is neither. The value is passed over in any case.
func (s *scanner) instant() (time.Time, bool) {
	switch c := s.peek(); {
	case c == '"':
		b, _ := s.text()
		t, err := time.Parse(time.RFC3339Nano, string(b))
		if err != nil || t.Year() < 0 || t.Year() > 9999 {
			return time.Time{}, false
		}
		return t.UTC().Truncate(time.Millisecond), true
	case c == '-' || c >= '0' && c <= '9':
		b, _ := s.number()
		ms, err := strconv.ParseInt(string(b), 10, 64)
		if err != nil {
			f, ok := parseFloat(b)
			if !ok || f != math.Trunc(f) || math.Abs(f) > 1e15 {
				return time.Time{}, false
			}
			ms = int64(f)
		}
		if ms > 253402300799999 || ms < -62135596800000 { // the years 1 to 9999
			return time.Time{}, false
		}
		return time.UnixMilli(ms).UTC(), true
	}
	s.skip()
	return time.Time{}, false
}

// float reads a finite number; code is empty when it was one.
func (s *scanner) float() (v float64, code string) {
	if c := s.peek(); c != '-' && (c < '0' || c > '9') {
		s.skip()
		return 0, "ingest.not_a_number"
	}
	b, _ := s.number()
	v, ok := parseFloat(b)
	if !ok {
		return 0, "ingest.number_too_large"
	}
	return v, ""
}

// quoted reads a string, or passes over anything else.
func (s *scanner) quoted() (string, bool) {
	if s.peek() != '"' {
		s.skip()
		return "", false
	}
	b, _ := s.text()
	return string(b), true
}

// validMetric reports whether b can name a metric: it becomes the name of a field
// in InfluxDB, where a leading underscore and the word time are reserved.
func validMetric(b []byte) bool {
	if len(b) == 0 || len(b) > maxMetric || b[0] == '_' || string(b) == "time" {
		return false
	}
	for _, c := range b {
		if c < ' ' || c == 0x7f || c == '\\' {
			return false
		}
	}
	return true
}

// validNote reports whether s is text that a person may write.
func validNote(s string) bool {
	if utf8.RuneCountInString(s) > maxText {
		return false
	}
	for _, r := range s {
		if unicode.IsControl(r) && r != '\n' && r != '\t' && r != '\r' {
			return false
		}
	}
	return true
}

// validHash reports whether s is a SHA-256 in lower-case hex, a photo's name.
func validHash(s string) bool {
	if len(s) != 64 {
		return false
	}
	for i := 0; i < len(s); i++ {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
