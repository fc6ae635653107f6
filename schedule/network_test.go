package schedule

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"topout/site"
)

var update = flag.Bool("update", false, "write the golden files")

var linkTypes = []site.LinkType{site.FinishToStart, site.StartToStart, site.FinishToFinish, site.StartToFinish}

// drawPlan draws a small plan without loops; its tasks stand in any order.
func drawPlan(t *rapid.T) site.Plan {
	plan := site.Plan{Start: day("2026-09-21")}
	size := rapid.IntRange(1, 12).Draw(t, "tasks")
	for i := range size {
		plan.Tasks = append(plan.Tasks, site.Task{ID: string(rune('a' + i)), Duration: site.Work(rapid.IntRange(0, 10).Draw(t, "duration") * 240)})
	}
	for range rapid.IntRange(0, 2*size).Draw(t, "links") {
		if l, ok := drawLink(t, size); ok {
			plan.Links = append(plan.Links, l)
		}
	}
	for i := len(plan.Tasks) - 1; i > 0; i-- {
		j := rapid.IntRange(0, i).Draw(t, "swap")
		plan.Tasks[i], plan.Tasks[j] = plan.Tasks[j], plan.Tasks[i]
	}
	return plan
}

func drawLink(t *rapid.T, size int) (site.Link, bool) {
	p, s := rapid.IntRange(0, size-1).Draw(t, "pred"), rapid.IntRange(0, size-1).Draw(t, "succ")
	return site.Link{
		Pred: string(rune('a' + min(p, s))), Succ: string(rune('a' + max(p, s))),
		Type: rapid.SampledFrom(linkTypes).Draw(t, "type"),
		Lag:  site.Work(rapid.IntRange(-6, 6).Draw(t, "lag") * 240),
	}, p != s
}

func byID(r Report) map[string]TaskDates {
	m := map[string]TaskDates{}
	for _, t := range r.Tasks {
		m[t.ID] = t
	}
	return m
}

