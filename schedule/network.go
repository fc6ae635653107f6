package schedule

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"topout/site"
)

// network is a plan made ready for passes over it. Its nodes are the tasks in a
// topological order, so a pass is one walk along arrays.
//
// All times are offsets of the task's own calendar (see Calendar): between
// tasks of one calendar a link is an addition. Only links between calendars,
// and lags that are not of the successor's calendar, go by way of the clock.
type network struct {
	cals  []*Calendar // the project's is the first
	task  []int32     // plan's index of each node
	node  []int32     // node of each task of the plan
	cal   []uint8     // calendar of each node
	dur   []int64     // duration, for a task in progress the remaining one
	low   []int64     // earliest start and finish allowed: [2v], [2v+1]
	high  []int64     // latest start and finish allowed
	most  []int64     // latest start that a constraint allows, links or not; else farFuture
	pin   []bool      // its late dates are those of its constraint
	begun []int64     // actual start of a task in progress or finished, else notBegun
	done  []bool      // finished: low holds its actual start and finish
	arcs  []arc       // links into each node, one node's after the other's
	first []int32     // index in arcs of each node's first; one more at the end
	sink  []bool      // without successors
	// retained has the rest of a task in progress wait for predecessors that are
	// not finished (retained logic); else it goes on whatever they do (progress override).
	retained bool
	// starts marks milestones that always stand at the start of work.
	starts   []bool
	critical int64 // float up to which a task is critical
	slow     []slowArc
}

// arc is a link as seen from its successor.
type arc struct {
	src  int32 // 2×predecessor for its start, +1 for its finish
	meta int32 // bit 0: bounds the finish; above: 1 + index in slow, 0 for none
	lag  int64
}

// slowArc is what the passes need to know of a link that goes by the clock. Its
// lag is here and not in the arc when it is not of the successor's calendar.
type slowArc struct {
	pred, succ int32
	elapsed    clock     // lag that runs day and night
	cal        *Calendar // of lag; nil: there is none here
	lag        int64
}

const (
	farPast   = math.MinInt64 / 4
	farFuture = math.MaxInt64 / 4
	notBegun  = math.MinInt64
)

// longest is the greatest duration or lag: a hundred years of working days.
const longest = 36500 * site.WorkDay

// Problems lists what is wrong in a plan's network. The Fatal ones keep it from
// being computed: tasks of one id, unknown predecessors, durations below zero, loops.
func Problems(plan site.Plan) []site.Problem {
	_, problems := index(plan)
	return problems
}

// edges is a plan's links by index of task.
type edges struct {
	pred, succ []int32 // per link; -1 when unknown
	order      []int32 // tasks in topological order
}

