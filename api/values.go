package api

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"topout/site"
)

// Grammar of ids and logins; noNUL keeps text free of the one character that
// not every store can keep.
const (
	idPattern    = `^[A-Za-z0-9_-]{1,64}$`
	loginPattern = `^[A-Za-z0-9_.@-]{1,64}$`
	noNUL        = `^[^\x00]*$`
)

// line is a text of one line, as a name.
type line string

// Schema is line's, for the OpenAPI document.
func (line) Schema(huma.Registry) *huma.Schema { return textSchema(200) }

// note is a longer text that a person wrote.
type note string

// Schema is note's, for the OpenAPI document.
func (note) Schema(huma.Registry) *huma.Schema { return textSchema(4000) }

func textSchema(maxLength int) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, MaxLength: &maxLength, Pattern: noNUL}
}

// taskID is the planner's own id of a task or building.
type taskID string

// Schema is taskID's, for the OpenAPI document.
func (taskID) Schema(huma.Registry) *huma.Schema {
	most := 200
	return &huma.Schema{Type: huma.TypeString, MaxLength: &most, Pattern: `^[^\x00-\x1f\x7f]*$`}
}

// photo is the content hash of a picture.
type photo string

// Schema is photo's, for the OpenAPI document.
func (photo) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Pattern: `^[0-9a-f]{64}$`, Description: "SHA-256 of a picture, in hexadecimal."}
}

// photos is a list of pictures, of at most 50.
type photos []photo

func (p photos) texts() []string {
	all := make([]string, len(p))
	for i, x := range p {
		all[i] = string(x)
	}
	return all
}

// moment is a parameter that is an instant or a day of the project.
type moment string

// Schema is moment's, for the OpenAPI document.
func (moment) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{
		Type: huma.TypeString, Description: "An RFC 3339 time, or a day YYYY-MM-DD of the project's zone.",
		AnyOf: []*huma.Schema{
			{Type: huma.TypeString, Format: "date-time"},
			{Type: huma.TypeString, Format: "date"},
			{Type: huma.TypeString, MaxLength: new(int)},
		},
	}
}

// instant is when the moment is: of a day its start. Zero for none.
func (m moment) instant(p site.Project, field string) (time.Time, error) {
	t, day, err := m.parse(p, field)
	if err == nil && !day.IsZero() {
		t = day.Start(p.Location())
	}
	return t, err
}

// end is when a span up to the moment ends: a day counts as a whole.
func (m moment) end(p site.Project, field string) (time.Time, error) {
	t, day, err := m.parse(p, field)
	if err == nil && !day.IsZero() {
		t = (day + 1).Start(p.Location())
	}
	return t, err
}

func (m moment) parse(_ site.Project, field string) (time.Time, site.Day, error) {
	if m == "" {
		return time.Time{}, 0, nil
	}
	if day, err := site.ParseDay(string(m)); err == nil {
		if y := day.Start(time.UTC).Year(); y < 1971 || y > 2199 {
			return time.Time{}, 0, site.Errorf(site.Invalid, "api.bad_time", field)
		}
		return time.Time{}, day, nil
	}
	t, err := time.Parse(time.RFC3339, string(m))
	if err != nil || t.Year() < 1971 || t.Year() > 2199 {
		return time.Time{}, 0, site.Errorf(site.Invalid, "api.bad_time", field)
	}
	return t.UTC(), 0, nil
}

// sourceTime documents `t` of a message: RFC 3339 or Unix milliseconds. It is
// passed on as it came.
type sourceTime json.RawMessage

// Schema is sourceTime's, for the OpenAPI document.
func (sourceTime) Schema(huma.Registry) *huma.Schema {
	first, last := 0.0, 253402300799999.0 // the year 9999
	return &huma.Schema{
		Description: "Time at the source: RFC 3339, or Unix milliseconds.",
		OneOf: []*huma.Schema{
			{Type: huma.TypeString, Format: "date-time"},
			{Type: huma.TypeInteger, Format: "int64", Minimum: &first, Maximum: &last},
		},
	}
}

// UnmarshalJSON takes whatever stands there; ingest judges it.
func (t *sourceTime) UnmarshalJSON(b []byte) error {
	*t = append((*t)[:0], b...)
	return nil
}

// raw is a body that is read for its meaning and kept as it was sent.
type raw[T any] struct {
	sent  json.RawMessage
	value T
}

// Schema is that of the meaning.
func (raw[T]) Schema(r huma.Registry) *huma.Schema {
	return r.Schema(reflect.TypeFor[T](), true, "")
}

