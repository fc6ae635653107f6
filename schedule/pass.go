package schedule

// times are the results of passes over a network, two numbers a node: its start
// at [2v] and its finish at [2v+1], in offsets of the node's calendar.
type times struct {
	early, late []int64
	free        []int64 // free float per node
	until       []int64 // per calendar, the offset that late finishes count from
	// atStart marks the tasks without duration that stand at the start of the
	// work after their offset, not at the end of the work before it: those that
	// a start, or the project's first day, holds there.
	atStart []bool
}

func newTimes(n *network) *times {
	size := len(n.dur)
	return &times{
		early: make([]int64, 2*size), late: make([]int64, 2*size),
		free: make([]int64, size), atStart: make([]bool, size),
		until: make([]int64, len(n.cals)),
	}
}

// forward computes the early dates for the durations dur (n.dur, or those of a
// Monte Carlo run). It allocates nothing.
//
// Moder, Phillips, Davis, Project Management with CPM, PERT and Precedence
// Diagramming, 3rd ed., ch. 4, with the lag in the successor's calendar:
//
//	FS: ES_s ≥ EF_p + lag        SS: ES_s ≥ ES_p + lag
//	FF: EF_s ≥ EF_p + lag        SF: EF_s ≥ ES_p + lag
//
// A task in progress goes on from low (where work resumes) whatever its
// predecessors do (progress override), or, in a retained network, its rest waits
// for the finish of those that are not finished; links to its finish hold it.
func (n *network) forward(dur []int64, t *times) {
	early := t.early
	mixed := len(n.slow) > 0 // only then must the pass know on which side of a break a task stands
	for v, d := range dur {
		bound := [2]int64{n.low[2*v], n.low[2*v+1]}
		if n.done[v] {
			early[2*v], early[2*v+1] = bound[0], bound[1]
			continue
		}
		begun := n.begun[v] != notBegun
		resume := bound[0]
		for _, a := range n.into(v) {
			b := early[a.src]
			if a.meta > 1 {
				b = n.acrossForward(a, t)
			}
			if begun && n.holdsRest(a) {
				resume = max(resume, b+a.lag)
			}
			to := a.meta & 1
			bound[to] = max(bound[to], b+a.lag)
		}
		if begun {
			early[2*v], early[2*v+1] = n.begun[v], max(resume+d, bound[1])
			continue
		}
		start := min(max(bound[0], bound[1]-d), n.most[v])
		early[2*v], early[2*v+1] = start, start+d
		if d == 0 && mixed {
			t.atStart[v] = n.standsAtStart(v, t)
		}
	}
}

// settle finds where the tasks without duration stand, after a forward pass
// over a network of one calendar; with several, the pass itself had to know.
func (n *network) settle(t *times) {
	if len(n.slow) > 0 {
		return
	}
	for v, d := range n.dur {
		if d == 0 && n.begun[v] == notBegun {
			t.atStart[v] = n.standsAtStart(v, t)
		}
	}
}

// standsAtStart tells for a task without duration whether a start holds it
// where it is.
func (n *network) standsAtStart(v int, t *times) bool {
	at := t.early[2*v]
	if n.low[2*v] == at || n.starts[v] {
		return true
	}
	for _, a := range n.into(v) {
		if n.asks(a, t) == at && !t.finishes(n, a.src) {
			return true
		}
	}
	return false
}

// finishes reports whether an end of a task (2v its start, 2v+1 its finish) is
// the end of work rather than the start of work.
func (t *times) finishes(n *network, end int32) bool {
	v := end >> 1
	if n.dur[v] == 0 && n.begun[v] == notBegun {
		return !t.atStart[v]
	}
	return end&1 == 1
}

// clockAt is the instant of a task's early end.
func (t *times) clockAt(n *network, end int32) clock {
	cal := n.cals[n.cal[end>>1]]
	if t.finishes(n, end) {
		return cal.finishAt(t.early[end])
	}
	return cal.startAt(t.early[end])
}

// asks is the earliest offset that a link allows the successor's end.
func (n *network) asks(a arc, t *times) int64 {
	if a.meta > 1 {
		return n.acrossForward(a, t) + a.lag
	}
	return t.early[a.src] + a.lag
}

