package alerts

import (
	"context"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"time"

	"topout/schedule"
	"topout/site"
)

// slips forecasts a project, keeps the forecast, and brings the slip issues in line with it.
func (j *Jobs) slips(ctx context.Context, r run, p site.Project) error {
	in, ok, err := j.forecastInput(ctx, r, p)
	if err != nil || !ok {
		return err
	}
	outlook, err := schedule.Forecast(in)
	if err != nil {
		return err
	}
	return j.records.Update(ctx, func(tx JobTx) error {
		kept := outlook.Run(p.ID)
		if _, err := tx.SaveForecast(kept); err != nil {
			return err
		}
		l := j.engine.loop(tx)
		if err := l.recordForecast(kept); err != nil {
			return err
		}
		return newSlipIssues(l, in.Plan).follow(outlook)
	})
}

// forecastInput reads what a forecast rests on; there is none without a plan.
func (j *Jobs) forecastInput(ctx context.Context, r run, p site.Project) (in schedule.Input, ok bool, err error) {
	in.At = r.at
	if in.Calendar, err = schedule.NewCalendar(p.Calendar, p.Location()); err != nil {
		return in, false, err
	}
	err = j.records.View(ctx, func(tx JobTx) error {
		if in.Plan, err = tx.Plan(p.ID); err != nil {
			return err
		}
		ok = len(in.Plan.Tasks) > 0
		switch b, err := tx.CurrentBaseline(p.ID); {
		case err == nil:
			in.Baseline = &b
		case !site.IsKind(err, site.NotFound):
			return err
		}
		if in.Progress, err = tx.ProgressOf(p.ID, r.at); err != nil {
			return err
		}
		open, err := tx.OpenIssues(p.ID, "")
		if err != nil {
			return err
		}
		in.Holds = holds(open)
		return nil
	})
	if site.IsKind(err, site.NotFound) {
		return in, false, nil
	}
	return in, ok, err
}

// holds are the stops of work among open issues, for a forecast.
func holds(open []site.Issue) []schedule.Hold {
	var list []schedule.Hold
	for _, i := range open {
		if i.StopWork && i.Open() {
			list = append(list, schedule.Hold{Task: i.Task, Building: i.Building, Issue: i.ID, Reason: i.Reason, Since: i.OpenedAt})
		}
	}
	return list
}

// recordForecast tells the screens of a new forecast.
func (l *loop) recordForecast(f site.ForecastRun) error {
	data, err := json.Marshal(map[string]any{
		"project": f.Project, "ref": f.Project, "at": l.at.Format(time.RFC3339Nano),
		"forecast_finish": f.Finish, "p50": f.P50, "p80": f.P80, "slip_days": f.SlipDays,
	})
	if err != nil {
		return err
	}
	_, err = l.tx.AddChange(site.Change{Project: f.Project, Kind: site.ChangeSlip, Ref: f.Project, At: l.at, Data: data})
	return err
}

// slipIssues brings the issues of a project's slips in line with a forecast.
type slipIssues struct {
	*loop
	project   string
	tasks     map[string]site.Task
	buildings map[string]string // names, by id
}

func newSlipIssues(l *loop, plan site.Plan) slipIssues {
	s := slipIssues{loop: l, project: plan.Project, tasks: make(map[string]site.Task, len(plan.Tasks)), buildings: make(map[string]string, len(plan.Buildings))}
	for _, t := range plan.Tasks {
		s.tasks[t.ID] = t
	}
	for _, b := range plan.Buildings {
		s.buildings[b.ID] = b.Name
	}
	return s
}

// slip is a lateness that is worth an issue.
type slip struct {
	task, building   string
	title            string
	days             float64
	severity         site.Severity
	baseline, finish site.Day
	cause            []schedule.Cause
}

// follow opens, changes and closes issues. So that one delay is not a storm of
// issues, what is late only because of something else has none; these have one:
// the delivery, the first late milestone of each building, and the tasks under
// way, or that should be, at which days are lost.
func (s slipIssues) follow(o schedule.Outlook) error {
	list, err := s.tx.OpenIssues(s.project, site.KindSlip)
	if err != nil {
		return err
	}
	f := follower{slipIssues: s, outlook: o, open: make(map[string]site.Issue, len(list)), tasks: make(map[string]schedule.TaskOutlook, len(o.Tasks))}
	for _, i := range list {
		f.open[i.Task] = i
	}
	for _, t := range o.Tasks {
		f.tasks[t.ID] = t
	}
	wanted := make(map[string]bool)
	for _, w := range slices.Concat(f.delivery(), f.milestones(), f.lossMakers()) {
		if wanted[w.task] {
			continue
		}
		wanted[w.task] = true
		i, isOpen := f.open[w.task]
		if err := s.bring(i, isOpen, w); err != nil {
			return err
		}
	}
	for _, i := range list {
		if wanted[i.Task] {
			continue
		}
		if err := s.settle(i, f.over(i.Task), nil); err != nil {
			return err
		}
	}
	return nil
}

// follower finds the slips of one forecast.
type follower struct {
	slipIssues
	outlook schedule.Outlook
	tasks   map[string]schedule.TaskOutlook
	open    map[string]site.Issue // by task
}

// late reports whether days are enough for an issue; fewer keep one open.
func (f follower) late(task string, days float64) bool {
	if _, isOpen := f.open[task]; isOpen {
		return days >= f.rules.slips.CloseDays
	}
	return days >= f.rules.slips.OpenDays
}

