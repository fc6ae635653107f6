package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"topout/site"
)

const (
	// recordsPace bounds the transactions a second when much comes; a rule's
	// alarm is at most so late.
	recordsPace = 50 * time.Millisecond
	// triesAlone is how often a message that fails alone is tried before it is
	// refused, should the records be writable otherwise.
	triesAlone = 3
)

// records is the cursor that applies records, rules and refusals.
type records struct {
	ledger  Ledger
	dir     *directory
	authors *authors
	opts    *Options
	log     *slog.Logger
	pos     *positions
	health  *vital
	done    func(*entry, verdict) // of each message, after its transaction
	after   func()                // after each transaction
	took    func(time.Duration)
}

// step is what one transaction does of an item: entries, and when they are the
// last of it, the cursor.
type step struct {
	*work
	entries []entry
	last    bool
}

func (r *records) run(ctx context.Context, in <-chan item) {
	g := gatherer{in: in, pace: recordsPace}
	for {
		batch, err := g.next(ctx)
		if err != nil {
			return
		}
		steps := make([]step, len(batch))
		for i := range batch {
			steps[i] = step{&batch[i], batch[i].entries, true}
		}
		if err := r.commit(ctx, steps); err != nil {
			if ctx.Err() != nil {
				return
			}
			r.log.Warn("a batch was not applied; trying its messages one by one", "messages", len(batch), "err", err)
			if r.oneByOne(ctx, batch) != nil {
				return
			}
		}
		applied(batch)
	}
}

// commit applies steps in one transaction.
func (r *records) commit(ctx context.Context, steps []step) (err error) {
	defer func() { // of what runs at the end of the transaction
		if p := recover(); p != nil {
			err = fmt.Errorf("panic while applying: %v", p)
		}
	}()
	start := time.Now()
	if err := r.dir.refresh(ctx); err != nil {
		return err
	}
	type outcome struct {
		e *entry
		v verdict
	}
	var outcomes []outcome
	err = r.ledger.Update(ctx, func(tx Tx) error {
		outcomes = outcomes[:0]
		a := newApplier(tx, r.dir, r.authors, r.opts)
		ends := make(map[*source]uint64, 2)
		for _, s := range steps {
			if s.seq <= r.pos.get(s.source.key) {
				continue // applied before a crash, but not acknowledged
			}
			for i := range s.entries {
				v, err := a.apply(&s.entries[i])
				if err != nil {
					return err
				}
				outcomes = append(outcomes, outcome{&s.entries[i], v})
			}
			if s.last {
				if s.damaged != nil {
					e := damaged(&s.item)
					v, err := a.apply(e)
					if err != nil {
						return err
					}
					outcomes = append(outcomes, outcome{e, v})
				}
				ends[s.source] = s.seq
			}
		}
		if err := a.finish(); err != nil {
			return err
		}
		for source, seq := range ends {
			if err := tx.SetCursor(source.key, seq); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	r.health.well()
	for _, s := range steps {
		if s.last {
			r.pos.set(s.source.key, s.seq)
		}
	}
	for _, o := range outcomes {
		r.done(o.e, o.v)
	}
	r.took(time.Since(start))
	r.after()
	return nil
}

// oneByOne applies each message in a transaction of its own, after a batch failed.
// A message that cannot be applied is refused; while not even that can be written
// nothing is certain, and the cursor holds. The error is ctx's.
func (r *records) oneByOne(ctx context.Context, batch []work) error {
	for i := range batch {
		w := &batch[i]
		steps := make([]step, 0, len(w.entries)+1)
		for n := range w.entries {
			steps = append(steps, step{w, w.entries[n : n+1], false})
		}
		steps = append(steps, step{w, nil, true})
		for _, s := range steps {
			for wait := 100 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
				err := r.alone(ctx, s)
				if err == nil {
					break
				}
				if ctx.Err() != nil {
					return ctx.Err()
				}
				r.health.ill(err)
				sleep(ctx, wait)
			}
		}
	}
	return nil
}

// alone applies one step, or refuses it.
func (r *records) alone(ctx context.Context, s step) error {
	var err error
	for try := range triesAlone {
		if err = r.commit(ctx, []step{s}); err == nil || ctx.Err() != nil || lasting(err) != nil {
			break
		}
		sleep(ctx, time.Duration(try+1)*50*time.Millisecond)
	}
	if err == nil || ctx.Err() != nil || len(s.entries) == 0 {
		return err
	}
	fault := lasting(err)
	if fault == nil {
		fault = site.Errorf(site.Internal, "ingest.not_applied", "")
	}
	e := &s.entries[0]
	refused := r.ledger.Update(ctx, func(tx Tx) error {
		if e.retake != "" {
			_, err := tx.Cursor(s.source.key) // is it writable at all?
			return err
		}
		return newApplier(tx, r.dir, r.authors, r.opts).refuse(e, fault)
	})
	if refused != nil {
		return errors.Join(err, refused)
	}
	r.log.Error("a message could not be applied and was refused", "topic", e.Topic, "err", err)
	r.done(e, verdict{kind: kindOther, fault: fault})
	return nil
}

// positions says how far the records cursor is in each stream.
type positions struct {
	mu      sync.Mutex
	at      map[string]uint64
	changed chan struct{} // closed at each change
}

func newPositions() *positions {
	return &positions{at: make(map[string]uint64), changed: make(chan struct{})}
}

func (p *positions) get(key string) uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.at[key]
}

func (p *positions) set(key string, seq uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if seq <= p.at[key] {
		return
	}
	p.at[key] = seq
	close(p.changed)
	p.changed = make(chan struct{})
}

// wait returns when the cursor has passed seq, or with ctx's error.
func (p *positions) wait(ctx context.Context, key string, seq uint64) error {
	for {
		p.mu.Lock()
		at, changed := p.at[key], p.changed
		p.mu.Unlock()
		if at >= seq {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
