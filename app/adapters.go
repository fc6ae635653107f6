package app

import (
	"context"
	"errors"

	"topout/alerts"
	"topout/api"
	"topout/api/auth"
	"topout/ingest"
	"topout/internal/text"
	"topout/series"
	"topout/site"
	"topout/store"
)

// The packages in the middle declare what they need and never import one
// another; here the store, the series and the engine are fitted to them.

// ledger is the store for ingest: each transaction judges what it takes.
type ledger struct {
	*store.Store
	engine *alerts.Engine
}

type ledgerTx struct {
	*store.Tx
	*alerts.Batch
}

func (l ledger) View(ctx context.Context, fn func(ingest.Tx) error) error {
	return l.Store.View(ctx, func(tx *store.Tx) error { return fn(ledgerTx{tx, l.engine.Batch(tx)}) })
}

func (l ledger) Update(ctx context.Context, fn func(ingest.Tx) error) error {
	return l.Store.Update(ctx, func(tx *store.Tx) error {
		batch := l.engine.Batch(tx)
		if err := fn(ledgerTx{tx, batch}); err != nil {
			return err
		}
		return batch.Flush()
	})
}

// Withdraw marks a record; what a withdrawn check had opened and nobody has
// worked on is closed with it.
func (t ledgerTx) Withdraw(project, record, id string, w site.Withdrawal) (changed bool, err error) {
	changed, err = t.Tx.Withdraw(project, record, id, w)
	if err != nil || !changed || record != "check" {
		return changed, err
	}
	check, err := t.CheckByID(project, id)
	if err != nil {
		return changed, err
	}
	return changed, t.CheckWithdrawn(check)
}

// points is the series store for ingest.
type points struct{ series.Store }

func (p points) Write(ctx context.Context, list []site.Point) ([]ingest.PointError, error) {
	refused, err := p.Store.Write(ctx, list)
	var retry *series.RetryError
	if errors.As(err, &retry) {
		err = &ingest.RetryError{After: retry.After, Err: retry.Err}
	}
	if len(refused) == 0 {
		return nil, err
	}
	out := make([]ingest.PointError, len(refused))
	for i, r := range refused {
		out[i] = ingest.PointError{Index: r.Index, Err: r.Err}
	}
	return out, err
}

// signIn is who may come in at the embedded broker.
type signIn struct{ *store.Store }

func (s signIn) SignIn(ctx context.Context, name, secret string) (who ingest.Identity, err error) {
	err = s.View(ctx, func(tx *store.Tx) error {
		device, err := auth.SignInDevice(tx, name, secret)
		if err == nil {
			who.Device = &device
			return nil
		}
		if !site.IsKind(err, site.Unauthenticated) {
			return err
		}
		person, _, err := auth.SignInToken(tx, name, secret)
		if err != nil {
			return err
		}
		who.Person = &person
		return nil
	})
	return who, err
}

// apiRecords is the store for the API.
type apiRecords struct{ *store.Store }

func (r apiRecords) View(ctx context.Context, fn func(api.Tx) error) error {
	return r.Store.View(ctx, func(tx *store.Tx) error { return fn(tx) })
}

func (r apiRecords) Update(ctx context.Context, fn func(api.Tx) error) error {
	return r.Store.Update(ctx, func(tx *store.Tx) error { return fn(tx) })
}

// inbox is the third door.
type inbox struct{ *ingest.Ingest }

func (i inbox) Accept(ctx context.Context, m site.Message) (api.Receipt, error) {
	r, err := i.Ingest.Accept(ctx, m)
	return api.Receipt{Records: r.Records, Series: r.Series, Repeat: r.Repeat, Refused: r.Refused}, err
}

// jobRecords is the store for the cron jobs.
type jobRecords struct{ *store.Store }

func (r jobRecords) View(ctx context.Context, fn func(alerts.JobTx) error) error {
	return r.Store.View(ctx, func(tx *store.Tx) error { return fn(tx) })
}

func (r jobRecords) Update(ctx context.Context, fn func(alerts.JobTx) error) error {
	return r.Store.Update(ctx, func(tx *store.Tx) error { return fn(tx) })
}

// queue is the store for the notifier.
type queue struct{ *store.Store }

