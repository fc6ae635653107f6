package site

import "time"

// ReportQuery asks for a page of progress reports or checks of one project,
// newest first by T; empty fields do not filter.
type ReportQuery struct {
	Project   string // required
	Task      string // progress only
	Building  string // checks only
	Checklist string // checks only
	From, To  time.Time
	Limit     int    // 0: DefaultLimit; at most MaxLimit
	Cursor    string // empty: from the newest
}

// IssueQuery asks for a page of issues, newest first by OpenedAt; empty fields do not filter.
type IssueQuery struct {
	Project  string // empty: all projects
	Open     *bool
	Kind     IssueKind
	Severity Severity
	Task     string
	Device   string
	Assignee string
	Limit    int    // 0: DefaultLimit; at most MaxLimit
	Cursor   string // empty: from the newest
}

// RefusedQuery asks for a page of refused messages, newest first by T.
type RefusedQuery struct {
	Project string // empty: all projects, and the messages of none
	Limit   int    // 0: DefaultLimit; at most MaxLimit
	Cursor  string // empty: from the newest
}

// Page sizes.
const (
	DefaultLimit = 100
	MaxLimit     = 1000
)

// DeviceSeen is a sign of life of a device. A zero StatusAt leaves the status as it is.
type DeviceSeen struct {
	ID       string
	At       time.Time // arrival of its newest message; zero leaves LastSeen as it is
	Status   string    // online or offline
	StatusAt time.Time
}

// JobRun is the last run of a cron job.
type JobRun struct {
	Name  string
	At    time.Time
	Error string // for the operator; empty when it went well
}
