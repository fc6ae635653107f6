package schedule

import (
	"reflect"
	"testing"
	"time"

	"topout/site"
)

// A small site, computed by hand on the six-day week of November 2026 (Sundays:
// 1, 8, 15, 22, 29; no holiday):
//
//	A 6 days              2 – 7 Nov
//	B 6 days after A      9 – 14 Nov
//	C 3 days after A      9 – 11 Nov
//	M milestone after B, C   14 Nov
func smallPlan() site.Plan {
	return site.Plan{
		Project: "p", Start: nov(2),
		Buildings: []site.Building{{ID: "lib", Name: "Library"}},
		Tasks: []site.Task{
			{ID: "A", Building: "lib", Trade: "carpenters", Duration: site.WorkDays(6)},
			{ID: "B", Building: "lib", Trade: "masons", Duration: site.WorkDays(6)},
			{ID: "C", Building: "lib", Trade: "masons", Duration: site.WorkDays(3)},
			{ID: "M", Name: "Topped out", Milestone: true},
		},
		Links: []site.Link{
			{Pred: "A", Succ: "B", Type: site.FinishToStart},
			{Pred: "A", Succ: "C", Type: site.FinishToStart},
			{Pred: "B", Succ: "M", Type: site.FinishToStart},
			{Pred: "C", Succ: "M", Type: site.FinishToStart},
		},
	}
}

func nov(day int) site.Day { return site.NewDay(2026, time.November, day) }

func at(t testing.TB, day, hour int) time.Time {
	return nov(day).At(time.Duration(hour)*time.Hour, shanghai(t))
}

// report is a progress report by zhang at an hour of November 2026.
func report(t testing.TB, task string, day, hour int, percent float64) site.Progress {
	when := at(t, day, hour)
	return site.Progress{
		ID: task + when.Format("02-15"), Task: task, T: when, Arrived: when,
		Percent: percent, HasPercent: true, By: "zhang",
	}
}

