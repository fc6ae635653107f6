package schedule

import (
	"cmp"
	"slices"

	"topout/site"
)

const (
	defaultRuns       = 1000
	defaultStaleAfter = 3
)

// forecast is a forecast while it is computed.
type forecast struct {
	in       Input
	cal      *Calendar
	n        *network
	t        *times
	records  []record
	baseline []site.BaselineTask // by task of the plan; zero days: not agreed
	weights  []float64           // by task, sum 1
	holds    []*Hold             // by task
	pace     []Pace
	today    site.Day
	base     int64 // offset of the start of today
	delivery int   // task that is the hand-over; -1 when there are no tasks
	out      Outlook
}

// Forecast looks ahead from the data date, which is the day of in.At: the
// network is run again with what was reported.
//
//   - A task starts with its first report above 0 % and is finished from its
//     first report of 100 % on. What was done stands, whatever the links say.
//   - A task in progress goes on from its last report at the pace seen (see
//     Pace), but no more than its usual gap between reports is taken as worked
//     without one. What began before its predecessor was finished waits with
//     its rest until that is (retained logic).
//   - A task that has not started starts on the data date at the earliest, after
//     its predecessors, and without predecessors not before the planner's start.
//   - A held task goes on after the hold: on the next working day, or after Until.
//   - A milestone is reached by a report, or when all that it waits for is done;
//     one that waits for nothing also when something behind it has started.
//
// The error is a *NetworkError when the plan cannot be computed.
func Forecast(in Input) (Outlook, error) {
	n, err := newNetwork(in.Plan, in.Calendar)
	if err != nil {
		return Outlook{}, err
	}
	if in.Runs == 0 {
		in.Runs = defaultRuns
	}
	if in.StaleAfter == 0 {
		in.StaleAfter = defaultStaleAfter
	}
	f := &forecast{in: in, cal: in.Calendar, n: n, t: newTimes(n), today: site.DayOf(in.At, in.Calendar.loc)}
	f.base = f.cal.dayOffset(f.today)
	n.retained = true
	f.out = Outlook{At: in.At, DataDate: f.today}
	if len(in.Plan.Tasks) == 0 {
		f.out.ProjectStart = in.Plan.Start
		return f.out, nil
	}
	if err := f.agree(); err != nil {
		return Outlook{}, err
	}
	f.records = records(in)
	f.weights = weights(in.Plan, in.Calendar)
	f.findHolds()
	f.bound()
	f.n.forward(f.n.dur, f.t)
	f.n.settle(f.t)
	f.float()
	f.tasks()
	f.simulate()
	f.value()
	f.milestones()
	f.buildings()
	f.causes()
	return f.out, nil
}

// Approve makes a baseline of a plan: the planner's own dates where a task has
// both, else the network's early dates. Name, revision and approval are the
// caller's to fill.
func Approve(plan site.Plan, cal *Calendar) (site.Baseline, error) {
	b := site.Baseline{Project: plan.Project}
	n, err := newNetwork(plan, cal)
	if err != nil {
		return b, err
	}
	t := newTimes(n)
	n.boundByPlan(plan, cal.offset(firstClock(plan, CheckOptions{})), false)
	n.forward(n.dur, t)
	n.settle(t)
	for i, task := range plan.Tasks {
		v := n.node[i]
		agreed := site.BaselineTask{Task: task.ID, Start: t.dayAt(n, 2*v), Finish: t.dayAt(n, 2*v+1)}
		if !task.Start.IsZero() && !task.Finish.IsZero() {
			agreed.Start, agreed.Finish = task.Start, task.Finish
		}
		b.Tasks = append(b.Tasks, agreed)
	}
	if i := deliveryOf(plan, b.Tasks); i >= 0 {
		b.Delivery = b.Tasks[i].Finish
	}
	return b, nil
}

// deliveryOf is the task that is the hand-over: the one that the plan names,
// else the last milestone, else the last task; -1 when there are no tasks.
func deliveryOf(plan site.Plan, agreed []site.BaselineTask) int {
	last, lastMilestone := -1, -1
	for i, t := range plan.Tasks {
		if t.ID == plan.Delivery {
			return i
		}
		if last < 0 || agreed[i].Finish > agreed[last].Finish {
			last = i
		}
		if t.Milestone && (lastMilestone < 0 || agreed[i].Finish >= agreed[lastMilestone].Finish) {
			lastMilestone = i
		}
	}
	if lastMilestone >= 0 {
		return lastMilestone
	}
	return last
}

