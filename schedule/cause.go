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
// Of the days that a task is late, its driver hands on as many as it is late
// itself (at its start or finish, as the link says), but no more than it pushes
// the task behind its baseline, and no more than the task is late. The others
// arise at the task: it started later than it could have, or takes longer. So
// the days of a chain are all above 0 and add up to the lateness of the task
// explained; a delay that float swallowed is not counted. Only a chain cut off
// at most entries falls short. The earliest task comes first.
func (f *forecast) explain(v int, late float64, most int) []Cause {
	var chain []Cause
	for late > 0 && len(chain) < most {
		driver, held := f.driver(v)
		passed := 0.0
		if held {
			passed = max(min(f.lateEnd(driver.src), f.pushed(v, driver), late), 0)
		}
		if arising := late - passed; arising > 0 {
			chain = append(chain, f.cause(v, arising, passed))
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

// pushed is how far behind its baseline a link alone puts a task.
func (f *forecast) pushed(v int, a arc) float64 {
	b := f.baseline[f.n.task[v]]
	cal, at := f.n.cals[f.n.cal[v]], f.n.asks(a, f.t)
	if a.meta&1 == 1 || f.n.dur[v] == 0 {
		return f.slip(b.Finish, cal.finishDay(at))
	}
	return f.slip(b.Start, cal.startDay(at))
}

// driver is the link that holds a task, or would if the task had not waited
// longer still: the one that asks for the latest start, of several the one whose
// predecessor is most behind. False when there is none.
func (f *forecast) driver(v int) (arc, bool) {
	n := f.n
	var best arc
	found, latest := false, int64(farPast)
	inProgress := n.begun[v] != notBegun && !n.done[v]
	for _, a := range n.into(v) {
		at := n.asks(a, f.t)
		switch finish := a.meta&1 == 1; {
		case finish && inProgress:
			if at < f.t.early[2*v+1] {
				continue
			}
			return a, true // the finish of running work waits for another
		case inProgress && n.holdsRest(a):
			if at+n.dur[v] < f.t.early[2*v+1] {
				continue
			}
			return a, true // its rest waits
		case finish:
			at -= n.dur[v]
		}
		if n.begun[v] != notBegun && at > n.begun[v]+int64(site.WorkDay) {
			continue // it started without waiting for this one
		}
		if !found || at > latest || at == latest && f.lateEnd(a.src) > f.lateEnd(best.src) {
			best, found, latest = a, true, at
		}
	}
	return best, found
}

// cause says why days arise at a task, beside those passed on to it: what holds
// it, else what people reported, else what the dates show.
func (f *forecast) cause(v int, arising, passed float64) Cause {
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
	case f.lateEnd(2*int32(v))-passed > arising/2:
		c.Reason = site.ReasonLateStart
	default:
		c.Reason = site.ReasonPace
	}
	return c
}