// acrossForward is the predecessor's end, and the lag that is not of the
// successor's calendar, in the successor's calendar.
func (n *network) acrossForward(a arc, t *times) int64 {
	s := &n.slow[a.meta>>1-1]
	at := t.clockAt(n, a.src) + s.elapsed
	if s.cal != nil {
		offset := s.cal.offset(at) + s.lag
		at = s.cal.startAt(offset)
		if t.finishes(n, a.src) {
			at = s.cal.finishAt(offset)
		}
	}
	return n.cals[n.cal[s.succ]].offset(at)
}

// backward computes the late dates and the free floats, after forward. Every
// late finish is at or before finish, an offset of the first calendar; with
// sinksOnly only those of tasks without successors are.
//
//	FS: LF_p ≤ LS_s − lag        SS: LS_p ≤ LS_s − lag
//	FF: LF_p ≤ LF_s − lag        SF: LS_p ≤ LF_s − lag
//
// The free float is the least slack of the links out; a task without
// successors has its total float.
func (n *network) backward(dur []int64, t *times, end clock, sinksOnly bool) {
	late := t.late
	for c, cal := range n.cals {
		t.until[c] = cal.offset(end)
	}
	for v := range dur {
		late[2*v], late[2*v+1] = n.high[2*v], n.high[2*v+1]
		t.free[v] = farFuture
		if n.sink[v] || !sinksOnly {
			late[2*v+1] = min(late[2*v+1], t.until[n.cal[v]])
		}
	}
	for v := len(dur) - 1; v >= 0; v-- {
		d := dur[v]
		if n.done[v] {
			late[2*v], late[2*v+1], t.free[v] = t.early[2*v], t.early[2*v+1], 0
			continue // what was to come before it holds nobody
		}
		end := late[2*v+1]
		if n.begun[v] == notBegun {
			end = min(end, late[2*v]+d)
		}
		if n.pin[v] {
			end = min(n.high[2*v]+d, n.high[2*v+1])
		} else if end >= farFuture/2 { // only finished tasks follow
			end = t.until[n.cal[v]]
		}
		if n.begun[v] == notBegun {
			late[2*v] = end - d
		} else {
			late[2*v] = t.early[2*v]
		}
		late[2*v+1] = end
		if t.free[v] == farFuture { // no links out, or none that counts any more
			t.free[v] = end - t.early[2*v+1]
		}
		n.push(v, t)
	}
}

// push hands a node's late dates to its predecessors, and the slack of the links.
func (n *network) push(v int, t *times) {
	for _, a := range n.into(v) {
		to := 2*int32(v) + a.meta&1
		bound, slack := t.late[to]-a.lag, t.early[to]-a.lag
		if a.meta&1 == 0 && n.begun[v] != notBegun {
			if !n.holdsRest(a) {
				continue // it has started: what was to come before holds nobody
			}
			end := 2*v + 1
			bound, slack = t.late[end]-n.dur[v]-a.lag, t.early[end]-n.dur[v]-a.lag
		}
		if a.meta > 1 {
			bound, slack = n.acrossBackward(a, bound, t), n.acrossBackward(a, slack, t)
		}
		p := a.src >> 1
		t.free[p] = min(t.free[p], slack-t.early[a.src])
		t.late[a.src] = min(t.late[a.src], bound)
	}
}

// holdsRest reports whether a link into the start of a task that has begun holds
// its rest: work went on out of sequence, before the predecessor was finished.
func (n *network) holdsRest(a arc) bool {
	return n.retained && a.meta&1 == 0 && a.src&1 == 1 && !n.done[a.src>>1]
}

// acrossBackward is the latest offset of the predecessor's end whose instant
// is at or before the offset bound of the successor's calendar.
func (n *network) acrossBackward(a arc, bound int64, t *times) int64 {
	s := &n.slow[a.meta>>1-1]
	pred, succ := n.cals[n.cal[s.pred]], n.cals[n.cal[s.succ]]
	at := succ.startAt(bound)
	if s.cal != nil {
		at = s.cal.startAt(s.cal.offset(at) - s.lag)
	}
	offset := pred.offset(at - s.elapsed)
	if !t.finishes(n, a.src) && pred.startAt(offset) > at-s.elapsed {
		offset--
	}
	return offset
}
