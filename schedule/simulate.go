package schedule

import (
	"math"
	"math/rand/v2"
	"slices"

	"topout/site"
)

// How uncertain a remaining duration is: the standard deviation of its
// logarithm. 0.30 puts P80 at 29 % above the planned duration, which is the
// order that Trietsch et al. found in construction projects ("Modeling activity
// times by the Parkinson distribution with a lognormal core", EJOR 216, 2012).
// A pace that was seen is surer.
const (
	sigmaPlanned  = 0.30
	sigmaObserved = 0.15
)

// What tasks have in common, as shares of the variance: the whole site (weather,
// management), the trade, the building; the rest is the task's own. Durations of
// one project are linearly associated (same source); without it the sum of many
// tasks would look far too sure.
const (
	shareSite  = 0.15
	shareGroup = 0.20 // of the trade, and the same of the building
	shareOwn   = 1 - shareSite - 2*shareGroup
)

// simulate runs the network many times with remaining durations drawn from
// lognormal distributions whose median is the forecast's, and reads P50 and P80
// of every finish. The same input and seed give the same result.
func (f *forecast) simulate() {
	s := newSimulation(f)
	if len(s.open) == 0 || f.in.Runs < 0 {
		f.settleP(nil)
		return
	}
	rng := rand.New(rand.NewPCG(f.in.Seed, 0x70F0))
	for run := range s.runs {
		s.run(f.n, rng, run)
	}
	f.settleP(s)
}

// simulation holds what the runs share, so that a run allocates nothing.
//
// A duration is multiplied by exp(σ·z), where z is the sum of what the task
// shares and of its own. So the factor is a product: of one factor a group and
// run, and of one that is the task's own, taken from a table of the quantiles of
// its distribution. There are few different σ, each a class with its tables.
type simulation struct {
	runs     int
	open     []openTask
	classes  []class
	groups   int // site, trades and buildings
	dur      []int64
	t        *times
	finishes []int32 // per open task its finishes of all runs, in minutes since base
	base     int64
}

// openTask is a task that is not finished.
type openTask struct {
	node            int32
	class           int32 // -1: its duration is certain
	trade, building int32 // groups
}

const ownBits = 10

// class is what tasks of one σ share.
type class struct {
	sigma float64
	own   [1 << ownBits]float64 // quantiles of the factor that is a task's own
	group []float64             // factor of each group in this run
}

func newClass(sigma float64, groups int) class {
	c := class{sigma: sigma, group: make([]float64, groups)}
	for i := range c.own {
		p := (float64(i) + 0.5) / float64(len(c.own))
		z := math.Sqrt2 * math.Erfinv(2*p-1)
		c.own[i] = math.Exp(sigma * math.Sqrt(shareOwn) * z)
	}
	return c
}

func newSimulation(f *forecast) *simulation {
	n := f.n
	s := &simulation{runs: max(f.in.Runs, 0), dur: slices.Clone(n.dur), t: newTimes(n), base: f.base}
	groups, classes := numbers[string]{}, numbers[float64]{}
	groups.of("") // the site
	for v, d := range n.dur {
		if n.done[v] {
			continue
		}
		task := f.in.Plan.Tasks[n.task[v]]
		open := openTask{
			node: int32(v), class: -1,
			trade: groups.of("trade " + task.Trade), building: groups.of("building " + task.Building),
		}
		if d > 0 {
			open.class = classes.of(sigmaOf(f.pace[n.task[v]].Method))
		}
		s.open = append(s.open, open)
	}
	s.groups = len(groups)
	s.classes = make([]class, len(classes))
	for sigma, i := range classes {
		s.classes[i] = newClass(sigma, s.groups)
	}
	s.finishes = make([]int32, len(s.open)*s.runs)
	return s
}

// numbers numbers keys in the order of their first use.
type numbers[K comparable] map[K]int32

func (m numbers[K]) of(key K) int32 {
	i, known := m[key]
	if !known {
		i = int32(len(m))
		m[key] = i
	}
	return i
}

func sigmaOf(m PaceMethod) float64 {
	switch m {
	case PaceObserved:
		return sigmaObserved
	case PaceBlended:
		return (sigmaPlanned + sigmaObserved) / 2
	default:
		return sigmaPlanned
	}
}

// run draws all remaining durations and notes the finishes.
func (s *simulation) run(n *network, rng *rand.Rand, run int) {
	site := rng.NormFloat64()
	for g := range s.groups {
		z := math.Sqrt(shareSite) * site // with the first group, in every product once
		if g > 0 {
			z = math.Sqrt(shareGroup) * rng.NormFloat64()
		}
		for c := range s.classes {
			s.classes[c].group[g] = math.Exp(s.classes[c].sigma * z)
		}
	}
	var bits uint64
	left := 0
	for i := range s.open {
		o := &s.open[i]
		if o.class < 0 {
			continue
		}
		if left < ownBits {
			bits, left = rng.Uint64(), 64
		}
		c := &s.classes[o.class]
		factor := c.own[bits&(1<<ownBits-1)] * c.group[0] * c.group[o.trade] * c.group[o.building]
		bits >>= ownBits
		left -= ownBits
		s.dur[o.node] = max(int64(float64(n.dur[o.node])*factor+0.5), 1)
	}
	n.forward(s.dur, s.t)
	for i := range s.open {
		s.finishes[i*s.runs+run] = int32(min(s.t.early[2*s.open[i].node+1]-s.base, math.MaxInt32))
	}
}

// settleP fills P50 and P80 from the runs; what is finished, or was not
// simulated, has its forecast.
func (f *forecast) settleP(s *simulation) {
	for i := range f.out.Tasks {
		o := &f.out.Tasks[i]
		o.P50, o.P80 = o.ForecastFinish, o.ForecastFinish
	}
	if s != nil {
		for i, open := range s.open {
			finishes := s.finishes[i*s.runs : (i+1)*s.runs]
			o := &f.out.Tasks[f.n.task[open.node]]
			o.P80, finishes = f.percentileDay(finishes, open.node, 0.80)
			o.P50, _ = f.percentileDay(finishes, open.node, 0.50/0.80)
		}
	}
	d := f.out.Tasks[f.delivery]
	f.out.Delivery.P50, f.out.Delivery.P80 = d.P50, d.P80
}

// percentileDay is the day by which the share p of the runs has finished a node,
// and those runs.
func (f *forecast) percentileDay(finishes []int32, v int32, p float64) (site.Day, []int32) {
	k := max(int(math.Ceil(p*float64(len(finishes))))-1, 0)
	offset := f.base + int64(selectKth(finishes, k))
	cal := f.n.cals[f.n.cal[v]]
	if f.n.dur[v] == 0 && f.t.atStart[v] {
		return cal.startDay(offset), finishes[:k+1]
	}
	return cal.finishDay(offset), finishes[:k+1]
}

// selectKth is the k-th smallest of x, which it reorders (Hoare, CACM 4, 1961).
func selectKth(x []int32, k int) int32 {
	lo, hi := 0, len(x)-1
	for lo < hi {
		pivot := x[lo+(hi-lo)/2]
		i, j := lo, hi
		for i <= j {
			for x[i] < pivot {
				i++
			}
			for x[j] > pivot {
				j--
			}
			if i <= j {
				x[i], x[j] = x[j], x[i]
				i++
				j--
			}
		}
		switch {
		case k <= j:
			hi = j
		case k >= i:
			lo = i
		default:
			return x[k]
		}
	}
	return x[lo]
}