func (f follower) delivery() []slip {
	d := f.outlook.Delivery
	if d.Baseline.IsZero() || !f.late(d.Task, d.SlipDays) {
		return nil
	}
	// Critical falls back only a good day below the limit that it rose at.
	severity, limit := site.Warning, f.rules.slips.CriticalDays
	if f.open[d.Task].Severity == site.Critical {
		limit -= f.rules.slips.OpenDays
	}
	if d.SlipDays >= limit {
		severity = site.Critical
	}
	return []slip{{
		task: d.Task, title: "alerts.title.slip_delivery", days: d.SlipDays, severity: severity,
		baseline: d.Baseline, finish: d.Forecast, cause: d.Cause,
	}}
}

// milestones gives the first late milestone of each building, and of none.
func (f follower) milestones() (list []slip) {
	found := make(map[string]bool)
	for _, m := range f.outlook.Milestones {
		if m.Reached || m.ID == f.outlook.Delivery.Task || found[m.Building] || m.Baseline.IsZero() || !f.late(m.ID, m.SlipDays) {
			continue
		}
		found[m.Building] = true
		list = append(list, slip{
			task: m.ID, building: m.Building, title: "alerts.title.slip_milestone", days: m.SlipDays, severity: f.severity(m.ID),
			baseline: m.Baseline, finish: m.Forecast, cause: f.tasks[m.ID].Cause,
		})
	}
	return list
}

// lossMakers gives the late tasks at which days are lost.
func (f follower) lossMakers() (list []slip) {
	for _, t := range f.outlook.Tasks {
		due := !t.ActualStart.IsZero() || t.BaselineStart <= f.outlook.DataDate
		unfinished := !t.Milestone && t.ActualFinish.IsZero() && !t.BaselineFinish.IsZero()
		if !due || !unfinished || !f.late(t.ID, ownDays(t)) || t.SlipDays < f.rules.slips.CloseDays {
			continue
		}
		list = append(list, slip{
			task: t.ID, building: t.Building, title: "alerts.title.slip_task", days: t.SlipDays, severity: f.severity(t.ID),
			baseline: t.BaselineFinish, finish: t.ForecastFinish, cause: t.Cause,
		})
	}
	return list
}

// severity is a warning where the delivery moves too, a notice where there is
// float to use up.
func (f follower) severity(task string) site.Severity {
	limit := 0.0
	if f.open[task].Severity == site.Warning {
		limit = f.rules.slips.OpenDays
	}
	drives := func(c schedule.Cause) bool { return c.Task == task }
	if f.tasks[task].TotalFloat <= limit || slices.ContainsFunc(f.outlook.Delivery.Cause, drives) {
		return site.Warning
	}
	return site.Info
}

// over says why a slip is no issue any more.
func (f follower) over(task string) string {
	t, known := f.tasks[task]
	switch {
	case known && !t.ActualFinish.IsZero():
		return "alerts.move.slip_done"
	case known && t.SlipDays >= f.rules.slips.CloseDays:
		return "alerts.move.slip_elsewhere"
	}
	return "alerts.move.slip_gone"
}

// ownDays are the late days of a task that arise at itself.
func ownDays(t schedule.TaskOutlook) float64 {
	for _, c := range t.Cause {
		if c.Task == t.ID {
			return c.Days
		}
	}
	return 0
}

// bring opens the issue of a slip or brings it up to date.
func (s slipIssues) bring(i site.Issue, isOpen bool, w slip) error {
	params, err := s.params(w)
	if err != nil {
		return err
	}
	if !isOpen {
		accepted, err := s.accepted(w)
		if err != nil || accepted {
			return err
		}
		_, err = s.open(site.Issue{
			Project: s.project, Key: "slip:" + w.task, Kind: site.KindSlip, Severity: w.severity,
			Title: w.title, Params: params, Task: w.task, Building: w.building,
		})
		return err
	}
	same := i.Title == w.title && i.Params["days"] == params["days"] && i.Params["cause"] == params["cause"] && i.Params["finish"] == params["finish"]
	i.Title, i.Params = w.title, params
	switch {
	case i.Severity != w.severity:
		return s.grade(i, w.severity)
	case !same:
		return s.refresh(i)
	}
	return nil
}

// accepted reports whether a person has closed this slip, which has not grown by
// a day since.
func (s slipIssues) accepted(w slip) (bool, error) {
	last, _, err := s.tx.IssuesPage(site.IssueQuery{Project: s.project, Kind: site.KindSlip, Task: w.task, Limit: 1})
	if err != nil || len(last) == 0 || !closedByPerson(last[0]) {
		return false, err
	}
	before, err := strconv.ParseFloat(last[0].Params["days"], 64)
	return err == nil && w.days < before+s.rules.slips.OpenDays, nil
}

func (s slipIssues) params(w slip) (map[string]string, error) {
	chain := make([]slipCause, 0, len(w.cause))
	for _, c := range w.cause {
		chain = append(chain, slipCause{Task: s.nameFrom(w.building, c.Task), Days: days(c.Days), Reason: c.Reason})
	}
	cause, err := json.Marshal(chain)
	if err != nil {
		return nil, err
	}
	return map[string]string{
		"task": s.nameFrom("", w.task), "days": days(w.days), "Count": days(w.days),
		"baseline": w.baseline.String(), "finish": w.finish.String(), "cause": string(cause),
	}, nil
}

// nameFrom names a task to somebody who stands at a building: with its own
// building, when that is another one.
func (s slipIssues) nameFrom(building, task string) string {
	t := s.tasks[task]
	if t.Name == "" {
		t.Name = task
	}
	if b := s.buildings[t.Building]; b != "" && t.Building != building {
		return b + " · " + t.Name
	}
	return t.Name
}

// days writes a number of working days to the half day.
func days(d float64) string { return number(math.Round(d*2) / 2) }
