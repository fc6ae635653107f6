package api_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"topout/alerts"
	"topout/api"
	"topout/ingest"
	"topout/internal/text"
	"topout/series"
	"topout/site"
	"topout/store"
)

// What follows fits the real parts to one another, as package app does.

type records struct{ *store.Store }

func (r records) View(ctx context.Context, fn func(api.Tx) error) error {
	return r.Store.View(ctx, func(tx *store.Tx) error { return fn(tx) })
}

func (r records) Update(ctx context.Context, fn func(api.Tx) error) error {
	return r.Store.Update(ctx, func(tx *store.Tx) error { return fn(tx) })
}

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

// flakySeries is a series store that can be away.
type flakySeries struct {
	series.Store
	away atomic.Bool
}

func (f *flakySeries) Write(ctx context.Context, points []site.Point) ([]ingest.PointError, error) {
	if f.away.Load() {
		return nil, errors.New("away")
	}
	refused, err := f.Store.Write(ctx, points)
	var out []ingest.PointError
	for _, r := range refused {
		out = append(out, ingest.PointError{Index: r.Index, Err: r.Err})
	}
	return out, err
}

type inbox struct{ *ingest.Ingest }

func (i inbox) Accept(ctx context.Context, m site.Message) (api.Receipt, error) {
	r, err := i.Ingest.Accept(ctx, m)
	return api.Receipt(r), err
}

func (i inbox) Retake(ctx context.Context, m site.Refused) (api.Receipt, error) {
	r, err := i.Ingest.Retake(ctx, m)
	return api.Receipt(r), err
}

type issues struct {
	*alerts.Engine
	texts *text.Catalogue
}

// engineTx is a transaction as the engine wants it: the store's has all of it.
func engineTx(tx api.Tx) alerts.Tx { return tx.(*store.Tx) }

func (i issues) Open(tx api.Tx, by site.Person, x site.Issue, first site.Move) (site.Issue, error) {
	return i.OpenByPerson(engineTx(tx), by, alerts.NewIssue{
		Project: x.Project, Title: x.Text, Kind: x.Kind, Severity: x.Severity, Task: x.Task, Building: x.Building, Device: x.Device,
		Reason: x.Reason, StopWork: x.StopWork, Note: first.Note, Photos: first.Photos, Assignee: x.Assignee, Due: x.Due,
	})
}

func (i issues) Move(tx api.Tx, by site.Person, project, id string, m site.Move) (site.Issue, error) {
	return i.Engine.Move(engineTx(tx), by, project, id, m)
}

func (i issues) Title(lang text.Lang, x site.Issue) string  { return alerts.Title(i.texts, lang, x) }
func (i issues) Detail(lang text.Lang, x site.Issue) string { return alerts.Detail(i.texts, lang, x) }
func (i issues) Note(lang text.Lang, m site.Move) string    { return alerts.MoveNote(i.texts, lang, m) }

type rulebook struct {
	*alerts.Rulebook
	engine *alerts.Engine
}

func (r rulebook) Rules(tx api.Tx, project string) ([]api.Rule, error) {
	all, err := r.engine.Rules(engineTx(tx), project)
	out := make([]api.Rule, len(all))
	for i, x := range all {
		out[i] = ruleOf(x)
	}
	return out, err
}

func (r rulebook) Parse(kind, metric string, raw []byte) (api.Rule, error) {
	x, err := r.Rulebook.Parse(kind, metric, raw)
	return ruleOf(x), err
}

func ruleOf(r alerts.Rule) api.Rule {
	levels := func(list []alerts.Level) []api.Level {
		out := make([]api.Level, len(list))
		for i, l := range list {
			out[i] = api.Level(l)
		}
		return out
	}
	out := api.Rule{
		Kind: r.Kind, Metric: r.Metric, Unit: r.Unit, Of: r.Of, Minus: r.Minus, Abs: r.Abs, Op: r.Op, Levels: levels(r.Levels),
		Hysteresis: r.Hysteresis, Hold: r.HoldSeconds, Source: r.Source, SourceEn: r.SourceEn, Basis: string(r.Basis), Default: r.Default,
	}
	if r.Night != nil {
		out.Night = &api.Night{From: r.Night.From, To: r.Night.To, Levels: levels(r.Night.Levels)}
	}
	return out
}

// The rest records what the API asks of the outside.

type recordingBroker struct {
	ingest *ingest.Ingest
	mu     sync.Mutex
	kicked []string
	stale  int
}

func (b *recordingBroker) KickDevice(id string)    { b.note("device " + id) }
func (b *recordingBroker) KickPerson(login string) { b.note("person " + login) }

func (b *recordingBroker) note(s string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.kicked = append(b.kicked, s)
}

func (b *recordingBroker) Invalidate() {
	b.ingest.Invalidate()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stale++
}

func (b *recordingBroker) seen() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string(nil), b.kicked...)
}

type recordingJobs struct {
	mu  sync.Mutex
	ran []string
}

func (j *recordingJobs) Run(_ context.Context, name string) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.ran = append(j.ran, name)
	return nil
}

type setHealth struct{ status atomic.Value }

func (h *setHealth) Ready(context.Context) api.Readiness {
	status, _ := h.status.Load().(string)
	if status == "" {
		status = "ok"
	}
	return api.Readiness{Status: status, Checks: map[string]api.Component{"influxdb": {Status: status}}}
}

type notices struct{}

func (notices) Test(context.Context, site.Person) ([]api.ChannelTest, error) {
	return []api.ChannelTest{{Channel: "webhook"}, {Channel: "mail", Err: site.Errorf(site.Unavailable, "alerts.channel_off.mail", "")}}, nil
}

func (notices) Status(context.Context) (api.NoticeStatus, error) {
	return api.NoticeStatus{Pending: 2}, nil
}
