package ingest

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"topout/site"
)

// seriesPace bounds the writes a second when much comes.
const seriesPace = 100 * time.Millisecond

// RetryError is what a Series may return to say how long to wait.
type RetryError struct {
	After time.Duration // 0: it does not say
	Err   error
}

func (e *RetryError) Error() string { return e.Err.Error() }

func (e *RetryError) Unwrap() error { return e.Err }

// history is the cursor that writes the time series. It holds its place while the
// series store is away; records and rules go on meanwhile.
type history struct {
	ledger Ledger
	series Series
	dir    *directory
	opts   *Options
	log    *slog.Logger
	pos    *positions // of the records cursor
	health *vital
	done   func(e *entry, written bool)
	took   func(time.Duration)
}

func (h *history) run(ctx context.Context, in <-chan item) {
	g := gatherer{in: in, pace: seriesPace}
	for {
		batch, err := g.next(ctx)
		if err != nil {
			return
		}
		if h.write(ctx, batch) != nil {
			return
		}
		applied(batch)
	}
}

// write has a batch written, however long it takes. The error is ctx's.
func (h *history) write(ctx context.Context, batch []work) error {
	for wait := time.Second; ; wait = min(2*wait, 30*time.Second) {
		start := time.Now()
		err := h.try(ctx, batch)
		if err == nil {
			h.health.well()
			h.tell(batch, true)
			h.took(time.Since(start))
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if h.health.ill(err) {
			h.log.Warn("the time series are not written; they wait in the journal", "err", err)
		}
		h.tell(batch, false)
		pause := wait
		var retry *RetryError
		if errors.As(err, &retry) && retry.After > 0 {
			pause = min(retry.After, time.Minute)
		}
		sleep(ctx, pause)
	}
}

// tell tells those who wait for a message of the batch.
func (h *history) tell(batch []work, written bool) {
	for i := range batch {
		for n := range batch[i].entries {
			h.done(&batch[i].entries[n], written)
		}
	}
}

// try writes a batch once.
func (h *history) try(ctx context.Context, batch []work) error {
	// A report's point is made from its record, so that a repeated id writes the
	// first report again and a withdrawn one says so: the record must be there.
	for i := range batch {
		w := &batch[i]
		if w.reports() {
			if err := h.pos.wait(ctx, w.source.key, w.seq); err != nil {
				return err
			}
		}
	}
	if err := h.dir.refresh(ctx); err != nil {
		return err
	}
	var (
		points  []site.Point
		origins []*entry // of each point
	)
	err := h.ledger.View(ctx, func(tx Tx) error {
		points, origins = points[:0], origins[:0]
		for i := range batch {
			for n := range batch[i].entries {
				e := &batch[i].entries[n]
				var err error
				if points, err = h.safely(tx, e, points); err != nil {
					return err
				}
				for len(origins) < len(points) {
					origins = append(origins, e)
				}
			}
		}
		return nil
	})
	if err != nil || len(points) == 0 {
		return err
	}
	refused, err := h.series.Write(ctx, points)
	if err != nil {
		return err
	}
	return h.refuse(ctx, refused, origins)
}

// refuse records the messages whose points the store will never take.
func (h *history) refuse(ctx context.Context, refused []PointError, origins []*entry) error {
	if len(refused) == 0 {
		return nil
	}
	return h.ledger.Update(ctx, func(tx Tx) error {
		a := newApplier(tx, h.dir, nil, h.opts)
		seen := make(map[*entry]bool)
		for _, p := range refused {
			if p.Index < 0 || p.Index >= len(origins) || seen[origins[p.Index]] {
				continue
			}
			e := origins[p.Index]
			seen[e] = true
			h.log.Warn("the series store refused a point", "topic", e.Topic, "err", p.Err)
			fault := site.AsError(p.Err)
			if fault == nil {
				fault = site.Errorf(site.Invalid, "ingest.series_refused", "")
			}
			if err := a.refuse(e, fault); err != nil {
				return err
			}
		}
		return nil
	})
}

// reports tells whether the item has messages whose points come from records.
func (w *work) reports() bool {
	for i := range w.entries {
		if addr, fault := parseTopic(w.entries[i].Topic); fault == nil {
			switch addr.kind {
			case kindProgress, kindChecks, kindWithdrawals:
				return true
			}
		}
	}
	return false
}

// safely is points, but that a panic leaves a message out instead of ending the
// process again and again.
func (h *history) safely(tx Tx, e *entry, points []site.Point) (out []site.Point, err error) {
	defer func() {
		if r := recover(); r != nil {
			h.log.Error("a message has no points: panic", "topic", clip(e.Topic), "panic", r)
			out, err = points, nil
		}
	}()
	return h.points(tx, e, points)
}

// points adds the points of a message; one that the records cursor refuses has none.
func (h *history) points(tx Tx, e *entry, points []site.Point) ([]site.Point, error) {
	addr, fault := h.dir.parse(e.Topic)
	if fault != nil || e.away != nil || len(e.Payload) > maxPayload {
		return points, nil
	}
	switch addr.kind {
	case kindReadings:
		_, fault, err := h.dir.sender(tx, e, addr)
		if fault != nil || err != nil {
			return points, err
		}
		list := decodeReadings(h.dir.names, e.Payload, e.Arrived, h.opts.limits()).list
		return readingPoints(points, tags("device", addr.name, "project", addr.project), list), nil
	case kindProgress:
		if p, fault := decodeProgress(e.Payload); fault == nil {
			return h.progress(tx, addr.project, p.ID, points)
		}
	case kindChecks:
		if c, fault := decodeCheck(e.Payload); fault == nil {
			return h.check(tx, addr.project, c.ID, points)
		}
	case kindWithdrawals:
		w, fault := decodeWithdrawal(e.Payload)
		switch {
		case fault != nil || e.Door != site.DoorAPI:
		case w.record == "check":
			return h.check(tx, addr.project, addr.name, points)
		default:
			return h.progress(tx, addr.project, addr.name, points)
		}
	}
	return points, nil
}

func (h *history) progress(tx Tx, project, id string, points []site.Point) ([]site.Point, error) {
	p, err := tx.ProgressByID(project, id)
	if err != nil {
		if site.IsKind(err, site.NotFound) {
			err = nil
		}
		return points, err
	}
	task, err := tx.Task(project, p.Task)
	if err != nil && !site.IsKind(err, site.NotFound) {
		return points, err
	}
	return append(points, progressPoint(p, task.Building)), nil
}

func (h *history) check(tx Tx, project, id string, points []site.Point) ([]site.Point, error) {
	c, err := tx.CheckByID(project, id)
	if err != nil {
		if site.IsKind(err, site.NotFound) {
			err = nil
		}
		return points, err
	}
	return append(points, checkPoint(c)), nil
}
