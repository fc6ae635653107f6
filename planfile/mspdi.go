package planfile

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/unicode"

	"topout/site"
)

// File is what stands in a planner's file.
type File struct {
	Plan      site.Plan
	Name      string // of the project
	Baselines []site.Baseline
	Problems  []site.Problem // what is doubtful, and what was not carried over
}

// ReadMSPDI reads MS Project's XML (MSPDI, https://schemas.microsoft.com/project),
// as MS Project 2003 and later and other tools write it. A task's id is its UID.
//
// Summary tasks become buildings (the topmost that are more than one) and the
// WBS; links to and from them are handed to the tasks below. What cannot be
// carried over stands in Problems.
func ReadMSPDI(r io.Reader) (File, error) {
	b, bad, err := readAll(r)
	if err != nil {
		return File{}, err
	}
	m := mspdi{}
	if bad == nil {
		bad = m.decode(b)
	}
	if bad != nil {
		return File{Problems: []site.Problem{*bad}}, bad.Err()
	}
	m.read()
	return m.file, firstFatal(m.file.Problems)
}

// mspdi is an MSPDI file while it is read.
type mspdi struct {
	doc       mspProject
	file      File
	parent    map[string]string // UID of the summary above each task
	children  map[string][]int  // tasks of doc directly below a summary, by its UID
	byUID     map[string]int    // index in doc.Tasks
	calendars map[string]site.PlanCalendar
	own       map[string]string // resource calendar that a task follows, by UID
}

type mspProject struct {
	XMLName           xml.Name
	Name              string
	Title             string
	ScheduleFromStart string
	StartDate         string
	CalendarUID       string
	MinutesPerDay     int
	Calendars         []mspCalendar   `xml:"Calendars>Calendar"`
	Tasks             []mspTask       `xml:"Tasks>Task"`
	Resources         []mspResource   `xml:"Resources>Resource"`
	Assignments       []mspAssignment `xml:"Assignments>Assignment"`
}

type mspTask struct {
	line              int
	UID               string
	Name              string
	IsNull            string
	Active            string
	Manual            string
	Type              string
	WBS               string
	OutlineLevel      int
	Summary           string
	Milestone         string
	ExternalTask      string
	Start             string
	Finish            string
	Duration          string
	DurationFormat    int
	ActualStart       string
	ActualFinish      string
	ActualDuration    string
	RemainingDuration string
	Stop              string
	Resume            string
	PercentComplete   float64
	ConstraintType    int
	ConstraintDate    string
	Deadline          string
	CalendarUID       string
	IgnoreResourceCal string `xml:"IgnoreResourceCalendar"`
	LevelingDelay     float64
	Cost              float64
	Links             []mspLink     `xml:"PredecessorLink"`
	Baselines         []mspBaseline `xml:"Baseline"`
}

// UnmarshalXML notes the line of the task.
func (t *mspTask) UnmarshalXML(d *xml.Decoder, start xml.StartElement) error {
	type plain mspTask
	line, _ := d.InputPos()
	if err := d.DecodeElement((*plain)(t), &start); err != nil {
		return err
	}
	t.line = line
	return nil
}

type mspLink struct {
	PredecessorUID string
	Type           string
	CrossProject   string
	LinkLag        float64
	LagFormat      int
}

type mspBaseline struct {
	Number        int
	Start, Finish string
}

type mspResource struct {
	UID, Name, Type, CalendarUID string
}

type mspAssignment struct {
	TaskUID, ResourceUID string
	Units                float64
}

// decode parses the XML, in whatever encoding it is declared.
func (m *mspdi) decode(b []byte) *site.Problem {
	if len(b) >= 2 && (b[0] == 0xFF && b[1] == 0xFE || b[0] == 0xFE && b[1] == 0xFF) {
		utf8, err := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewDecoder().Bytes(b)
		if err != nil {
			return fatal(1, "", "planfile.not_utf8")
		}
		b = utf8
	}
	d := xml.NewDecoder(bytes.NewReader(b))
	d.CharsetReader = func(label string, in io.Reader) (io.Reader, error) {
		if strings.HasPrefix(strings.ToLower(label), "utf-16") {
			return in, nil // already turned
		}
		enc, err := htmlindex.Get(label)
		if err != nil {
			return nil, err
		}
		return enc.NewDecoder().Reader(in), nil
	}
	err := d.Decode(&m.doc)
	line, _ := d.InputPos()
	var syntax *xml.SyntaxError
	switch {
	case errors.As(err, &syntax):
		return fatal(syntax.Line, "", "planfile.xml", "reason", syntax.Msg)
	case errors.Is(err, io.EOF):
		return fatal(1, "", "planfile.not_mspdi")
	case err != nil:
		return fatal(line, "", "planfile.xml", "reason", err.Error())
	case m.doc.XMLName.Local != "Project" || len(m.doc.Tasks) == 0 && len(m.doc.Calendars) == 0 && m.doc.StartDate == "":
		return fatal(1, "", "planfile.not_mspdi")
	}
	return nil
}

