package schedule

import (
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"topout/site"
)

// drawInput draws a site somewhere in its first weeks: a plan with a baseline,
// reports of all qualities, holds.
func drawInput(t *rapid.T, cal *Calendar) Input {
	plan := drawPlan(t)
	for i := range plan.Tasks {
		plan.Tasks[i].Milestone = plan.Tasks[i].Duration == 0
		plan.Tasks[i].Trade = rapid.SampledFrom([]string{"", "masons", "welders"}).Draw(t, "trade")
		plan.Tasks[i].Building = rapid.SampledFrom([]string{"", "b1", "b2"}).Draw(t, "building")
	}
	baseline, err := Approve(plan, cal)
	if err != nil {
		t.Fatal(err)
	}
	instant := func(name string) time.Time {
		return plan.Start.Start(cal.Location()).Add(time.Duration(rapid.IntRange(0, 24*40).Draw(t, name)) * time.Hour)
	}
	in := Input{Plan: plan, Baseline: &baseline, Calendar: cal, At: instant("at"), Runs: 40, Seed: 3}
	for i := range rapid.IntRange(0, 30).Draw(t, "reports") {
		in.Progress = append(in.Progress, site.Progress{
			ID: string(rune('A' + i)), Task: rapid.SampledFrom(plan.Tasks).Draw(t, "task").ID, T: instant("t"),
			Percent: float64(rapid.IntRange(0, 10).Draw(t, "percent") * 10), HasPercent: true,
			Reason: rapid.SampledFrom([]site.Reason{"", site.ReasonMaterial}).Draw(t, "reason"),
		})
	}
	for range rapid.IntRange(0, 2).Draw(t, "holds") {
		in.Holds = append(in.Holds, Hold{Task: rapid.SampledFrom(plan.Tasks).Draw(t, "held").ID, Issue: "i", Since: instant("since")})
	}
	return in
}

func TestForecastHolds(t *testing.T) {
	cal := mustCalendar(t, site.CalendarSpec{Holidays: "CN"})
	rapid.Check(t, func(t *rapid.T) {
		in := drawInput(t, cal)
		o, err := Forecast(in)
		if err != nil {
			t.Fatal(err)
		}
		today := site.DayOf(in.At, cal.Location())
		checkCause := func(name string, slip float64, chain []Cause) {
			var sum float64
			for _, c := range chain {
				sum += c.Days
				if c.Days <= 0 || c.Reason == "" {
					t.Fatalf("%s: %+v", name, c)
				}
			}
			if sum != max(slip, 0) {
				t.Fatalf("%s is %g days late, its causes add up to %g: %+v", name, slip, sum, chain)
			}
		}
		checkCause("delivery", o.Delivery.SlipDays, o.Delivery.Cause)
		if o.Delivery.P50 > o.Delivery.P80 {
			t.Fatalf("P50 %s after P80 %s", o.Delivery.P50, o.Delivery.P80)
		}
		for _, task := range o.Tasks {
			checkCause(task.ID, task.SlipDays, task.Cause)
			switch {
			case task.P50 > task.P80:
				t.Fatalf("P50 after P80: %+v", task)
			case !task.ActualFinish.IsZero():
				if task.ForecastFinish != task.ActualFinish || task.P80 != task.ActualFinish || task.Percent != 100 || task.TotalFloat != 0 || task.Critical {
					t.Fatalf("finished: %+v", task)
				}
			case task.Percent < 100 && task.Pace.Planned > 0 && task.ForecastFinish < today:
				t.Fatalf("not finished, and to finish in the past: %+v", task)
			case task.ActualStart.IsZero() && (task.ForecastStart < today || task.P50 < today):
				t.Fatalf("not started, and to start in the past: %+v", task)
			case task.TotalFloat < 0:
				t.Fatalf("float below zero: %+v", task)
			}
		}
		if v := o.Value; v.Earned < 0 || v.Earned > 100+1e-9 || v.ES < 0 || v.ES > v.PD || o.Percent != v.Earned {
			t.Fatalf("%+v", v)
		}
		again, err := Forecast(in)
		if err != nil || !reflect.DeepEqual(o, again) {
			t.Fatal("another result for the same data")
		}
	})
}
