package schedule

import (
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"topout/site"
)

func day(s string) site.Day {
	d, err := site.ParseDay(s)
	if err != nil {
		panic(err)
	}
	return d
}

func TestChineseDays(t *testing.T) {
	c := mustCalendar(t, site.CalendarSpec{Holidays: "CN"})
	for s, want := range map[string]bool{
		"2026-09-26": false,                      // Mid-Autumn, a Saturday
		"2026-09-20": true,                       // Sunday, made up
		"2026-10-01": false, "2026-10-07": false, // National Day
		"2026-10-08": true,
		"2026-10-10": true,                       // Saturday, made up; worked anyway
		"2026-10-11": false,                      // Sunday
		"2026-02-15": false, "2026-02-23": false, // Spring Festival
		"2026-02-28": true,
		"2027-01-01": false, // by law: not published yet
		"2027-02-06": false, // first day of the year of the goat
		"2027-02-09": true,  // the notice will say more
		"2041-05-01": false, // beyond the table of lunar dates: fixed dates
		"2015-10-02": false,
	} {
		if got := c.Working(day(s)); got != want {
			t.Errorf("%s: working %t, want %t", s, got, want)
		}
	}
	if c.Provisional(2026) || !c.Provisional(2027) {
		t.Error("2026 is published, 2027 is not")
	}
	if mustCalendar(t, site.CalendarSpec{}).Provisional(2027) {
		t.Error("a calendar without holidays is never provisional")
	}
	five := mustCalendar(t, site.CalendarSpec{DaysAWeek: 5, Holidays: "CN"})
	if five.Working(day("2026-10-17")) || !five.Working(day("2026-10-10")) || !five.Working(day("2026-09-20")) {
		t.Error("a five-day week rests on Saturdays that are not made up")
	}
	seven := mustCalendar(t, site.CalendarSpec{DaysAWeek: 7})
	if !seven.Working(day("2026-10-01")) || !seven.Working(day("2026-10-04")) {
		t.Error("a seven-day week without holidays never rests")
	}
}

func TestProjectDays(t *testing.T) {
	c := mustCalendar(t, site.CalendarSpec{Holidays: "CN", Off: []site.DayOff{
		{From: day("2026-12-15"), To: day("2027-02-28"), Name: "冬歇"},
		{From: day("2027-02-20"), To: day("2027-02-28"), Working: true},
		{From: day("2026-10-03"), To: day("2026-10-04"), Working: true}, // through the holiday
	}})
	for s, want := range map[string]bool{
		"2026-12-14": true, "2026-12-15": false, "2027-02-19": false, "2027-02-21": true, "2026-10-02": false, "2026-10-04": true,
	} {
		if got := c.Working(day(s)); got != want {
			t.Errorf("%s: working %t, want %t", s, got, want)
		}
	}
	if got := c.Next(day("2026-12-20")); got != day("2027-02-20") {
		t.Errorf("next %s", got)
	}
	if got := c.Prev(day("2027-01-10")); got != day("2026-12-14") {
		t.Errorf("previous %s", got)
	}
	want := []Span{
		{day("2026-10-01"), day("2026-10-02"), "国庆节"},
		{day("2026-10-05"), day("2026-10-07"), "国庆节"},
		{day("2026-10-11"), day("2026-10-11"), ""},
	}
	if got := c.NonWorking(day("2026-09-28"), day("2026-10-13")); !reflect.DeepEqual(got, want) {
		t.Errorf("%v", got)
	}
}

func TestCalendarRefuses(t *testing.T) {
	for code, spec := range map[string]site.CalendarSpec{
		"schedule.days_a_week":  {DaysAWeek: 4},
		"schedule.holidays":     {Holidays: "XX"},
		"schedule.day_off_span": {Off: []site.DayOff{{From: 20, To: 10}}},
	} {
		_, err := NewCalendar(spec, time.UTC)
		if e := site.AsError(err); e == nil || e.Code != code || e.Kind != site.Invalid {
			t.Errorf("%v, want %s", err, code)
		}
	}
}

