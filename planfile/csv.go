package planfile

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"

	"topout/site"
)

// ReadCSV reads a plan from CSV with a header of the columns
//
//	id,name,building,code,start,finish,duration_days,predecessors,weight,milestone
//
// in any order and letter case, and optionally trade, quantity and unit; other
// columns are passed over. Only id, and duration_days or start and finish, are
// required. Fields are separated as the header is: by commas, semicolons or
// tabs. Text is UTF-8, with or without a byte order mark.
//
// A task that has start and finish but no duration_days has Duration 0 and is no
// milestone; package schedule counts its working days. The error is the first
// of the fatal problems as a *site.Error, or that of reading.
func ReadCSV(r io.Reader) (site.Plan, []site.Problem, error) {
	b, bad, err := readAll(r)
	if err != nil {
		return site.Plan{}, nil, err
	}
	if bad == nil {
		if line := firstBadLine(b); line > 0 {
			bad = fatal(line, "", "planfile.not_utf8")
		}
	}
	if bad != nil {
		return site.Plan{}, []site.Problem{*bad}, firstFatal([]site.Problem{*bad})
	}
	f := csvFile{}
	f.read(b)
	if err := firstFatal(f.problems); err != nil {
		return site.Plan{}, f.problems, err
	}
	return f.plan, f.problems, nil
}

// csvFile is a plan while it is read.
type csvFile struct {
	comma    rune
	columns  map[string]int
	plan     site.Plan
	preds    []string // of each task, as written
	problems []site.Problem
}

func (f *csvFile) read(b []byte) {
	f.comma = separator(b)
	lines := csv.NewReader(bytes.NewReader(b))
	lines.Comma = f.comma
	lines.FieldsPerRecord = -1
	lines.TrimLeadingSpace = f.comma != '\t'
	lines.ReuseRecord = true
	for {
		record, err := lines.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			f.bad(csvProblem(err))
			return
		}
		line, _ := lines.FieldPos(0)
		if empty(record) || f.columns == nil && strings.HasPrefix(strings.ToLower(record[0]), "sep=") {
			continue
		}
		if f.columns == nil {
			if !f.header(record, line) {
				return
			}
			continue
		}
		f.row(record, line)
	}
	switch {
	case f.columns == nil:
		f.bad(fatal(1, "id", "planfile.no_header"))
	case len(f.plan.Tasks) == 0 && len(f.problems) == 0:
		f.bad(fatal(1, "", "planfile.no_tasks"))
	}
	f.link()
}

func (f *csvFile) bad(p *site.Problem) { f.problems = append(f.problems, *p) }

// separator is what parts the header's columns: the most frequent of comma,
// semicolon and tab in the first line that says something.
func separator(b []byte) rune {
	for line := range bytes.Lines(b) {
		line = bytes.TrimSpace(line)
		if rest, ok := bytes.CutPrefix(bytes.ToLower(line), []byte("sep=")); ok && len(rest) == 1 {
			if c := rune(rest[0]); c == ',' || c == ';' {
				return c
			}
		}
		if len(line) == 0 || bytes.HasPrefix(bytes.ToLower(line), []byte("sep=")) {
			continue
		}
		best, most := ',', bytes.Count(line, []byte(","))
		for _, c := range ";\t" {
			if n := bytes.Count(line, []byte(string(c))); n > most {
				best, most = c, n
			}
		}
		return best
	}
	return ','
}

func csvProblem(err error) *site.Problem {
	var parse *csv.ParseError
	if errors.As(err, &parse) {
		return fatal(parse.Line, "", "planfile.quotes", "column", strconv.Itoa(parse.Column))
	}
	return fatal(0, "", "planfile.unreadable")
}

func empty(record []string) bool {
	for _, field := range record {
		if strings.TrimSpace(field) != "" {
			return false
		}
	}
	return true
}

