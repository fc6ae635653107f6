package site

import "time"

// Severity orders issues and rule levels.
type Severity string

// The severities, rising.
const (
	Info     Severity = "info"
	Warning  Severity = "warning"
	Critical Severity = "critical"
)

// Rank is 1 for info to 3 for critical, 0 for none.
func (s Severity) Rank() int {
	switch s {
	case Info:
		return 1
	case Warning:
		return 2
	case Critical:
		return 3
	}
	return 0
}

// IssueKind is what opened an issue.
type IssueKind string

// The kinds.
const (
	KindSlip        IssueKind = "slip"
	KindReading     IssueKind = "reading"
	KindSilence     IssueKind = "silence"
	KindCheckFailed IssueKind = "check_failed"
	KindCheckMissed IssueKind = "check_missed"
	KindBlocking    IssueKind = "blocking"
	KindPerson      IssueKind = "person"
)

// IssueState is where an issue stands in the loop 研判 → 交办 → 代办 → 反馈 → 销号.
type IssueState string

// The states. Closed is the only end; Rejected means that a re-check sent it back.
const (
	StateOpen     IssueState = "open"
	StateAssessed IssueState = "assessed"
	StateAssigned IssueState = "assigned"
	StateInHand   IssueState = "in_hand"
	StateReported IssueState = "reported"
	StateClosed   IssueState = "closed"
	StateRejected IssueState = "rejected"
	StateReopened IssueState = "reopened"
)

// System is the name under which Topout itself moves issues.
const System = "topout"

// Issue is whatever needs a person (隐患, slip, defect, blocking point, silence).
// At most one open issue has a key, so the same trouble is the same issue.
type Issue struct {
	ID       string
	Project  string
	Key      string // e.g. reading:crane-1:moment_percent
	Kind     IssueKind
	Severity Severity
	State    IssueState
	// Title is a key of the catalogue with Params, or, for issues that a person
	// wrote, the text itself in Text.
	Title     string
	Params    map[string]string
	Text      string
	Task      string
	Device    string
	Building  string
	Reason    Reason // of blocking issues
	StopWork  bool   // holds its task in the forecast
	OpenedAt  time.Time
	OpenedBy  string
	UpdatedAt time.Time
	ClosedAt  time.Time // zero while open
	Due       time.Time // zero: none
	Assignee  string    // login
	Moves     []Move
}

// Open reports whether the issue still needs somebody.
func (i Issue) Open() bool { return i.State != StateClosed }

// Move is one step of an issue, with its evidence.
type Move struct {
	To       IssueState
	By       string // login, or System
	At       time.Time
	Note     string            // what a person wrote
	Title    string            // catalogue key, for moves by System
	Params   map[string]string // for Title
	Photos   []string
	Assignee string
	Due      time.Time
}

// Notice tells people of a change of an issue; it is queued in the transaction of the change.
type Notice struct {
	ID        string // also the idempotency key that receivers see
	Project   string
	Issue     string
	Event     string // opened, raised (severity up), lowered, moved, closed, reopened, test
	Channel   string // webhook, mqtt, mail
	Target    string // mail: address; webhook: empty is the one from the settings
	Payload   []byte // CloudEvents JSON as of the change
	CreatedAt time.Time
	NextAt    time.Time // when to try (again)
	Tries     int
	SentAt    time.Time // zero while queued
	LastError string    // for the operator; never holds a secret
}

// RuleState is the memory of a rule for one device and metric.
type RuleState struct {
	Device, Metric string
	LastT          time.Time // newest source time judged
	LastValue      float64
	Level          Severity // the level in force, empty when none
	Pending        Severity // the level that waits for its hold time
	PendingSince   time.Time
}
