package schedule

import (
	"cmp"
	"math"
	"slices"
	"time"

	"topout/site"
)

// record is what the reports on one task say.
type record struct {
	points  []point   // reports that tell a percentage, by time
	start   time.Time // of the first above 0 %; zero: not started
	finish  time.Time // from when on it stands at 100 %; zero: not finished
	percent float64
	last    time.Time // newest report of any kind
	by      string    // its author
	reason  site.Reason
	note    string // of the report that gave the reason
}

// point is a percentage at an instant.
type point struct {
	at      time.Time
	percent float64
}

func (r *record) started() bool  { return !r.start.IsZero() }
func (r *record) finished() bool { return !r.finish.IsZero() }

// when is the time that a report speaks of. A clock that runs ahead cannot tell
// of what has not happened: then the arrival counts.
func when(p site.Progress) time.Time {
	if !p.Arrived.IsZero() && p.T.After(p.Arrived) {
		return p.Arrived
	}
	return p.T
}

// records sorts the reports up to in.At to the tasks of the plan.
func records(in Input) []record {
	index := make(map[string]int, len(in.Plan.Tasks))
	for i, t := range in.Plan.Tasks {
		index[t.ID] = i
	}
	reports := make([]site.Progress, 0, len(in.Progress))
	for _, p := range in.Progress {
		if _, known := index[p.Task]; known && p.Withdrawn == nil && !when(p).After(in.At) {
			reports = append(reports, p)
		}
	}
	slices.SortFunc(reports, func(a, b site.Progress) int {
		return cmp.Or(when(a).Compare(when(b)), a.Arrived.Compare(b.Arrived), cmp.Compare(a.ID, b.ID))
	})
	records := make([]record, len(in.Plan.Tasks))
	for _, p := range reports {
		i := index[p.Task]
		records[i].take(p, in.Plan.Tasks[i].Quantity)
	}
	return records
}

// take adds a report; reports come by time. The newest percentage counts, also
// when it is lower than the one before: a wrong report was put right.
func (r *record) take(p site.Progress, total float64) {
	at := when(p)
	r.last, r.by = at, p.By
	if p.Reason != "" {
		r.reason, r.note = p.Reason, p.Note
	}
	percent := p.Percent
	if !p.HasPercent {
		if !p.HasQty || !(total > 0) {
			return
		}
		percent = 100 * p.Quantity / total
	}
	if math.IsNaN(percent) {
		return
	}
	percent = min(max(percent, 0), 100)
	r.points = append(r.points, point{at, percent})
	r.percent = percent
	switch {
	case percent > 0 && r.start.IsZero():
		r.start = at
	case percent == 0:
		r.start = time.Time{} // taken back
	}
	if percent < 100 {
		r.finish = time.Time{}
	} else if r.finish.IsZero() {
		r.finish = at
	}
}

// Bounds of what a pace may say: a task at a crawl is not forecast to take more
// than four times its plan, nor one that ran ahead less than a quarter.
const (
	slowest = 4.0
	fastest = 0.25
	// trusted is the share of a task, in progress or in time, after which the
	// pace seen counts alone.
	trusted = 0.5
)

// pace chooses the remaining duration of a task in progress.
//
// The pace seen is the percentage gained since the first report over the
// working time since then, so a task whose reports began late is not taken for
// a fast one. It needs reports on two working days. It counts against the plan
// by how much of the task was seen, in percent or in planned time, whichever is
// more, and alone from half of it on: early reports are rough, and an idle task
// must show although it stays at 5 %.
func (r *record) pace(planned site.Work, cal *Calendar) Pace {
	done := r.percent / 100
	whole := float64(planned)
	p := Pace{Method: PacePlanned, Planned: planned.Days()}
	first := r.points[slices.IndexFunc(r.points, func(p point) bool { return p.percent > 0 })]
	last := r.points[len(r.points)-1]
	if seen := float64(cal.Work(first.at, last.at)); seen >= float64(site.WorkDay) && planned > 0 {
		observed := slowest * whole
		if gained := (last.percent - first.percent) / 100; gained > 0 {
			observed = min(max(seen/gained, fastest*whole), slowest*whole)
		}
		weight := min(max(done, seen/whole)/trusted, 1)
		whole += weight * (observed - whole)
		p.Observed = observed / float64(site.WorkDay)
		p.Method = PaceBlended
		if weight == 1 {
			p.Method = PaceObserved
		}
	}
	p.Remaining = max(math.Round((1-done)*whole), 1) / float64(site.WorkDay)
	return p
}

// grace is how long work is taken to have gone on since the last report: the
// usual gap between the task's reports (their median, in working time), a
// working day at least, a week at most.
func (r *record) grace(cal *Calendar) int64 {
	const day, week = int64(site.WorkDay), 6 * int64(site.WorkDay)
	if len(r.points) < 4 {
		return day
	}
	gaps := make([]int64, 0, len(r.points)-1)
	for i := 1; i < len(r.points); i++ {
		gaps = append(gaps, int64(cal.Work(r.points[i-1].at, r.points[i].at)))
	}
	slices.Sort(gaps)
	return min(max(gaps[len(gaps)/2], day), week)
}
