package alerts

import (
	"time"

	"topout/site"
)

// sample is a rule's value in one reading.
type sample struct {
	T     time.Time // at the source
	Value float64
	// Late says that it arrived too long after T to raise an alarm.
	Late bool
}

// Reasons of a verdict.
const (
	reasonOutOfOrder = "out of order" // older than what was judged
	reasonRepeat     = "repeat"       // judged already
	reasonSteady     = "steady"       // the level stays
	reasonLate       = "late"         // beyond a limit, but arrived too late to raise
	reasonHolding    = "holding"      // beyond a limit, not yet for long enough
	reasonRaised     = "raised"
	reasonLowered    = "lowered"
)

// verdict is what a sample does to the memory of a rule.
type verdict struct {
	State         site.RuleState // to keep
	Before, After site.Severity  // the level in force
	Reason        string
}

// decide judges one sample.
//
// A sample older than the newest judged, or equal to it, changes nothing; another
// value at the same instant is a correction and is judged. A level comes into
// force when the value has been past its limit for the whole hold time, by the
// device's clock, and ends when the value is back inside the limit by the
// hysteresis. A late sample may end or lower a level but never start or raise one.
func decide(r Rule, s site.RuleState, x sample) verdict {
	v := verdict{State: s, Before: s.Level, After: s.Level}
	switch {
	case x.T.Before(s.LastT):
		v.Reason = reasonOutOfOrder
		return v
	case x.T.Equal(s.LastT) && x.Value == s.LastValue:
		v.Reason = reasonRepeat
		return v
	}
	v.State.LastT, v.State.LastValue = x.T, x.Value
	reached := r.reached(x.Value, 0)
	if reached.Rank() <= s.Level.Rank() {
		v.State.Pending, v.State.PendingSince = "", time.Time{}
		v.State.Level = lower(s.Level, r.reached(x.Value, r.Hysteresis))
		v.After, v.Reason = v.State.Level, reasonSteady
		if v.After != v.Before {
			v.Reason = reasonLowered
		}
		return v
	}
	// Pending is the highest level that every sample since PendingSince was past.
	pending, since := reached, x.T
	hold := time.Duration(r.HoldSeconds) * time.Second
	if waiting := s.Pending.Rank() > s.Level.Rank() && hold > 0; waiting {
		pending, since = lower(s.Pending, reached), s.PendingSince
	} else if x.Late {
		v.Reason = reasonLate
		return v
	}
	if x.Late || x.T.Sub(since) < hold {
		v.State.Pending, v.State.PendingSince, v.Reason = pending, since, reasonHolding
		return v
	}
	v.State.Level, v.After, v.Reason = pending, pending, reasonRaised
	v.State.Pending, v.State.PendingSince = "", time.Time{}
	if reached != pending {
		v.State.Pending, v.State.PendingSince = reached, x.T
	}
	return v
}

func lower(a, b site.Severity) site.Severity {
	if b.Rank() < a.Rank() {
		return b
	}
	return a
}

func higher(a, b site.Severity) site.Severity {
	if b.Rank() > a.Rank() {
		return b
	}
	return a
}
