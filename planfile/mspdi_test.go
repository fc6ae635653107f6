package planfile

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"topout/site"
)

const mspHead = `<?xml version="1.0" encoding="UTF-8"?><Project xmlns="http://schemas.microsoft.com/project">
<Title>School</Title><StartDate>2026-09-21T08:00:00</StartDate><CalendarUID>1</CalendarUID><MinutesPerDay>480</MinutesPerDay>
<Calendars>
<Calendar><UID>1</UID><Name>Standard</Name><BaseCalendarUID>-1</BaseCalendarUID>
 <WeekDays><WeekDay><DayType>7</DayType><DayWorking>1</DayWorking><WorkingTimes><WorkingTime><FromTime>22:00:00</FromTime><ToTime>00:00:00</ToTime></WorkingTime></WorkingTimes></WeekDay>
 <WeekDay><DayType>0</DayType><DayWorking>0</DayWorking><TimePeriod><FromDate>2026-10-01T00:00:00</FromDate><ToDate>2026-10-07T23:59:00</ToDate></TimePeriod></WeekDay></WeekDays></Calendar>
<Calendar><UID>2</UID><Name>Crane</Name><BaseCalendarUID>1</BaseCalendarUID><WeekDays><WeekDay><DayType>1</DayType><DayWorking>1</DayWorking></WeekDay></WeekDays></Calendar>
</Calendars>`

// msp writes an MSPDI file of tasks (and what follows them).
func msp(tasks string) string {
	return mspHead + "\n<Tasks>" + tasks + "</Tasks></Project>"
}

func TestReadMSPDI(t *testing.T) {
	f, err := ReadMSPDI(strings.NewReader(msp(`
<Task><UID>0</UID><Name>School</Name><Summary>1</Summary><OutlineLevel>0</OutlineLevel></Task>
<Task><UID>1</UID><Name>Library</Name><Summary>1</Summary><OutlineLevel>1</OutlineLevel></Task>
<Task><UID>2</UID><Name>Piles</Name><OutlineLevel>2</OutlineLevel><WBS>1.1</WBS><Duration>PT16H0M0S</Duration><Start>2026-09-22T08:00:00</Start><Finish>2026-09-23T17:00:00</Finish>
 <ConstraintType>4</ConstraintType><ConstraintDate>2026-09-22T08:00:00</ConstraintDate><Deadline>2026-09-30T17:00:00</Deadline><CalendarUID>2</CalendarUID>
 <Baseline><Number>0</Number><Start>2026-09-21T08:00:00</Start><Finish>2026-09-22T17:00:00</Finish></Baseline></Task>
<Task><UID>3</UID><Name>Cap</Name><OutlineLevel>2</OutlineLevel><Duration>PT8H0M0S</Duration><Start>2026-09-21T08:00:00</Start><ActualStart>2026-09-21T08:00:00</ActualStart><PercentComplete>25</PercentComplete>
 <ActualDuration>PT2H0M0S</ActualDuration><RemainingDuration>PT6H0M0S</RemainingDuration></Task>
<Task><UID>4</UID><Name>Dormitory</Name><Summary>1</Summary><OutlineLevel>1</OutlineLevel><PredecessorLink><PredecessorUID>1</PredecessorUID><Type>1</Type><LinkLag>4800</LinkLag><LagFormat>8</LagFormat></PredecessorLink></Task>
<Task><UID>5</UID><Name>Curing</Name><OutlineLevel>2</OutlineLevel><Duration>PT48H0M0S</Duration><DurationFormat>8</DurationFormat>
 <PredecessorLink><PredecessorUID>2</PredecessorUID><Type>3</Type><LinkLag>50</LinkLag><LagFormat>19</LagFormat></PredecessorLink>
 <PredecessorLink><PredecessorUID>1</PredecessorUID><Type>3</Type></PredecessorLink>
 <PredecessorLink><PredecessorUID>99</PredecessorUID><Type>1</Type></PredecessorLink></Task>
<Task><UID>6</UID><IsNull>1</IsNull></Task>
<Task><UID>7</UID><Name>Not now</Name><OutlineLevel>2</OutlineLevel><Active>0</Active><Duration>PT8H0M0S</Duration></Task>
<Task><UID>8</UID><Name>Done</Name><OutlineLevel>1</OutlineLevel><Milestone>1</Milestone><Duration>PT0H0M0S</Duration><PercentComplete>100</PercentComplete><Start>2026-09-21T08:00:00</Start><Finish>2026-09-21T08:00:00</Finish></Task>
`)))
	if err != nil {
		t.Fatal(err)
	}
	p := f.Plan
	if f.Name != "School" || p.StartAt.String() != "2026-09-21T08:00" || p.Calendar != "1" || !p.Computed {
		t.Errorf("%+v", p)
	}
	if want := []site.Building{{ID: "1", Name: "Library"}, {ID: "4", Name: "Dormitory", Position: 1}}; !reflect.DeepEqual(p.Buildings, want) {
		t.Errorf("%+v", p.Buildings)
	}
	if len(p.Tasks) != 4 {
		t.Fatalf("%+v", p.Tasks)
	}
	piles, pileCap, curing, done := p.Tasks[0], p.Tasks[1], p.Tasks[2], p.Tasks[3]
	if piles.ID != "2" || piles.Building != "1" || piles.Duration != 960 || piles.Finish.String() != "2026-09-23" || piles.Line == 0 ||
		piles.Logic.Bound != (site.Bound{Type: site.StartNoEarlier, At: piles.Logic.Begin}) || piles.Logic.Deadline.String() != "2026-09-30T17:00" || piles.Logic.Calendar != "2" {
		t.Errorf("%+v", piles)
	}
	if pileCap.Logic.ActualWork != 120 || pileCap.Logic.Remaining != 360 || pileCap.Logic.Percent != 25 {
		t.Errorf("%+v", pileCap)
	}
	if curing.Logic.Calendar != elapsedCalendar || curing.Duration != 2880 || curing.Building != "4" {
		t.Errorf("%+v", curing)
	}
	if !done.Milestone || done.Building != "" || done.Logic.ActualFinish.IsZero() {
		t.Errorf("%+v", done)
	}
	want := []site.Link{
		{Pred: "2", Succ: "5", Type: "FS", Lag: 480, Elapsed: true}, // from the summary: each finish below
		{Pred: "3", Succ: "5", Type: "FS", Lag: 480, Elapsed: true},
		{Pred: "2", Succ: "5", Type: "SS", Lag: 480}, // half of the piles
		{Pred: "3", Succ: "5", Type: "SS"},           // from the summary's start: the first below
	}
	if !reflect.DeepEqual(p.Links, want) {
		t.Errorf("%+v", p.Links)
	}
	if b := f.Baselines; len(b) != 1 || len(b[0].Tasks) != 1 || b[0].Delivery.String() != "2026-09-22" {
		t.Errorf("%+v", b)
	}
	var codes []string
	for _, problem := range f.Problems {
		codes = append(codes, problem.Code+" "+problem.Task)
	}
	if want := []string{"planfile.inactive 7", "planfile.unknown_predecessor 5"}; !reflect.DeepEqual(codes, want) {
		t.Errorf("%v", codes)
	}
	crane := p.Calendars[1]
	if len(crane.Week[0]) != 2 || crane.Week[6][0] != (site.Shift{From: 1320, To: 1440}) || len(crane.Days) != 1 || crane.Days[0].To.String() != "2026-10-07" {
		t.Errorf("a derived calendar: %+v", crane)
	}
}