// index resolves the ids of a plan and sorts it topologically.
func index(plan site.Plan) (edges, []site.Problem) {
	var problems []site.Problem
	byID := make(map[string]int32, len(plan.Tasks))
	for i, t := range plan.Tasks {
		report := func(code, field string, params map[string]string) {
			problems = append(problems, site.Problem{
				Task: t.ID, Line: t.Line, Code: code, Params: params, Fatal: true,
				Field: fmt.Sprintf("tasks[%d].%s", i, field),
			})
		}
		if _, twice := byID[t.ID]; twice {
			report("schedule.duplicate_task", "id", map[string]string{"task": t.ID})
			continue
		}
		if t.ID == "" {
			report("schedule.no_id", "id", nil)
		}
		if t.Duration < 0 {
			report("schedule.negative_duration", "duration_days", map[string]string{"task": t.ID, "days": dayString(t.Duration)})
		}
		if t.Duration > longest {
			report("schedule.too_long", "duration_days", map[string]string{"task": t.ID, "days": dayString(t.Duration)})
		}
		if fromDates(t) && t.Finish < t.Start {
			report("schedule.finish_before_start", "finish", map[string]string{"task": t.ID, "start": t.Start.String(), "finish": t.Finish.String()})
		}
		byID[t.ID] = int32(i)
	}
	e := edges{pred: make([]int32, len(plan.Links)), succ: make([]int32, len(plan.Links))}
	type tie struct {
		pred, succ int32
		ends       int32
		lag        site.Work
	}
	seen := make(map[tie]bool, len(plan.Links))
	for i, l := range plan.Links {
		pred, okPred := byID[l.Pred]
		succ, okSucc := byID[l.Succ]
		bad := func(code, field string, pairs ...string) {
			e := site.Errorf(site.Invalid, code, fmt.Sprintf("links[%d].%s", i, field),
				append(pairs, "task", l.Succ, "predecessor", l.Pred)...)
			p := site.Problem{Task: l.Succ, Field: e.Field, Code: code, Params: e.Params, Fatal: true}
			if okSucc {
				p.Line = plan.Tasks[succ].Line
			}
			problems = append(problems, p)
		}
		e.pred[i], e.succ[i] = -1, -1
		switch {
		case !okSucc:
			bad("schedule.unknown_successor", "succ")
			continue
		case !okPred:
			bad("schedule.unknown_predecessor", "pred")
			continue
		case l.Lag > longest || l.Lag < -longest:
			bad("schedule.lag_too_long", "lag_days", "days", dayString(l.Lag))
			continue
		}
		ends, ok := linkEnds(l.Type)
		if !ok {
			bad("schedule.link_type", "type", "type", string(l.Type))
			continue
		}
		if link := (tie{pred, succ, ends, l.Lag}); seen[link] {
			bad("schedule.duplicate_link", "pred")
			problems[len(problems)-1].Fatal = false
		} else {
			seen[link] = true
		}
		e.pred[i], e.succ[i] = pred, succ
	}
	e.order = e.sort(len(plan.Tasks))
	if len(e.order) < len(plan.Tasks) {
		for _, loop := range e.loops(len(plan.Tasks)) {
			ids := make([]string, 0, len(loop)+1)
			for _, t := range loop {
				ids = append(ids, plan.Tasks[t].ID)
			}
			first := plan.Tasks[loop[0]]
			problems = append(problems, site.Problem{
				Task: first.ID, Line: first.Line, Code: "schedule.loop", Fatal: true,
				Params: map[string]string{"members": strings.Join(append(ids, ids[0]), " → ")},
				Field:  fmt.Sprintf("tasks[%d]", loop[0]),
			})
		}
	}
	return e, problems
}

func dayString(w site.Work) string { return fmt.Sprintf("%g", w.Days()) }

// linkEnds gives what a link type ties: bit 1 the predecessor's finish, bit 0
// the successor's finish.
func linkEnds(t site.LinkType) (int32, bool) {
	switch t {
	case site.FinishToStart, "":
		return 2, true
	case site.StartToStart:
		return 0, true
	case site.FinishToFinish:
		return 3, true
	case site.StartToFinish:
		return 1, true
	}
	return 0, false
}

// sort is Kahn's algorithm (CACM 5, 1962): tasks whose predecessors are all
// placed, in the plan's order. Tasks in or behind a loop are left out.
func (e edges) sort(n int) []int32 {
	open := make([]int32, n) // predecessors not placed yet
	first, next := e.successors(n)
	for _, s := range e.succ {
		if s >= 0 {
			open[s]++
		}
	}
	order := make([]int32, 0, n)
	for t := range open {
		if open[t] == 0 {
			order = append(order, int32(t))
		}
	}
	for i := 0; i < len(order); i++ {
		for _, s := range next[first[order[i]]:first[order[i]+1]] {
			if open[s]--; open[s] == 0 {
				order = append(order, s)
			}
		}
	}
	return order
}

// successors groups the links by predecessor.
func (e edges) successors(n int) (first, next []int32) {
	first = make([]int32, n+1)
	for _, p := range e.pred {
		if p >= 0 {
			first[p+1]++
		}
	}
	for t := range n {
		first[t+1] += first[t]
	}
	next = make([]int32, first[n])
	fill := slices.Clone(first)
	for i, p := range e.pred {
		if p >= 0 {
			next[fill[p]] = e.succ[i]
			fill[p]++
		}
	}
	return first, next
}

