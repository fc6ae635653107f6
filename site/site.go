// Package site is the vocabulary of a building site: the types that every other
// package speaks in, their invariants and the kinds of error. It imports the
// standard library only and does no input or output.
//
// Instants are UTC time.Time; days are Day, in the project's zone; working time
// is Work, in minutes of a working calendar.
package site

import (
	"fmt"
	"regexp"
	"time"
)

// idPattern is the grammar of the ids of projects, devices, forms and
// client-made records. It keeps ids free of MQTT and NATS wildcards.
var idPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// ValidID reports whether s is 1 to 64 of [A-Za-z0-9_-].
func ValidID(s string) bool { return idPattern.MatchString(s) }

// Phase is where a project stands between signing and production (招开建投).
type Phase string

// The phases in order.
const (
	PhaseReserve      Phase = "reserve"
	PhaseSigned       Phase = "signed"
	PhaseStarted      Phase = "started"
	PhaseConstruction Phase = "under_construction"
	PhaseProduction   Phase = "in_production"
)

// Phases lists all phases in order.
var Phases = []Phase{PhaseReserve, PhaseSigned, PhaseStarted, PhaseConstruction, PhaseProduction}

// Project is one building project: a site with a plan, people and devices.
type Project struct {
	ID    string
	Name  string
	Zone  string // IANA name, e.g. Asia/Shanghai; all days of the project are in it
	Phase Phase
	Grade string // entry grade of the zone office, free text
	// Calendar is the project's working calendar.
	Calendar CalendarSpec
	// DailyChecks are the form ids that are owed on each working day.
	DailyChecks []string
	// CheckBy is the local time of day ("18:00") when a missing daily check is raised.
	CheckBy   string
	CreatedAt time.Time
}

// NewProject is a project with the usual settings: a six-day week with China's
// holidays, and the daily safety check owed by 18:00. An empty zone is Asia/Shanghai.
func NewProject(id, name, zone string, at time.Time) Project {
	if zone == "" {
		zone = "Asia/Shanghai"
	}
	return Project{
		ID: id, Name: name, Zone: zone, Phase: PhaseConstruction,
		Calendar:    CalendarSpec{DaysAWeek: 6, Holidays: "CN"},
		DailyChecks: []string{"daily-safety"}, CheckBy: "18:00", CreatedAt: at,
	}
}

// Location is the project's zone; UTC when the name is not known.
func (p Project) Location() *time.Location {
	loc, err := time.LoadLocation(p.Zone)
	if err != nil {
		return time.UTC
	}
	return loc
}

// CalendarSpec says which days are worked, as data; package schedule computes with it.
type CalendarSpec struct {
	DaysAWeek int      `json:"days_a_week"` // 5, 6 or 7; 0 means 6
	Holidays  string   `json:"holidays"`    // "CN" or empty for none
	Off       []DayOff `json:"off,omitempty"`
}

// DayOff is a span of the project's own days off (winter stop, 冬歇), or, when
// Working is set, of days that are worked although the week or a holiday says no.
type DayOff struct {
	From    Day    `json:"from"`
	To      Day    `json:"to"` // inclusive
	Name    string `json:"name,omitempty"`
	Working bool   `json:"working,omitempty"`
}

// Building is a unit of works (单位工程).
type Building struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Position int    `json:"position"` // order on the screen, from 0
}

// Work is working time in minutes of a calendar.
type Work int64

// WorkDay is the standard working day of 8 hours.
const WorkDay Work = 480

// Days gives w in standard working days.
func (w Work) Days() float64 { return float64(w) / float64(WorkDay) }

// WorkDays is n standard working days, rounded to the minute.
func WorkDays(n float64) Work {
	m := n * float64(WorkDay)
	if m < 0 {
		return Work(m - 0.5)
	}
	return Work(m + 0.5)
}

// Task is an activity of the plan.
type Task struct {
	ID        string  // the planner's own
	Building  string  // id of its building; empty: the whole project
	Name      string  //
	Code      string  // GB 50300 code of its division (分部)
	Trade     string  // who works: crew or trade, free text
	Start     Day     // the planner's own dates, where given
	Finish    Day     //
	Duration  Work    // 0 is a milestone
	Weight    float64 // share of the whole by value; 0 means by duration
	Milestone bool
	Quantity  float64 // total quantity, in Unit; 0 when progress is in percent only
	Unit      string  // m, m², m³, piece
	Line      int     // where it stands in the file that was read; 0: not known, never stored
	Logic     Logic   // of plans from other tools
}

