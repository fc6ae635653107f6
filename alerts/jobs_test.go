package alerts_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"topout/alerts"
	"topout/checklist"
	"topout/internal/text"
	"topout/site"
	"topout/store"
)

func (w *works) jobs() *alerts.Jobs {
	w.t.Helper()
	j, err := alerts.NewJobs(alerts.JobsOptions{Records: jobRecords{w.store}, Engine: w.engine, Now: w.clock.now, Log: w.log})
	w.must(err)
	return j
}

// job runs a job by hand.
func (w *works) job(name string) {
	w.t.Helper()
	w.must(w.jobs().Run(w.t.Context(), name))
}

func TestSilence(t *testing.T) {
	w := newWorks(t)
	w.reading("crane-1", "load", 1)
	w.reading("thing-1", "x", 1)
	w.job(alerts.JobSilence)
	w.clock.add(10*time.Minute - time.Second)
	w.job(alerts.JobSilence)
	w.wantOpen()
	w.clock.add(time.Second)
	w.job(alerts.JobSilence)
	w.job(alerts.JobSilence)
	w.wantOpen("silence:crane-1 warning open") // the thing has an hour; the others never spoke
	if got := w.title(w.issues()[0]); got != "1# 塔吊 自 2026-11-23 20:00 起无数据" {
		t.Errorf("title %q", got)
	}
	w.reading("crane-1", "load", 1)
	w.wantOpen()
	if m := w.issues()[0].Moves[0]; alerts.MoveNote(w.texts, text.Chinese, m) != "1# 塔吊 已恢复上报。" {
		t.Errorf("move %+v", m)
	}
	// A person's word stands until the device speaks again.
	w.clock.add(time.Hour)
	w.job(alerts.JobSilence)
	for _, i := range w.issues() {
		if i.Open() {
			_, err := w.move("safety", i.ID, site.Move{To: site.StateClosed})
			w.must(err)
		}
	}
	w.job(alerts.JobSilence)
	w.wantOpen()
	w.reading("crane-1", "load", 1)
	w.clock.add(time.Hour)
	w.job(alerts.JobSilence)
	w.wantOpen("silence:crane-1 warning open")
	w.update(func(tx *store.Tx) { w.must(tx.RevokeDevice("crane-1", w.clock.now())) })
	w.job(alerts.JobSilence)
	w.wantOpen()
}

func TestOffline(t *testing.T) {
	w := newWorks(t)
	status := func(s string) {
		d := w.device("crane-1")
		w.batch(func(tx *store.Tx, b *alerts.Batch) {
			w.must(tx.TouchDevices([]site.DeviceSeen{{ID: d.ID, At: w.clock.now(), Status: s, StatusAt: w.clock.now()}}))
			w.must(b.StatusTaken(d, s, w.clock.now()))
		})
	}
	status("online")
	status("offline")
	w.job(alerts.JobSilence) // by hand there is no waiting
	w.wantOpen("silence:crane-1 warning open")
	if got := w.title(w.issues()[0]); got != "1# 塔吊 自 2026-11-23 20:00 起离线" {
		t.Errorf("title %q", got)
	}
	status("online")
	w.wantOpen()
	// By the clock, a connection that comes back within a minute is no issue.
	j := w.jobs()
	status("offline")
	w.must(j.Start(t.Context()))
	defer func() { w.must(j.Stop(context.Background())) }()
	w.wantOpen()
}

// TestSilenceAfterStandstill holds that the time in which Topout itself was away
// is not the devices' silence.
func TestSilenceAfterStandstill(t *testing.T) {
	w := newWorks(t)
	w.reading("crane-1", "load", 1)
	w.clock.add(5 * time.Hour)
	j := w.jobs()
	w.must(j.Start(t.Context()))
	w.must(j.Stop(t.Context()))
	w.wantOpen()
}

