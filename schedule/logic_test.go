package schedule

import (
	"testing"

	"pgregory.net/rapid"

	"topout/site"
)

// at0 is a local time of September 2026 (the 21st is a Monday).
func at0(day, hour int) site.Clock {
	return site.Clock(int(site.NewDay(2026, 9, day))*1440 + hour*60)
}

// TestConstraints is a chain A (2 days) → B (2 days) → C (1 day) from Monday 21
// September on the five-day week, with one thing laid on B.
func TestConstraints(t *testing.T) {
	type want struct{ start, finish, float string } // of B; float of A, B and C in days
	for name, tt := range map[string]struct {
		logic site.Logic
		want  want
	}{
		"none":                 {site.Logic{}, want{"2026-09-23T08:00", "2026-09-24T17:00", "0 0 0"}},
		"start no earlier":     {site.Logic{Bound: site.Bound{Type: site.StartNoEarlier, At: at0(24, 8)}}, want{"2026-09-24T08:00", "2026-09-25T17:00", "1 0 0"}},
		"finish no earlier":    {site.Logic{Bound: site.Bound{Type: site.FinishNoEarlier, At: at0(25, 17)}}, want{"2026-09-24T08:00", "2026-09-25T17:00", "1 0 0"}},
		"start no later":       {site.Logic{Bound: site.Bound{Type: site.StartNoLater, At: at0(22, 8)}}, want{"2026-09-22T08:00", "2026-09-23T17:00", "-1 0 0"}},
		"finish no later":      {site.Logic{Bound: site.Bound{Type: site.FinishNoLater, At: at0(23, 17)}}, want{"2026-09-22T08:00", "2026-09-23T17:00", "-1 0 0"}},
		"must start on":        {site.Logic{Bound: site.Bound{Type: site.MustStartOn, At: at0(25, 8)}}, want{"2026-09-25T08:00", "2026-09-28T17:00", "2 0 0"}},
		"must finish on":       {site.Logic{Bound: site.Bound{Type: site.MustFinishOn, At: at0(23, 17)}}, want{"2026-09-22T08:00", "2026-09-23T17:00", "-1 0 0"}},
		"deadline":             {site.Logic{Deadline: at0(23, 17)}, want{"2026-09-23T08:00", "2026-09-24T17:00", "-1 -1 0"}},
		"late start":           {site.Logic{Bound: site.Bound{Type: site.LateStart, At: at0(22, 8)}}, want{"2026-09-23T08:00", "2026-09-24T17:00", "-1 -1 0"}},
		"start on gives way":   {site.Logic{Bound: site.Bound{Type: site.StartOn, At: at0(22, 8)}}, want{"2026-09-23T08:00", "2026-09-24T17:00", "-1 -1 0"}},
		"placed by hand":       {site.Logic{Manual: true, Begin: at0(21, 8), End: at0(25, 17)}, want{"2026-09-21T08:00", "2026-09-25T17:00", "-2 0 0"}},
		"in progress":          {site.Logic{ActualStart: at0(21, 8), ActualWork: 480, Remaining: 960}, want{"2026-09-21T08:00", "2026-09-23T17:00", "2 0 0"}},
		"in progress, resumes": {site.Logic{ActualStart: at0(21, 8), ActualWork: 480, Remaining: 480, Resume: at0(25, 8)}, want{"2026-09-21T08:00", "2026-09-25T17:00", "4 0 0"}},
		"finished":             {site.Logic{ActualStart: at0(21, 8), ActualFinish: at0(22, 12)}, want{"2026-09-21T08:00", "2026-09-22T12:00", "0.5 0 0"}},
	} {
		t.Run(name, func(t *testing.T) {
			plan := site.Plan{Start: site.NewDay(2026, 9, 21), Tasks: []site.Task{
				{ID: "A", Duration: 960}, {ID: "B", Duration: 960, Logic: tt.logic}, {ID: "C", Duration: 480},
			}, Links: []site.Link{{Pred: "A", Succ: "B"}, {Pred: "B", Succ: "C"}}}
			r := mustCheck(t, plan, mustCalendar(t, site.CalendarSpec{DaysAWeek: 5}), false)
			b := r.Tasks[1]
			got := want{b.Start.String(), b.Finish.String(), floatsOf(r)}
			if got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func floatsOf(r Report) (s string) {
	for i, d := range r.Tasks {
		if i > 0 {
			s += " "
		}
		s += dayString(site.WorkDays(d.TotalFloat))
	}
	return s
}

// TestAsLateAsPossible: B stands at its late dates, and what follows it sees them.
func TestAsLateAsPossible(t *testing.T) {
	plan := site.Plan{Start: site.NewDay(2026, 9, 21), Tasks: []site.Task{
		{ID: "A", Duration: 5 * 480},
		{ID: "B", Duration: 480, Logic: site.Logic{Bound: site.Bound{Type: site.AsLateAsPossible}}},
		{ID: "C", Duration: 480},
	}, Links: []site.Link{{Pred: "B", Succ: "C"}}}
	r := mustCheck(t, plan, mustCalendar(t, site.CalendarSpec{DaysAWeek: 5}), false)
	b, c := r.Tasks[1], r.Tasks[2]
	if b.Start.String() != "2026-09-24T08:00" || b.EarlyStart.String() != "2026-09-21T08:00" || b.TotalFloat != 0 {
		t.Errorf("B %+v", b)
	}
	if c.Start.String() != "2026-09-25T08:00" || c.EarlyStart.String() != "2026-09-22T08:00" {
		t.Errorf("C %+v", c)
	}
}

// mixedCalendars are a plain site, a crane that works nights, and always.
func mixedCalendars() []site.PlanCalendar {
	crane := site.PlanCalendar{ID: "crane", Name: "Crane", DayWork: 600, Days: []site.PlanDays{{From: site.NewDay(2026, 9, 24), To: site.NewDay(2026, 9, 27)}}}
	always := site.PlanCalendar{ID: "always", Name: "Always", DayWork: 1440}
	for d := range 7 {
		always.Week[d] = []site.Shift{{From: 0, To: 1440}}
		if d != 3 {
			crane.Week[d] = []site.Shift{{From: 0, To: 240}, {From: 1080, To: 1440}}
		}
	}
	return []site.PlanCalendar{crane, always}
}

// TestMixedCalendars holds every link to its meaning by the clock, whatever the
// calendars of its tasks and its lag.
func TestMixedCalendars(t *testing.T) {
	project := mustCalendar(t, site.CalendarSpec{Holidays: "CN"})
	specs := mixedCalendars()
	byID := map[string]*Calendar{"": project}
	for _, spec := range specs {
		c, err := NewPlanCalendar(spec, project.Location())
		if err != nil {
			t.Fatal(err)
		}
		byID[spec.ID] = c
	}
	ids := []string{"", "crane", "always"}
	rapid.Check(t, func(t *rapid.T) {
		plan := drawPlan(t)
		plan.Calendars = specs
		calendarOf := map[string]*Calendar{}
		for i := range plan.Tasks {
			plan.Tasks[i].Logic.Calendar = rapid.SampledFrom(ids).Draw(t, "calendar")
			calendarOf[plan.Tasks[i].ID] = byID[plan.Tasks[i].Logic.Calendar]
		}
		for i := range plan.Links {
			plan.Links[i].Elapsed = rapid.Bool().Draw(t, "elapsed")
		}
		r := mustCheck(t, plan, project, false)
		tasks := reportByID(r)
		for _, task := range plan.Tasks {
			d := tasks[task.ID]
			if d.TotalFloat < 0 {
				t.Fatalf("%s has float %g: %+v", task.ID, d.TotalFloat, d)
			}
			cal := calendarOf[task.ID]
			if got := cal.offset(d.EarlyFinish.at) - cal.offset(d.EarlyStart.at); got != int64(task.Duration) {
				t.Fatalf("%s takes %d minutes, want %d", task.ID, got, task.Duration)
			}
		}
		for _, l := range plan.Links {
			p, s := tasks[l.Pred], tasks[l.Succ]
			cal := calendarOf[l.Succ]
			from, to := p.EarlyFinish.at, s.EarlyStart.at
			if l.Type == site.StartToStart || l.Type == site.StartToFinish {
				from = p.EarlyStart.at
			}
			if l.Type == site.FinishToFinish || l.Type == site.StartToFinish {
				to = s.EarlyFinish.at
			}
			asks := cal.offset(from) + int64(l.Lag)
			if l.Elapsed {
				asks = cal.offset(from + clock(l.Lag))
			}
			if cal.offset(to) < asks {
				t.Fatalf("%+v: from %d, to %d: %+v %+v", l, from, to, p, s)
			}
		}
	})
}

func reportByID(r Report) map[string]TaskDates { return byID(r) }

func TestPlanCalendarRefuses(t *testing.T) {
	for code, spec := range map[string]site.PlanCalendar{
		"schedule.calendar_idle":  {Name: "never"},
		"schedule.calendar_hours": {Name: "twice", Week: [7][]site.Shift{{{From: 480, To: 720}, {From: 600, To: 900}}}},
	} {
		if _, err := NewPlanCalendar(spec, nil); site.AsError(err) == nil || site.AsError(err).Code != code {
			t.Errorf("%v, want %s", err, code)
		}
	}
	plan := site.Plan{Tasks: []site.Task{{ID: "A", Logic: site.Logic{Calendar: "gone"}}}}
	if _, _, err := Check(plan, CheckOptions{Calendar: mustCalendar(t, site.CalendarSpec{})}); site.AsError(err) == nil || site.AsError(err).Code != "schedule.unknown_calendar" {
		t.Error(err)
	}
}
