package api

import (
	"context"
	"time"

	"topout/internal/text"
	"topout/site"
)

// Records is the store of records. A function given to it sees one consistent state.
type Records interface {
	View(ctx context.Context, read func(Tx) error) error
	Update(ctx context.Context, write func(Tx) error) error
}

// Tx is what the API reads and writes within one transaction. Methods that look
// for one thing give an error of kind site.NotFound when it is not there.
type Tx interface {
	projectTx
	planTx
	reportTx
	deviceTx
	personTx
	issueTx
	logTx
}

type projectTx interface {
	CreateProject(p site.Project) error
	UpdateProject(p site.Project) error
	Project(id string) (site.Project, error)
	Projects() ([]site.Project, error)
}

type planTx interface {
	SavePlan(p site.Plan) (revision int, err error)
	Plan(project string) (site.Plan, error)
	SaveBaseline(b site.Baseline) (revision int, err error)
	Baselines(project string) ([]site.Baseline, error)
	CurrentBaseline(project string) (site.Baseline, error)
	LatestForecast(project string) (site.ForecastRun, error)
	Forecasts(project string, from time.Time) ([]site.ForecastRun, error)
}

type reportTx interface {
	ProgressByID(project, id string) (site.Progress, error)
	ProgressPage(q site.ReportQuery) (items []site.Progress, next string, err error)
	ProgressOf(project string, until time.Time) ([]site.Progress, error)
	CheckByID(project, id string) (site.Check, error)
	ChecksPage(q site.ReportQuery) (items []site.Check, next string, err error)
}

type deviceTx interface {
	CreateDevice(d site.Device, secretHash []byte) error
	Device(id string) (site.Device, error)
	DeviceAuth(id string) (d site.Device, secretHash []byte, err error)
	Devices(project string) ([]site.Device, error)
	UpdateDevice(d site.Device) error
	SetDeviceSecret(id string, hash []byte) error
	RevokeDevice(id string, at time.Time) error
	RuleState(device, metric string) (site.RuleState, bool, error)
	RuleOverrides(project string) (map[string][]byte, error)
	SaveRuleOverride(project, key string, rule []byte) error
}

type personTx interface {
	CreatePerson(p site.Person, passwordHash string) error
	Person(login string) (site.Person, error)
	People() ([]site.Person, error)
	PasswordHash(login string) (string, error)
	SetPassword(login, hash string) error
	UpdatePerson(p site.Person) error
	SetRole(login, project string, role site.Role) error
	SaveSession(s site.Session) error
	SessionByHash(hash [32]byte) (site.Session, error)
	DeleteSession(hash [32]byte) error
	DeleteSessions(login string) error
	SaveToken(t site.Token) error
	TokenByHash(hash [32]byte) (site.Token, error)
	Tokens(login string) ([]site.Token, error)
	RevokeToken(id string, at time.Time) error
	LoginFailures(key string, since time.Time) (int, error)
	AddLoginFailure(key string, at time.Time) error
	ClearLoginFailures(key string) error
}

type issueTx interface {
	Issue(project, id string) (site.Issue, error)
	OpenIssues(project string, kind site.IssueKind) ([]site.Issue, error)
	IssuesPage(q site.IssueQuery) (items []site.Issue, next string, err error)
}

type logTx interface {
	RefusedPage(q site.RefusedQuery) (items []site.Refused, next string, err error)
	RefusedByID(id string) (site.Refused, error)
	RefusedOf(device string) ([]site.Refused, error)
	AddChange(c site.Change) (int64, error)
	ChangesAfter(id int64, limit int) ([]site.Change, error)
	LastChange() (int64, error)
}

// Inbox takes a message as the other doors do: when Accept returns without an
// error, the message is safe on disk.
type Inbox interface {
	Accept(ctx context.Context, m site.Message) (Receipt, error)
	// Retake takes a refused message after all; the receipt says whether it was
	// refused again.
	Retake(ctx context.Context, r site.Refused) (Receipt, error)
}

// Receipt says what was already done with a message when Accept returned.
type Receipt struct {
	Records bool        // the records are written
	Series  bool        // the series is written
	Repeat  bool        // its id was known: the first report stands
	Refused *site.Error // applying refused it, with the reason
}