func (m *mspdi) problem(t mspTask, code string, pairs ...string) {
	p := fatal(t.line, "", code, append(pairs, "task", t.UID)...)
	p.Task, p.Fatal = t.UID, false
	m.file.Problems = append(m.file.Problems, *p)
}

func (m *mspdi) read() {
	plan := &m.file.Plan
	m.file.Name = m.doc.Title
	if m.file.Name == "" {
		m.file.Name = strings.TrimSuffix(m.doc.Name, ".xml")
	}
	plan.Computed = true
	if m.doc.MinutesPerDay <= 0 {
		m.doc.MinutesPerDay = int(site.WorkDay)
	}
	plan.StartAt = parseClock(m.doc.StartDate)
	plan.Start = plan.StartAt.Day()
	if m.doc.ScheduleFromStart == "0" || m.doc.ScheduleFromStart == "false" {
		m.file.Problems = append(m.file.Problems, site.Problem{Code: "planfile.from_finish"})
	}
	m.readCalendars()
	m.outline()
	m.assign()
	buildings := m.buildings()
	for i, t := range m.doc.Tasks {
		if m.taken(t) {
			m.task(t, buildings[i])
		}
	}
	if len(plan.Tasks) == 0 {
		m.file.Problems = append(m.file.Problems, *fatal(1, "", "planfile.no_tasks"))
	}
	m.links()
	m.baselines()
}

func set(s string) bool { return s == "1" || s == "true" }

// outline finds each task's summary, after the levels.
func (m *mspdi) outline() {
	m.parent, m.children, m.byUID = map[string]string{}, map[string][]int{}, map[string]int{}
	var above []string // UID of the summary at each level
	for i, t := range m.doc.Tasks {
		if set(t.IsNull) {
			continue
		}
		m.byUID[t.UID] = i
		level := max(t.OutlineLevel, 0)
		for len(above) <= level {
			above = append(above, "")
		}
		above = above[:level+1]
		above[level] = t.UID
		for l := level - 1; l >= 0; l-- {
			if above[l] != "" {
				m.parent[t.UID] = above[l]
				m.children[above[l]] = append(m.children[above[l]], i)
				break
			}
		}
	}
}

// taken reports whether a task is one of the network, and lists what is left out.
func (m *mspdi) taken(t mspTask) bool {
	switch {
	case set(t.IsNull), set(t.Summary), t.UID == "0" && t.OutlineLevel == 0:
		return false
	case t.Active == "0" || t.Active == "false":
		m.problem(t, "planfile.inactive")
		return false
	}
	return true
}

// buildings names each task's building: of the topmost summaries, if there is
// only one those below it.
func (m *mspdi) buildings() []string {
	summaries := func(of []int) (s []int) {
		for _, i := range of {
			if set(m.doc.Tasks[i].Summary) {
				s = append(s, i)
			}
		}
		return s
	}
	var top []int
	for i, t := range m.doc.Tasks {
		if _, below := m.parent[t.UID]; !below && !set(t.IsNull) {
			top = append(top, i)
		}
	}
	for len(summaries(top)) == 1 {
		below := summaries(m.children[m.doc.Tasks[summaries(top)[0]].UID])
		if len(below) == 0 {
			break
		}
		top = below
	}
	is := map[string]bool{}
	for _, i := range summaries(top) {
		t := m.doc.Tasks[i]
		is[t.UID] = true
		m.file.Plan.Buildings = append(m.file.Plan.Buildings, site.Building{ID: t.UID, Name: t.Name, Position: len(m.file.Plan.Buildings)})
	}
	buildings := make([]string, len(m.doc.Tasks))
	for i, t := range m.doc.Tasks {
		for uid, ok := t.UID, true; ok; uid, ok = m.parent[uid] {
			if is[uid] {
				buildings[i] = uid
				break
			}
		}
	}
	return buildings
}

var mspConstraints = []site.Constraint{
	site.AsSoonAsPossible, site.AsLateAsPossible, site.MustStartOn, site.MustFinishOn,
	site.StartNoEarlier, site.StartNoLater, site.FinishNoEarlier, site.FinishNoLater,
}

// task takes a task that is no summary.
func (m *mspdi) task(t mspTask, building string) {
	duration, ok := parseDuration(t.Duration)
	begin, end := parseClock(t.Start), parseClock(t.Finish)
	if !ok && !(set(t.Manual) || set(t.Milestone)) {
		m.problem(t, "planfile.no_duration_given")
	}
	l := site.Logic{
		WBS: t.WBS, Begin: begin, End: end, Deadline: parseClock(t.Deadline), Percent: t.PercentComplete,
		Manual: set(t.Manual) || set(t.ExternalTask),
	}
	if set(t.ExternalTask) {
		m.problem(t, "planfile.external")
	}
	if t.LevelingDelay != 0 {
		m.problem(t, "planfile.leveling")
	}
	if t.ConstraintType >= 0 && t.ConstraintType < len(mspConstraints) {
		l.Bound = site.Bound{Type: mspConstraints[t.ConstraintType], At: parseClock(t.ConstraintDate)}
		if l.Bound.At.IsZero() && l.Bound.Type != site.AsLateAsPossible {
			l.Bound = site.Bound{}
		}
	}
	l.Calendar = m.calendarOf(t)
	m.progress(&l, t, duration)
	m.file.Plan.Tasks = append(m.file.Plan.Tasks, site.Task{
		ID: t.UID, Name: t.Name, Building: building, Line: t.line, Logic: l,
		Start: begin.Day(), Finish: lastDay(end), Duration: duration,
		Milestone: set(t.Milestone) || duration == 0, Weight: max(t.Cost, 0),
	})
}