func mustForecast(t testing.TB, in Input) Outlook {
	t.Helper()
	if in.Calendar == nil {
		in.Calendar = mustCalendar(t, site.CalendarSpec{Holidays: "CN"})
	}
	o, err := Forecast(in)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestApprove(t *testing.T) {
	b, err := Approve(smallPlan(), mustCalendar(t, site.CalendarSpec{Holidays: "CN"}))
	if err != nil {
		t.Fatal(err)
	}
	want := []site.BaselineTask{
		{Task: "A", Start: nov(2), Finish: nov(7)},
		{Task: "B", Start: nov(9), Finish: nov(14)},
		{Task: "C", Start: nov(9), Finish: nov(11)},
		{Task: "M", Start: nov(14), Finish: nov(14)},
	}
	if !reflect.DeepEqual(b.Tasks, want) || b.Delivery != nov(14) {
		t.Errorf("%+v, delivery %s", b.Tasks, b.Delivery)
	}
}

func TestForecastBeforeTheStart(t *testing.T) {
	o := mustForecast(t, Input{Plan: smallPlan(), At: at(t, 2, 9)})
	for _, task := range o.Tasks {
		if task.SlipDays != 0 || task.ForecastStart != task.BaselineStart || task.ForecastFinish != task.BaselineFinish {
			t.Errorf("%+v", task)
		}
	}
	if o.Delivery.SlipDays != 0 || o.Delivery.Forecast != nov(14) || len(o.Delivery.Cause) > 0 {
		t.Errorf("%+v", o.Delivery)
	}
	if o.Delivery.P50 > o.Delivery.P80 || o.Delivery.P80 <= nov(14) {
		t.Errorf("P50 %s, P80 %s", o.Delivery.P50, o.Delivery.P80)
	}
}

// TestForecastLate is on Thursday 12 Nov, 10:00. A took until Tuesday the 10th,
// two days longer, for the weather. B started on Wednesday and stood at 10 % that
// evening: too little for a pace, so 5.4 days remain from Thursday on, until
// Wednesday the 18th: three days late, two from A and one of its own. C could
// have started on Wednesday, and did not.
func TestForecastLate(t *testing.T) {
	weather := report(t, "A", 6, 17, 70)
	weather.Reason, weather.Note = site.ReasonWeather, "storm"
	o := mustForecast(t, Input{
		Plan: smallPlan(), At: at(t, 12, 10),
		Progress: []site.Progress{
			report(t, "B", 11, 17, 10), report(t, "A", 10, 17, 100), weather, report(t, "A", 2, 17, 10),
			report(t, "C", 12, 11, 50), // not yet sent at 10:00
		},
	})
	a, b, c, m := o.Tasks[0], o.Tasks[1], o.Tasks[2], o.Tasks[3]
	if a.ActualStart != nov(2) || a.ActualFinish != nov(10) || a.SlipDays != 2 || a.Percent != 100 || a.Critical {
		t.Errorf("A %+v", a)
	}
	if b.ActualStart != nov(11) || b.ForecastFinish != nov(18) || b.SlipDays != 3 || !b.Critical || b.Pace.Method != PacePlanned || b.Pace.Remaining != 5.4 {
		t.Errorf("B %+v", b)
	}
	if c.ForecastStart != nov(12) || c.ForecastFinish != nov(14) || c.SlipDays != 3 || c.Critical || c.TotalFloat != 2.4 {
		t.Errorf("C %+v", c)
	}
	if m.ForecastFinish != nov(18) || m.ForecastStart != nov(18) || m.SlipDays != 3 {
		t.Errorf("M %+v", m)
	}
	fromA := Cause{Task: "A", Days: 2, Reason: site.ReasonWeather, LastReport: at(t, 10, 17), By: "zhang", Note: "storm"}
	fromB := Cause{Task: "B", Days: 1, Reason: site.ReasonPace, LastReport: at(t, 11, 17), By: "zhang"}
	fromC := Cause{Task: "C", Days: 1, Reason: site.ReasonNotStarted}
	if want := []Cause{fromA, fromB}; !reflect.DeepEqual(o.Delivery.Cause, want) || o.Delivery.SlipDays != 3 {
		t.Errorf("delivery %+v", o.Delivery)
	}
	if want := []Cause{fromA, fromC}; !reflect.DeepEqual(c.Cause, want) {
		t.Errorf("C's cause %+v", c.Cause)
	}
	if o.Milestones[0].Forecast != nov(18) || o.Buildings[0].SlipDays != 3 || o.Buildings[1].ID != "" {
		t.Errorf("%+v %+v", o.Milestones, o.Buildings)
	}
}

// TestEarnedValue is in the evening of the same day. By duration A, B and C weigh
// 6, 6 and 3 of 15. Planned: A all, B 4 of 6 days, C all: 13/15. Earned: A and
// a tenth of B: 6.6/15. That was to be earned after 6 days and 0.6 of the value
// of the 7th, which is 2/15: ES 6.3. AT is 10 days, PD 12.
func TestEarnedValue(t *testing.T) {
	o := mustForecast(t, Input{
		Plan: smallPlan(), At: at(t, 12, 20),
		Progress: []site.Progress{report(t, "A", 2, 17, 10), report(t, "A", 10, 17, 100), report(t, "B", 11, 17, 10)},
	})
	v := o.Value
	near := func(name string, got, want float64) {
		t.Helper()
		if got < want-1e-9 || got > want+1e-9 {
			t.Errorf("%s %g, want %g", name, got, want)
		}
	}
	near("PV", v.Planned, 100*13.0/15)
	near("EV", v.Earned, 100*6.6/15)
	near("SPI", v.SPI, 6.6/13)
	near("ES", v.ES, 6.3)
	near("AT", v.AT, 10)
	near("PD", v.PD, 12)
	near("SPI(t)", v.SPIT, 0.63)
	near("IEAC(t)", v.IEACT, 12/0.63)
	near("B's SPI", o.Tasks[1].SPI, 0.1*6/4)
	if n := len(o.Curve); n != 13 || o.Curve[0].Day != nov(2) || o.Curve[12].Day != nov(14) {
		t.Fatalf("%d points", n)
	}
	near("planned on the first day", o.Curve[0].Planned, 100.0/15)
	near("planned on Sunday", o.Curve[6].Planned, 40)
	near("planned at the end", o.Curve[12].Planned, 100)
	near("earned on Tuesday the 10th", *o.Curve[8].Earned, 40)
	if o.Curve[11].Earned != nil {
		t.Error("earned value tomorrow")
	}
}

// TestEarnedScheduleAtCompletion: all done two days late; SPI is 1, SPI(t) is not.
func TestEarnedScheduleAtCompletion(t *testing.T) {
	o := mustForecast(t, Input{
		Plan: smallPlan(), At: at(t, 28, 9),
		Progress: []site.Progress{
			report(t, "A", 2, 17, 20), report(t, "A", 9, 17, 100), report(t, "C", 12, 17, 100),
			report(t, "B", 10, 17, 10), report(t, "B", 17, 17, 100),
		},
	})
	if o.Value.SPI < 1-1e-9 || o.Value.ES != 12 || o.Value.AT != 14 || o.Value.SPIT != 12.0/14 || o.Percent < 100-1e-9 {
		t.Errorf("%+v", o.Value)
	}
	m := o.Tasks[3]
	if m.ActualFinish != nov(17) || m.SlipDays != 2 || m.Percent != 100 || !o.Milestones[0].Reached {
		t.Errorf("a milestone is reached when all before it is done: %+v", m)
	}
	if d := o.Delivery; d.P50 != nov(17) || d.P80 != nov(17) || d.SlipDays != 2 {
		t.Errorf("%+v", d)
	}
}

func TestHold(t *testing.T) {
	progress := []site.Progress{report(t, "A", 7, 17, 100), report(t, "B", 9, 17, 20)}
	in := Input{Plan: smallPlan(), At: at(t, 10, 8), Progress: progress}
	if o := mustForecast(t, in); o.Delivery.Forecast != nov(14) {
		t.Fatalf("without the hold %s", o.Delivery.Forecast)
	}
	in.Holds = []Hold{{Task: "B", Issue: "i1", Since: at(t, 10, 7)}}
	o := mustForecast(t, in)
	// 80 % of 6 days from Wednesday the 11th on: 4.8 days, until Monday the 16th.
	want := []Cause{{Task: "B", Days: 1, Reason: site.ReasonSafetyStop, Issue: "i1", LastReport: at(t, 9, 17), By: "zhang"}}
	if o.Delivery.Forecast != nov(16) || !reflect.DeepEqual(o.Delivery.Cause, want) {
		t.Errorf("%+v", o.Delivery)
	}
	in.Holds = []Hold{{Building: "lib", Issue: "i2", Reason: site.ReasonPermit, Since: at(t, 10, 7), Until: nov(13)}}
	// From Saturday the 14th: until Thursday the 19th.
	o = mustForecast(t, in)
	if o.Delivery.Forecast != nov(19) || o.Delivery.SlipDays != 4 || o.Delivery.Cause[0].Reason != site.ReasonPermit {
		t.Errorf("%+v", o.Delivery)
	}
}

func TestPace(t *testing.T) {
	plan := smallPlan()
	reports := func(percents ...float64) []site.Progress {
		var p []site.Progress
		for i, percent := range percents {
			p = append(p, report(t, "A", 2+i, 17, percent))
		}
		return p
	}
	tests := map[string]struct {
		progress  []site.Progress
		method    PaceMethod
		observed  float64
		remaining float64
		finish    site.Day
	}{
		"as planned after one report": {reports(17), PacePlanned, 0, 0.83 * 6, nov(7)},
		// 10 % a day: 10 days in all, seen for 3 of the 6 planned: counts alone.
		"half the pace": {reports(10, 20, 30, 40), PaceObserved, 10, 6, nov(12)},
		// A fifth is seen, of the half that would do: from 6 days 0.4 of the way to 10.
		"blended": {reports(10, 20), PaceBlended, 10, 0.8 * (6 + 0.4*4), nov(11)},
		// Reports began at 50 %: what was before is not in the pace.
		"late first report": {reports(50, 60, 70), PaceObserved, 10, 3, nov(7)},
		// An idle task is forecast to take four times its plan, not for ever.
		"stalled": {reports(5, 5, 5, 5), PaceObserved, 24, 0.95 * 24, nov(2) + 30},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			last := tt.progress[len(tt.progress)-1].T
			a := mustForecast(t, Input{Plan: plan, Progress: tt.progress, At: last.Add(time.Hour)}).Tasks[0]
			diff := a.Pace.Remaining - tt.remaining
			if a.Pace.Method != tt.method || a.Pace.Observed != tt.observed || diff < -0.01 || diff > 0.01 {
				t.Errorf("%+v, want %s, observed %g, remaining %g", a.Pace, tt.method, tt.observed, tt.remaining)
			}
			if a.ForecastFinish != tt.finish {
				t.Errorf("finish %s, want %s", a.ForecastFinish, tt.finish)
			}
		})
	}
}