func TestRecurringExceptions(t *testing.T) {
	days := func(e mspException) (s string) {
		e.Period = mspPeriod{FromDate: "2026-01-01T00:00:00", ToDate: "2026-03-31T23:59:00"}
		for _, d := range exception(e) {
			if d.From == d.To {
				s += " " + d.From.String()[5:]
			} else {
				s += " " + d.From.String()[5:] + ".." + d.To.String()[5:]
			}
		}
		return strings.TrimSpace(s)
	}
	for want, e := range map[string]mspException{
		"01-01..03-31":                  {Type: recurDaily},
		"01-01 01-31 03-02":             {Type: recurDaily, Every: 30},
		"01-02 01-09 01-16":             {Type: recurWeekly, Every: 1, DaysOfWeek: 1 << 5, Occurrences: 3},
		"01-01 01-13 01-15 01-27 01-29": {Type: recurWeekly, Every: 2, DaysOfWeek: 1<<2 | 1<<4, Occurrences: 5},
		"01-15 03-15":                   {Type: recurMonthlyByDay, Every: 2, MonthDay: 15},
		"01-12 02-09 03-09":             {Type: recurMonthlyByPosition, Every: 1, MonthItem: 4, MonthPosition: 1}, // second Monday
		"01-31 02-28 03-31":             {Type: recurMonthlyByPosition, Every: 1, MonthItem: 0, MonthPosition: 4}, // last day
		"02-28":                         {Type: recurYearlyByDay, Month: 1, MonthDay: 28},
		"03-01":                         {Type: recurYearlyByPosition, Month: 2, MonthItem: 2, MonthPosition: 0}, // first weekend day
	} {
		if got := days(e); got != want {
			t.Errorf("%+v: %s, want %s", e, got, want)
		}
	}
}

func TestMSPDIRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		xml, code string
		line      int
	}{
		"nothing":      {"", "planfile.not_mspdi", 1},
		"another XML":  {"<svg></svg>", "planfile.not_mspdi", 1},
		"cut off":      {"<Project>\n<Tasks>\n<Task><UID>1</UID>", "planfile.xml", 3},
		"not a number": {"<Project>\n<MinutesPerDay>eight</MinutesPerDay></Project>", "planfile.xml", 2},
		"no tasks":     {msp(""), "planfile.no_tasks", 1},
	} {
		f, err := ReadMSPDI(strings.NewReader(tt.xml))
		if e := site.AsError(err); e == nil || e.Code != tt.code || f.Problems[0].Line != tt.line {
			t.Errorf("%s: %v %+v, want %s in line %d", name, err, f.Problems, tt.code, tt.line)
		}
	}
}

func FuzzReadMSPDI(f *testing.F) {
	b, err := os.ReadFile("testdata/mspdi/mspdirelations.xml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(msp(`<Task><UID>1</UID><OutlineLevel>1</OutlineLevel><Duration>PT8H0M0S</Duration><PredecessorLink><PredecessorUID>1</PredecessorUID><LinkLag>10</LinkLag></PredecessorLink></Task>`)))
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := ReadMSPDI(strings.NewReader(string(b)))
		if err == nil && len(file.Plan.Tasks) == 0 {
			t.Error("no tasks and no error")
		}
	})
}
