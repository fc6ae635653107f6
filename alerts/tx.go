package alerts

import (
	"context"
	"time"

	"topout/site"
)

// Tx is what judging and the issue loop need of one transaction on the records.
// Methods that look for one thing give an error of kind site.NotFound when it is not there.
type Tx interface {
	siteTx
	ruleTx
	issueTx
	tellTx
}

type siteTx interface {
	Project(id string) (site.Project, error)
	Plan(project string) (site.Plan, error)
	Task(project, task string) (site.Task, error)
	Device(id string) (site.Device, error)
	Devices(project string) ([]site.Device, error)
}

type ruleTx interface {
	RuleState(device, metric string) (site.RuleState, bool, error)
	SaveRuleState(s site.RuleState) error
	RuleOverrides(project string) (map[string][]byte, error)
}

type issueTx interface {
	OpenIssue(project, key string) (site.Issue, bool, error)
	OpenIssues(project string, kind site.IssueKind) ([]site.Issue, error)
	Issue(project, id string) (site.Issue, error)
	IssuesPage(q site.IssueQuery) (items []site.Issue, next string, err error)
	CreateIssue(i site.Issue) error
	UpdateIssue(i site.Issue) error
	AddMove(issue string, m site.Move) error
}

type tellTx interface {
	People() ([]site.Person, error)
	Person(login string) (site.Person, error)
	AddChange(c site.Change) (int64, error)
	QueueNotice(n site.Notice) error
	NoticesOf(issue string) ([]site.Notice, error)
	Setting(key string) (string, bool, error)
}

// JobTx is what the cron jobs need beyond Tx.
type JobTx interface {
	Tx
	Projects() ([]site.Project, error)
	CurrentBaseline(project string) (site.Baseline, error)
	ProgressOf(project string, until time.Time) ([]site.Progress, error)
	CheckSince(project, form string, from, to time.Time) (bool, error)
	SaveForecast(r site.ForecastRun) (int64, error)
	LatestForecast(project string) (site.ForecastRun, error)
	JobRun(name string) (time.Time, error)
	SetJobRun(name string, at time.Time, problem string) error
}

// Records runs functions within transactions for the jobs.
type Records interface {
	View(ctx context.Context, read func(JobTx) error) error
	Update(ctx context.Context, write func(JobTx) error) error
}

// QueueTx is what the Notifier needs of one transaction.
type QueueTx interface {
	DueNotices(now time.Time, limit int) ([]site.Notice, error)
	UpdateNotice(n site.Notice) error
	SetSetting(key, value string) error
}

// Queue runs functions within transactions for the Notifier.
type Queue interface {
	View(ctx context.Context, read func(QueueTx) error) error
	Update(ctx context.Context, write func(QueueTx) error) error
}