// agree lays out what was agreed for each task.
func (f *forecast) agree() error {
	b := f.in.Baseline
	if b == nil {
		own, err := Approve(f.in.Plan, f.cal)
		if err != nil {
			return err
		}
		b = &own
	}
	byID := make(map[string]site.BaselineTask, len(b.Tasks))
	for _, t := range b.Tasks {
		byID[t.Task] = t
		if f.out.ProjectStart.IsZero() || !t.Start.IsZero() && t.Start < f.out.ProjectStart {
			f.out.ProjectStart = t.Start
		}
	}
	if !f.in.Plan.Start.IsZero() {
		f.out.ProjectStart = f.in.Plan.Start
	}
	f.baseline = make([]site.BaselineTask, len(f.in.Plan.Tasks))
	for i, t := range f.in.Plan.Tasks {
		f.baseline[i] = byID[t.ID]
	}
	f.delivery = deliveryOf(f.in.Plan, f.baseline)
	f.out.Delivery.Task = f.in.Plan.Tasks[f.delivery].ID
	f.out.Delivery.Baseline = cmp.Or(b.Delivery, f.baseline[f.delivery].Finish)
	return nil
}

// findHolds gives each unfinished task the hold that stops it longest.
func (f *forecast) findHolds() {
	f.holds = make([]*Hold, len(f.in.Plan.Tasks))
	for i, t := range f.in.Plan.Tasks {
		for h := range f.in.Holds {
			hold := &f.in.Holds[h]
			if hold.Task != t.ID && (hold.Task != "" || hold.Building == "" || hold.Building != t.Building) ||
				hold.Since.After(f.in.At) || f.records[i].finished() {
				continue
			}
			if f.holds[i] == nil || hold.Until > f.holds[i].Until {
				f.holds[i] = hold
			}
		}
	}
}

// bound puts what is known of each task into the network.
func (f *forecast) bound() {
	n, cal := f.n, f.cal
	f.pace = make([]Pace, len(f.in.Plan.Tasks))
	for v := range n.dur {
		i := n.task[v]
		task, r := f.in.Plan.Tasks[i], &f.records[i]
		switch {
		case r.finished():
			start, finish := site.DayOf(r.start, cal.loc), site.DayOf(r.finish, cal.loc)
			n.done[v], n.begun[v] = true, cal.dayOffset(start)
			n.low[2*v], n.low[2*v+1] = cal.dayOffset(start), cal.dayOffset(finish+1)
			continue
		case r.started() && n.dur[v] > 0:
			f.pace[i] = r.pace(site.Work(n.dur[v]), cal)
			n.dur[v] = int64(site.WorkDays(f.pace[i].Remaining))
			n.begun[v] = cal.dayOffset(site.DayOf(r.start, cal.loc))
			worked := cal.offset(cal.clockOf(r.points[len(r.points)-1].at))
			n.low[2*v] = max(worked, f.base-r.grace(cal))
			n.low[2*v+1] = f.base + 1 // it is not finished today yet
		default:
			if n.dur[v] > 0 {
				planned := site.Work(n.dur[v]).Days()
				f.pace[i] = Pace{Method: PacePlanned, Planned: planned, Remaining: planned}
			}
			n.low[2*v] = f.base
			if len(n.into(v)) == 0 && !task.Start.IsZero() {
				n.low[2*v] = max(f.base, cal.dayOffset(task.Start))
			}
		}
		if f.holds[i] != nil {
			n.low[2*v] = max(n.low[2*v], cal.dayOffset(max(f.today, f.holds[i].Until)+1))
		}
	}
	f.reach()
}

// reach marks the milestones that nobody reported but that are reached.
func (f *forecast) reach() {
	n := f.n
	for v := range n.dur { // predecessors come first
		if n.dur[v] > 0 || n.done[v] || f.holds[n.task[v]] != nil {
			continue
		}
		at, reached := int64(farPast), true
		for _, a := range n.into(v) {
			p := a.src >> 1
			reached = reached && n.done[p]
			at = max(at, n.low[a.src]+a.lag)
		}
		if len(n.into(v)) == 0 {
			at, reached = f.followed(v)
		}
		if reached && at <= f.base+int64(site.WorkDay) {
			n.done[v], n.begun[v] = true, at
			n.low[2*v], n.low[2*v+1] = at, at
		}
	}
}

// followed reports whether something behind a task has started, and since when.
func (f *forecast) followed(v int) (int64, bool) {
	first := int64(farFuture)
	for s := v + 1; s < len(f.n.dur); s++ {
		if f.n.begun[s] == notBegun {
			continue
		}
		for _, a := range f.n.into(s) {
			if int(a.src>>1) == v {
				first = min(first, f.n.begun[s])
			}
		}
	}
	return first, first < farFuture
}

// float runs the backward pass. The hand-over itself must not slip further, so
// what drives it is critical even when other work ends later.
func (f *forecast) float() {
	_, _, end := f.t.extent(f.n, f.base)
	v := f.n.node[f.delivery]
	f.n.high[2*v+1] = f.t.early[2*v+1]
	f.n.backward(f.n.dur, f.t, end, false)
}

