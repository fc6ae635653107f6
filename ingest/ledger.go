package ingest

import (
	"context"
	"time"

	"topout/checklist"
	"topout/site"
)

// Ledger is where records are kept. An implementation is safe for concurrent use.
type Ledger interface {
	// View runs fn on one snapshot.
	View(ctx context.Context, fn func(Tx) error) error
	// Update runs fn in one transaction, which is kept when fn returns nil. There
	// is one at a time.
	Update(ctx context.Context, fn func(Tx) error) error
	// DataVersion changes when another process changed the records. What this
	// process changes is told by Ingest.Invalidate.
	DataVersion(ctx context.Context) (int64, error)
}

// Tx is one transaction of the ledger. What is not there is a *site.Error of kind
// NotFound.
type Tx interface {
	Directory
	Reports
	Signs
	Judge
	// Refuse keeps a refused message.
	Refuse(r site.Refused) (id string, err error)
	// MarkTaken notes that a refused message was taken after all.
	MarkTaken(id string, at time.Time) error
	// AddChange tells the screens.
	AddChange(c site.Change) (int64, error)
	// Cursor is the position that SetCursor kept for a stream, 0 for none.
	Cursor(stream string) (uint64, error)
	SetCursor(stream string, seq uint64) error
}

// Directory says who and what is known.
type Directory interface {
	Project(id string) (site.Project, error)
	Device(id string) (site.Device, error)
	Task(project, task string) (site.Task, error)
	Person(login string) (site.Person, error)
}

// Reports keeps what people report. Save methods keep the first of an id and
// report whether this was it.
type Reports interface {
	SaveProgress(p site.Progress) (isNew bool, err error)
	ProgressByID(project, id string) (site.Progress, error)
	SaveCheck(c site.Check) (isNew bool, err error)
	SetCheckIssues(project, id string, issues []string) error
	CheckByID(project, id string) (site.Check, error)
	Withdraw(project, record, id string, w site.Withdrawal) (changed bool, err error)
}

// Signs keeps what devices were last seen to measure and say.
type Signs interface {
	SaveLast(device string, values []site.LastValue) error
	TouchDevices(seen []site.DeviceSeen) error
}

// Judge decides what a message means: it opens, raises and closes issues within
// the transaction. Messages come to it in the order of the journal.
type Judge interface {
	ReadingTaken(d site.Device, r site.Reading, arrived time.Time) error
	StatusTaken(d site.Device, status string, at time.Time) error
	CheckTaken(c *site.Check, form checklist.Form) (issues []string, err error)
	ProgressTaken(p site.Progress) error
}

// Series keeps measured history. Writing a point again changes nothing.
type Series interface {
	// Write keeps points. Points that can never be written are returned as
	// refused, with no error; an error means that nothing is certain and the whole
	// is to be written again later.
	Write(ctx context.Context, points []site.Point) (refused []PointError, err error)
}

// PointError is a point that the series store will not take.
type PointError struct {
	Index int // in the points written
	Err   error
}

// Auth tells who signs in at the embedded broker.
type Auth interface {
	// SignIn checks a user name and secret: a device's id with its secret, or a
	// person's log-in name with an API token. The error is a *site.Error of kind
	// Unauthenticated when they are wrong.
	SignIn(ctx context.Context, name, secret string) (Identity, error)
}

// Identity is who signed in: one of the two is set.
type Identity struct {
	Device *site.Device
	Person *site.Person
}
