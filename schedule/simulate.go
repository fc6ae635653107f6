package schedule

import (
	"math"
	"math/rand/v2"

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
	shareSite     = 0.15
	shareTrade    = 0.25
	shareBuilding = 0.15
	shareOwn      = 1 - shareSite - shareTrade - shareBuilding
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
type simulation struct {
	runs     int
	open     []int32   // nodes that are not finished
	sigma    []float64 // per open node; 0: certain
	trade    []int32   // per open node: index in common
	building []int32
	common   []float64 // draws of site, trades and buildings
	dur      []int64
	t        *times
	finishes []int32 // per open node its finishes of all runs, as minutes since base
	base     int64
}

func newSimulation(f *forecast) *simulation {
	n := f.n
	s := &simulation{runs: max(f.in.Runs, 0), dur: make([]int64, len(n.dur)), t: newTimes(n), base: f.base}
	copy(s.dur, n.dur)
	common := map[string]int32{}
	number := func(key string) int32 {
		i, known := common[key]
		if !known {
			i = int32(len(common))
			common[key] = i
		}
		return i
	}
	number("site")
	for v, d := range n.dur {
		if n.done[v] {
			continue
		}
		task, pace := f.in.Plan.Tasks[n.task[v]], f.pace[n.task[v]]
		sigma := 0.0
		if d > 0 {
			sigma = sigmaPlanned
			switch pace.Method {
			case PaceObserved:
				sigma = sigmaObserved
			case PaceBlended:
				sigma = (sigmaPlanned + sigmaObserved) / 2
			}
		}
		s.open = append(s.open, int32(v))
		s.sigma = append(s.sigma, sigma)
		s.trade = append(s.trade, number("trade "+task.Trade))
		s.building = append(s.building, number("building "+task.Building))
	}
	s.common = make([]float64, len(common))
	s.finishes = make([]int32, len(s.open)*s.runs)
	return s
}

// run draws all remaining durations and notes the finishes.
func (s *simulation) run(n *network, rng *rand.Rand, run int) {
	for i := range s.common {
		s.common[i] = rng.NormFloat64()
	}
	site := math.Sqrt(shareSite) * s.common[0]
	for k, v := range s.open {
		if s.sigma[k] == 0 {
			continue
		}
		z := site + math.Sqrt(shareTrade)*s.common[s.trade[k]] +
			math.Sqrt(shareBuilding)*s.common[s.building[k]] + math.Sqrt(shareOwn)*rng.NormFloat64()
		s.dur[v] = max(int64(float64(n.dur[v])*math.Exp(s.sigma[k]*z)+0.5), 1)
	}
	n.forward(s.dur, s.t)
	for k, v := range s.open {
		s.finishes[k*s.runs+run] = int32(min(s.t.early[2*v+1]-s.base, math.MaxInt32))
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
		for k, v := range s.open {
			finishes := s.finishes[k*s.runs : (k+1)*s.runs]
			o := &f.out.Tasks[f.n.task[v]]
			o.P50 = f.percentileDay(finishes, v, 0.50)
			o.P80 = f.percentileDay(finishes, v, 0.80)
		}
	}
	d := f.out.Tasks[f.delivery]
	f.out.Delivery.P50, f.out.Delivery.P80 = d.P50, d.P80
}

// percentileDay is the day by which the share p of the runs has finished node v.
func (f *forecast) percentileDay(finishes []int32, v int32, p float64) site.Day {
	k := max(int(math.Ceil(p*float64(len(finishes))))-1, 0)
	offset := f.base + int64(selectKth(finishes, k))
	cal := f.n.cals[f.n.cal[v]]
	if f.n.dur[v] == 0 && f.t.atStart[v] {
		return cal.startDay(offset)
	}
	return cal.finishDay(offset)
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