// dayAt is the day of a task's early end.
func (t *times) dayAt(n *network, end int32) site.Day {
	cal := n.cals[n.cal[end>>1]]
	if t.finishes(n, end) {
		return cal.finishDay(t.early[end])
	}
	return cal.startDay(t.early[end])
}

// tasks fills what the passes say of each task.
func (f *forecast) tasks() {
	f.out.Tasks = make([]TaskOutlook, len(f.in.Plan.Tasks))
	for i, task := range f.in.Plan.Tasks {
		v, r := f.n.node[i], &f.records[i]
		o := TaskOutlook{
			ID: task.ID, Name: task.Name, Code: task.Code, Building: task.Building, Trade: task.Trade,
			Milestone:     task.Milestone,
			BaselineStart: f.baseline[i].Start, BaselineFinish: f.baseline[i].Finish,
			ForecastStart: f.t.dayAt(f.n, 2*v), ForecastFinish: f.t.dayAt(f.n, 2*v+1),
			FinishAt: f.cal.timeOf(f.t.clockAt(f.n, 2*v+1)),
			Percent:  r.percent, LastReport: r.last, Pace: f.pace[i],
			TotalFloat: days(f.t.late[2*v+1] - f.t.early[2*v+1]),
		}
		if f.n.dur[v] == 0 {
			o.ForecastStart = o.ForecastFinish
		}
		if r.started() {
			o.ActualStart = site.DayOf(r.start, f.cal.loc)
			o.ForecastStart = o.ActualStart
		}
		switch {
		case r.finished():
			o.ActualFinish = site.DayOf(r.finish, f.cal.loc)
			o.ForecastFinish = o.ActualFinish
		case f.n.done[v]: // a milestone that nobody reported
			o.Percent, o.ActualStart, o.ActualFinish = 100, o.ForecastStart, o.ForecastFinish
		default:
			o.Critical = f.t.late[2*v+1] <= f.t.early[2*v+1]
			if r.started() && f.cal.Between(site.DayOf(r.last, f.cal.loc), f.today) > f.in.StaleAfter {
				o.StaleDays = int(f.today - site.DayOf(r.last, f.cal.loc))
			}
		}
		o.SlipDays = f.slip(o.BaselineFinish, o.ForecastFinish)
		f.out.Tasks[i] = o
	}
	d := f.out.Tasks[f.delivery]
	f.out.Delivery.Forecast = d.ForecastFinish
	f.out.Delivery.SlipDays = f.slip(f.out.Delivery.Baseline, d.ForecastFinish)
}

// slip is by how many working days a day is behind the agreed one; 0 when
// nothing is agreed.
func (f *forecast) slip(agreed, now site.Day) float64 {
	if agreed.IsZero() || now.IsZero() {
		return 0
	}
	return float64(f.cal.Between(agreed, now))
}

func (f *forecast) milestones() {
	for i, t := range f.in.Plan.Tasks {
		if !t.Milestone {
			continue
		}
		o := f.out.Tasks[i]
		f.out.Milestones = append(f.out.Milestones, MilestoneOutlook{
			ID: o.ID, Name: o.Name, Building: o.Building, Baseline: o.BaselineFinish, Forecast: o.ForecastFinish,
			P50: o.P50, P80: o.P80, SlipDays: o.SlipDays, Reached: !o.ActualFinish.IsZero(),
		})
	}
	slices.SortStableFunc(f.out.Milestones, func(a, b MilestoneOutlook) int { return cmp.Compare(a.Forecast, b.Forecast) })
}

func (f *forecast) buildings() {
	index := map[string]int{}
	add := func(b site.Building) {
		if _, known := index[b.ID]; !known {
			index[b.ID] = len(f.out.Buildings)
			f.out.Buildings = append(f.out.Buildings, BuildingOutlook{ID: b.ID, Name: b.Name})
		}
	}
	for _, b := range f.in.Plan.Buildings {
		add(b)
	}
	for _, t := range f.in.Plan.Tasks {
		if t.Building != "" {
			add(site.Building{ID: t.Building, Name: t.Building})
		}
	}
	if slices.ContainsFunc(f.in.Plan.Tasks, func(t site.Task) bool { return t.Building == "" }) {
		add(site.Building{})
	}
	weight := make([]float64, len(f.out.Buildings))
	for i, o := range f.out.Tasks {
		b := index[o.Building]
		sum := &f.out.Buildings[b]
		weight[b] += f.weights[i]
		sum.Percent += f.weights[i] * o.Percent
		sum.Baseline = max(sum.Baseline, o.BaselineFinish)
		sum.Finish = max(sum.Finish, o.ForecastFinish)
	}
	for b := range f.out.Buildings {
		sum := &f.out.Buildings[b]
		if weight[b] > 0 {
			sum.Percent /= weight[b]
		}
		sum.SlipDays = f.slip(sum.Baseline, sum.Finish)
	}
}
