package app

import (
	"context"

	"topout/alerts"
	"topout/api"
	"topout/api/auth"
	"topout/ingest"
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

// points is the series store for ingest.
type points struct{ series.Store }

func (p points) Write(ctx context.Context, list []site.Point) ([]ingest.PointError, error) {
	refused, err := p.Store.Write(ctx, list)
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
	err = s.Store.View(ctx, func(tx *store.Tx) error {
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
		projects, err := tx.Projects()
		for _, p := range projects {
			who.Projects = append(who.Projects, p.ID)
		}
		return err
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
	return api.Receipt{Records: r.Records, Series: r.Series, Refused: r.Refused}, err
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