// LinkType is how two tasks depend on each other.
type LinkType string

// The four precedence relations.
const (
	FinishToStart  LinkType = "FS"
	StartToStart   LinkType = "SS"
	FinishToFinish LinkType = "FF"
	StartToFinish  LinkType = "SF"
)

// Link is a precedence relation; Lag is working time of the successor's calendar.
type Link struct {
	Pred, Succ string
	Type       LinkType
	Lag        Work
	Elapsed    bool   // the lag runs day and night
	Calendar   string // id of the lag's calendar; empty: the successor's
}

// Plan is one revision of a project's plan.
type Plan struct {
	Project   string
	Revision  int // from 1; set by the store
	Start     Day // first day of the project; zero: the earliest start given
	Buildings []Building
	Tasks     []Task
	Links     []Link
	// Delivery is the id of the milestone that is the hand-over; empty: the last
	// milestone by baseline.
	Delivery string
	// Calendars are those that came with the plan; Calendar is the id of its own,
	// empty when it is the project's.
	Calendars []PlanCalendar
	Calendar  string
	StartAt   Clock // Start to the minute; zero: the start of work on that day
	DataDate  Clock // what has not started cannot start before; zero: none
	FinishBy  Clock // late dates count from it; zero: from the last early finish
	// CriticalFloat is the float up to which a task is critical; 0: none left.
	CriticalFloat Work
	// ProgressOverride lets what has begun go on whatever its predecessors do;
	// else, with a DataDate, its rest waits for them (retained logic).
	ProgressOverride bool
	// Computed says that the tasks' own dates are another tool's results: they bind nothing.
	Computed bool
	SavedAt  time.Time
	SavedBy  string
}

// Baseline is an approved set of dates, never changed afterwards.
type Baseline struct {
	Project    string
	Revision   int // from 1; set by the store
	Name       string
	ApprovedBy string
	ApprovedAt time.Time
	Delivery   Day
	Tasks      []BaselineTask
}

// BaselineTask is what was agreed for one task; Finish is its last working day.
type BaselineTask struct {
	Task   string `json:"task"`
	Start  Day    `json:"start"`
	Finish Day    `json:"finish"`
}

// Withdrawal marks a record that its author took back; the record is kept.
type Withdrawal struct {
	By  string
	Why string
	At  time.Time
}

// Progress is one report on a task.
type Progress struct {
	ID      string // client-made, unique in the project
	Project string
	Task    string
	T       time.Time // at the source
	Arrived time.Time
	// Percent is 0 to 100. A report by quantity has Percent computed from the
	// task's total when that is known, else NaN is never stored: it stays 0 with HasPercent false.
	Percent    float64
	HasPercent bool
	Quantity   float64 // total done so far, in the task's unit
	HasQty     bool
	Workers    *float64 // people on the task
	Note       string
	Reason     Reason // why it is late, if it is
	Photos     []string
	By         string // login; empty when the door could not tell
	Door       Door
	Withdrawn  *Withdrawal
}

// Skew is how far the source's clock was from the arrival; positive: ahead.
func (p Progress) Skew() time.Duration { return p.T.Sub(p.Arrived) }

// Reason is the code of why work is late.
type Reason string

// The reason codes.
const (
	ReasonWeather    Reason = "weather"
	ReasonMaterial   Reason = "material"
	ReasonDesign     Reason = "design_change"
	ReasonPermit     Reason = "permit"
	ReasonLabour     Reason = "labour"
	ReasonRework     Reason = "quality_rework"
	ReasonSafetyStop Reason = "safety_stop"
	ReasonHandover   Reason = "handover"
	ReasonPace       Reason = "pace"       // computed: slower than planned
	ReasonLateStart  Reason = "late_start" // computed: started late
	ReasonNotStarted Reason = "not_started"
	ReasonOther      Reason = "other"
)

// ReportedReasons are those that a person may give with a report.
var ReportedReasons = []Reason{ReasonWeather, ReasonMaterial, ReasonDesign, ReasonPermit, ReasonLabour, ReasonRework, ReasonSafetyStop, ReasonHandover, ReasonOther}

// CheckResult is the verdict on one item.
type CheckResult string

// The verdicts; an item not applicable is a missing item (缺项).
const (
	Pass CheckResult = "pass"
	Fail CheckResult = "fail"
	NA   CheckResult = "na"
)

