package schedule

import (
	"encoding/json"
	"math"
	"time"

	"topout/site"
)

// CheckOptions are the settings of Check.
type CheckOptions struct {
	Calendar *Calendar // required: the project's
	Start    site.Day  // the project's first day; zero: the plan's, else the earliest start in it, else Today
	Today    site.Day  // for a plan without any date
	// Unclamped lets a task start before the project's start where links say so,
	// and a late finish lie behind the project's finish.
	Unclamped bool
}

// Report is a plan's network as `topout plan check --json` prints it.
type Report struct {
	ProjectStart  DateTime       `json:"project_start"`
	ProjectFinish DateTime       `json:"project_finish"`
	DurationDays  float64        `json:"duration_days"`
	Tasks         []TaskDates    `json:"tasks"`
	Problems      []ProblemEntry `json:"problems"`
}

// TaskDates are the computed dates of one task. Floats are working days of the
// task's calendar; ES to LF are working days since the project's start in the
// project's calendar.
type TaskDates struct {
	ID          string   `json:"id"`
	Name        string   `json:"name"`
	EarlyStart  DateTime `json:"early_start"`
	EarlyFinish DateTime `json:"early_finish"`
	LateStart   DateTime `json:"late_start"`
	LateFinish  DateTime `json:"late_finish"`
	TotalFloat  float64  `json:"total_float"`
	FreeFloat   float64  `json:"free_float"`
	Critical    bool     `json:"critical"`
	ES          float64  `json:"es"`
	EF          float64  `json:"ef"`
	LS          float64  `json:"ls"`
	LF          float64  `json:"lf"`
	Start       DateTime `json:"start"`  // as scheduled
	Finish      DateTime `json:"finish"` // as scheduled
}

// ProblemEntry is a problem as it is printed; Text is filled by whoever knows
// the reader's language.
type ProblemEntry struct {
	Task string `json:"task"`
	Line int    `json:"line"`
	Code string `json:"code"`
	Text string `json:"text"`
}

// DateTime is a local date and time of day, to the minute; zero: none.
type DateTime struct {
	at  clock
	set bool
}

// String is 2006-01-02T15:04, or empty for none.
func (d DateTime) String() string {
	if !d.set {
		return ""
	}
	return time.Unix(int64(d.at)*60, 0).UTC().Format("2006-01-02T15:04")
}

// MarshalJSON writes "2006-01-02T15:04", null for none.
func (d DateTime) MarshalJSON() ([]byte, error) {
	if !d.set {
		return []byte("null"), nil
	}
	return json.Marshal(d.String())
}

// Check computes a plan's network. The problems are those of the network, the
// fatal ones too; then the error is a *NetworkError (or the *site.Error of a
// calendar) and the report has no tasks.
//
// Links, constraints and the progress that stands in the plan place a task. In a
// plan whose dates are wishes (Plan.Computed is false) a task without
// predecessors starts no earlier than the planner's own start.
func Check(plan site.Plan, opt CheckOptions) (Report, []site.Problem, error) {
	r := Report{Tasks: []TaskDates{}, Problems: []ProblemEntry{}}
	e, problems := index(plan)
	if err := fatal(problems); err != nil {
		return r, problems, err
	}
	n, err := e.network(plan, opt.Calendar)
	if err != nil {
		return r, problems, err
	}
	cal := n.cals[0]
	base := cal.offset(firstClock(plan, opt))
	n.boundByPlan(plan, base, opt.Unclamped)
	t := newTimes(n)
	n.forward(n.dur, t)
	n.settle(t)
	start, finish, end := t.extent(n, base)
	until := end
	if !plan.FinishBy.IsZero() {
		until = clock(plan.FinishBy)
	}
	n.backward(n.dur, t, until, opt.Unclamped)
	scheduled := n.delay(plan, t)

	r.ProjectStart = DateTime{cal.startAt(base), true}
	r.ProjectFinish = r.ProjectStart
	if end > r.ProjectStart.at || opt.Unclamped && finish > start {
		r.ProjectFinish = DateTime{max(end, until), true} // Primavera's must-finish-by is a project's finish
	}
	r.DurationDays = cal.days(finish - base)
	if opt.Unclamped {
		r.DurationDays = cal.days(finish - start)
	}
	r.Tasks = make([]TaskDates, len(plan.Tasks))
	for i, task := range plan.Tasks {
		v := int(n.node[i])
		d := n.dates(v, t, base)
		d.ID, d.Name = task.ID, task.Name
		if scheduled != nil {
			d.Start, d.Finish = DateTime{scheduled.clockAt(n, int32(2*v)), true}, DateTime{scheduled.clockAt(n, int32(2*v+1)), true}
		}
		if task.Logic.Bound.Type == site.AsLateAsPossible && !n.done[v] {
			// It uses up its float by itself.
			d.Start, d.Finish, d.TotalFloat = d.LateStart, d.LateFinish, 0
		}
		if !opt.Unclamped {
			d.within(r.ProjectFinish.at)
		}
		n.asDone(&d, plan, task)
		r.Tasks[i] = d
	}
	return r, problems, nil
}

