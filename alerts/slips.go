package alerts

import (
	"context"
	"encoding/json"
	"math"
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
	names := make(map[string]string, len(in.Plan.Tasks))
	for _, t := range in.Plan.Tasks {
		names[t.ID] = t.Name
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
		return slipIssues{loop: l, project: p.ID, names: names}.follow(outlook)
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
	project string
	names   map[string]string // of tasks, by id
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
// issues, those that are late only because of others have none: an issue have
// the delivery, the first late milestone of each building, and the unfinished
// tasks at which the delay arises.
func (s slipIssues) follow(o schedule.Outlook) error {
	list, err := s.tx.OpenIssues(s.project, site.KindSlip)
	if err != nil {
		return err
	}
	open := make(map[string]site.Issue, len(list))
	for _, i := range list {
		open[i.Task] = i
	}
	late := func(task string, days float64) bool {
		if _, isOpen := open[task]; isOpen {
			return days >= s.rules.slips.CloseDays
		}
		return days >= s.rules.slips.OpenDays
	}
	for _, w := range s.wanted(o, open, late) {
		i, isOpen := open[w.task]
		delete(open, w.task)
		if err := s.bring(i, isOpen, w); err != nil {
			return err
		}
	}
	for _, i := range list {
		if _, left := open[i.Task]; !left {
			continue
		}
		if err := s.settle(i, "alerts.move.slip_gone", nil); err != nil {
			return err
		}
	}
	return nil
}

// wanted are the slips that deserve an issue, each task at most once.
func (s slipIssues) wanted(o schedule.Outlook, open map[string]site.Issue, late func(string, float64) bool) []slip {
	var list []slip
	taken := make(map[string]bool)
	add := func(w slip) {
		if !taken[w.task] {
			taken[w.task] = true
			list = append(list, w)
		}
	}
	d := o.Delivery
	if !d.Baseline.IsZero() && late(d.Task, d.SlipDays) {
		add(slip{
			task: d.Task, title: "alerts.title.slip_delivery", days: d.SlipDays, severity: s.deliverySeverity(d.SlipDays, open[d.Task]),
			baseline: d.Baseline, finish: d.Forecast, cause: d.Cause,
		})
	}
	tasks := make(map[string]schedule.TaskOutlook, len(o.Tasks))
	for _, t := range o.Tasks {
		tasks[t.ID] = t
	}
	first := make(map[string]bool) // buildings whose first late milestone is found
	for _, m := range o.Milestones {
		if m.Reached || m.ID == d.Task || first[m.Building] || m.Baseline.IsZero() || !late(m.ID, m.SlipDays) {
			continue
		}
		first[m.Building] = true
		add(slip{
			task: m.ID, building: m.Building, title: "alerts.title.slip_milestone", days: m.SlipDays, severity: site.Warning,
			baseline: m.Baseline, finish: m.Forecast, cause: tasks[m.ID].Cause,
		})
	}
	driving := make(map[string]bool)
	for _, c := range d.Cause {
		driving[c.Task] = true
	}
	for _, t := range o.Tasks {
		if t.Milestone || !t.ActualFinish.IsZero() || t.BaselineFinish.IsZero() || !late(t.ID, ownDays(t)) || t.SlipDays < s.rules.slips.CloseDays {
			continue
		}
		severity := site.Info // there is float to use up
		if driving[t.ID] || t.TotalFloat <= 0 {
			severity = site.Warning
		}
		add(slip{
			task: t.ID, building: t.Building, title: "alerts.title.slip_task", days: t.SlipDays, severity: severity,
			baseline: t.BaselineFinish, finish: t.ForecastFinish, cause: t.Cause,
		})
	}
	return list
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

// deliverySeverity falls back only a good day below the limit that it rose at.
func (s slipIssues) deliverySeverity(days float64, open site.Issue) site.Severity {
	limit := s.rules.slips.CriticalDays
	if open.Severity == site.Critical {
		limit -= s.rules.slips.OpenDays
	}
	if days >= limit {
		return site.Critical
	}
	return site.Warning
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
		chain = append(chain, slipCause{Task: s.name(c.Task), Days: days(c.Days), Reason: c.Reason})
	}
	cause, err := json.Marshal(chain)
	if err != nil {
		return nil, err
	}
	return map[string]string{
		"task": s.name(w.task), "days": days(w.days), "Count": days(w.days),
		"baseline": w.baseline.String(), "finish": w.finish.String(), "cause": string(cause),
	}, nil
}

func (s slipIssues) name(task string) string {
	if n := s.names[task]; n != "" {
		return n
	}
	return task
}

// days writes a number of working days to the half day.
func days(d float64) string { return number(math.Round(d*2) / 2) }