func TestWorkingTime(t *testing.T) {
	c := mustCalendar(t, site.CalendarSpec{Holidays: "CN"})
	on := func(s string, hour, minute int) time.Time {
		return day(s).At(time.Duration(hour*60+minute)*time.Minute, c.Location())
	}
	for _, tt := range []struct {
		from time.Time
		work site.Work
		to   time.Time
	}{
		{on("2026-11-23", 8, 0), 480, on("2026-11-23", 17, 0)},
		{on("2026-11-23", 11, 0), 120, on("2026-11-23", 14, 0)},
		{on("2026-11-28", 16, 0), 61, on("2026-11-30", 8, 1)},    // over Sunday
		{on("2026-09-30", 17, 0), 480, on("2026-10-08", 17, 0)},  // over the holiday
		{on("2026-11-22", 12, 0), 240, on("2026-11-23", 12, 0)},  // from a Sunday
		{on("2026-11-24", 8, 0), -480, on("2026-11-23", 8, 0)},   // back: not before its start
		{on("1960-03-07", 8, 0), 480, on("1960-03-07", 17, 0)},   // before the tables
		{on("2199-12-30", 8, 0), 960, on("2199-12-31", 17, 0)},   // behind them
		{on("2069-12-31", 16, 0), 120, on("2070-01-01", 9, 0)},   // across their edge
		{on("2026-11-23", 8, 0), 4800, on("2026-12-03", 17, 0)},  // ten days
		{on("2026-11-23", 12, 30), 30, on("2026-11-23", 13, 30)}, // from the lunch break
	} {
		if tt.work > 0 {
			if got := c.Add(tt.from, tt.work); !got.Equal(tt.to) {
				t.Errorf("%s + %d = %s, want %s", tt.from, tt.work, got, tt.to)
			}
		}
		if got := c.Work(tt.from, tt.to); got != tt.work {
			t.Errorf("%s to %s: %d, want %d", tt.from, tt.to, got, tt.work)
		}
	}
	if n := c.Between(day("2026-11-27"), day("2026-11-30")); n != 2 {
		t.Errorf("Saturday and Monday are 2 days behind Friday, got %d", n)
	}
	if n := c.Between(day("2026-11-30"), day("2026-11-27")); n != -2 {
		t.Errorf("and back -2, got %d", n)
	}
	if d := c.Shift(day("2026-11-28"), 1); d != day("2026-11-30") {
		t.Errorf("day after Saturday %s", d)
	}
	if d := c.Shift(day("2026-11-30"), -2); d != day("2026-11-27") {
		t.Errorf("two days before Monday %s", d)
	}
}

// TestOffsets holds the tables to a count minute by minute.
func TestOffsets(t *testing.T) {
	calendars := []*Calendar{
		mustCalendar(t, site.CalendarSpec{Holidays: "CN"}),
		mustCalendar(t, site.CalendarSpec{DaysAWeek: 5, Off: []site.DayOff{{From: day("2026-11-25"), To: day("2027-03-01")}}}),
		mustCalendar(t, site.CalendarSpec{DaysAWeek: 7, Holidays: "CN"}),
	}
	edges := []site.Day{day("2026-09-28"), day("1989-12-28"), day("2069-12-28"), day("1950-01-01"), day("2150-01-01")}
	rapid.Check(t, func(t *rapid.T) {
		c := rapid.SampledFrom(calendars).Draw(t, "calendar")
		from := startOfDay(rapid.SampledFrom(edges).Draw(t, "from")) + clock(rapid.IntRange(0, 100*minutesADay).Draw(t, "minute"))
		length := clock(rapid.IntRange(0, 3*minutesADay).Draw(t, "length"))
		var worked int64
		for m := from; m < from+length; m++ {
			if works(c, m) {
				worked++
			}
		}
		offset := c.offset(from + length)
		if got := offset - c.offset(from); got != worked {
			t.Fatalf("%d minutes of work, counted %d", got, worked)
		}
		if s := c.startAt(offset); c.offset(s) != offset || !works(c, s) {
			t.Fatalf("offset %d starts at %d, which is %d", offset, s, c.offset(s))
		}
		if e := c.finishAt(offset); c.offset(e) != offset || !works(c, e-1) {
			t.Fatalf("offset %d finishes at %d, which is %d", offset, e, c.offset(e))
		}
	})
}

func works(c *Calendar, m clock) bool {
	of := m - startOfDay(m.day())
	return c.Working(m.day()) && (of >= 480 && of < 720 || of >= 780 && of < 1020)
}
