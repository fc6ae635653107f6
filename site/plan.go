package site

import "time"

// Clock is local wall-clock time in minutes since 1970-01-01 00:00, whatever the
// zone; the zero value is no time. Plans from elsewhere speak in it.
type Clock int64

// ClockOf is the wall clock's reading of t in its own zone; seconds are dropped.
func ClockOf(t time.Time) Clock {
	y, m, d := t.Date()
	return Clock(time.Date(y, m, d, t.Hour(), t.Minute(), 0, 0, time.UTC).Unix() / 60)
}

// IsZero reports whether there is no time.
func (c Clock) IsZero() bool { return c == 0 }

// Day is the day of c.
func (c Clock) Day() Day {
	d := c / 1440
	if c%1440 < 0 {
		d--
	}
	return Day(d)
}

// String is 2006-01-02T15:04, or empty for no time.
func (c Clock) String() string {
	if c == 0 {
		return ""
	}
	return time.Unix(int64(c)*60, 0).UTC().Format("2006-01-02T15:04")
}

// PlanCalendar is a calendar that a plan brought along.
type PlanCalendar struct {
	ID   string
	Name string
	Week [7][]Shift // by time.Weekday; no shifts: a day of rest
	Days []PlanDays // exceptions to the week; the later in the list wins
	// DayWork is what a day of duration or float means; 0: WorkDay.
	DayWork Work
}

// PlanDays is a span of days that differ from the week.
type PlanDays struct {
	From, To Day // inclusive
	Name     string
	Shifts   []Shift // none: no work
}

// Shift is working time within a day, in minutes since midnight; To is at most 1440.
type Shift struct{ From, To int }

// Constraint is a planner's bound on a task's dates.
type Constraint string

// The constraints. The two Must ones and the two NoLater ones are stronger than
// links; StartOn and FinishOn bound the early and the late dates and give way to links.
const (
	AsSoonAsPossible Constraint = ""
	AsLateAsPossible Constraint = "ALAP"
	StartNoEarlier   Constraint = "SNET"
	StartNoLater     Constraint = "SNLT"
	FinishNoEarlier  Constraint = "FNET"
	FinishNoLater    Constraint = "FNLT"
	MustStartOn      Constraint = "MSO"
	MustFinishOn     Constraint = "MFO"
	StartOn          Constraint = "SO"
	FinishOn         Constraint = "FO"
	// LateStart and LateFinish bound the late dates only: Primavera's "on or before".
	LateStart  Constraint = "LS"
	LateFinish Constraint = "LF"
)

// Bound is a constraint with its date.
type Bound struct {
	Type Constraint
	At   Clock
}

// Logic is what a task from a planner's tool has beside its duration and links.
type Logic struct {
	Calendar     string // id of a PlanCalendar; empty: the project's
	WBS          string
	Bound        Bound
	Second       Bound // Primavera has two
	Deadline     Clock
	Manual       bool // stands at its own Begin and End, whatever the links say
	Begin, End   Clock
	ActualStart  Clock
	ActualFinish Clock
	Resume       Clock // when a task in progress goes on; zero: when its ActualWork is done
	ActualWork   Work  // duration done
	Remaining    Work  // duration to do, of a task in progress
	Percent      float64
	// AtStart is a milestone that stands at the start of work, never at its end.
	AtStart bool
}
