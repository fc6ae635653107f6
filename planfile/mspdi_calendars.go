package planfile

import (
	"reflect"
	"strconv"
	"strings"
	"time"

	"topout/site"
)

type mspCalendar struct {
	UID             string
	Name            string
	BaseCalendarUID string
	WeekDays        []mspWeekDay   `xml:"WeekDays>WeekDay"`
	Exceptions      []mspException `xml:"Exceptions>Exception"`
	WorkWeeks       []mspWorkWeek  `xml:"WorkWeeks>WorkWeek"`
}

type mspWeekDay struct {
	DayType    int // 1 Sunday … 7 Saturday; 0 an exception
	DayWorking string
	Period     mspPeriod  `xml:"TimePeriod"`
	Times      []mspShift `xml:"WorkingTimes>WorkingTime"`
}

type mspPeriod struct{ FromDate, ToDate string }

type mspShift struct{ FromTime, ToTime string }

type mspWorkWeek struct {
	Name     string
	Period   mspPeriod    `xml:"TimePeriod"`
	WeekDays []mspWeekDay `xml:"WeekDays>WeekDay"`
}

type mspException struct {
	Name          string
	Period        mspPeriod `xml:"TimePeriod"`
	Occurrences   int
	Type          int
	Every         int `xml:"Period"`
	DaysOfWeek    int
	MonthItem     int
	MonthPosition int
	Month         int
	MonthDay      int
	DayWorking    string
	Times         []mspShift `xml:"WorkingTimes>WorkingTime"`
}

// elapsedCalendar is the id of the calendar of elapsed durations.
const elapsedCalendar = "elapsed"

// readCalendars takes all calendars, the derived ones filled from their base.
func (m *mspdi) readCalendars() {
	m.calendars = map[string]site.PlanCalendar{}
	byUID := map[string]mspCalendar{}
	for _, c := range m.doc.Calendars {
		byUID[c.UID] = c
	}
	day := site.Work(m.doc.MinutesPerDay)
	var fill func(c mspCalendar, depth int) site.PlanCalendar
	fill = func(c mspCalendar, depth int) site.PlanCalendar {
		p := site.PlanCalendar{Week: standardWeek()}
		if base, ok := byUID[c.BaseCalendarUID]; ok && depth < 8 && base.UID != c.UID {
			p = fill(base, depth+1)
			p.Days = append([]site.PlanDays(nil), p.Days...)
		}
		p.ID, p.Name, p.DayWork = c.UID, c.Name, day
		for _, w := range c.WeekDays {
			if w.DayType >= 1 && w.DayType <= 7 {
				p.Week[w.DayType-1] = shiftsOf(w.DayWorking, w.Times)
			}
		}
		for _, w := range c.WorkWeeks {
			p.Days = append(p.Days, workWeek(w)...)
		}
		for _, w := range c.WeekDays {
			if from, to, ok := period(w.Period); w.DayType == 0 && ok {
				p.Days = append(p.Days, site.PlanDays{From: from, To: to, Shifts: shiftsOf(w.DayWorking, w.Times)})
			}
		}
		for _, e := range c.Exceptions {
			p.Days = append(p.Days, exception(e)...)
		}
		return p
	}
	for _, c := range m.doc.Calendars {
		p := fill(c, 0)
		m.calendars[c.UID] = p
		m.file.Plan.Calendars = append(m.file.Plan.Calendars, p)
	}
	m.file.Plan.Calendar = m.doc.CalendarUID
	if _, known := m.calendars[m.doc.CalendarUID]; !known { // then MS Project's Standard
		standard := site.PlanCalendar{ID: "standard", Name: "Standard", Week: standardWeek(), DayWork: day}
		m.calendars[standard.ID] = standard
		m.file.Plan.Calendars = append(m.file.Plan.Calendars, standard)
		m.file.Plan.Calendar = standard.ID
	}
	always := site.PlanCalendar{ID: elapsedCalendar, Name: "Elapsed", DayWork: 1440}
	for d := range always.Week {
		always.Week[d] = []site.Shift{{From: 0, To: 1440}}
	}
	m.file.Plan.Calendars = append(m.file.Plan.Calendars, always)
}

