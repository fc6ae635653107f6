package ingest

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	// sweepEvery is how often what is applied leaves a stream; sooner when
	// sweepAfter items are.
	sweepEvery = time.Second
	sweepAfter = 4_000
)

// sweeper takes what both cursors have applied out of a stream. Acknowledging alone
// would do it, but one message at a time, with a sync to disk for each, which halves
// what the embedded broker can take. So messages are purged up to the cursors first,
// and acknowledged then.
type sweeper struct {
	stream stream
	log    *slog.Logger
	kick   chan struct{}

	mu      sync.Mutex
	applied map[string]mark // by cursor
	acked   map[string]uint64
	fresh   int // items applied since the last sweep
}

// mark is how far a cursor is; msg acknowledges everything up to there.
type mark struct {
	seq uint64
	msg jetstream.Msg
}

func newSweeper(s stream, log *slog.Logger) *sweeper {
	return &sweeper{stream: s, log: log, kick: make(chan struct{}, 1), applied: make(map[string]mark), acked: make(map[string]uint64)}
}

// note is called when a cursor has applied items of the stream, the newest last.
func (s *sweeper) note(cursor string, items int, newest mark) {
	s.mu.Lock()
	s.applied[cursor] = newest
	s.fresh += items
	much := s.fresh >= sweepAfter
	s.mu.Unlock()
	if much {
		select {
		case s.kick <- struct{}{}:
		default:
		}
	}
}

func (s *sweeper) run(ctx context.Context) {
	t := time.NewTicker(sweepEvery)
	defer t.Stop()
	for {
		select {
		case <-t.C:
		case <-s.kick:
		case <-ctx.Done():
			return
		}
		if err := s.sweep(ctx); err != nil && ctx.Err() == nil {
			s.log.Warn("what is applied stays in the journal for now", "stream", s.stream.label, "err", err)
		}
	}
}

// sweep purges and acknowledges what is applied.
func (s *sweeper) sweep(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	s.mu.Lock()
	s.fresh = 0
	due := make(map[string]mark, len(s.applied))
	floor := uint64(math.MaxUint64)
	for _, cursor := range []string{cursorRecords, cursorSeries} {
		m := s.applied[cursor]
		floor = min(floor, m.seq)
		if m.seq > s.acked[cursor] {
			due[cursor] = m
		}
	}
	s.mu.Unlock()
	if len(due) == 0 {
		return nil
	}
	if floor > 0 {
		if err := s.purge(ctx, floor); err != nil {
			return err
		}
	}
	for cursor, m := range due {
		if err := m.msg.Ack(); err != nil {
			return fmt.Errorf("acknowledge: %w", err)
		}
		s.mu.Lock()
		s.acked[cursor] = m.seq
		s.mu.Unlock()
	}
	return nil
}

// purge takes out what is below floor, as far as no subscriber's session waits for
// it. The message at floor stays for the acknowledgement: a stream is never purged
// empty, so that its numbers can only go on.
func (s *sweeper) purge(ctx context.Context, floor uint64) error {
	st, err := s.stream.js.Stream(ctx, s.stream.name)
	if err != nil {
		return fmt.Errorf("purge: %w", err)
	}
	if s.stream.broker {
		list := st.ListConsumers(ctx)
		for c := range list.Info() {
			own := c.Name == consumerName(cursorRecords) || c.Name == consumerName(cursorSeries)
			if !own && unapplied(c) > 0 {
				floor = min(floor, c.AckFloor.Stream)
			}
		}
		if list.Err() != nil {
			return fmt.Errorf("purge: %w", list.Err())
		}
	}
	if floor <= st.CachedInfo().State.FirstSeq {
		return nil
	}
	if err := st.Purge(ctx, jetstream.WithPurgeSequence(floor)); err != nil {
		return fmt.Errorf("purge: %w", err)
	}
	return nil
}