func TestChecksMissed(t *testing.T) {
	w := newWorks(t)
	lib, err := checklist.Embedded()
	w.must(err)
	form, _ := lib.Form("daily-safety")
	w.update(func(tx *store.Tx) {
		p, err := tx.Project(project)
		w.must(err)
		p.DailyChecks, p.CheckBy = []string{"daily-safety", "leader-on-duty"}, "18:00"
		w.must(tx.UpdateProject(p))
	})
	check := func(id, local string) {
		at, err := time.ParseInLocation("2006-01-02 15:04", local, time.FixedZone("CST", 8*3600))
		w.must(err)
		c := site.Check{ID: id, Project: project, Checklist: form.ID, T: at, Arrived: at}
		w.batch(func(tx *store.Tx, b *alerts.Batch) {
			_, err := tx.SaveCheck(c)
			w.must(err)
			_, err = b.CheckTaken(&c, form)
			w.must(err)
		})
	}
	to := func(local string) {
		at, err := time.ParseInLocation("2006-01-02 15:04", local, time.FixedZone("CST", 8*3600))
		w.must(err)
		w.clock.add(at.Sub(w.clock.now()))
		w.job(alerts.JobChecksMissed)
	}
	to("2026-11-24 17:59")
	w.wantOpen()
	check("c1", "2026-11-24 09:00")
	to("2026-11-24 18:00")
	to("2026-11-24 18:01")
	w.wantOpen("check_missed:leader-on-duty:2026-11-24 warning open")
	if got := w.title(w.issues()[0]); got != "缺 2026-11-24 的领导带班检查" {
		t.Errorf("title %q", got)
	}
	_, err = w.move("safety", w.issues()[0].ID, site.Move{To: site.StateClosed, Note: "出差"})
	w.must(err)
	to("2026-11-24 20:00")
	w.wantOpen()
	// Two days of standstill later both days are made up for, each once.
	to("2026-11-26 19:00")
	w.wantOpen("check_missed:daily-safety:2026-11-25 warning open", "check_missed:leader-on-duty:2026-11-25 warning open",
		"check_missed:daily-safety:2026-11-26 warning open", "check_missed:leader-on-duty:2026-11-26 warning open")
	check("c2", "2026-11-25 17:00")
	check("c3", "2026-11-26 17:00")
	w.wantOpen("check_missed:leader-on-duty:2026-11-25 warning open", "check_missed:leader-on-duty:2026-11-26 warning open")
	// Sunday is no working day of a six-day week.
	before := len(w.issues())
	to("2026-11-27 10:00")
	w.update(func(tx *store.Tx) {
		p, err := tx.Project(project)
		w.must(err)
		p.Calendar.Off = []site.DayOff{{From: site.NewDay(2026, 11, 27), To: site.NewDay(2026, 11, 28)}}
		w.must(tx.UpdateProject(p))
	})
	to("2026-11-29 23:00")
	if after := len(w.issues()); after != before {
		t.Errorf("%d issues of days off", after-before)
	}
}

// TestChecksMissedBeforeTheProject holds that nothing is owed before the project was there.
func TestChecksMissedBeforeTheProject(t *testing.T) {
	w := newWorks(t)
	w.update(func(tx *store.Tx) {
		w.must(tx.CreateProject(site.Project{ID: "new", Name: "新", Zone: "Asia/Shanghai", DailyChecks: []string{"daily-safety"}, CreatedAt: noon}))
	})
	w.job(alerts.JobChecksMissed) // at 20:00, two hours after the hour
	w.clock.add(24 * time.Hour)
	w.job(alerts.JobChecksMissed)
	w.must(w.store.View(t.Context(), func(tx *store.Tx) error {
		list, err := tx.OpenIssues("new", "")
		if len(list) != 1 || list[0].Key != "check_missed:daily-safety:2026-11-24" {
			t.Errorf("issues %+v", list)
		}
		return err
	}))
}