func mustCheck(t rapid.TB, plan site.Plan, cal *Calendar, unclamped bool) Report {
	t.Helper()
	r, _, err := Check(plan, CheckOptions{Calendar: cal, Unclamped: unclamped})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// slack is how much later the successor is than the link asks for, early and late.
func slack(l site.Link, p, s TaskDates) (early, late float64) {
	lag := l.Lag.Days()
	switch l.Type {
	case site.StartToStart:
		return s.ES - lag - p.ES, s.LS - lag - p.LS
	case site.FinishToFinish:
		return s.EF - lag - p.EF, s.LF - lag - p.LF
	case site.StartToFinish:
		return s.EF - lag - p.ES, s.LF - lag - p.LS
	default:
		return s.ES - lag - p.EF, s.LS - lag - p.LF
	}
}

// TestPasses holds every result to its definition: early dates are the least,
// and late dates the greatest, that all links and bounds allow.
func TestPasses(t *testing.T) {
	cal := mustCalendar(t, site.CalendarSpec{Holidays: "CN"})
	rapid.Check(t, func(t *rapid.T) {
		plan := drawPlan(t)
		unclamped := rapid.Bool().Draw(t, "unclamped")
		r := mustCheck(t, plan, cal, unclamped)
		tasks := byID(r)
		finish := tasks[plan.Tasks[0].ID].EF
		for _, d := range tasks {
			finish = max(finish, d.EF)
		}
		for _, task := range plan.Tasks {
			d := tasks[task.ID]
			if d.EF-d.ES != task.Duration.Days() || d.LF-d.LS != task.Duration.Days() {
				t.Fatalf("%s does not last its duration: %+v", task.ID, d)
			}
			free, earliest := d.TotalFloat, d.ES
			heldEarly, heldLate := false, false
			preds, succs := 0, 0
			for _, l := range plan.Links {
				early, late := slack(l, tasks[l.Pred], tasks[l.Succ])
				if early < 0 || late < 0 {
					t.Fatalf("%+v is broken: slack %g early, %g late", l, early, late)
				}
				if l.Succ == task.ID {
					preds++
					heldEarly = heldEarly || early == 0
				}
				if l.Pred == task.ID {
					heldLate = heldLate || late == 0
					if succs == 0 || early < free {
						free = early
					}
					succs++
				}
			}
			if preds == 0 || !unclamped {
				heldEarly = heldEarly || earliest == 0
				if earliest < 0 {
					t.Fatalf("%s starts before the project", task.ID)
				}
			}
			if succs == 0 || !unclamped {
				heldLate = heldLate || d.LF == finish
				if d.LF > finish {
					t.Fatalf("%s may finish behind the project", task.ID)
				}
			}
			if !heldEarly || !heldLate {
				t.Fatalf("nothing holds %s: %+v", task.ID, d)
			}
			if d.TotalFloat < 0 || d.TotalFloat != d.LS-d.ES || d.FreeFloat != free || d.Critical != (d.TotalFloat == 0) {
				t.Fatalf("%s: floats %+v, want free %g", task.ID, d, free)
			}
		}
	})
}

// TestSymmetry: the backward pass is the forward pass of the mirrored network.
func TestSymmetry(t *testing.T) {
	cal := mustCalendar(t, site.CalendarSpec{DaysAWeek: 7})
	rapid.Check(t, func(t *rapid.T) {
		plan := drawPlan(t)
		mirror := plan
		mirror.Links = slices.Clone(plan.Links)
		for i, l := range plan.Links {
			l.Pred, l.Succ = l.Succ, l.Pred
			switch l.Type {
			case site.StartToStart:
				l.Type = site.FinishToFinish
			case site.FinishToFinish:
				l.Type = site.StartToStart
			}
			mirror.Links[i] = l
		}
		there, back := mustCheck(t, plan, cal, true), mustCheck(t, mirror, cal, true)
		finish := there.Tasks[0].EF
		for _, d := range there.Tasks {
			finish = max(finish, d.EF)
		}
		mirrored := byID(back)
		for _, d := range there.Tasks {
			if m := mirrored[d.ID]; d.LS != finish-m.EF || d.LF != finish-m.ES {
				t.Fatalf("%s: late %g to %g, mirrored early %g to %g, finish %g", d.ID, d.LS, d.LF, m.ES, m.EF, finish)
			}
		}
	})
}

// TestMoreLinks: another link makes nothing earlier.
func TestMoreLinks(t *testing.T) {
	cal := mustCalendar(t, site.CalendarSpec{Holidays: "CN"})
	rapid.Check(t, func(t *rapid.T) {
		plan := drawPlan(t)
		more := plan
		l, ok := drawLink(t, len(plan.Tasks))
		if !ok {
			t.Skip("no link")
		}
		more.Links = append(slices.Clone(plan.Links), l)
		before, after := mustCheck(t, plan, cal, false), mustCheck(t, more, cal, false)
		for i := range before.Tasks {
			if after.Tasks[i].ES < before.Tasks[i].ES {
				t.Fatalf("%s: %g before, %g after", before.Tasks[i].ID, before.Tasks[i].ES, after.Tasks[i].ES)
			}
		}
	})
}

func TestProblems(t *testing.T) {
	task := func(id string, line int) site.Task { return site.Task{ID: id, Duration: 480, Line: line} }
	fs := func(pred, succ string) site.Link {
		return site.Link{Pred: pred, Succ: succ, Type: site.FinishToStart}
	}
	abcd := []site.Task{task("A", 2), task("B", 3), task("C", 4), task("D", 5)}
	tests := map[string]struct {
		plan  site.Plan
		code  string
		line  int
		field string
		param string // part of a parameter
	}{
		"unknown predecessor": {site.Plan{Tasks: abcd, Links: []site.Link{fs("A", "B"), fs("X", "C")}}, "schedule.unknown_predecessor", 4, "links[1].pred", "X"},
		"unknown successor":   {site.Plan{Tasks: abcd, Links: []site.Link{fs("A", "Y")}}, "schedule.unknown_successor", 0, "links[0].succ", "Y"},
		"loop":                {site.Plan{Tasks: abcd, Links: []site.Link{fs("A", "B"), fs("B", "C"), fs("C", "B"), fs("C", "D")}}, "schedule.loop", 3, "tasks[1]", "B → C → B"},
		"loop of one":         {site.Plan{Tasks: abcd, Links: []site.Link{fs("D", "D")}}, "schedule.loop", 5, "tasks[3]", "D → D"},
		"negative duration":   {site.Plan{Tasks: []site.Task{{ID: "A", Duration: -480, Line: 2}}}, "schedule.negative_duration", 2, "tasks[0].duration_days", "-1"},
		"too long":            {site.Plan{Tasks: []site.Task{{ID: "A", Duration: 1 << 50, Line: 2}}}, "schedule.too_long", 2, "tasks[0].duration_days", "A"},
		"two of one id":       {site.Plan{Tasks: []site.Task{task("A", 2), task("A", 3)}}, "schedule.duplicate_task", 3, "tasks[1].id", "A"},
		"no id":               {site.Plan{Tasks: []site.Task{task("", 2)}}, "schedule.no_id", 2, "tasks[0].id", ""},
		"link type":           {site.Plan{Tasks: abcd, Links: []site.Link{{Pred: "A", Succ: "B", Type: "XX"}}}, "schedule.link_type", 3, "links[0].type", "XX"},
		"lag":                 {site.Plan{Tasks: abcd, Links: []site.Link{{Pred: "A", Succ: "B", Type: "FS", Lag: -1 << 50}}}, "schedule.lag_too_long", 3, "links[0].lag_days", "A"},
		"finish before start": {site.Plan{Tasks: []site.Task{{ID: "A", Start: 20, Finish: 19, Line: 7}}}, "schedule.finish_before_start", 7, "tasks[0].finish", "A"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r, problems, err := Check(tt.plan, CheckOptions{Calendar: mustCalendar(t, site.CalendarSpec{}), Today: 20000})
			var network *NetworkError
			if !errors.As(err, &network) || len(network.Problems) != 1 || len(problems) != 1 || len(r.Tasks) != 0 {
				t.Fatalf("%v, problems %v", err, problems)
			}
			p := problems[0]
			if p.Code != tt.code || p.Line != tt.line || p.Field != tt.field || site.AsError(err).Code != tt.code {
				t.Errorf("%+v", p)
			}
			said := ""
			for _, v := range p.Params {
				said += v + " "
			}
			if !strings.Contains(said, tt.param) {
				t.Errorf("%v does not name %s", p.Params, tt.param)
			}
		})
	}
	twice := site.Plan{Start: 20000, Tasks: abcd, Links: []site.Link{fs("A", "B"), fs("A", "B")}}
	r, problems, err := Check(twice, CheckOptions{Calendar: mustCalendar(t, site.CalendarSpec{})})
	if err != nil || len(problems) != 1 || problems[0].Code != "schedule.duplicate_link" || len(r.Tasks) != 4 {
		t.Errorf("a link twice is doubtful, not wrong: %v %v", problems, err)
	}
}