// UnmarshalJSON keeps the text and reads it.
func (x *raw[T]) UnmarshalJSON(b []byte) error {
	x.sent = append(x.sent[:0], b...)
	return json.Unmarshal(b, &x.value)
}

// whole is a number without a fraction, however it is written: 5, 5.0, 5e0.
type whole int

// Schema is that of an integer.
func (whole) Schema(huma.Registry) *huma.Schema { return &huma.Schema{Type: huma.TypeInteger} }

// UnmarshalJSON takes what the schema calls an integer.
func (w *whole) UnmarshalJSON(b []byte) error {
	var f float64
	if err := json.Unmarshal(b, &f); err != nil {
		return err
	}
	if f != math.Trunc(f) || math.Abs(f) > 1<<31 {
		return fmt.Errorf("%s is no whole number", b)
	}
	*w = whole(f)
	return nil
}

// optional is an object, or null.
type optional[T any] struct{ value *T }

// Schema allows both.
func (optional[T]) Schema(r huma.Registry) *huma.Schema {
	return &huma.Schema{AnyOf: []*huma.Schema{r.Schema(reflect.TypeFor[T](), true, ""), {Type: "null"}}}
}

// MarshalJSON writes the object, or null.
func (o optional[T]) MarshalJSON() ([]byte, error) { return json.Marshal(o.value) }

// admitNull documents that an optional property of a body may be null, which is
// as if it were absent.
func admitNull(r huma.Registry, s *huma.Schema, seen map[*huma.Schema]bool) {
	for s.Ref != "" {
		s = r.SchemaFromRef(s.Ref)
	}
	if seen[s] {
		return
	}
	seen[s] = true
	if s.Items != nil {
		admitNull(r, s.Items, seen)
	}
	for name, p := range s.Properties {
		admitNull(r, p, seen)
		if p.Ref != "" || p.Type == "" || p.Nullable || slices.Contains(s.Required, name) {
			continue
		}
		p.Nullable = true
		if len(p.Enum) > 0 {
			p.Enum = append(p.Enum, nil)
			p.PrecomputeMessages()
		}
	}
}

// daySchema stands for site.Day, which is text outside.
type daySchema struct{}

// Schema is that of a day, or of none.
func (daySchema) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Format: "date", Nullable: true}
}

// aliasSchemas teaches huma the types of package site.
func aliasSchemas(r huma.Registry) {
	r.RegisterTypeAlias(reflect.TypeFor[site.Day](), reflect.TypeFor[daySchema]())
}

var problemGoType = reflect.TypeFor[problem]()

// schemaOf is the schema of a type, for operations whose body huma cannot see.
func schemaOf[T any](s *Server) *huma.Schema {
	return s.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[T](), true, "")
}

// InProject is the path's project; guard has looked it up before a handler runs.
type InProject struct {
	P string `path:"p" pattern:"^[A-Za-z0-9_-]{1,64}$" doc:"id of the project" example:"wenyuan"`
}

// Paged asks for a page of a list, newest first.
type Paged struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"100"`
	Cursor string `query:"cursor" maxLength:"300" pattern:"^[^\\x00]*$" doc:"next of the page before"`
}

// Span limits a list to a time at the source: from, inclusive, to, exclusive; a day counts as a whole.
type Span struct {
	From moment `query:"from"`
	To   moment `query:"to"`
}

func (s Span) times(p site.Project) (from, to time.Time, err error) {
	if from, err = s.From.instant(p, "from"); err != nil {
		return
	}
	to, err = s.To.end(p, "to")
	return
}

// list is a page.
type list[T any] struct {
	Items []T    `json:"items" nullable:"false"`
	Next  string `json:"next" doc:"cursor of the next page, empty on the last"`
}

// found is an answer with a body.
type found[T any] struct{ Body T }

// done is an answer with a body whose status tells what was done.
type done[T any] struct {
	Status int
	Body   T
}

// nothing is an input or an answer without content.
type nothing struct{}

func listOf[T, U any](items []T, next string, view func(T) U) *found[list[U]] {
	all := make([]U, len(items))
	for i, x := range items {
		all[i] = view(x)
	}
	return &found[list[U]]{list[U]{all, next}}
}

// utc is an instant as the contract wants it; nil for none. A year that JSON
// cannot hold becomes the last that it can.
func utc(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	v := at(t)
	return &v
}

func at(t time.Time) time.Time {
	t = t.UTC()
	switch y := t.Year(); {
	case y > 9999:
		return time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
	case y < 0:
		return time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	return t
}

// number is f, or nil when it is none that JSON can hold.
func number(f float64) *float64 {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return nil
	}
	return &f
}

func texts(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}
