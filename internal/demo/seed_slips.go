package demo

import (
	"slices"
	"time"

	"topout/schedule"
	"topout/site"
)

// slipFrom is the working days of lateness from which a slip is an issue, and
// criticalFrom those from which a late delivery is a critical one.
const (
	slipFrom     = 1
	criticalFrom = 10
)

// slips follows the weekly forecasts, so that what is late today is known since
// the week in which it became so. Only the delivery and the tasks at which days
// are lost are followed; the rest, and the figures of these, the slips job brings
// up to date when Topout starts.
type slips struct {
	since map[string]time.Time // by task, while it is late
	last  schedule.Outlook
}

func (f *slips) follow(o schedule.Outlook) {
	late := make(map[string]bool)
	for _, t := range o.Tasks {
		begun := !t.ActualStart.IsZero() || t.BaselineStart <= o.DataDate
		if begun && !t.Milestone && t.ActualFinish.IsZero() && t.SlipDays >= slipFrom && lost(t) >= slipFrom {
			late[t.ID] = true
		}
	}
	if o.Delivery.SlipDays >= slipFrom {
		late[o.Delivery.Task] = true
	}
	for task := range f.since {
		if !late[task] {
			delete(f.since, task)
		}
	}
	for task := range late {
		if _, known := f.since[task]; !known {
			f.since[task] = o.At
		}
	}
	f.last = o
}

// lost are the days that a task loses itself.
func lost(t schedule.TaskOutlook) float64 {
	for _, c := range t.Cause {
		if c.Task == t.ID {
			return c.Days
		}
	}
	return 0
}

// slipIssues are those of what is late by the last weekly forecast.
func (s *seeder) slipIssues(f slips) []site.Issue {
	var list []site.Issue
	drives := func(task string) bool {
		return slices.ContainsFunc(f.last.Delivery.Cause, func(c schedule.Cause) bool { return c.Task == task })
	}
	for _, t := range f.last.Tasks {
		since, late := f.since[t.ID]
		if !late {
			continue
		}
		i := site.Issue{
			Project: Project, Key: "slip:" + t.ID, Kind: site.KindSlip, State: site.StateOpen, Task: t.ID, Building: t.Building,
			OpenedAt: since.UTC(), UpdatedAt: since.UTC(), OpenedBy: site.System, Title: "alerts.title.slip_task", Severity: site.Info,
			Params: map[string]string{
				"task": s.nameOf(t), "days": text(t.SlipDays), "Count": text(t.SlipDays),
				"baseline": t.BaselineFinish.String(), "finish": t.ForecastFinish.String(), "cause": "[]",
			},
		}
		switch {
		case t.ID == f.last.Delivery.Task:
			i.Title, i.Severity = "alerts.title.slip_delivery", site.Warning
			if t.SlipDays >= criticalFrom {
				i.Severity = site.Critical
			}
		case t.TotalFloat <= 0 || drives(t.ID):
			i.Severity = site.Warning
		}
		i.ID, i.Due = s.id(i.OpenedAt, i.Key), i.OpenedAt.Add(dueIn[i.Severity])
		list = append(list, i)
	}
	return list
}

// nameOf is a task's name behind that of its building.
func (s *seeder) nameOf(t schedule.TaskOutlook) string {
	for _, b := range s.story.plan.Buildings {
		if b.ID == t.Building {
			return b.Name + " · " + t.Name
		}
	}
	return t.Name
}
