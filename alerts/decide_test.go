package alerts

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"topout/site"
)

var start = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)

func crane(hysteresis float64, hold int) Rule {
	return Rule{
		Kind: "tower_crane", Metric: "moment_percent", Unit: "%", Op: ">=", Hysteresis: hysteresis, HoldSeconds: hold,
		Levels: []Level{{site.Info, 80}, {site.Warning, 90}, {site.Critical, 100}},
	}
}

// drive judges samples in order and gives the level after each.
func drive(r Rule, samples []sample) (levels []site.Severity, last site.RuleState) {
	var s site.RuleState
	for _, x := range samples {
		s = decide(r, s, x).State
		levels = append(levels, s.Level)
	}
	return levels, s
}

func TestDecide(t *testing.T) {
	at := func(seconds int, value float64) sample {
		return sample{T: start.Add(time.Duration(seconds) * time.Second), Value: value}
	}
	late := func(x sample) sample { x.Late = true; return x }
	for _, c := range []struct {
		name    string
		rule    Rule
		samples []sample
		want    []site.Severity
		reason  string // of the last
	}{
		{"straight up, and down step by step", crane(2, 0), []sample{at(0, 105), at(1, 97), at(2, 85), at(3, 70)},
			[]site.Severity{site.Critical, site.Warning, site.Info, ""}, reasonLowered},
		{"the limit itself counts", crane(2, 0), []sample{at(0, 90)}, []site.Severity{site.Warning}, reasonRaised},
		{"inside the hysteresis the level stays", crane(2, 0), []sample{at(0, 90), at(1, 88), at(2, 87.9)},
			[]site.Severity{site.Warning, site.Warning, site.Info}, reasonLowered},
		{"a repeat changes nothing", crane(2, 60), []sample{at(0, 95), at(0, 95)}, []site.Severity{"", ""}, reasonRepeat},
		{"an older one changes nothing", crane(2, 0), []sample{at(9, 50), at(3, 120)}, []site.Severity{"", ""}, reasonOutOfOrder},
		{"a correction is judged", crane(2, 0), []sample{at(0, 120), at(0, 50)}, []site.Severity{site.Critical, ""}, reasonLowered},
		{"a late one opens nothing", crane(2, 0), []sample{late(at(0, 120))}, []site.Severity{""}, reasonLate},
		{"a late one raises nothing", crane(2, 0), []sample{at(0, 91), late(at(1, 120))}, []site.Severity{site.Warning, site.Warning}, reasonLate},
		{"a late one may lower", crane(2, 0), []sample{at(0, 91), late(at(1, 50))}, []site.Severity{site.Warning, ""}, reasonLowered},
		{"held for the whole time", crane(2, 60), []sample{at(0, 95), at(59, 95), at(60, 95)}, []site.Severity{"", "", site.Warning}, reasonRaised},
		{"a dip starts the hold anew", crane(2, 60), []sample{at(0, 95), at(30, 50), at(60, 95), at(119, 95)}, []site.Severity{"", "", "", ""}, reasonHolding},
		{"a peak at the end of the hold is not what held", crane(2, 60), []sample{at(0, 95), at(60, 130), at(61, 95)},
			[]site.Severity{"", site.Warning, site.Warning}, reasonSteady},
		{"what goes on further out is raised in turn", crane(2, 60), []sample{at(0, 95), at(60, 130), at(120, 130)},
			[]site.Severity{"", site.Warning, site.Critical}, reasonRaised},
	} {
		t.Run(c.name, func(t *testing.T) {
			var s site.RuleState
			for i, x := range c.samples {
				v := decide(c.rule, s, x)
				if v.Before != s.Level || v.After != v.State.Level {
					t.Fatalf("sample %d: %+v does not follow from %+v", i, v, s)
				}
				if s = v.State; s.Level != c.want[i] {
					t.Fatalf("sample %d: level %q, want %q (%s)", i, s.Level, c.want[i], v.Reason)
				}
				if i == len(c.samples)-1 && v.Reason != c.reason {
					t.Errorf("reason %q, want %q", v.Reason, c.reason)
				}
			}
		})
	}
}

