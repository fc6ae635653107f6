package schedule

import "topout/site"

// Anchored is the plan with a first day: its own, else none when a task has a
// start (the earliest counts), else today.
func Anchored(plan site.Plan, today site.Day) site.Plan {
	if !plan.Start.IsZero() {
		return plan
	}
	for _, t := range plan.Tasks {
		if !t.Start.IsZero() {
			return plan
		}
	}
	plan.Start = today
	return plan
}
