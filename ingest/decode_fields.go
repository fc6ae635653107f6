package ingest

import (
	"slices"
	"strconv"
	"time"

	"topout/site"
)

// fields reads one JSON object whose members are of known types, and keeps the
// first fault with the path of its field.
type fields struct {
	scanner
	fault *site.Error
}

func (f *fields) fail(code, field string, pairs ...string) {
	f.fault = first(f.fault, refuse(code, field, pairs...))
}

func (f *fields) text(field string) string {
	s, ok := f.quoted()
	if !ok {
		f.fail("ingest.not_text", field)
	}
	return s
}

func (f *fields) note(field string) string {
	s := f.text(field)
	if !validNote(s) {
		f.fail("ingest.bad_text", field, "most", strconv.Itoa(maxText))
	}
	return s
}

func (f *fields) id(field string) string {
	s := f.text(field)
	if f.fault == nil && !site.ValidID(s) {
		f.fail("ingest.bad_id", field, "id", clip(s))
	}
	return s
}

// login reads the name of a person; empty is nobody.
func (f *fields) login(field string) string {
	s := f.text(field)
	if len(s) > maxTask || !validNote(s) {
		f.fail("ingest.unknown_person", field, "login", clip(s))
	}
	return s
}

// amount reads a number that is not negative.
func (f *fields) amount(field string) float64 {
	v := f.number(field)
	if v < 0 {
		f.fail("ingest.negative", field)
	}
	return v
}

func (f *fields) number(field string) float64 {
	v, code := f.float()
	if code != "" {
		f.fail(code, field)
	}
	return v
}

// reported reads the time of a person's report. A wrong clock is no reason to
// refuse it: the arrival is kept beside it.
func (f *fields) reported() time.Time {
	t, ok := f.instant()
	if !ok || t.Before(firstReport) || t.After(lastReport) {
		f.fail("ingest.bad_time", "t")
	}
	return t
}

func (f *fields) photos(field string) []string {
	if f.peek() != '[' {
		f.skip()
		f.fail("ingest.not_a_list", field)
		return nil
	}
	var out []string
	f.array(func(n int) bool {
		s, ok := f.quoted()
		switch {
		case !ok || !validHash(s):
			f.fail("ingest.bad_photo", field+at(n, ""))
		case len(out) >= maxPhotos:
			f.fail("ingest.too_many_photos", field, "most", strconv.Itoa(maxPhotos))
		case !slices.Contains(out, s):
			out = append(out, s)
		}
		return true
	})
	return out
}

// null passes over a null: an optional member that is null is absent.
func (f *fields) null() bool { return f.literal("null") }

// members reads the members of a lone object; it refuses anything else.
func (f *fields) members(b []byte, member func(name string)) {
	if f.fault = jsonPayload(b); f.fault != nil {
		return
	}
	f.b = b
	if f.peek() != '{' {
		f.fail("ingest.not_an_object", "")
		return
	}
	f.object(func(name []byte) bool {
		if !f.null() {
			member(string(name))
		}
		return true
	})
}
