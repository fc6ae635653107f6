package schedule

import (
	"time"

	"topout/site"
)

// Input is everything that a forecast rests on.
type Input struct {
	Plan     site.Plan       // required
	Baseline *site.Baseline  // what was agreed; nil: the plan's own dates stand in
	Calendar *Calendar       // required: the project's
	Progress []site.Progress // not withdrawn, in any order; those after At are left out
	Holds    []Hold          // open stop-work issues
	At       time.Time       // required: the instant of the forecast; its day is the data date
	Seed     uint64          // of the Monte Carlo
	Runs     int             // of the Monte Carlo; 0: 1,000
	// StaleAfter is the number of working days without a report after which a
	// task in progress is stale; 0: 3. StaleDays then counts all days, as people do.
	StaleAfter int
}

// Hold is an open stop-work issue. Its task does not go on before the first
// working day after the data date, or after Until.
type Hold struct {
	Task     string // its task; empty: every unfinished task of Building
	Building string
	Issue    string // id
	Reason   site.Reason
	Since    time.Time
	Until    site.Day // last day of the stop, when it is known; zero: not known
}

// Outlook is what a project looks like from the data date.
type Outlook struct {
	At           time.Time
	DataDate     site.Day
	ProjectStart site.Day
	Delivery     Delivery
	Buildings    []BuildingOutlook  // in the plan's order; last one without an id for tasks of no building, if any
	Tasks        []TaskOutlook      // in the plan's order
	Milestones   []MilestoneOutlook // in the order of their forecasts
	Percent      float64            // of the whole, by weight
	Value        Value
	Curve        []CurvePoint
}

// Delivery is the day of the hand-over.
type Delivery struct {
	Task      string   // id of the milestone or task that is the hand-over
	Baseline  site.Day // agreed; zero: nothing agreed
	Forecast  site.Day // deterministic
	P50, P80  site.Day
	SlipDays  float64 // working days of Forecast behind Baseline; negative: early
	StaleDays int     // the greatest among the tasks that drive it
	Cause     []Cause // from the earliest task to the hand-over; empty when it is not late
}

// TaskOutlook is one task: agreed, done, to come. A finish is a last working day.
type TaskOutlook struct {
	ID, Name, Code, Building, Trade string
	Milestone                       bool
	BaselineStart, BaselineFinish   site.Day // zero: not in the baseline
	ActualStart, ActualFinish       site.Day // zero: not yet
	ForecastStart, ForecastFinish   site.Day // what happened, where it has
	P50, P80                        site.Day // of the finish
	FinishAt                        time.Time
	Percent                         float64
	SlipDays                        float64   // working days of ForecastFinish behind BaselineFinish
	TotalFloat                      float64   // working days; 0 for a finished task
	Critical                        bool      // unfinished and without float
	LastReport                      time.Time // zero: never
	StaleDays                       int       // days without a report, for a task in progress; 0: fresh (see Input.StaleAfter)
	Pace                            Pace
	SPI, SPIT                       float64 // of this task alone; 0 before it should have begun
	Cause                           []Cause // empty when it is not late
}

// Pace says how the remaining duration of a task was chosen.
type Pace struct {
	Method    PaceMethod
	Planned   float64 // working days of the whole task as planned
	Observed  float64 // working days that the whole takes at the pace seen; 0: not seen
	Remaining float64 // working days from the data date, or from the last report
}

// PaceMethod is how a remaining duration was chosen; each is a key of the
// catalogue after "pace.".
type PaceMethod string

// The methods.
const (
	PaceNone     PaceMethod = ""         // finished, or a milestone
	PacePlanned  PaceMethod = "planned"  // not started, or too little seen: as planned
	PaceBlended  PaceMethod = "blended"  // the plan and the pace seen, by how much is seen
	PaceObserved PaceMethod = "observed" // the pace seen
)

// MilestoneOutlook is one milestone.
type MilestoneOutlook struct {
	ID, Name string
	Building string
	Baseline site.Day
	Forecast site.Day
	P50, P80 site.Day
	SlipDays float64
	Reached  bool
}

// BuildingOutlook is one building over its tasks.
type BuildingOutlook struct {
	ID, Name         string
	Percent          float64
	Baseline, Finish site.Day // of its last task
	SlipDays         float64
}

// Cause is one link of the chain of driving tasks: how many of the late
// working days arise at this task, and why.
type Cause struct {
	Task       string
	Days       float64
	Reason     site.Reason
	Issue      string    // id of the issue that holds it; empty: none
	LastReport time.Time // zero: never
	By         string    // who reported last
	Note       string    // of the report that gave the reason
}

// Value is earned value without cost, in percent of the whole, and Lipke's
// earned schedule, in working days of the project's calendar.
type Value struct {
	Planned, Earned float64 // PV and EV at the data date, 0 to 100
	SPI             float64 // EV/PV; 1 when nothing is planned yet
	ES              float64 // earned schedule
	AT              float64 // actual time: working days since the baseline's start
	PD              float64 // planned duration
	SPIT            float64 // ES/AT; 1 before the start
	IEACT           float64 // PD/SPI(t): the duration as it goes; 0: cannot be told
}

// CurvePoint is the end of a day.
type CurvePoint struct {
	Day     site.Day
	Planned float64  // percent of the whole
	Earned  *float64 // nil after the data date
}

// Run is the outlook as the record that is kept of it.
func (o Outlook) Run(project string) site.ForecastRun {
	run := site.ForecastRun{
		Project: project, At: o.At,
		Baseline: o.Delivery.Baseline, Finish: o.Delivery.Forecast, P50: o.Delivery.P50, P80: o.Delivery.P80,
		SlipDays: o.Delivery.SlipDays, Percent: o.Percent, SPI: o.Value.SPI, SPIT: o.Value.SPIT,
	}
	for _, m := range o.Milestones {
		run.Milestones = append(run.Milestones, site.MilestoneForecast{
			ID: m.ID, Baseline: m.Baseline, Forecast: m.Forecast, P50: m.P50, P80: m.P80, SlipDays: m.SlipDays,
		})
	}
	for _, t := range o.Tasks {
		run.Tasks = append(run.Tasks, site.TaskForecast{
			Task: t.ID, Finish: t.FinishAt, SlipDays: t.SlipDays, P50: t.P50, P80: t.P80, SPI: t.SPI, SPIT: t.SPIT,
		})
	}
	return run
}