// TestLoops: every task that is in a loop is named, what lies before, between
// or behind loops is not.
func TestLoops(t *testing.T) {
	plan := site.Plan{}
	for _, id := range strings.Split("ABCDEFGH", "") {
		plan.Tasks = append(plan.Tasks, site.Task{ID: id})
	}
	for _, pair := range strings.Fields("HA AB BA BC CB DE EF FD FG CD") {
		plan.Links = append(plan.Links, site.Link{Pred: pair[:1], Succ: pair[1:], Type: site.FinishToStart})
	}
	var members []string
	for _, p := range Problems(plan) {
		members = append(members, p.Params["members"])
	}
	if want := []string{"A → B → A", "C → B → C", "D → E → F → D"}; !slices.Equal(members, want) {
		t.Errorf("%v", members)
	}
}

// TestCheckReport is a plan computed by hand over the National Day of 2026, on
// the six-day week: 1–7 October off, Sundays 27 September and 11 October off,
// Sunday 20 September made up, and Friday 25 to Sunday 27 September off.
func TestCheckReport(t *testing.T) {
	half := site.WorkDays(0.5)
	plan := site.Plan{
		Tasks: []site.Task{
			{ID: "A", Name: "Piles", Duration: site.WorkDays(3), Start: day("2026-09-28")},
			{ID: "B", Name: "Cap", Duration: site.WorkDays(2)},
			{ID: "C", Name: "Drain", Start: day("2026-09-29"), Finish: day("2026-10-08")}, // 29, 30 and 8: 3 days
			{ID: "D", Name: "Survey", Duration: half},
			{ID: "M", Name: "Done", Milestone: true},
		},
		Links: []site.Link{
			{Pred: "A", Succ: "B", Type: site.FinishToStart},
			{Pred: "A", Succ: "D", Type: site.StartToStart, Lag: site.WorkDays(1)},
			{Pred: "B", Succ: "M", Type: site.FinishToStart},
			{Pred: "D", Succ: "M", Type: site.FinishToStart, Lag: half},
		},
	}
	r, _, err := Check(plan, CheckOptions{Calendar: mustCalendar(t, site.CalendarSpec{Holidays: "CN"})})
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/check.golden.json", append(got, '\n'))
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("%s differs; got\n%s", name, got)
	}
}