// header finds the columns by name; the first of two with one name counts.
func (f *csvFile) header(record []string, line int) bool {
	f.columns = make(map[string]int, len(record))
	for i, name := range record {
		name = strings.ToLower(strings.TrimSpace(name))
		if _, twice := f.columns[name]; !twice {
			f.columns[name] = i
		}
	}
	has := func(name string) bool { _, ok := f.columns[name]; return ok }
	switch {
	case !has("id"):
		f.bad(fatal(line, "id", "planfile.no_header"))
	case !has("duration_days") && !(has("start") && has("finish")):
		f.bad(fatal(line, "duration_days", "planfile.no_duration_column"))
	default:
		return true
	}
	return false
}

// row takes one task.
func (f *csvFile) row(record []string, line int) {
	get := func(name string) string {
		if i, ok := f.columns[name]; ok && i < len(record) {
			return strings.TrimSpace(record[i])
		}
		return ""
	}
	t := site.Task{
		ID: get("id"), Name: get("name"), Building: get("building"), Code: get("code"),
		Trade: get("trade"), Unit: get("unit"), Line: line,
	}
	bad := func(field, code string, pairs ...string) {
		p := fatal(line, field, code, pairs...)
		p.Task = t.ID
		f.bad(p)
	}
	if t.ID == "" {
		bad("id", "planfile.no_id")
		return
	}
	day := func(field string) site.Day {
		d, ok := parseDay(get(field))
		if !ok {
			bad(field, "planfile.day", "value", get(field))
		}
		return d
	}
	number := func(field string) float64 {
		x, ok := f.number(get(field))
		if !ok || x < 0 && field != "duration_days" {
			bad(field, "planfile.number", "value", get(field))
		}
		return x
	}
	t.Start, t.Finish = day("start"), day("finish")
	t.Weight, t.Quantity = number("weight"), number("quantity")
	t.Milestone = yes(get("milestone"))
	switch {
	case get("duration_days") != "":
		d := number("duration_days")
		t.Duration = site.WorkDays(d)
		t.Milestone = t.Milestone || d == 0
	case t.Milestone:
	case t.Start.IsZero() || t.Finish.IsZero():
		bad("duration_days", "planfile.no_duration")
	case t.Finish < t.Start:
		bad("finish", "planfile.finish_before_start", "start", t.Start.String(), "finish", t.Finish.String())
	}
	if t.Building != "" && !f.hasBuilding(t.Building) {
		f.plan.Buildings = append(f.plan.Buildings, site.Building{ID: t.Building, Name: t.Building, Position: len(f.plan.Buildings)})
	}
	f.plan.Tasks = append(f.plan.Tasks, t)
	f.preds = append(f.preds, get("predecessors"))
}

func (f *csvFile) hasBuilding(id string) bool {
	for _, b := range f.plan.Buildings {
		if b.ID == id {
			return true
		}
	}
	return false
}

var dayLayouts = []string{"2006-01-02", "2006/1/2", "2006-1-2", "2006.1.2", "2006-01-02T15:04", "2006-01-02T15:04:05", "2006-01-02 15:04", "2006-01-02 15:04:05"}

// parseDay reads a date, empty for none.
func parseDay(s string) (site.Day, bool) {
	if s == "" {
		return 0, true
	}
	for _, layout := range dayLayouts {
		if t, err := time.Parse(layout, s); err == nil && t.Year() >= 1971 && t.Year() < 2200 {
			return site.DayOf(t, time.UTC), true
		}
	}
	return 0, false
}

var plainNumber = regexp.MustCompile(`^[+-]?(\d{1,9}(\.\d{1,9})?|\.\d{1,9})$`)

// number reads a plain decimal number, empty for 0. A unit of days or percent
// may follow; where semicolons part the fields the point may be a comma.
func (f *csvFile) number(s string) (float64, bool) {
	if s == "" {
		return 0, true
	}
	for _, unit := range []string{"days", "day", "d", "天", "%"} {
		if rest, ok := strings.CutSuffix(strings.ToLower(s), unit); ok {
			s = strings.TrimSpace(rest)
			break
		}
	}
	if f.comma != ',' {
		s = strings.Replace(s, ",", ".", 1)
	}
	if !plainNumber.MatchString(s) {
		return 0, false
	}
	x, err := strconv.ParseFloat(s, 64)
	return x, err == nil
}

func yes(s string) bool {
	switch strings.ToLower(s) {
	case "1", "true", "yes", "y", "x", "是":
		return true
	}
	return false
}
