package schedule

import (
	"time"

	"topout/site"
)

// weights are the tasks' shares of the whole, with sum 1. A task without a
// weight counts by its duration: alone when none has a weight, else at the
// average value per day of those that have one. Without any of both all count alike.
func weights(plan site.Plan, cal *Calendar) []float64 {
	var value, valued float64 // sum of the weights, and of the days that they stand for
	for _, t := range plan.Tasks {
		if t.Weight > 0 {
			value += t.Weight
			valued += float64(durationOf(t, cal))
		}
	}
	perMinute := 1.0
	if value > 0 {
		perMinute = 0 // weighted milestones only: nothing to derive a rate from
		if valued > 0 {
			perMinute = value / valued
		}
	}
	shares := make([]float64, len(plan.Tasks))
	var sum float64
	for i, t := range plan.Tasks {
		shares[i] = t.Weight
		if !(t.Weight > 0) {
			shares[i] = perMinute * float64(durationOf(t, cal))
		}
		sum += shares[i]
	}
	for i := range shares {
		if sum > 0 {
			shares[i] /= sum
		} else {
			shares[i] = 1 / float64(len(shares))
		}
	}
	return shares
}

// plannedShare is how much of a task should be done at an offset: evenly over
// the working days of its baseline.
func plannedShare(b site.BaselineTask, at int64, cal *Calendar) float64 {
	start, finish := cal.dayOffset(b.Start), cal.dayOffset(b.Finish+1)
	switch {
	case b.Finish.IsZero() || at < start || at <= start && start < finish:
		return 0
	case at >= finish:
		return 1
	}
	return float64(at-start) / float64(finish-start)
}

// value computes the earned value at the data date, its curve, and Lipke's
// earned schedule.
//
// Planned value: PV(t) = Σ weight × planned share. Earned value: EV = Σ weight ×
// percent (PMI, Practice Standard for Earned Value Management, 2nd ed., ch. 3).
// Earned schedule (Lipke, Schedule is Different, 2003): with C the number of
// whole days whose PV is earned,
//
//	ES = C + (EV − PV_C) / (PV_{C+1} − PV_C)    SPI(t) = ES / AT    IEAC(t) = PD / SPI(t)
//
// AT stands still when all is done, so SPI(t) keeps the lateness while SPI goes to 1.
func (f *forecast) value() {
	at := f.cal.offset(f.cal.clockOf(f.in.At))
	var v Value
	var first, last, finished site.Day // of the baseline; of the work
	allDone := true
	for i := range f.out.Tasks {
		o := &f.out.Tasks[i]
		b := f.baseline[i]
		planned := plannedShare(b, at, f.cal)
		v.Planned += 100 * f.weights[i] * planned
		v.Earned += f.weights[i] * o.Percent
		if planned > 0 {
			o.SPI = o.Percent / (100 * planned)
		}
		o.SPIT = f.taskSPIT(i, at)
		if !b.Finish.IsZero() && (first.IsZero() || b.Start < first) {
			first = b.Start
		}
		last = max(last, b.Finish)
		finished = max(finished, o.ActualFinish)
		allDone = allDone && !o.ActualFinish.IsZero()
	}
	v.Earned = min(v.Earned, 100)
	f.out.Percent = v.Earned
	v.SPI, v.SPIT = 1, 1
	if v.Planned > 0 {
		v.SPI = v.Earned / v.Planned
	}
	if !first.IsZero() {
		f.out.Curve = f.curve(first, last)
		start := f.cal.dayOffset(first)
		v.PD = days(f.cal.dayOffset(last+1) - start)
		if allDone {
			at = f.cal.dayOffset(finished + 1)
		}
		v.AT = max(days(at-start), 0)
		v.ES = min(f.earnedSchedule(v.Earned), v.PD)
		if v.AT > 0 {
			v.SPIT = v.ES / v.AT
		}
		if v.SPIT > 0 {
			v.IEACT = v.PD / v.SPIT
		}
	}
	f.out.Value = v
}

// taskSPIT is SPI(t) of one task: the days that its percentage was planned to
// take over the days since it should have begun; 0 before.
func (f *forecast) taskSPIT(i int, at int64) float64 {
	o, b := f.out.Tasks[i], f.baseline[i]
	start := f.cal.dayOffset(b.Start)
	if !o.ActualFinish.IsZero() {
		at = f.cal.dayOffset(o.ActualFinish + 1)
	}
	if b.Finish.IsZero() || at <= start {
		return 0
	}
	return o.Percent / 100 * float64(f.cal.dayOffset(b.Finish+1)-start) / float64(at-start)
}

// curve is planned and earned value at the end of each day, from the first day
// of the baseline or of the work to the last of the baseline or the data date.
func (f *forecast) curve(first, last site.Day) []CurvePoint {
	for i := range f.records {
		for _, p := range f.records[i].points[:min(1, len(f.records[i].points))] {
			first = min(first, site.DayOf(p.at, f.cal.loc))
		}
	}
	last = max(last, f.today)
	size := int(last-first) + 1
	if size > longestCurve {
		size = longestCurve
	}
	// Planned value grows by a steady rate on each working day of a task: the
	// rates are kept as differences, so a task costs two steps and not its days.
	rate, step, earned := make([]float64, size+1), make([]float64, size+1), make([]float64, size+1)
	at := func(d site.Day) int { return min(max(int(d-first), 0), size) }
	for i, b := range f.baseline {
		if !b.Finish.IsZero() {
			if n := f.cal.Count(b.Start, b.Finish); n > 0 {
				rate[at(b.Start)] += 100 * f.weights[i] / float64(n)
				rate[at(b.Finish+1)] -= 100 * f.weights[i] / float64(n)
			} else {
				step[at(b.Finish)] += 100 * f.weights[i]
			}
		}
		f.earn(i, func(when time.Time, gained float64) {
			earned[at(site.DayOf(when, f.cal.loc))] += f.weights[i] * gained
		})
	}
	curve := make([]CurvePoint, size)
	var planned, done, perDay float64
	for k := range curve {
		d := first + site.Day(k)
		perDay += rate[k]
		planned += step[k]
		if f.cal.Working(d) {
			planned += perDay
		}
		done += earned[k]
		curve[k] = CurvePoint{Day: d, Planned: min(planned, 100)}
		if d <= f.today {
			soFar := done
			curve[k].Earned = &soFar
		}
	}
	return curve
}

// longestCurve bounds the days of a curve: fifty years.
const longestCurve = 50 * 366

// earn tells each gain (or loss) of percent of a task with its time.
func (f *forecast) earn(i int, gain func(time.Time, float64)) {
	percent := 0.0
	for _, p := range f.records[i].points {
		gain(p.at, p.percent-percent)
		percent = p.percent
	}
	if o := f.out.Tasks[i]; !o.ActualFinish.IsZero() && percent < 100 { // a milestone reached without a report
		gain(o.ActualFinish.Start(f.cal.loc), 100-percent)
	}
}

// earnedSchedule reads off the curve when the earned value was to be reached,
// in working days since the baseline's start.
func (f *forecast) earnedSchedule(earned float64) float64 {
	const tiny = 1e-9 // sums of shares are not exact
	var before float64
	worked := 0.0
	for _, p := range f.out.Curve {
		if p.Planned >= earned-tiny && p.Planned > before {
			return worked + max(earned-before, 0)/(p.Planned-before)
		}
		if f.cal.Working(p.Day) && (before > 0 || p.Planned > 0) {
			worked++
		}
		before = p.Planned
	}
	return worked
}
