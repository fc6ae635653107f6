package demo_test

import (
	"context"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"topout/api/auth"
	"topout/internal/demo"
	"topout/internal/text"
	"topout/schedule"
	"topout/series"
	"topout/site"
	"topout/store"
)

// home is where a demo is seeded: the real stores.
type home struct {
	records *store.Store
	series  series.Store
}

func newHome(t *testing.T) home {
	t.Helper()
	dir := t.TempDir()
	records, err := store.Open(t.Context(), store.Options{Path: dir + "/topout.db"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := records.Close(); err != nil {
			t.Error(err)
		}
	})
	measured, err := series.OpenEmbedded(t.Context(), dir+"/series.db", series.EmbeddedOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := measured.Close(); err != nil {
			t.Error(err)
		}
	})
	return home{records, measured}
}

func (h home) options(t *testing.T, now time.Time, seed uint64) demo.SeedOptions {
	return demo.SeedOptions{
		Now: now, Seed: seed,
		Update: func(ctx context.Context, fn func(demo.Records) error) error {
			return h.records.Update(ctx, func(tx *store.Tx) error { return fn(tx) })
		},
		Write: func(ctx context.Context, points []site.Point) error {
			refused, err := h.series.Write(ctx, points)
			for _, r := range refused {
				t.Errorf("refused: %v", r.Err)
			}
			return err
		},
		Hash: func(p string) (string, error) { return "hash of " + p, nil },
	}
}

