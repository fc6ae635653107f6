package schedule

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"topout/site"
)

// bigPlan has tasks in some order and three links to earlier ones for each, of
// all types, near in the order as on a site.
func bigPlan(tasks int) site.Plan {
	rng := rand.New(rand.NewPCG(1, 2))
	plan := site.Plan{Start: site.NewDay(2026, 3, 2)}
	for i := range tasks {
		plan.Tasks = append(plan.Tasks, site.Task{
			ID: fmt.Sprintf("A%05d", i), Building: fmt.Sprintf("b%d", i%11), Trade: fmt.Sprintf("t%d", i%17),
			Duration: site.WorkDays(float64(1 + rng.IntN(10))),
		})
		for range 3 {
			if back := 1 + rng.IntN(200); back <= i {
				plan.Links = append(plan.Links, site.Link{
					Pred: plan.Tasks[i-back].ID, Succ: plan.Tasks[i].ID,
					Type: linkTypes[max(0, rng.IntN(8)-4)], Lag: site.WorkDays(float64(rng.IntN(3))),
				})
			}
		}
	}
	return plan
}

func perLink(b *testing.B, links int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(links), "ns/link")
}

// BenchmarkPass is a forward and a backward pass in offsets.
func BenchmarkPass(b *testing.B) {
	for _, size := range []int{1000, 10000, 100000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			plan := bigPlan(size)
			n, err := newNetwork(plan, mustCalendar(b, site.CalendarSpec{Holidays: "CN"}))
			if err != nil {
				b.Fatal(err)
			}
			n.boundByPlan(plan, n.cals[0].dayOffset(plan.Start), false)
			t := newTimes(n)
			b.ReportAllocs()
			for b.Loop() {
				n.forward(n.dur, t)
				_, _, end := t.extent(n, 0)
				n.backward(n.dur, t, end, false)
			}
			perLink(b, len(plan.Links))
		})
	}
}

// BenchmarkDates is both passes and all dates of all tasks.
func BenchmarkDates(b *testing.B) {
	plan := bigPlan(10000)
	n, err := newNetwork(plan, mustCalendar(b, site.CalendarSpec{Holidays: "CN"}))
	if err != nil {
		b.Fatal(err)
	}
	base := n.cals[0].dayOffset(plan.Start)
	n.boundByPlan(plan, base, false)
	t := newTimes(n)
	b.ReportAllocs()
	for b.Loop() {
		n.forward(n.dur, t)
		n.settle(t)
		_, _, end := t.extent(n, base)
		n.backward(n.dur, t, end, false)
		for v := range n.dur {
			n.dates(v, t, base)
		}
	}
	perLink(b, len(plan.Links))
}

// BenchmarkCheck starts from the plan: ids, sorting and all.
func BenchmarkCheck(b *testing.B) {
	plan := bigPlan(10000)
	cal := mustCalendar(b, site.CalendarSpec{Holidays: "CN"})
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := Check(plan, CheckOptions{Calendar: cal}); err != nil {
			b.Fatal(err)
		}
	}
	perLink(b, len(plan.Links))
}

// BenchmarkSimulation is one Monte Carlo run.
func BenchmarkSimulation(b *testing.B) {
	s, n := benchSimulation(b)
	rng := rand.New(rand.NewPCG(1, 2))
	b.ReportAllocs()
	for b.Loop() {
		s.run(n, rng, 0)
	}
}

func benchSimulation(t testing.TB) (*simulation, *network) {
	plan := bigPlan(1000)
	cal := mustCalendar(t, site.CalendarSpec{Holidays: "CN"})
	n, err := newNetwork(plan, cal)
	if err != nil {
		t.Fatal(err)
	}
	n.boundByPlan(plan, cal.dayOffset(plan.Start), false)
	f := &forecast{in: Input{Plan: plan, Runs: 1}, n: n, cal: cal, pace: make([]Pace, len(plan.Tasks)), base: cal.dayOffset(plan.Start)}
	return newSimulation(f), n
}

// TestRunsAllocateNothing holds a Monte Carlo run to no allocation.
func TestRunsAllocateNothing(t *testing.T) {
	s, n := benchSimulation(t)
	rng := rand.New(rand.NewPCG(1, 2))
	if allocs := testing.AllocsPerRun(10, func() { s.run(n, rng, 0) }); allocs > 0 {
		t.Errorf("%g allocations a run", allocs)
	}
}

// BenchmarkForecast is the whole of it with 1,000 runs.
func BenchmarkForecast(b *testing.B) {
	for _, size := range []int{150, 2000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			plan := bigPlan(size)
			cal := mustCalendar(b, site.CalendarSpec{Holidays: "CN"})
			baseline, err := Approve(plan, cal)
			if err != nil {
				b.Fatal(err)
			}
			at := site.NewDay(2026, 6, 1).Start(cal.Location())
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Forecast(Input{Plan: plan, Baseline: &baseline, Calendar: cal, At: at}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkNewCalendar(b *testing.B) {
	loc := shanghai(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := NewCalendar(site.CalendarSpec{Holidays: "CN"}, loc); err != nil {
			b.Fatal(err)
		}
	}
}