// within puts a date that stands at the morning after the project's finish, as
// that of a milestone behind a lag from a start may, at that finish: no working
// time lies between the two.
func (d *TaskDates) within(finish clock) {
	for _, at := range []*DateTime{&d.EarlyStart, &d.EarlyFinish, &d.LateStart, &d.LateFinish, &d.Start, &d.Finish} {
		if at.set && at.at > finish {
			at.at = finish
		}
	}
}

// asDone puts what was done in the place of what was computed. Where Primavera's
// data date rules, the early and late dates are those of what remains: of a
// finished task the data date.
func (n *network) asDone(d *TaskDates, plan site.Plan, task site.Task) {
	l := task.Logic
	if l.ActualStart.IsZero() {
		return
	}
	d.Start = DateTime{clock(l.ActualStart), true}
	if !l.ActualFinish.IsZero() {
		d.Finish = DateTime{clock(l.ActualFinish), true}
	}
	switch {
	case plan.DataDate.IsZero():
		d.EarlyStart = d.Start
		if !l.ActualFinish.IsZero() {
			d.EarlyFinish = d.Finish
		}
	case !l.ActualFinish.IsZero():
		at := DateTime{clock(plan.DataDate), true}
		d.EarlyStart, d.EarlyFinish, d.LateStart, d.LateFinish = at, at, at, at
	}
}

// firstClock is the project's start: the caller's day, the plan's start, the
// earliest start in the plan, or today.
func firstClock(plan site.Plan, opt CheckOptions) clock {
	if opt.Start.IsZero() && !plan.StartAt.IsZero() {
		return clock(plan.StartAt)
	}
	return startOfDay(firstDay(plan, opt))
}

// firstDay is the project's first day: the caller's, the plan's, the earliest
// start in the plan, or today.
func firstDay(plan site.Plan, opt CheckOptions) site.Day {
	switch {
	case !opt.Start.IsZero():
		return opt.Start
	case !plan.Start.IsZero():
		return plan.Start
	}
	var first site.Day
	for _, t := range plan.Tasks {
		if !t.Start.IsZero() && (first.IsZero() || t.Start < first) {
			first = t.Start
		}
	}
	if first.IsZero() {
		return opt.Today
	}
	return first
}

// convertStart gives an offset of the first calendar, a start, in the calendar of a node.
func (n *network) convertStart(start int64, v int) int64 {
	if n.cal[v] == 0 {
		return start
	}
	return n.cals[n.cal[v]].offset(n.cals[0].startAt(start))
}

// extent is the least early start and the greatest early finish in offsets of
// the first calendar (base for both when there are no tasks), and the instant at
// which the last work ends, in whatever calendar.
func (t *times) extent(n *network, base int64) (start, finish int64, end clock) {
	if len(n.dur) == 0 {
		return base, base, n.cals[0].finishAt(base)
	}
	start, finish, end = math.MaxInt64, math.MinInt64, math.MinInt64
	last := int64(math.MinInt64) // in the first calendar: only its greatest offset needs the clock
	for v := range n.dur {
		s, f := t.early[2*v], t.early[2*v+1]
		if n.cal[v] == 0 {
			last = max(last, f)
		} else {
			end = max(end, n.cals[n.cal[v]].finishAt(f))
			s = n.cals[0].offset(t.clockAt(n, int32(2*v)))
			f = n.cals[0].offset(t.clockAt(n, int32(2*v+1)))
		}
		start, finish = min(start, s), max(finish, f)
	}
	if last > math.MinInt64 {
		end = max(end, n.cals[0].finishAt(last))
	}
	return start, finish, end
}

// dates gives the results for one node; base is the project's start.
func (n *network) dates(v int, t *times, base int64) TaskDates {
	cal := n.cals[n.cal[v]]
	es, ef, ls, lf := t.early[2*v], t.early[2*v+1], t.late[2*v], t.late[2*v+1]
	d := TaskDates{
		EarlyStart:  DateTime{t.clockAt(n, int32(2*v)), true},
		EarlyFinish: DateTime{t.clockAt(n, int32(2*v+1)), true},
		LateStart:   DateTime{cal.startAt(ls), true},
		LateFinish:  DateTime{cal.finishAt(lf), true},
		TotalFloat:  cal.days(lf - ef),
		FreeFloat:   cal.days(t.free[v]),
		Critical:    lf-ef <= n.critical && !n.done[v],
	}
	if n.dur[v] == 0 {
		// Without work there is no end of work: both late dates are one
		// instant, and at no float it is the early one.
		if lf == ef {
			d.LateFinish = d.EarlyFinish
		}
		d.LateStart = d.LateFinish
	}
	project := func(dt DateTime, own int64) float64 {
		if n.cal[v] == 0 {
			return cal.days(own - base)
		}
		return n.cals[0].days(n.cals[0].offset(dt.at) - base)
	}
	d.ES, d.EF = project(d.EarlyStart, es), project(d.EarlyFinish, ef)
	d.LS, d.LF = project(d.LateStart, ls), project(d.LateFinish, lf)
	d.Start, d.Finish = d.EarlyStart, d.EarlyFinish
	return d
}

// days gives working minutes in days of the calendar.
func (c *Calendar) days(minutes int64) float64 { return float64(minutes) / float64(c.dayWork) }

// days gives working minutes in standard working days.
func days(minutes int64) float64 { return site.Work(minutes).Days() }