// CheckItem is one answered item of a form.
type CheckItem struct {
	Code   string      `json:"code"`
	Result CheckResult `json:"result"`
	Deduct *float64    `json:"deduct,omitempty"` // marks taken off
	Value  *float64    `json:"value,omitempty"`  // measured, in the item's unit
	Note   string      `json:"note,omitempty"`
	Photos []string    `json:"photos,omitempty"`
}

// Check is one inspection by a form, with what it scored.
type Check struct {
	ID        string // client-made, unique in the project
	Project   string
	Checklist string
	Version   int // of the form
	Building  string
	T         time.Time
	Arrived   time.Time
	Items     []CheckItem
	By        string
	Door      Door
	Score     float64
	Grade     string // 优良, 合格 or 不合格
	Passed    bool
	Failed    int      // number of failed items
	Issues    []string // ids of the issues that it opened or renewed
	Withdrawn *Withdrawal
}

// Device is a sensor or gateway that signs in with its id and a secret.
type Device struct {
	ID        string // unique over all projects: it is the user name at the broker
	Project   string
	Kind      string
	Name      string
	Place     string
	Building  string
	Silent    time.Duration // after this long without a message it is silent; 0: the kind's default
	CreatedAt time.Time
	RevokedAt time.Time // zero while valid
	LastSeen  time.Time // arrival of its last message; zero: never
	Status    string    // online, offline or empty
	StatusAt  time.Time
	Last      []LastValue // filled by the store's Devices and Device
}

// LastValue is the newest reading of one metric by source time.
type LastValue struct {
	Metric string
	T      time.Time
	Value  float64
}

// MetricValue is one measured value.
type MetricValue struct {
	Metric string
	Value  float64
}

// Reading is what a device measured at one instant of its own clock.
type Reading struct {
	Project string
	Device  string
	T       time.Time
	Values  []MetricValue
}

// Door is where a message came in.
type Door string

// The doors.
const (
	DoorMQTT   Door = "mqtt"   // the embedded broker
	DoorBroker Door = "broker" // an external broker
	DoorAPI    Door = "api"
)

// Message is one thing that came to a door, before anybody understood it.
type Message struct {
	Door    Door
	Topic   string // topout/v1/{project}/{kind}/{name}, percent-encoded as sent
	Payload []byte
	By      string // login, when the door knows it
	Arrived time.Time
}

// Refused is a message that was not taken, kept with the reason.
type Refused struct {
	ID      string // made by the store
	T       time.Time
	Door    Door
	Project string // empty when the topic does not say
	Device  string // user or device that it claims to come from, when known
	Topic   string
	Code    string            // of the reason, a key of the catalogue
	Params  map[string]string // for the catalogue's text
	Payload []byte            // nil when the broker turned it away
	TakenAt time.Time         // zero; else when an administrator had it taken after all
}

// Change is an entry of the event stream that the screens follow.
type Change struct {
	ID      int64 // grows; set by the store
	Project string
	Kind    ChangeKind
	Ref     string // id of what changed
	At      time.Time
	Data    []byte // JSON for the client
}

// ChangeKind names what changed.
type ChangeKind string

// What the event stream tells.
const (
	ChangeProgress ChangeKind = "progress"
	ChangeCheck    ChangeKind = "check"
	ChangeIssue    ChangeKind = "issue"
	ChangeSlip     ChangeKind = "slip"
	ChangePlan     ChangeKind = "plan"
	ChangeDevice   ChangeKind = "device"
	ChangeAccess   ChangeKind = "access" // a right changed: Ref is device/ID or person/LOGIN; their live connections end
)

// Point is one point of a time series, after the published InfluxDB schema.
type Point struct {
	Measurement string
	Tags        []Tag   // sorted by key
	Fields      []Field // at least one
	Time        time.Time
}

// Tag is an indexed label of a point.
type Tag struct{ Key, Value string }

// Field is a value of a point: float64, int64, bool or string.
type Field struct {
	Key   string
	Value any
}

// Window is the summary of a metric's readings in [T, T+every).
type Window struct {
	T              time.Time
	Min, Mean, Max float64
	Count          int64
}

// Sample is one raw value.
type Sample struct {
	T     time.Time
	Value float64
}

// SeriesQuery asks for one metric of one device in [From, To).
type SeriesQuery struct {
	Project, Device, Metric string
	From, To                time.Time
	Every                   time.Duration // window; windows start at multiples of it since the epoch
	Limit                   int           // 0: no limit
}

func (q SeriesQuery) String() string {
	return fmt.Sprintf("%s/%s/%s", q.Project, q.Device, q.Metric)
}