func TestBelow(t *testing.T) {
	r := Rule{Op: "<", Hysteresis: 1, Levels: []Level{{site.Warning, 5}, {site.Critical, 0}}}
	levels, _ := drive(r, []sample{{T: start, Value: 5}, {T: start.Add(1), Value: 4}, {T: start.Add(2), Value: 5.5}, {T: start.Add(3), Value: -1}, {T: start.Add(4), Value: 6}})
	for i, want := range []site.Severity{"", site.Warning, site.Warning, site.Critical, ""} {
		if levels[i] != want {
			t.Errorf("sample %d: %q, want %q", i, levels[i], want)
		}
	}
}

// series draws samples at growing instants around the limits.
func series(t *rapid.T) []sample {
	n := rapid.IntRange(1, 60).Draw(t, "n")
	at := start
	list := make([]sample, n)
	for i := range list {
		at = at.Add(time.Duration(rapid.IntRange(1, 40).Draw(t, "step")) * time.Second)
		list[i] = sample{T: at, Value: rapid.Float64Range(70, 110).Draw(t, "value"), Late: rapid.IntRange(0, 9).Draw(t, "late") == 0}
	}
	return list
}

// TestDecideProperties holds what a rule promises, whatever comes.
func TestDecideProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := crane(rapid.Float64Range(0, 5).Draw(t, "hysteresis"), rapid.SampledFrom([]int{0, 30, 120}).Draw(t, "hold"))
		hold := time.Duration(r.HoldSeconds) * time.Second
		samples := series(t)
		var s site.RuleState
		for i, x := range samples {
			v := decide(r, s, x)
			if again := decide(r, v.State, x); again.State != v.State || again.Reason != reasonRepeat {
				t.Fatalf("a repeat changed %+v to %+v", v.State, again.State)
			}
			older := sample{T: x.T.Add(-time.Millisecond), Value: 200}
			if back := decide(r, v.State, older); back.State != v.State {
				t.Fatalf("an older sample changed %+v to %+v", v.State, back.State)
			}
			switch up := v.After.Rank() - v.Before.Rank(); {
			case up > 0:
				if x.Late {
					t.Fatalf("sample %d: late, and yet raised", i)
				}
				// The value was past the limit for the whole hold time.
				held := time.Duration(-1)
				for j := i; j >= 0 && samples[j].Value >= r.limit(v.After); j-- {
					held = x.T.Sub(samples[j].T)
				}
				if held < hold {
					t.Fatalf("sample %d: %s after %s past its limit, hold %s", i, v.After, held, hold)
				}
			case up < 0:
				if x.Value >= r.limit(v.Before)-r.Hysteresis {
					t.Fatalf("sample %d: %s ended at %v within the hysteresis", i, v.Before, x.Value)
				}
			}
			// A level in force is one that the value has not left.
			if v.After != "" && x.Value < r.limit(v.After)-r.Hysteresis {
				t.Fatalf("sample %d: %s at %v", i, v.After, x.Value)
			}
			// Without a hold what is reached is in force at once.
			if hold == 0 && !x.Late && r.reached(x.Value, 0).Rank() > v.After.Rank() {
				t.Fatalf("sample %d: %v left at %q", i, x.Value, v.After)
			}
			s = v.State
		}
	})
}

// TestNoFlapping holds that a value which stays within the hysteresis of a limit
// changes the level at most once.
func TestNoFlapping(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := crane(rapid.Float64Range(0.1, 5).Draw(t, "hysteresis"), 0)
		limit := rapid.SampledFrom(r.Levels).Draw(t, "level").Limit
		var s site.RuleState
		changes := -1 // the first sample finds its level
		for i := range rapid.IntRange(2, 50).Draw(t, "n") {
			value := limit + rapid.Float64Range(-r.Hysteresis, r.Hysteresis).Draw(t, "offset")
			v := decide(r, s, sample{T: start.Add(time.Duration(i) * time.Second), Value: value})
			if v.After != v.Before {
				changes++
			}
			s = v.State
		}
		if changes > 1 {
			t.Fatalf("%d changes within the hysteresis of %v", changes, limit)
		}
	})
}

// TestOrderOfArrival holds that samples which come in any order leave the state
// that the newest alone decides, when there is neither hold nor hysteresis.
func TestOrderOfArrival(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := crane(0, 0)
		samples := series(t)
		for i := range samples {
			samples[i].Late = false
		}
		newest := samples[len(samples)-1]
		_, s := drive(r, rapid.Permutation(samples).Draw(t, "order"))
		if s.Level != r.reached(newest.Value, 0) || !s.LastT.Equal(newest.T) {
			t.Fatalf("state %+v, newest %+v", s, newest)
		}
	})
}
