package schedule

import (
	"slices"

	"topout/site"
)

// causes explains every late task, and the hand-over.
func (f *forecast) causes() {
	for i := range f.out.Tasks {
		o := &f.out.Tasks[i]
		o.Cause = f.explain(int(f.n.node[i]), o.SlipDays, mostCauses)
	}
	d := &f.out.Delivery
	v, held := int(f.n.node[f.delivery]), true
	d.Cause = f.explain(v, d.SlipDays, len(f.out.Tasks))
	for held {
		d.StaleDays = max(d.StaleDays, f.out.Tasks[f.n.task[v]].StaleDays)
		var driver arc
		driver, held = f.driver(v)
		v = int(driver.src >> 1)
	}
}

// mostCauses bounds the chain of a task that is not the hand-over.
const mostCauses = 32

// explain follows the driving links back from a late task until its lateness is
// used up, and says how many of the days arise at each task on the way.
//
// Of the days that a task is late, as many come from its driver as that is late
// itself (at its start or finish, as the link says), and the others arise at the
// task: it started later than it could have, or takes longer. So the days of a
// chain are all above 0 and add up to the lateness of the task explained; float
// that swallowed a part of an earlier delay is taken off that delay. Only a chain
// cut at most entries falls short. The earliest task comes first.
func (f *forecast) explain(v int, late float64, most int) []Cause {
	var chain []Cause
	for late > 0 && len(chain) < most {
		driver, held := f.driver(v)
		passed := 0.0
		if held {
			passed = min(max(f.lateEnd(driver.src), 0), late)
			if f.n.begun[v] != notBegun && driver.meta&1 == 0 {
				// What held the start cannot have delayed it by more than it was late.
				passed = min(passed, max(f.lateEnd(2*int32(v)), 0))
			}
		}
		if arising := late - passed; arising > 0 {
			chain = append(chain, f.cause(v, arising))
		}
		late, v = passed, int(driver.src>>1)
	}
	slices.Reverse(chain)
	return chain
}

// lateEnd is how many working days an end of a task (2v its start, 2v+1 its
// finish) is behind the baseline.
func (f *forecast) lateEnd(end int32) float64 {
	o := &f.out.Tasks[f.n.task[end>>1]]
	if end&1 == 0 {
		return f.slip(o.BaselineStart, o.ForecastStart)
	}
	return o.SlipDays
}

// driver is the link that holds a task, of several the one whose predecessor is
// most behind; false when none does. What has begun was held, if at all, by the
// link that came last before it.
func (f *forecast) driver(v int) (arc, bool) {
	n := f.n
	var best arc
	found, bestLate := false, 0.0
	consider := func(a arc) {
		if late := f.lateEnd(a.src); !found || late > bestLate {
			best, found, bestLate = a, true, late
		}
	}
	if n.begun[v] == notBegun {
		arcs, own := n.driving(v, f.t)
		for _, a := range arcs {
			consider(a)
		}
		// Else the data date, a hold or the planner's start holds it.
		return best, found && (!own || bestLate > 0)
	}
	if arcs, own := n.driving(v, f.t); !own && len(arcs) > 0 { // its finish waits for another
		return arcs[0], true
	}
	last := int64(farPast)
	for _, a := range n.into(v) {
		if a.meta&1 == 1 {
			continue
		}
		switch at := n.asks(a, f.t); {
		case at > n.begun[v]+int64(site.WorkDay) || at < last: // came after its start, or before another
		case at > last:
			last, found = at, false
			consider(a)
		default:
			consider(a)
		}
	}
	return best, found
}

// cause says why days arise at a task: what holds it, else what people
// reported, else what the dates show.
func (f *forecast) cause(v int, arising float64) Cause {
	i := f.n.task[v]
	r, o := &f.records[i], &f.out.Tasks[i]
	c := Cause{Task: o.ID, Days: arising, LastReport: r.last, By: r.by}
	switch hold := f.holds[i]; {
	case hold != nil:
		c.Issue, c.Reason = hold.Issue, hold.Reason
		if c.Reason == "" {
			c.Reason = site.ReasonSafetyStop
		}
	case r.reason != "":
		c.Reason, c.Note = r.reason, r.note
	case f.n.begun[v] == notBegun:
		c.Reason = site.ReasonNotStarted
	case 2*f.lateEnd(2*int32(v)) > o.SlipDays:
		c.Reason = site.ReasonLateStart
	default:
		c.Reason = site.ReasonPace
	}
	return c
}
