package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// maxUnapplied bounds what a cursor has been handed and not acknowledged.
	maxUnapplied = 20_000
	pullBytes    = 16 << 20 // of the stream, on their way to the cursor
)

// source is one stream as one cursor reads it, strictly in order. It gives what
// was not acknowledged again when it starts, never by time, so that nothing comes
// out of turn.
type source struct {
	stream
	cursor  string
	key     string
	newest  uint64 // in the stream when it was opened
	oldest  uint64
	sweeper *sweeper
	out     chan<- item
	log     *slog.Logger
	last    uint64 // newest sequence handed out
}

// newSource finds the stream; its key names this very stream, so that one that was
// made anew does not go on at the position of the old.
func newSource(ctx context.Context, s source) (*source, error) {
	st, err := s.js.Stream(ctx, s.name)
	if err != nil {
		return nil, fmt.Errorf("stream %s: %w", s.label, err)
	}
	info := st.CachedInfo()
	s.key = s.name + "@" + info.Created.UTC().Format(time.RFC3339Nano)
	s.oldest, s.newest = info.State.FirstSeq, info.State.LastSeq
	return &s, nil
}

// run hands messages out until ctx ends, starting over after every trouble.
func (s *source) run(ctx context.Context) {
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		started := time.Now()
		err := s.read(ctx)
		if ctx.Err() != nil {
			return
		}
		if time.Since(started) > time.Minute {
			wait = 50 * time.Millisecond
		}
		s.log.Warn("reading the journal starts over", "stream", s.label, "cursor", s.cursor, "err", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// read goes back to what is not acknowledged, and on from there.
func (s *source) read(ctx context.Context) error {
	name := consumerName(s.cursor)
	start, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	if _, err := s.js.ResetConsumer(start, s.name, name); err != nil {
		return fmt.Errorf("reset: %w", err)
	}
	consumer, err := s.js.Consumer(start, s.name, name)
	if err != nil {
		return fmt.Errorf("consumer: %w", err)
	}
	reading, stop := context.WithCancel(ctx)
	defer stop()
	failed := make(chan error, 1)
	fail := func(err error) {
		select {
		case failed <- err:
		default:
		}
	}
	var (
		ordinal uint64 // of the newest message, by the consumer's own count
		over    bool   // a message was passed over: nothing may follow it
	)
	consuming, err := consumer.Consume(func(m jetstream.Msg) {
		if over {
			return
		}
		meta, err := m.Metadata()
		if err != nil {
			over = true
			fail(err)
			return
		}
		if ordinal != 0 && meta.Sequence.Consumer != ordinal+1 {
			over = true
			fail(fmt.Errorf("messages %d to %d did not arrive", ordinal+1, meta.Sequence.Consumer-1))
			return
		}
		ordinal = meta.Sequence.Consumer
		if meta.Sequence.Stream <= s.last {
			return // handed out already, and still to be acknowledged
		}
		select {
		case s.out <- item{source: s, seq: meta.Sequence.Stream, stored: meta.Timestamp, subject: m.Subject(), data: m.Data(), msg: m}:
			s.last = meta.Sequence.Stream
		case <-reading.Done():
			over = true
		}
	}, jetstream.PullMaxBytes(pullBytes), jetstream.ConsumeErrHandler(func(_ jetstream.ConsumeContext, err error) {
		for _, fatal := range []error{
			jetstream.ErrNoHeartbeat, jetstream.ErrConsumerDeleted, jetstream.ErrConsumerNotFound, jetstream.ErrBadRequest,
			jetstream.ErrConnectionClosed, jetstream.ErrServerShutdown, nats.ErrNoResponders,
		} {
			if errors.Is(err, fatal) {
				fail(err)
			}
		}
	}))
	if err != nil {
		return fmt.Errorf("consume: %w", err)
	}
	defer func() {
		stop() // so that no handler waits for room
		consuming.Stop()
		<-consuming.Closed()
	}()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case err := <-failed:
		return err
	}
}