// standardWeek is what MS Project starts from: Monday to Friday, eight hours.
func standardWeek() (w [7][]site.Shift) {
	for d := time.Monday; d <= time.Friday; d++ {
		w[d] = []site.Shift{{From: 480, To: 720}, {From: 780, To: 1020}}
	}
	return w
}

// shiftsOf are the working times of a day; a working day that names none has the standard ones.
func shiftsOf(working string, times []mspShift) []site.Shift {
	if !set(working) && working != "" {
		return nil
	}
	var shifts []site.Shift
	for _, s := range times {
		from, ok1 := minuteOf(s.FromTime)
		to, ok2 := minuteOf(s.ToTime)
		if to == 0 {
			to = 1440
		}
		if ok1 && ok2 && from < to {
			shifts = append(shifts, site.Shift{From: from, To: to})
		}
	}
	if len(shifts) == 0 && set(working) && len(times) == 0 {
		return standardWeek()[time.Monday]
	}
	return joinShifts(shifts)
}

// minuteOf reads 08:00 or 08:00:00 as minutes since midnight.
func minuteOf(s string) (int, bool) {
	hour, rest, _ := strings.Cut(strings.TrimSpace(s), ":")
	minute, _, _ := strings.Cut(rest, ":")
	h, err1 := strconv.Atoi(hour)
	m, err2 := strconv.Atoi(minute)
	return h*60 + m, err1 == nil && err2 == nil && h >= 0 && h <= 24 && m >= 0 && m < 60 && h*60+m <= 1440
}

// longestPeriod bounds the days of an exception.
const longestPeriod = 100 * 366

// period is the days of a time period; its end is a day's last minute.
func period(p mspPeriod) (from, to site.Day, ok bool) {
	f, t := parseClock(p.FromDate), parseClock(p.ToDate)
	if f.IsZero() || t.IsZero() {
		return 0, 0, false
	}
	from, to = f.Day(), max(lastDay(t), f.Day())
	return from, to, to-from < longestPeriod
}

// workWeek is a different week for a while, day by day.
func workWeek(w mspWorkWeek) (days []site.PlanDays) {
	from, to, ok := period(w.Period)
	if !ok {
		return nil
	}
	byDay := map[time.Weekday]mspWeekDay{}
	for _, d := range w.WeekDays {
		if d.DayType >= 1 && d.DayType <= 7 {
			byDay[time.Weekday(d.DayType-1)] = d
		}
	}
	for d := from; d <= to; d++ {
		if w, ok := byDay[d.Weekday()]; ok {
			days = append(days, site.PlanDays{From: d, To: d, Shifts: shiftsOf(w.DayWorking, w.Times)})
		}
	}
	return days
}

// The kinds of recurrence of an exception.
const (
	recurDaily = iota + 1
	recurYearlyByDay
	recurYearlyByPosition
	recurMonthlyByDay
	recurMonthlyByPosition
	recurWeekly
)

// exception lays out the days of an exception, which may recur.
func exception(e mspException) []site.PlanDays {
	from, to, ok := period(e.Period)
	if !ok {
		return nil
	}
	shifts := shiftsOf(e.DayWorking, e.Times)
	every := max(e.Every, 1)
	if e.Type < recurYearlyByDay || e.Type > recurWeekly {
		if e.Type != recurDaily || every == 1 {
			return []site.PlanDays{{From: from, To: to, Name: e.Name, Shifts: shifts}}
		}
	}
	var days []site.PlanDays
	for d := from; d <= to && (e.Occurrences == 0 || len(days) < e.Occurrences); d++ {
		if recurs(e, from, d, every) {
			days = append(days, site.PlanDays{From: d, To: d, Name: e.Name, Shifts: shifts})
		}
	}
	return days
}