func TestStaleReports(t *testing.T) {
	in := Input{Plan: smallPlan(), Progress: []site.Progress{report(t, "A", 3, 17, 40)}}
	in.At = at(t, 4, 9)
	if o := mustForecast(t, in); o.Tasks[0].StaleDays != 0 || o.Delivery.Forecast != nov(14) {
		t.Errorf("fresh: %+v", o.Tasks[0])
	}
	in.At = at(t, 12, 9) // nothing for 9 days: one day of work is taken as done since
	o := mustForecast(t, in)
	// 3.6 days from Wednesday the 11th on: until Saturday the 14th.
	if o.Tasks[0].StaleDays != 9 || o.Delivery.StaleDays != 9 || o.Tasks[0].ForecastFinish != nov(14) {
		t.Errorf("stale: %+v", o.Tasks[0])
	}
}

func TestReports(t *testing.T) {
	plan := smallPlan()
	plan.Tasks[0].Quantity, plan.Tasks[0].Unit = 200, "m³"
	byQuantity := report(t, "A", 3, 17, 0)
	byQuantity.HasPercent, byQuantity.HasQty, byQuantity.Quantity = false, true, 50
	withdrawn := report(t, "A", 4, 17, 100)
	withdrawn.Withdrawn = &site.Withdrawal{By: "zhang"}
	ahead := report(t, "B", 4, 17, 5) // a phone whose clock is a year ahead
	ahead.T = ahead.T.AddDate(1, 0, 0)
	o := mustForecast(t, Input{
		Plan: plan, At: at(t, 5, 9),
		Progress: []site.Progress{report(t, "A", 2, 17, 0), byQuantity, withdrawn, ahead, report(t, "C", 2, 17, 60), report(t, "C", 3, 17, 0)},
	})
	a, b, c := o.Tasks[0], o.Tasks[1], o.Tasks[2]
	if a.Percent != 25 || a.ActualStart != nov(3) || !a.ActualFinish.IsZero() {
		t.Errorf("by quantity: %+v", a)
	}
	if b.ActualStart != nov(4) {
		t.Errorf("a clock ahead: %+v", b)
	}
	if !c.ActualStart.IsZero() || c.Percent != 0 || !c.LastReport.Equal(at(t, 3, 17)) {
		t.Errorf("a start taken back: %+v", c)
	}
}