func (h home) view(t *testing.T, fn func(tx *store.Tx) error) {
	t.Helper()
	if err := h.records.View(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

// everything is what the records of a demo hold.
type everything struct {
	Progress  []site.Progress
	Checks    []site.Check
	Issues    []site.Issue
	Devices   []site.Device
	Forecasts []site.ForecastRun
	Refused   []site.Refused
}

func (h home) read(t *testing.T) everything {
	t.Helper()
	var e everything
	h.view(t, func(tx *store.Tx) (err error) {
		if e.Progress, err = tx.ProgressOf(demo.Project, time.Time{}); err != nil {
			return err
		}
		if e.Devices, err = tx.Devices(demo.Project); err != nil {
			return err
		}
		if e.Forecasts, err = tx.Forecasts(demo.Project, time.Time{}); err != nil {
			return err
		}
		if e.Refused, _, err = tx.RefusedPage(site.RefusedQuery{}); err != nil {
			return err
		}
		for cursor, more := "", true; more; more = cursor != "" {
			var page []site.Check
			if page, cursor, err = tx.ChecksPage(site.ReportQuery{Project: demo.Project, Limit: 1000, Cursor: cursor}); err != nil {
				return err
			}
			e.Checks = append(e.Checks, page...)
		}
		for cursor, more := "", true; more; more = cursor != "" {
			var page []site.Issue
			if page, cursor, err = tx.IssuesPage(site.IssueQuery{Project: demo.Project, Limit: 1000, Cursor: cursor}); err != nil {
				return err
			}
			for _, i := range page {
				whole, err := tx.Issue(demo.Project, i.ID)
				if err != nil {
					return err
				}
				e.Issues = append(e.Issues, whole)
			}
		}
		return nil
	})
	return e
}

func TestSeed(t *testing.T) {
	h := newHome(t)
	if isNew, err := demo.Seed(t.Context(), h.options(t, noon, 1)); err != nil || !isNew {
		t.Fatal(isNew, err)
	}
	t.Run("gives a first visitor something to see", func(t *testing.T) { somethingToSee(t, h) })
	t.Run("the forecast tells the story", func(t *testing.T) { tellsTheStory(t, h) })
	t.Run("a second time changes nothing", func(t *testing.T) { leftAlone(t, h) })
}

func somethingToSee(t *testing.T, h home) {
	t.Helper()
	e := h.read(t)
	if len(e.Progress) < 600 || len(e.Checks) < 200 || len(e.Forecasts) < 20 || len(e.Refused) == 0 {
		t.Errorf("%d reports, %d checks, %d forecasts, %d refused", len(e.Progress), len(e.Checks), len(e.Forecasts), len(e.Refused))
	}
	kinds := map[string]bool{}
	for _, d := range e.Devices {
		kinds[d.Kind] = true
		if len(d.Last) == 0 || d.LastSeen.IsZero() || d.Status == "" {
			t.Errorf("%s has said nothing: %+v", d.ID, d)
		}
		if quiet := noon.Sub(d.LastSeen); quiet < 0 || quiet > 5*time.Minute && d.ID != "box-3" {
			t.Errorf("%s was last heard %s ago", d.ID, quiet)
		}
		windows, err := h.series.Windows(t.Context(), site.SeriesQuery{Project: demo.Project, Device: d.ID, Metric: d.Last[0].Metric, From: noon.Add(-8 * 24 * time.Hour), To: noon, Every: time.Hour})
		if err != nil || len(windows) < 24*6 {
			t.Errorf("%s has %d hours of readings: %v", d.ID, len(windows), err)
		}
	}
	if len(e.Devices) < 12 || len(kinds) != 9 {
		t.Errorf("%d devices of %d kinds", len(e.Devices), len(kinds))
	}
	checkIssues(t, e.Issues)
	for _, c := range e.Checks {
		if c.T.After(noon) || c.Score <= 0 || c.Grade == "" {
			t.Errorf("%+v", c)
		}
	}
	for _, p := range e.Progress {
		if p.T.After(noon) || p.By == "" || p.Percent < 0 || p.Percent > 100 {
			t.Errorf("%+v", p)
		}
	}
	for i := 1; i < len(e.Progress); i++ { // by task, then time
		if a, b := e.Progress[i-1], e.Progress[i]; a.Task == b.Task && b.Percent < a.Percent-0.5 {
			t.Errorf("%s went back from %v to %v at %s", a.Task, a.Percent, b.Percent, b.T)
		}
	}
}

func checkIssues(t *testing.T, issues []site.Issue) {
	t.Helper()
	states, kinds, open := map[site.IssueState]int{}, map[site.IssueKind]int{}, map[string]bool{}
	cat, err := text.New()
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range issues {
		states[i.State]++
		kinds[i.Kind]++
		if i.Open() && open[i.Key] {
			t.Errorf("%s is open twice", i.Key)
		}
		open[i.Key] = open[i.Key] || i.Open()
		if i.OpenedAt.After(noon) || i.OpenedAt.After(i.UpdatedAt) || i.Due.Before(i.OpenedAt) {
			t.Errorf("%s: times %+v", i.Key, i)
		}
		title := i.Title
		if title == "alerts.title.reading" {
			title += ".above"
		}
		for _, lang := range []text.Lang{text.Chinese, text.English} {
			if title != "" && cat.Say(lang, title, i.Params) == title {
				t.Errorf("%s has no title in %s", title, lang)
			}
		}
		last := i.OpenedAt
		for _, m := range i.Moves {
			if m.At.Before(last) || m.At.After(noon) {
				t.Errorf("%s: moves out of order: %+v", i.Key, i.Moves)
			}
			last = m.At
			if m.Title != "" && cat.Say(text.Chinese, m.Title, m.Params) == m.Title {
				t.Errorf("%s says nothing", m.Title)
			}
		}
	}
	for _, s := range []site.IssueState{site.StateOpen, site.StateAssigned, site.StateInHand, site.StateReported, site.StateClosed} {
		if states[s] == 0 {
			t.Errorf("no issue is %s: %v", s, states)
		}
	}
	for _, k := range []site.IssueKind{site.KindBlocking, site.KindPerson, site.KindReading, site.KindSilence, site.KindCheckFailed, site.KindSlip} {
		if kinds[k] == 0 {
			t.Errorf("no issue of kind %s: %v", k, kinds)
		}
	}
}

// The school is late because of the library's roof formwork, which waits for material.
func tellsTheStory(t *testing.T, h home) {
	t.Helper()
	h.view(t, func(tx *store.Tx) error {
		project, err := tx.Project(demo.Project)
		if err != nil {
			return err
		}
		plan, err := tx.Plan(demo.Project)
		if err != nil {
			return err
		}
		baseline, err := tx.CurrentBaseline(demo.Project)
		if err != nil {
			return err
		}
		open, err := tx.OpenIssues(demo.Project, site.KindBlocking)
		if err != nil {
			return err
		}
		var holds []schedule.Hold
		for _, i := range open {
			if i.StopWork {
				holds = append(holds, schedule.Hold{Task: i.Task, Issue: i.ID, Reason: i.Reason, Since: i.OpenedAt})
			}
		}
		if len(holds) != 1 {
			t.Errorf("%d stops of work", len(holds))
		}
		cal, err := schedule.NewCalendar(project.Calendar, project.Location())
		if err != nil {
			return err
		}
		progress, err := tx.ProgressOf(demo.Project, time.Time{})
		if err != nil {
			return err
		}
		o, err := schedule.Forecast(schedule.Input{Plan: plan, Baseline: &baseline, Calendar: cal, Progress: progress, At: noon, Holds: holds, Seed: 1})
		if err != nil {
			return err
		}
		d := o.Delivery
		if d.SlipDays < 8 || d.SlipDays > 20 || d.P80 <= d.Baseline {
			t.Errorf("delivery %s, forecast %s, %v days late, P80 %s", d.Baseline, d.Forecast, d.SlipDays, d.P80)
		}
		formwork := slices.IndexFunc(d.Cause, func(c schedule.Cause) bool { return c.Task == "B9_225" })
		if formwork < 0 || d.Cause[formwork].Reason != site.ReasonMaterial || d.Cause[formwork].Issue == "" {
			t.Errorf("the cause is %+v", d.Cause)
		}
		reasons, stale := map[site.Reason]bool{}, 0
		for _, k := range o.Tasks {
			stale = max(stale, k.StaleDays)
			for _, c := range k.Cause {
				reasons[c.Reason] = true
			}
		}
		for _, r := range []site.Reason{site.ReasonMaterial, site.ReasonWeather, site.ReasonRework, site.ReasonLabour, site.ReasonHandover} {
			if !reasons[r] {
				t.Errorf("nothing is late for %s: %v", r, reasons)
			}
		}
		if stale < 9 {
			t.Errorf("every task is reported on, the stalest %d days ago", stale)
		}
		return nil
	})
}

func TestSeedIsAFunctionOfItsSeed(t *testing.T) {
	text := func(seed uint64) string {
		h := newHome(t)
		o := h.options(t, noon, seed)
		o.Days = 1
		if _, err := demo.Seed(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		e := h.read(t)
		for i := range e.Refused {
			e.Refused[i].ID = "" // the store's own
		}
		b, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	one := text(1)
	if one != text(1) {
		t.Error("the same seed made another history")
	}
	if one == text(2) {
		t.Error("another seed made the same history")
	}
}

func leftAlone(t *testing.T, h home) {
	t.Helper()
	began := time.Now()
	if isNew, err := demo.Seed(t.Context(), h.options(t, noon.Add(48*time.Hour), 2)); err != nil || isNew {
		t.Fatal(isNew, err)
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("looking took %s", took)
	}
	h.view(t, func(tx *store.Tx) error {
		for _, login := range demo.Logins {
			p, err := tx.Person(login)
			if err != nil || !p.Can(site.ActView, demo.Project) {
				t.Errorf("%s: %v %v", login, p, err)
			}
		}
		device, err := auth.SignInDevice(tx, "crane-1", demo.DeviceSecret("crane-1"))
		if err != nil || device.ID != "crane-1" {
			t.Errorf("the crane cannot sign in: %v", err)
		}
		if _, _, err := auth.SignInToken(tx, "supervisor", demo.Token("supervisor")); err != nil {
			t.Errorf("the supervisor cannot sign in: %v", err)
		}
		return nil
	})
}