func recurs(e mspException, from, d site.Day, every int) bool {
	date := d.Start(time.UTC)
	first := from.Start(time.UTC)
	months := (date.Year()-first.Year())*12 + int(date.Month()) - int(first.Month())
	switch e.Type {
	case recurDaily:
		return int(d-from)%every == 0
	case recurWeekly:
		week := int(d-from+site.Day(first.Weekday())) / 7
		return week%every == 0 && e.DaysOfWeek&(1<<int(date.Weekday())) != 0
	case recurYearlyByDay:
		return int(date.Month()) == e.Month+1 && date.Day() == e.MonthDay
	case recurYearlyByPosition:
		return int(date.Month()) == e.Month+1 && atPosition(e, date)
	case recurMonthlyByDay:
		return months%every == 0 && date.Day() == e.MonthDay
	default:
		return months%every == 0 && atPosition(e, date)
	}
}

// atPosition tells for "the second Tuesday of the month" and the like.
// MonthItem: 0 day, 1 weekday, 2 weekend day, 3 Sunday … 9 Saturday;
// MonthPosition: 0 first … 3 fourth, 4 last.
func atPosition(e mspException, date time.Time) bool {
	fits := func(t time.Time) bool {
		weekend := t.Weekday() == time.Saturday || t.Weekday() == time.Sunday
		switch e.MonthItem {
		case 0:
			return true
		case 1:
			return !weekend
		case 2:
			return weekend
		}
		return int(t.Weekday()) == e.MonthItem-3
	}
	if !fits(date) {
		return false
	}
	step, want := -1, e.MonthPosition // how many fitting days lie before it in the month
	if e.MonthPosition == 4 {
		step, want = 1, 0
	}
	n := 0
	for t := date.AddDate(0, 0, step); t.Month() == date.Month(); t = t.AddDate(0, 0, step) {
		if fits(t) {
			n++
		}
	}
	return n == want
}

// calendarOf is the calendar that a task is scheduled in; empty for the project's.
func (m *mspdi) calendarOf(t mspTask) string {
	format := t.DurationFormat
	if format >= 35 {
		format -= 32
	}
	switch format {
	case 4, 6, 8, 10, 12:
		return elapsedCalendar
	}
	if _, known := m.calendars[t.CalendarUID]; known {
		if t.CalendarUID == m.file.Plan.Calendar {
			return ""
		}
		return t.CalendarUID
	}
	const fixedDuration = "1"
	if set(t.IgnoreResourceCal) || t.Type == fixedDuration {
		return ""
	}
	return m.own[t.UID]
}

// assign finds the tasks whose people work to another calendar than the project's.
func (m *mspdi) assign() {
	resources := map[string]mspResource{}
	for _, r := range m.doc.Resources {
		resources[r.UID] = r
	}
	project := m.calendars[m.file.Plan.Calendar]
	m.own = map[string]string{}
	mixed := map[string]bool{}
	for _, a := range m.doc.Assignments {
		const work = "1"
		r, ok := resources[a.ResourceUID]
		if !ok || r.Type != work || a.Units <= 0 {
			continue
		}
		calendar := ""
		if c, known := m.calendars[r.CalendarUID]; known && !sameTimes(c, project) {
			calendar = c.ID
		}
		if before, other := m.own[a.TaskUID]; other && before != calendar && (calendar == "" || before == "" || !sameTimes(m.calendars[before], m.calendars[calendar])) {
			mixed[a.TaskUID] = true
		}
		m.own[a.TaskUID] = calendar
	}
	for uid := range mixed {
		m.own[uid] = ""
	}
	for _, t := range m.doc.Tasks {
		if mixed[t.UID] {
			m.problem(t, "planfile.resource_calendars")
		}
	}
}

func sameTimes(a, b site.PlanCalendar) bool {
	return reflect.DeepEqual(a.Week, b.Week) && reflect.DeepEqual(a.Days, b.Days)
}
