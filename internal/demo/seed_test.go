package demo_test

import (
	"context"
	"testing"
	"time"

	"topout/internal/demo"
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

func TestScratch(t *testing.T) {
	h := newHome(t)
	now := time.Now()
	began := time.Now()
	isNew, err := demo.Seed(t.Context(), h.options(t, now, 1))
	if err != nil || !isNew {
		t.Fatal(isNew, err)
	}
	t.Log("seeded in", time.Since(began))
	began = time.Now()
	if isNew, err = demo.Seed(t.Context(), h.options(t, now, 1)); err != nil || isNew {
		t.Fatal(isNew, err)
	}
	t.Log("again in", time.Since(began))
	err = h.records.View(t.Context(), func(tx *store.Tx) error {
		p, _ := tx.Project(demo.Project)
		plan, _ := tx.Plan(demo.Project)
		b, _ := tx.CurrentBaseline(demo.Project)
		prog, _ := tx.ProgressOf(demo.Project, time.Time{})
		cal, _ := schedule.NewCalendar(p.Calendar, p.Location())
		open, _ := tx.OpenIssues(demo.Project, "")
		var holds []schedule.Hold
		for _, i := range open {
			if i.StopWork {
				holds = append(holds, schedule.Hold{Task: i.Task, Issue: i.ID, Reason: i.Reason, Since: i.OpenedAt})
			}
			t.Log(i.Key, i.Severity, i.State, i.OpenedAt, i.Assignee)
		}
		o, err := schedule.Forecast(schedule.Input{Plan: plan, Baseline: &b, Calendar: cal, Progress: prog, At: now, Holds: holds, Seed: 1})
		if err != nil {
			return err
		}
		t.Logf("%d reports start %s now %s delivery %s -> %s p50 %s p80 %s slip %v cause %+v percent %v %+v", len(prog), plan.Start, o.DataDate, o.Delivery.Baseline, o.Delivery.Forecast, o.Delivery.P50, o.Delivery.P80, o.Delivery.SlipDays, o.Delivery.Cause, o.Percent, o.Value)
		for _, k := range o.Tasks {
			if k.Percent > 0 && k.Percent < 100 || k.SlipDays > 2 && k.Percent < 100 {
				t.Logf("%s %s %.0f%% slip %v float %v stale %d cause %+v pace %+v", k.ID, k.Name, k.Percent, k.SlipDays, k.TotalFloat, k.StaleDays, k.Cause, k.Pace)
			}
		}
		fs, _ := tx.Forecasts(demo.Project, time.Time{})
		for _, f := range fs {
			t.Log(f.At.Format("2006-01-02"), f.Finish, f.P50, f.P80, f.SlipDays, f.Percent, f.SPIT)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