func (q queue) View(ctx context.Context, fn func(alerts.QueueTx) error) error {
	return q.Store.View(ctx, func(tx *store.Tx) error { return fn(tx) })
}

func (q queue) Update(ctx context.Context, fn func(alerts.QueueTx) error) error {
	return q.Store.Update(ctx, func(tx *store.Tx) error { return fn(tx) })
}

// Retake takes a refused message after all.
func (i inbox) Retake(ctx context.Context, refused site.Refused) (api.Receipt, error) {
	r, err := i.Ingest.Retake(ctx, refused)
	return api.Receipt{Records: r.Records, Series: r.Series, Repeat: r.Repeat, Refused: r.Refused}, err
}

// issues is the loop of issues for the API.
type issues struct {
	engine *alerts.Engine
	texts  *text.Catalogue
}

func (i issues) Open(tx api.Tx, by site.Person, n site.Issue, first site.Move) (site.Issue, error) {
	return i.engine.OpenByPerson(tx.(*store.Tx), by, alerts.NewIssue{
		Project: n.Project, Title: n.Text, Kind: n.Kind, Severity: n.Severity, Task: n.Task, Building: n.Building, Device: n.Device, Reason: n.Reason,
		StopWork: n.StopWork, Note: first.Note, Photos: first.Photos, Assignee: n.Assignee, Due: n.Due,
	})
}

func (i issues) Move(tx api.Tx, by site.Person, project, id string, m site.Move) (site.Issue, error) {
	return i.engine.Move(tx.(*store.Tx), by, project, id, m)
}

func (i issues) Title(lang text.Lang, x site.Issue) string  { return alerts.Title(i.texts, lang, x) }
func (i issues) Detail(lang text.Lang, x site.Issue) string { return alerts.Detail(i.texts, lang, x) }
func (i issues) Note(lang text.Lang, m site.Move) string    { return alerts.MoveNote(i.texts, lang, m) }

// ruleset is the limits for the API.
type ruleset struct {
	engine *alerts.Engine
	*alerts.Rulebook
}

func (r ruleset) Rules(tx api.Tx, project string) ([]api.Rule, error) {
	rules, err := r.engine.Rules(tx.(*store.Tx), project)
	out := make([]api.Rule, len(rules))
	for i, x := range rules {
		out[i] = apiRule(x)
	}
	return out, err
}

// Parse reads a project's own rule.
func (r ruleset) Parse(kind, metric string, raw []byte) (api.Rule, error) {
	rule, err := r.Rulebook.Parse(kind, metric, raw)
	return apiRule(rule), err
}

func apiRule(r alerts.Rule) api.Rule {
	out := api.Rule{
		Kind: r.Kind, Metric: r.Metric, Unit: r.Unit, Of: r.Of, Minus: r.Minus, Abs: r.Abs, Op: r.Op, Levels: apiLevels(r.Levels), Hysteresis: r.Hysteresis,
		Hold: r.HoldSeconds, Source: r.Source, SourceEn: r.SourceEn, Basis: string(r.Basis), Default: r.Default,
	}
	if r.Night != nil {
		out.Night = &api.Night{From: r.Night.From, To: r.Night.To, Levels: apiLevels(r.Night.Levels)}
	}
	return out
}

func apiLevels(levels []alerts.Level) []api.Level {
	out := make([]api.Level, len(levels))
	for i, l := range levels {
		out[i] = api.Level{Severity: l.Severity, Limit: l.Limit}
	}
	return out
}

// notices are the ways out, for the API.
type notices struct {
	notifier *alerts.Notifier
	store    *store.Store
}

func (n notices) Test(ctx context.Context, to site.Person) ([]api.ChannelTest, error) {
	var out []api.ChannelTest
	for _, r := range n.notifier.Test(ctx, to) {
		out = append(out, api.ChannelTest{Channel: r.Channel, Err: r.Error})
	}
	return out, nil
}

func (n notices) Status(ctx context.Context) (s api.NoticeStatus, err error) {
	err = n.store.View(ctx, func(tx *store.Tx) error { s.Pending, err = tx.PendingNotices(); return err })
	for _, c := range n.notifier.Status() {
		if c.Error != nil {
			s.Failures = append(s.Failures, api.NoticeFailure{Channel: c.Channel, At: c.ErrorAt, Error: c.Error.Code})
		}
	}
	return s, err
}