// Series is the measured history, in rising time; a query's Limit keeps the newest.
type Series interface {
	Windows(ctx context.Context, q site.SeriesQuery) ([]site.Window, error)
	Raw(ctx context.Context, q site.SeriesQuery) ([]site.Sample, error)
}

// Issues is the loop of issues, and the words for them.
type Issues interface {
	// Open opens an issue that a person found; note and photos of first are what was seen.
	Open(tx Tx, by site.Person, i site.Issue, first site.Move) (site.Issue, error)
	Move(tx Tx, by site.Person, project, id string, m site.Move) (site.Issue, error)
	Title(lang text.Lang, i site.Issue) string
	Detail(lang text.Lang, i site.Issue) string
	Note(lang text.Lang, m site.Move) string
}

// Rules are the limits of readings and what is known of kinds of device.
type Rules interface {
	// Rules lists those in force in a project, by kind and metric.
	Rules(tx Tx, project string) ([]Rule, error)
	// Parse reads a project's own rule; what is left out stays as built in.
	Parse(kind, metric string, raw []byte) (Rule, error)
	DeviceKind(kind string) site.DeviceKind
	// SilentAfter is after how long without a message a device is silent.
	SilentAfter(d site.Device) time.Duration
}

// Rule is the limit of one metric of one kind of device.
type Rule struct {
	Kind       string  `json:"kind"`
	Metric     string  `json:"metric"`
	Unit       string  `json:"unit"`
	Of         string  `json:"of,omitempty" doc:"of a derived metric: this less minus"`
	Minus      string  `json:"minus,omitempty"`
	Abs        bool    `json:"abs,omitempty" doc:"the magnitude is compared"`
	Op         string  `json:"op" enum:">=,>,<=,<"`
	Levels     []Level `json:"levels" doc:"rising in severity; none switches the rule off"`
	Night      *Night  `json:"night,omitempty"`
	Hysteresis float64 `json:"hysteresis" doc:"how far a value must come back before a level ends"`
	Hold       int     `json:"hold_seconds" doc:"how long a value must stay beyond a limit before its level counts"`
	Source     string  `json:"source"`
	SourceEn   string  `json:"source_en,omitempty"`
	Basis      string  `json:"basis,omitempty" doc:"standard, secondary, unverified or practice: how well the limit is founded"`
	Default    bool    `json:"default" doc:"false: the project's own"`
}

// Level is a limit and what it means to be beyond it.
type Level struct {
	Severity site.Severity `json:"severity" enum:"info,warning,critical"`
	Limit    float64       `json:"limit"`
}

// Night has other levels between two local times of day.
type Night struct {
	From   string  `json:"from"`
	To     string  `json:"to"`
	Levels []Level `json:"levels"`
}

// Notices are the ways out to people.
type Notices interface {
	// Test sends a test notice on every channel that is set up, to whom asked for it.
	Test(ctx context.Context, to site.Person) ([]ChannelTest, error)
	Status(ctx context.Context) (NoticeStatus, error)
}

// ChannelTest is what became of a test notice.
type ChannelTest struct {
	Channel string
	Err     *site.Error // nil: it went out
}

// NoticeStatus is what waits and what last failed.
type NoticeStatus struct {
	Pending  int
	Failures []NoticeFailure // the newest of each channel
}

// NoticeFailure is the last failure of a channel; its text holds no secret.
type NoticeFailure struct {
	Channel string
	At      time.Time
	Error   string
}

// Broker is the embedded broker, and what else remembers rights and records.
type Broker interface {
	KickDevice(id string)
	KickPerson(login string)
	// Invalidate says that projects, plans, people or devices have changed.
	Invalidate()
}

// Jobs runs a cron job now.
type Jobs interface {
	Run(ctx context.Context, name string) error
}

// Health tells whether messages can be taken and kept.
type Health interface {
	Ready(ctx context.Context) Readiness
}

// Readiness is the answer of /readyz.
type Readiness struct {
	Status string               `json:"status"` // ok, degraded or down
	Checks map[string]Component `json:"checks"`
}

// Component is the state of one dependency.
type Component struct {
	Status string     `json:"status"`          // ok, degraded or down
	Since  *time.Time `json:"since,omitempty"` // of this status
	Error  string     `json:"error,omitempty"` // without secrets
}