// lastDay is the day of a finish: midnight ends the day before.
func lastDay(c site.Clock) site.Day {
	if c.IsZero() {
		return 0
	}
	return (c - 1).Day()
}

// progress takes what is done of a task; what a file leaves out is made up from
// what it says.
func (m *mspdi) progress(l *site.Logic, t mspTask, duration site.Work) {
	l.ActualStart, l.ActualFinish = parseClock(t.ActualStart), parseClock(t.ActualFinish)
	if t.PercentComplete >= 100 && l.ActualFinish.IsZero() {
		l.ActualFinish = l.End
	}
	if (t.PercentComplete > 0 || !l.ActualFinish.IsZero()) && l.ActualStart.IsZero() {
		l.ActualStart = l.Begin
	}
	if l.ActualStart.IsZero() || !l.ActualFinish.IsZero() {
		return
	}
	done, ok := parseDuration(t.ActualDuration)
	if !ok {
		done = site.Work(float64(duration) * t.PercentComplete / 100)
	}
	rest, ok := parseDuration(t.RemainingDuration)
	if !ok {
		rest = duration - done
	}
	l.ActualWork, l.Remaining = done, rest
	if stop, resume := parseClock(t.Stop), parseClock(t.Resume); resume > stop && !stop.IsZero() {
		l.Resume = resume
	}
}

// baselines takes those that the tasks bring along, by number.
func (m *mspdi) baselines() {
	byNumber := map[int]*site.Baseline{}
	var numbers []int
	for _, t := range m.doc.Tasks {
		if set(t.IsNull) || set(t.Summary) || t.UID == "0" {
			continue
		}
		for _, b := range t.Baselines {
			start, finish := parseClock(b.Start), parseClock(b.Finish)
			if start.IsZero() || finish.IsZero() {
				continue
			}
			if byNumber[b.Number] == nil {
				byNumber[b.Number] = &site.Baseline{Name: fmt.Sprintf("Baseline %d", b.Number)}
				numbers = append(numbers, b.Number)
			}
			base := byNumber[b.Number]
			base.Tasks = append(base.Tasks, site.BaselineTask{Task: t.UID, Start: start.Day(), Finish: max(lastDay(finish), start.Day())})
			base.Delivery = max(base.Delivery, lastDay(finish))
		}
	}
	slices.Sort(numbers)
	for _, n := range numbers {
		m.file.Baselines = append(m.file.Baselines, *byNumber[n])
	}
}

// parseClock reads 2006-01-02T15:04:05, with or without a zone, which it drops:
// plans speak in local time. Anything else, and MS Project's "NA", is none.
func parseClock(s string) site.Clock {
	s = strings.TrimSpace(s)
	if len(s) < 10 {
		return 0
	}
	day, err := site.ParseDay(s[:10])
	if err != nil || day < site.NewDay(1900, 1, 1) || day > site.NewDay(2200, 1, 1) {
		return 0
	}
	minute := 0
	if len(s) >= 16 && (s[10] == 'T' || s[10] == ' ') {
		h, err1 := strconv.Atoi(s[11:13])
		m, err2 := strconv.Atoi(s[14:16])
		if err1 != nil || err2 != nil || h < 0 || h > 24 || m < 0 || m > 59 || s[13] != ':' {
			return 0
		}
		minute = h*60 + m
	}
	return site.Clock(int(day)*1440 + minute)
}

// parseDuration reads PT16H30M0S to the minute.
func parseDuration(s string) (site.Work, bool) {
	rest, ok := strings.CutPrefix(strings.TrimSpace(s), "P")
	if !ok {
		return 0, false
	}
	var minutes float64
	days, clock, _ := strings.Cut(rest, "T")
	for _, part := range []struct {
		text  string
		units map[byte]float64
	}{{days, map[byte]float64{'D': 480, 'W': 2400}}, {clock, map[byte]float64{'H': 60, 'M': 1, 'S': 1.0 / 60}}} {
		number := ""
		for i := range len(part.text) {
			c := part.text[i]
			if c >= '0' && c <= '9' || c == '.' {
				number += string(c)
				continue
			}
			x, err := strconv.ParseFloat(number, 64)
			unit, known := part.units[c]
			if err != nil || !known {
				return 0, false
			}
			minutes += x * unit
			number = ""
		}
		if number != "" {
			return 0, false
		}
	}
	if minutes > 1e12 {
		return 0, false
	}
	return site.Work(minutes + 0.5), true
}