// lateWorks has a plan of two buildings with a baseline: foundation, frame (then
// a milestone each) and the hand-over of all.
func (w *works) lateWorks() {
	w.t.Helper()
	day := func(d int) site.Day { return site.NewDay(2026, 11, d) }
	plan := site.Plan{Project: project, Start: day(2), Buildings: []site.Building{{ID: "b1", Name: "一号楼"}, {ID: "b2", Name: "二号楼"}}, Delivery: "end"}
	for _, b := range []string{"b1", "b2"} {
		plan.Tasks = append(plan.Tasks,
			site.Task{ID: b + "-base", Building: b, Name: b + "基础", Duration: site.WorkDays(12)},
			site.Task{ID: b + "-frame", Building: b, Name: b + "主体", Duration: site.WorkDays(24)},
			site.Task{ID: b + "-top", Building: b, Name: b + "封顶", Milestone: true})
		plan.Links = append(plan.Links, site.Link{Pred: b + "-base", Succ: b + "-frame", Type: site.FinishToStart},
			site.Link{Pred: b + "-frame", Succ: b + "-top", Type: site.FinishToStart}, site.Link{Pred: b + "-top", Succ: "end", Type: site.FinishToStart})
	}
	plan.Tasks = append(plan.Tasks, site.Task{ID: "end", Name: "竣工交付", Milestone: true})
	baseline := site.Baseline{Project: project, Delivery: site.NewDay(2026, 12, 12), Tasks: []site.BaselineTask{{Task: "end", Start: site.NewDay(2026, 12, 12), Finish: site.NewDay(2026, 12, 12)}}}
	for _, b := range []string{"b1", "b2"} {
		baseline.Tasks = append(baseline.Tasks,
			site.BaselineTask{Task: b + "-base", Start: day(2), Finish: day(14)},
			site.BaselineTask{Task: b + "-frame", Start: day(16), Finish: site.NewDay(2026, 12, 12)},
			site.BaselineTask{Task: b + "-top", Start: site.NewDay(2026, 12, 12), Finish: site.NewDay(2026, 12, 12)})
	}
	w.update(func(tx *store.Tx) {
		_, err := tx.SavePlan(plan)
		w.must(err)
		_, err = tx.SaveBaseline(baseline)
		w.must(err)
	})
}

func (w *works) report(id, task string, at time.Time, percent float64) {
	w.t.Helper()
	w.update(func(tx *store.Tx) {
		_, err := tx.SaveProgress(site.Progress{ID: id, Project: project, Task: task, T: at, Arrived: at, Percent: percent, HasPercent: true})
		w.must(err)
	})
}

func TestSlips(t *testing.T) {
	w := newWorks(t)
	w.job(alerts.JobSlips) // without a plan there is nothing to say
	w.lateWorks()
	on := func(d int) time.Time { return time.Date(2026, 11, d, 9, 0, 0, 0, time.UTC) }
	for _, b := range []string{"b1", "b2"} {
		w.report(b+"1", b+"-base", on(2), 1)
		w.report(b+"2", b+"-base", on(14), 100)
		w.report(b+"3", b+"-frame", on(16), 1)
	}
	w.report("b1-now", "b1-frame", on(23), 29)
	w.report("b2-now", "b2-frame", on(23), 29)
	w.job(alerts.JobSlips)
	w.wantOpen()
	// The second building's frame comes to a halt.
	w.clock.add(14 * 24 * time.Hour)
	at := w.clock.now().Add(-3 * time.Hour)
	w.report("b1-later", "b1-frame", at, 79)
	w.report("b2-later", "b2-frame", at, 29)
	w.job(alerts.JobSlips)
	before := w.open()
	for _, key := range []string{"slip:end ", "slip:b2-top warning", "slip:b2-frame warning"} {
		if !strings.Contains(before, key) {
			t.Errorf("no %s in:\n%s", key, before)
		}
	}
	if strings.Contains(before, "b1") || strings.Count(before, "\n") != 2 {
		t.Errorf("issues:\n%s", before)
	}
	for _, i := range w.issues() {
		t.Logf("%s | %s", w.title(i), alerts.Detail(w.texts, text.Chinese, i))
		t.Logf("%s | %s", alerts.Title(w.texts, text.English, i), alerts.Detail(w.texts, text.English, i))
		if !strings.Contains(w.title(i), "滞后") || !strings.Contains(alerts.Detail(w.texts, text.Chinese, i), "b2主体") {
			t.Errorf("%s is said as %q, %q", i.Key, w.title(i), alerts.Detail(w.texts, text.Chinese, i))
		}
	}
	// The same again is no change, and tells nobody.
	told := len(w.notices())
	w.job(alerts.JobSlips)
	if w.open() != before || len(w.notices()) != told {
		t.Errorf("a second run changed something:\n%s", w.open())
	}
	// What a person took as it is does not come back for the same days.
	for _, i := range w.issues() {
		if i.Task == "b2-frame" {
			_, err := w.move("boss", i.ID, site.Move{To: site.StateClosed, Note: "知道"})
			w.must(err)
		}
	}
	w.job(alerts.JobSlips)
	if strings.Contains(w.open(), "b2-frame") {
		t.Error("a slip that a person closed is open again")
	}
	// Made up for: all is well again.
	w.clock.add(24 * time.Hour)
	w.report("b2-made-up", "b2-frame", w.clock.now().Add(-time.Hour), 100)
	w.report("b1-made-up", "b1-frame", w.clock.now().Add(-time.Hour), 100)
	w.job(alerts.JobSlips)
	w.wantOpen()
	w.must(w.store.View(t.Context(), func(tx *store.Tx) error {
		run, err := tx.LatestForecast(project)
		if run.Baseline != site.NewDay(2026, 12, 12) || run.P80.IsZero() || len(run.Tasks) == 0 {
			t.Errorf("kept forecast %+v", run)
		}
		changes, err2 := tx.ChangesAfter(0, 1000)
		slips := 0
		for _, c := range changes {
			if c.Kind == site.ChangeSlip {
				slips++
				if !json.Valid(c.Data) {
					t.Errorf("change %s", c.Data)
				}
			}
		}
		if slips != 5 {
			t.Errorf("%d slip changes for 5 forecasts", slips)
		}
		return errors.Join(err, err2)
	}))
}

