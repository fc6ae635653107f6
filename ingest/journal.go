package ingest

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/semaphore"
)

const (
	// A record of the journal holds the messages that came within linger, or while
	// the one before was synced to disk, up to these bounds.
	recordBytes   = 768 << 10
	recordEntries = 2_000
	linger        = 2 * time.Millisecond
	idle          = 250 * time.Microsecond

	queueEntries   = 8_192    // messages that may wait to be written
	queueBytes     = 32 << 20 // of them
	publishTimeout = 10 * time.Second
)

var errJournalClosed = errors.New("the journal is closed")

// pending is a message on its way into the journal; done is called once, in the
// order of the journal, when it is durable or not.
type pending struct {
	entry *entry
	size  int64
	done  func(error)
}

// journal writes messages to the stream, many to a record.
type journal struct {
	js     jetstream.JetStream
	most   int                 // bytes of a record that the server takes
	queue  chan pending        // bounded in number,
	room   *semaphore.Weighted // and in bytes
	stopc  chan struct{}       // closed by close: nothing more is taken
	donec  chan struct{}       // closed when all that was taken is written
	report func(error)         // what became of each record
}

func newJournal(js jetstream.JetStream, most int, report func(error)) *journal {
	j := &journal{
		js: js, most: most, report: report,
		queue: make(chan pending, queueEntries), room: semaphore.NewWeighted(queueBytes),
		stopc: make(chan struct{}), donec: make(chan struct{}),
	}
	go j.run()
	return j
}

// fits reports whether a message can be a record of its own.
func (j *journal) fits(e *entry) bool { return e.size()+16 <= j.most }

// put hands a message over. It blocks while much is waiting to be written.
func (j *journal) put(ctx context.Context, e *entry, done func(error)) error {
	select {
	case <-j.stopc:
		return errJournalClosed
	default:
	}
	p := pending{e, int64(min(e.size(), queueBytes)), done}
	if err := j.room.Acquire(ctx, p.size); err != nil {
		return err
	}
	select {
	case j.queue <- p:
		return nil
	case <-j.stopc:
		j.room.Release(p.size)
		return errJournalClosed
	case <-ctx.Done():
		j.room.Release(p.size)
		return ctx.Err()
	}
}

// write hands a message over and waits until it is durable.
func (j *journal) write(ctx context.Context, e *entry) error {
	c := make(chan error, 1)
	if err := j.put(ctx, e, func(err error) { c <- err }); err != nil {
		return err
	}
	select {
	case err := <-c:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-j.donec:
	}
	select {
	case err := <-c:
		return err
	default:
		return errJournalClosed
	}
}

// close writes what was taken and ends.
func (j *journal) close() {
	close(j.stopc)
	<-j.donec
}

// run is the group commit: what comes while a record is being synced, and a moment
// longer, makes the next.
func (j *journal) run() {
	defer close(j.donec)
	var (
		batch   []pending
		entries []*entry
		buf     []byte
		held    *pending
	)
	for {
		batch, held = j.collect(batch[:0], held)
		if len(batch) == 0 {
			return
		}
		entries = entries[:0]
		for _, p := range batch {
			entries = append(entries, p.entry)
		}
		if cap(buf) > 2*recordBytes {
			buf = nil
		}
		buf = appendRecord(buf[:0], entries)
		err := j.publish(buf)
		j.report(err)
		for _, p := range batch {
			j.room.Release(p.size)
			p.done(err)
		}
		clear(entries)
		clear(batch)
	}
}

// collect takes what one record can hold. A message that did not fit is returned
// as held, to begin the next. An empty batch means the end.
func (j *journal) collect(batch []pending, held *pending) ([]pending, *pending) {
	first, ok := j.first(held)
	if !ok {
		return batch, nil
	}
	batch = append(batch, first)
	most := min(recordBytes, j.most-16)
	end := time.NewTimer(linger)
	defer end.Stop()
	lull := time.NewTimer(idle)
	defer lull.Stop()
	for size := first.entry.size(); size < most && len(batch) < recordEntries; {
		var p pending
		select {
		case p = <-j.queue:
		default:
			lull.Reset(idle)
			select {
			case p = <-j.queue:
			case <-lull.C:
				return batch, nil
			case <-end.C:
				return batch, nil
			case <-j.stopc:
				return batch, nil
			}
		}
		if size += p.entry.size(); size > most {
			return batch, &p
		}
		batch = append(batch, p)
	}
	return batch, nil
}

// first waits for the first message of a record; false at the end.
func (j *journal) first(held *pending) (pending, bool) {
	if held != nil {
		return *held, true
	}
	select {
	case p := <-j.queue:
		return p, true
	case <-j.stopc:
	}
	select {
	case p := <-j.queue:
		return p, true
	default:
		return pending{}, false
	}
}

func (j *journal) publish(record []byte) error {
	ctx, cancel := context.WithTimeout(context.Background(), publishTimeout)
	defer cancel()
	// The client keeps no reference once the answer is there.
	_, err := j.js.PublishMsg(ctx, &nats.Msg{Subject: journalSubject, Data: record}, jetstream.WithRetryAttempts(0))
	return err
}

// probe asks whether the stream can be reached.
func (j *journal) probe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	_, err := j.js.Stream(ctx, journalStream)
	return err
}