// TestSameDataSameResult also holds for another order of the reports.
func TestSameDataSameResult(t *testing.T) {
	p := []site.Progress{report(t, "A", 2, 17, 10), report(t, "A", 10, 17, 100), report(t, "B", 11, 17, 10)}
	one := mustForecast(t, Input{Plan: smallPlan(), At: at(t, 12, 10), Progress: p, Seed: 7})
	two := mustForecast(t, Input{Plan: smallPlan(), At: at(t, 12, 10), Progress: []site.Progress{p[2], p[0], p[1]}, Seed: 7})
	if !reflect.DeepEqual(one, two) {
		t.Error("two results")
	}
}

func TestForecastOfNothing(t *testing.T) {
	o := mustForecast(t, Input{At: at(t, 12, 10)})
	if len(o.Tasks) > 0 || o.DataDate != nov(12) {
		t.Errorf("%+v", o)
	}
}

// TestOutOfSequence reports work on B before A is finished: its rest waits for A,
// and a slip of A does not vanish because somebody reported B.
func TestOutOfSequence(t *testing.T) {
	slow := []site.Progress{report(t, "A", 2, 17, 5), report(t, "A", 7, 17, 20)}
	before := mustForecast(t, Input{Plan: smallPlan(), Progress: slow, At: at(t, 9, 8)})
	after := mustForecast(t, Input{Plan: smallPlan(), Progress: append(slow, report(t, "B", 8, 17, 30)), At: at(t, 9, 8)})
	a, b := after.Tasks[0], after.Tasks[1]
	if b.ForecastFinish <= a.ForecastFinish {
		t.Errorf("B ends on %s, A, which it follows, on %s", b.ForecastFinish, a.ForecastFinish)
	}
	if after.Delivery.SlipDays < before.Delivery.SlipDays-3 {
		t.Errorf("%g days late, %g before B was reported", after.Delivery.SlipDays, before.Delivery.SlipDays)
	}
	if len(b.Cause) == 0 || b.Cause[0].Task != "A" {
		t.Errorf("B's cause: %+v", b.Cause)
	}
}