func TestOverdue(t *testing.T) {
	w := newWorks(t)
	_, err := w.openByPerson("foreman", alerts.NewIssue{Title: "临边", Due: noon.Add(time.Hour)})
	w.must(err)
	told := len(w.notices())
	w.job(alerts.JobOverdue)
	if n := len(w.notices()); n != told {
		t.Fatalf("%d notices before it is due", n-told)
	}
	w.clock.add(2 * time.Hour)
	w.job(alerts.JobOverdue)
	w.job(alerts.JobOverdue)
	got := w.notices()[told:]
	if len(got) != 4 || got[0] != "overdue webhook" { // webhook, MQTT, two people
		t.Errorf("notices %q", got)
	}
}

type prunerFunc func(before time.Time) error

func (f prunerFunc) Prune(_ context.Context, before time.Time) error { return f(before) }

func TestJobsStartNoteAndStop(t *testing.T) {
	w := newWorks(t)
	leaks := goleak.IgnoreCurrent()
	var pruned []time.Time
	j, err := alerts.NewJobs(alerts.JobsOptions{
		Records: jobRecords{w.store}, Engine: w.engine, Now: w.clock.now, Log: w.log, Keep: 24 * time.Hour,
		Pruner: prunerFunc(func(before time.Time) error {
			pruned = append(pruned, before)
			return errors.New("no disk")
		}),
	})
	w.must(err)
	w.must(j.Start(t.Context()))
	w.must(w.store.View(t.Context(), func(tx *store.Tx) error {
		runs, err := tx.Jobs()
		if len(runs) != len(j.Names()) {
			t.Errorf("runs %+v", runs)
		}
		for _, r := range runs {
			if !r.At.Equal(noon) || (r.Error != "") != (r.Name == alerts.JobPrune) {
				t.Errorf("run %+v", r)
			}
		}
		return err
	}))
	if len(pruned) != 1 || !pruned[0].Equal(noon.Add(-24*time.Hour)) {
		t.Errorf("pruned %v", pruned)
	}
	w.must(j.Stop(t.Context()))
	goleak.VerifyNone(t, leaks)
	err = j.Run(t.Context(), "nonsense")
	w.wantCode(err, "alerts.unknown_job")
}

// TestJobPanic holds that a job that panics can run again.
func TestJobPanic(t *testing.T) {
	w := newWorks(t)
	runs := 0
	j, err := alerts.NewJobs(alerts.JobsOptions{
		Records: jobRecords{w.store}, Engine: w.engine, Now: w.clock.now, Log: w.log, Keep: time.Hour,
		Pruner: prunerFunc(func(time.Time) error { runs++; panic("broken") }),
	})
	w.must(err)
	for range 2 {
		if err := j.Run(t.Context(), alerts.JobPrune); err == nil || !strings.Contains(err.Error(), "broken") {
			t.Errorf("error %v", err)
		}
	}
	if runs != 2 {
		t.Errorf("%d runs", runs)
	}
}
