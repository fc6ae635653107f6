package schedule

import (
	"slices"

	"topout/site"
)

// boundByPlan sets what the plan itself says of each task's dates: the project's
// start (with unclamped only for tasks that no link holds), its data date, the
// planner's own start of a task without predecessors, constraints, deadlines, and
// the progress that stands in the plan.
func (n *network) boundByPlan(plan site.Plan, base int64, unclamped bool) {
	for i, task := range plan.Tasks {
		v := int(n.node[i])
		cal := n.cals[n.cal[v]]
		open := len(n.into(v)) == 0
		if open || !unclamped {
			n.low[2*v] = n.convertStart(base, v)
		}
		if open && !plan.Computed && !task.Start.IsZero() {
			n.low[2*v] = max(n.low[2*v], cal.dayOffset(task.Start))
		}
		n.constrain(v, task.Logic.Bound, open)
		n.constrain(v, task.Logic.Second, false)
		if !plan.DataDate.IsZero() {
			n.low[2*v] = max(n.low[2*v], cal.offset(clock(plan.DataDate)))
		}
		if !task.Logic.Deadline.IsZero() {
			n.high[2*v+1] = min(n.high[2*v+1], cal.offset(clock(task.Logic.Deadline)))
		}
		n.progress(v, plan, task)
		n.starts[v] = task.Logic.AtStart && n.dur[v] == 0
	}
	n.critical = int64(plan.CriticalFloat)
	n.wearOff(plan)
}

// constrain lays a constraint on a node: low for "no earlier", high for the late
// dates, most where it is stronger than links. What a user of MS Project expects:
// a task without predecessors may start before the project when its constraint
// says so, a "no later" date holds against links and shows as negative float of
// what comes before, and a "must" date is both the early and the late one.
func (n *network) constrain(v int, b site.Bound, open bool) {
	if b.At.IsZero() {
		return
	}
	at, d := n.cals[n.cal[v]].offset(clock(b.At)), n.dur[v]
	start, finish := &n.low[2*v], &n.low[2*v+1]
	lateStart, lateFinish := &n.high[2*v], &n.high[2*v+1]
	switch b.Type {
	case site.StartNoEarlier:
		if open {
			*start = at
		}
		*start = max(*start, at)
	case site.FinishNoEarlier:
		if open {
			*start = at - d
		}
		*finish = max(*finish, at)
	case site.StartNoLater:
		*lateStart, n.most[v] = min(*lateStart, at), min(n.most[v], at)
	case site.FinishNoLater:
		*lateFinish, n.most[v] = min(*lateFinish, at), min(n.most[v], at-d)
	case site.MustStartOn:
		*start, *lateStart, n.most[v], n.pin[v] = at, at, at, true
	case site.MustFinishOn:
		*start, *lateFinish, n.most[v], n.pin[v] = at-d, at, at-d, true
	case site.StartOn:
		*start, *lateStart = max(*start, at), min(*lateStart, at)
	case site.FinishOn:
		*finish, *lateFinish = max(*finish, at), min(*lateFinish, at)
	case site.LateStart:
		*lateStart = min(*lateStart, at)
	case site.LateFinish:
		*lateFinish = min(*lateFinish, at)
	}
}

// progress lays what the plan says of work done on a node, and the dates of a
// task that the planner has placed by hand.
//
// With a data date it is what Primavera makes of it: the rest of a task in
// progress is a task of its own, from the data date on and behind its
// predecessors (retained logic). Without, it goes on where it stands, as in MS Project.
func (n *network) progress(v int, plan site.Plan, task site.Task) {
	l, cal := task.Logic, n.cals[n.cal[v]]
	switch {
	case l.Manual && !l.Begin.IsZero() && !l.End.IsZero():
		begin, end := cal.offset(clock(l.Begin)), cal.offset(clock(l.End))
		n.low[2*v], n.low[2*v+1], n.most[v] = begin, farPast, begin
		n.dur[v] = max(end-begin, 0)
	case !l.ActualFinish.IsZero():
		n.done[v] = true
		n.low[2*v], n.low[2*v+1] = cal.offset(clock(l.ActualStart)), cal.offset(clock(l.ActualFinish))
		n.begun[v] = n.low[2*v]
	case !l.ActualStart.IsZero() && !plan.DataDate.IsZero() && !plan.ProgressOverride:
		n.dur[v] = int64(l.Remaining)
		if !l.Resume.IsZero() {
			n.low[2*v] = max(n.low[2*v], cal.offset(clock(l.Resume)))
		}
	case !l.ActualStart.IsZero() && n.dur[v] > 0:
		n.begun[v] = cal.offset(clock(l.ActualStart))
		n.dur[v] = int64(l.Remaining)
		resume := n.begun[v] + int64(l.ActualWork)
		if !l.Resume.IsZero() {
			resume = max(resume, cal.offset(clock(l.Resume)))
		}
		if !plan.DataDate.IsZero() {
			resume = max(resume, cal.offset(clock(plan.DataDate)))
		}
		n.low[2*v] = resume
	}
}

// wearOff takes what is done of a task in progress off the lags from its start,
// which in retained logic is the start of its rest.
func (n *network) wearOff(plan site.Plan) {
	if plan.DataDate.IsZero() || plan.ProgressOverride {
		return
	}
	for i := range n.arcs {
		a := &n.arcs[i]
		l := plan.Tasks[n.task[a.src>>1]].Logic
		if a.src&1 == 1 || l.ActualStart.IsZero() || !l.ActualFinish.IsZero() {
			continue
		}
		lag := &a.lag
		if a.meta > 1 && n.slow[a.meta>>1-1].cal != nil {
			lag = &n.slow[a.meta>>1-1].lag
		}
		if *lag > 0 {
			*lag = max(*lag-int64(l.ActualWork), 0)
		}
	}
}

// delay lets what follows a task as late as possible see its late dates, as MS
// Project does; nil when there is no such task, or none follows.
func (n *network) delay(plan site.Plan, t *times) *times {
	later := false
	low := slices.Clone(n.low)
	for i, task := range plan.Tasks {
		v := n.node[i]
		if task.Logic.Bound.Type == site.AsLateAsPossible && n.begun[v] == notBegun {
			low[2*v] = max(low[2*v], t.late[2*v])
			later = later || !n.sink[v]
		}
	}
	if !later {
		return nil
	}
	n.low, low = low, n.low
	delayed := newTimes(n)
	n.forward(n.dur, delayed)
	n.settle(delayed)
	n.low = low
	return delayed
}