// mostLoops bounds the loops that are named; who mends them may find more.
const mostLoops = 20

// loops finds loops until every task that is in one is named: for each such
// task in turn the shortest through it.
func (e edges) loops(n int) [][]int32 {
	first, next := e.successors(n)
	placed := make([]bool, n) // in no loop
	for _, t := range e.order {
		placed[t] = true
	}
	// What only lies behind a loop has no way back: the sort of the turned
	// links places it.
	turned := edges{pred: e.succ, succ: e.pred}
	for _, t := range turned.sort(n) {
		placed[t] = true
	}
	named := slices.Clone(placed)
	var loops [][]int32
	for start := range int32(n) {
		if named[start] || len(loops) == mostLoops {
			continue
		}
		loop := shortestLoop(start, first, next, placed)
		for _, t := range loop {
			named[t] = true
		}
		if len(loop) > 0 {
			loops = append(loops, loop)
		}
	}
	return loops
}

// shortestLoop walks breadth first from start until it comes back; nil when it does not.
func shortestLoop(start int32, first, next []int32, placed []bool) []int32 {
	from := map[int32]int32{}
	queue := []int32{start}
	for i := 0; i < len(queue); i++ {
		t := queue[i]
		for _, s := range next[first[t]:first[t+1]] {
			if s == start {
				loop := []int32{t}
				for t != start {
					t = from[t]
					loop = append(loop, t)
				}
				slices.Reverse(loop)
				return loop
			}
			if _, seen := from[s]; !seen && !placed[s] {
				from[s] = t
				queue = append(queue, s)
			}
		}
	}
	return nil
}

// NetworkError says why a plan cannot be computed.
type NetworkError struct{ Problems []site.Problem }

func (e *NetworkError) Error() string {
	s := e.Unwrap().Error()
	if n := len(e.Problems) - 1; n > 0 {
		s += fmt.Sprintf(" and %d more", n)
	}
	return s
}

// Unwrap is the first problem as a *site.Error.
func (e *NetworkError) Unwrap() error { return e.Problems[0].Err() }

// newNetwork makes a network of a plan in the project's calendar, without
// bounds. The error is a *NetworkError.
func newNetwork(plan site.Plan, cal *Calendar) (*network, error) {
	e, problems := index(plan)
	if err := fatal(problems); err != nil {
		return nil, err
	}
	return e.network(plan, cal)
}

// fatal is the error of the fatal problems; nil when there are none.
func fatal(problems []site.Problem) error {
	var bad []site.Problem
	for _, p := range problems {
		if p.Fatal {
			bad = append(bad, p)
		}
	}
	if len(bad) == 0 {
		return nil
	}
	return &NetworkError{Problems: bad}
}

// network lays out the arrays of a plan whose links are all known.
func (e edges) network(plan site.Plan, cal *Calendar) (*network, error) {
	cals, byID, err := calendars(plan, cal)
	if err != nil {
		return nil, err
	}
	size := len(plan.Tasks)
	n := &network{
		cals: cals, task: e.order,
		node: make([]int32, size), cal: make([]uint8, size), dur: make([]int64, size),
		low: make([]int64, 2*size), high: make([]int64, 2*size), most: make([]int64, size), pin: make([]bool, size),
		begun: make([]int64, size), done: make([]bool, size),
		first: make([]int32, size+1), sink: make([]bool, size), starts: make([]bool, size), arcs: make([]arc, len(plan.Links)),
	}
	for v, t := range e.order {
		n.node[t] = int32(v)
		n.cal[v] = byID[plan.Tasks[t].Logic.Calendar]
		n.dur[v] = int64(durationOf(plan.Tasks[t], cals[n.cal[v]]))
		n.begun[v] = notBegun
		n.low[2*v], n.low[2*v+1] = farPast, farPast
		n.high[2*v], n.high[2*v+1] = farFuture, farFuture
		n.most[v] = farFuture
		n.sink[v] = true
	}
	for _, s := range e.succ {
		n.first[n.node[s]+1]++
	}
	for v := range size {
		n.first[v+1] += n.first[v]
	}
	fill := slices.Clone(n.first)
	for i, l := range plan.Links {
		p, s := n.node[e.pred[i]], n.node[e.succ[i]]
		ends, _ := linkEnds(l.Type)
		a := arc{src: 2*p + ends>>1, meta: ends & 1, lag: int64(l.Lag)}
		foreign := l.Calendar != "" && byID[l.Calendar] != n.cal[s] && l.Lag != 0
		if n.cal[p] != n.cal[s] || l.Elapsed && l.Lag != 0 || foreign {
			slow := slowArc{pred: p, succ: s}
			switch {
			case l.Elapsed:
				slow.elapsed, a.lag = clock(l.Lag), 0
			case foreign:
				slow.cal, slow.lag, a.lag = cals[byID[l.Calendar]], int64(l.Lag), 0
			}
			n.slow = append(n.slow, slow)
			a.meta |= int32(len(n.slow)) << 1
		}
		n.arcs[fill[s]] = a
		fill[s]++
		n.sink[p] = false
	}
	return n, nil
}

