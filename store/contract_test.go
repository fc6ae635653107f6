package store

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"topout/site"
)

// testStore is the contract of the records, for each database that keeps them.
func testStore(t *testing.T, open func(testing.TB) *Store) {
	for name, test := range map[string]func(*testing.T, *Store){
		"transactions": testTransactions,
		"projects":     testProjects,
		"plan":         testPlan,
		"baselines":    testBaselines,
		"progress":     testProgress,
		"checks":       testChecks,
		"devices":      testDevices,
		"people":       testPeople,
		"access":       testAccess,
		"issues":       testIssues,
		"rules":        testRules,
		"notices":      testNotices,
		"refused":      testRefused,
		"changes":      testChanges,
		"forecasts":    testForecasts,
		"jobs":         testJobs,
		"pages":        testPages,
		"last values":  testLastValues,
		"repeats":      testRepeats,
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			school(t, s)
			test(t, s)
		})
	}
}

func same[T any](t testing.TB, what string, got, want T) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s:\ngot  %+v\nwant %+v", what, got, want)
	}
}

func testTransactions(t *testing.T, s *Store) {
	stop := errors.New("stop")
	err := s.Update(t.Context(), func(tx *Tx) error {
		if err := tx.SetSetting("k", "v"); err != nil {
			return err
		}
		return stop
	})
	if err != stop { //nolint:errorlint // the very error is passed on
		t.Errorf("fn's error came back as %v", err)
	}
	func() {
		defer func() { _ = recover() }()
		_ = s.Update(t.Context(), func(tx *Tx) error {
			if err := tx.SetSetting("k", "v"); err != nil {
				return err
			}
			panic("on purpose")
		})
	}()
	if err := s.View(t.Context(), func(tx *Tx) error {
		if _, ok, err := tx.Setting("k"); ok || err != nil {
			t.Errorf("a transaction that failed left something behind (%v)", err)
		}
		return tx.SetSetting("k", "v")
	}); err == nil {
		t.Error("View could write")
	}
	// A view does not see what is written after its first look.
	if err := s.View(t.Context(), func(tx *Tx) error {
		if _, _, err := tx.Setting("k"); err != nil {
			return err
		}
		update(t, s, func(tx *Tx) error { return tx.SetSetting("k", "v") })
		if _, ok, err := tx.Setting("k"); ok || err != nil {
			t.Errorf("the view changed while it was looked at (%v)", err)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

func testProjects(t *testing.T, s *Store) {
	p := site.Project{
		ID: "a", Name: "文源学校", Zone: "Asia/Shanghai", Phase: site.PhaseConstruction, Grade: "优先落地",
		Calendar: site.CalendarSpec{DaysAWeek: 6, Holidays: "CN", Off: []site.DayOff{
			{From: site.NewDay(2026, 12, 20), To: site.NewDay(2027, 2, 20), Name: "冬歇"},
			{From: site.NewDay(2026, 12, 26), To: site.NewDay(2026, 12, 26), Working: true},
		}},
		DailyChecks: []string{"daily-safety", "work-at-height"}, CheckBy: "18:00", CreatedAt: noon,
	}
	update(t, s, func(tx *Tx) error { return tx.CreateProject(p) })
	same(t, "project", read(t, s, func(tx *Tx) (site.Project, error) { return tx.Project("a") }), p)
	wantError(t, s.Update(t.Context(), func(tx *Tx) error { return tx.CreateProject(p) }), site.Conflict, "store.project_exists")

	p.Name, p.DailyChecks, p.Phase = "new", nil, site.PhaseProduction
	update(t, s, func(tx *Tx) error { return tx.UpdateProject(p) })
	all := read(t, s, (*Tx).Projects)
	if len(all) != 3 {
		t.Fatalf("%d projects", len(all))
	}
	same(t, "updated project", all[0], p)
	wantError(t, s.Update(t.Context(), func(tx *Tx) error { return tx.UpdateProject(site.Project{ID: "none"}) }), site.NotFound, "store.unknown_project")
	wantError(t, s.View(t.Context(), func(tx *Tx) error { _, err := tx.Project("none"); return err }), site.NotFound, "store.unknown_project")
}

func testPlan(t *testing.T, s *Store) {
	getPlan := func(tx *Tx) (site.Plan, error) { return tx.Plan("wenyuan") }
	wantError(t, s.View(t.Context(), func(tx *Tx) error { _, err := getPlan(tx); return err }), site.NotFound, "store.no_plan")

	p := site.Plan{
		Project: "wenyuan", Start: site.NewDay(2026, 3, 1), Delivery: "M9", SavedAt: noon, SavedBy: "li",
		Buildings: []site.Building{{ID: "b2", Name: "食堂", Position: 0}, {ID: "b1", Name: "图书馆", Position: 1}},
		Tasks: []site.Task{
			{ID: "T2", Building: "b1", Name: "屋面模板", Code: "02-01", Trade: "模板", Start: site.NewDay(2026, 3, 1), Finish: site.NewDay(2026, 3, 9),
				Duration: site.WorkDays(7.5), Weight: 0.25, Quantity: 120.5, Unit: "m²"},
			{ID: "T1 / 甲", Name: "milestone", Milestone: true},
		},
		Links: []site.Link{{Pred: "T2", Succ: "T1 / 甲", Type: site.StartToStart, Lag: -site.WorkDay}, {Pred: "T2", Succ: "T1 / 甲", Type: site.FinishToStart}},
	}
	save := func(p site.Plan) (revision int) {
		update(t, s, func(tx *Tx) (err error) { revision, err = tx.SavePlan(p); return err })
		return revision
	}
	if got := save(p); got != 1 {
		t.Errorf("first revision is %d", got)
	}
	p.Revision = 1
	same(t, "plan", read(t, s, getPlan), p)
	same(t, "task", read(t, s, func(tx *Tx) (site.Task, error) { return tx.Task("wenyuan", "T2") }), p.Tasks[0])

	p.Tasks, p.Links = p.Tasks[1:], nil
	if got := save(p); got != 2 {
		t.Errorf("second revision is %d", got)
	}
	p.Revision = 2
	same(t, "second plan", read(t, s, getPlan), p)
	for _, id := range []string{"T2", "none"} {
		wantError(t, s.View(t.Context(), func(tx *Tx) error { _, err := tx.Task("wenyuan", id); return err }), site.NotFound, "store.unknown_task")
	}
	p.Tasks = append(p.Tasks, p.Tasks[0])
	wantError(t, s.Update(t.Context(), func(tx *Tx) error { _, err := tx.SavePlan(p); return err }), site.Invalid, "store.task_twice")
	p.Project = "none"
	wantError(t, s.Update(t.Context(), func(tx *Tx) error { _, err := tx.SavePlan(p); return err }), site.NotFound, "store.unknown_project")
}

func testBaselines(t *testing.T, s *Store) {
	wantError(t, s.View(t.Context(), func(tx *Tx) error { _, err := tx.CurrentBaseline("wenyuan"); return err }), site.NotFound, "store.no_baseline")
	var want []site.Baseline
	for i, name := range []string{"合同", "延期一"} {
		b := site.Baseline{
			Project: "wenyuan", Name: name, ApprovedBy: "li", ApprovedAt: noon.Add(time.Duration(i) * time.Hour), Delivery: site.NewDay(2027, 8, 20),
			Tasks: []site.BaselineTask{{Task: "T2", Start: 1, Finish: 9}, {Task: "T1", Start: 9, Finish: 9}},
		}
		update(t, s, func(tx *Tx) (err error) { b.Revision, err = tx.SaveBaseline(b); return err })
		if b.Revision != i+1 {
			t.Errorf("revision %d, want %d", b.Revision, i+1)
		}
		want = append([]site.Baseline{b}, want...)
	}
	same(t, "baselines", read(t, s, func(tx *Tx) ([]site.Baseline, error) { return tx.Baselines("wenyuan") }), want)
	same(t, "current", read(t, s, func(tx *Tx) (site.Baseline, error) { return tx.CurrentBaseline("wenyuan") }), want[0])
}

func testForecasts(t *testing.T, s *Store) {
	wantError(t, s.View(t.Context(), func(tx *Tx) error { _, err := tx.LatestForecast("wenyuan"); return err }), site.NotFound, "store.no_forecast")
	var want []site.ForecastRun
	for i := range 3 {
		f := site.ForecastRun{
			Project: "wenyuan", At: noon.Add(time.Duration(i) * 24 * time.Hour), Baseline: 100, Finish: 113, P50: 112, P80: 120, SlipDays: 11.5,
			Percent: 43.2, SPI: 0.9, SPIT: 0.87,
			Milestones: []site.MilestoneForecast{{ID: "M9", Baseline: 100, Forecast: 113, P50: 112, P80: 120, SlipDays: 11.5}},
			Tasks:      []site.TaskForecast{{Task: "T2", Finish: noon, SlipDays: 3, P50: 7, P80: 9, SPI: 1, SPIT: 1}},
		}
		update(t, s, func(tx *Tx) (err error) { f.ID, err = tx.SaveForecast(f); return err })
		want = append(want, f)
	}
	brief := slices.Clone(want)
	for i := range brief {
		brief[i].Tasks = nil
	}
	same(t, "forecasts", read(t, s, func(tx *Tx) ([]site.ForecastRun, error) { return tx.Forecasts("wenyuan", time.Time{}) }), brief)
	same(t, "later ones", read(t, s, func(tx *Tx) ([]site.ForecastRun, error) { return tx.Forecasts("wenyuan", want[1].At) }), brief[1:])
	same(t, "latest", read(t, s, func(tx *Tx) (site.ForecastRun, error) { return tx.LatestForecast("wenyuan") }), want[2])
	update(t, s, func(tx *Tx) error { return tx.MarkForecastSent(want[0].ID) })
	same(t, "unsent", read(t, s, func(tx *Tx) ([]site.ForecastRun, error) { return tx.UnsentForecasts(1) }), want[1:2])
}

func testJobs(t *testing.T, s *Store) {
	at := read(t, s, func(tx *Tx) (time.Time, error) { return tx.JobRun("slips") })
	if !at.IsZero() {
		t.Errorf("a job that never ran ran at %v", at)
	}
	update(t, s, func(tx *Tx) error {
		return errors.Join(tx.SetJobRun("slips", noon, "went wrong"), tx.SetJobRun("silence", noon, ""), tx.SetJobRun("slips", noon.Add(time.Hour), ""),
			tx.SetCursor("journal", 1<<40), tx.SetCursor("mqtt", 7), tx.SetCursor("mqtt", 9),
			tx.SetSetting("a", "1"), tx.SetSetting("a", "2"))
	})
	same(t, "jobs", read(t, s, (*Tx).Jobs), []site.JobRun{{Name: "silence", At: noon}, {Name: "slips", At: noon.Add(time.Hour)}})
	same(t, "job", read(t, s, func(tx *Tx) (time.Time, error) { return tx.JobRun("slips") }), noon.Add(time.Hour))
	for stream, want := range map[string]uint64{"journal": 1 << 40, "mqtt": 9, "none": 0} {
		same(t, "cursor "+stream, read(t, s, func(tx *Tx) (uint64, error) { return tx.Cursor(stream) }), want)
	}
	same(t, "setting", read(t, s, func(tx *Tx) (string, error) { v, _, err := tx.Setting("a"); return v, err }), "2")
}

func testChanges(t *testing.T, s *Store) {
	same(t, "last of none", read(t, s, (*Tx).LastChange), 0)
	var want []site.Change
	for i := range 5 {
		c := site.Change{Project: "wenyuan", Kind: site.ChangeIssue, Ref: fmt.Sprint(i), At: noon, Data: []byte(`{"n":1}`)}
		update(t, s, func(tx *Tx) (err error) { c.ID, err = tx.AddChange(c); return err })
		want = append(want, c)
	}
	same(t, "last", read(t, s, (*Tx).LastChange), want[4].ID)
	same(t, "changes", read(t, s, func(tx *Tx) ([]site.Change, error) { return tx.ChangesAfter(want[1].ID, 2) }), want[2:4])
}