// calendars makes the calendars that a plan brought, the project's first; byID
// knows it as the empty id. Without one of its own the plan's is cal.
func calendars(plan site.Plan, cal *Calendar) (cals []*Calendar, byID map[string]uint8, err error) {
	byID = map[string]uint8{"": 0}
	if cal != nil {
		cals = append(cals, cal)
	}
	loc := time.UTC
	if cal != nil {
		loc = cal.loc
	}
	specs := slices.Clone(plan.Calendars)
	if own := slices.IndexFunc(specs, func(c site.PlanCalendar) bool { return c.ID == plan.Calendar }); own >= 0 && cal == nil {
		specs[0], specs[own] = specs[own], specs[0]
	}
	used := map[string]bool{plan.Calendar: true}
	for _, t := range plan.Tasks {
		used[t.Logic.Calendar] = true
	}
	for _, l := range plan.Links {
		used[l.Calendar] = true
	}
	for _, spec := range specs {
		if !used[spec.ID] || cal != nil && spec.ID == plan.Calendar {
			continue
		}
		c, err := NewPlanCalendar(spec, loc)
		if err != nil {
			return nil, nil, err
		}
		if len(cals) == math.MaxUint8 {
			return nil, nil, site.Errorf(site.Invalid, "schedule.too_many_calendars", "calendars")
		}
		byID[spec.ID] = uint8(len(cals))
		cals = append(cals, c)
	}
	if cal != nil {
		byID[plan.Calendar] = 0
	}
	if len(cals) == 0 {
		return nil, nil, site.Errorf(site.Invalid, "schedule.no_calendar", "calendar")
	}
	for id := range used {
		if _, known := byID[id]; !known {
			return nil, nil, site.Errorf(site.Invalid, "schedule.unknown_calendar", "calendar", "calendar", id)
		}
	}
	return cals, byID, nil
}

// fromDates reports whether a task has no duration but dates that give one.
func fromDates(t site.Task) bool {
	return t.Duration == 0 && !t.Milestone && !t.Start.IsZero() && !t.Finish.IsZero()
}

// durationOf is a task's duration; of one with dates only it is the working days
// from the first to the last of them.
func durationOf(t site.Task, cal *Calendar) site.Work {
	if fromDates(t) {
		return site.Work(cal.Count(t.Start, t.Finish)) * site.WorkDay
	}
	return t.Duration
}

// WithDurations is the plan with the durations of the tasks filled that have
// dates only, so that they stay when the calendar changes.
func WithDurations(plan site.Plan, cal *Calendar) site.Plan {
	plan.Tasks = slices.Clone(plan.Tasks)
	for i, t := range plan.Tasks {
		plan.Tasks[i].Duration = durationOf(t, cal)
	}
	return plan
}

// into are the links into a node.
func (n *network) into(v int) []arc { return n.arcs[n.first[v]:n.first[v+1]] }
