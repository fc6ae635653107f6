package ingest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"topout/site"
)

const (
	journalStream  = "TOPOUT_JOURNAL"
	journalSubject = "TOPOUT.journal"
	// mqttStream is where nats-server keeps what is published over MQTT with QoS 1.
	// We make it as nats-server would, so that our consumers stand before anybody
	// can publish: it drops what nobody has asked for.
	mqttStream  = "$MQTT_msgs"
	mqttPrefix  = "$MQTT.msgs."
	mqttFilter  = mqttPrefix + "topout.v1.>"
	mqttSubject = mqttPrefix + ">"

	// A record of the journal holds the messages that came within linger, or while
	// the one before was synced to disk, up to these bounds.
	recordBytes   = 768 << 10
	recordEntries = 2_000
	linger        = 2 * time.Millisecond
	idle          = 250 * time.Microsecond

	journalQueue   = 8_192 // messages that may wait to be written
	publishTimeout = 10 * time.Second
)

// Cursors.
const (
	cursorRecords = "records"
	cursorSeries  = "series"
)

var errJournalClosed = errors.New("the journal is closed")

// pending is a message on its way into the journal; done is called once, in the
// order of the journal, when it is durable or not.
type pending struct {
	entry *entry
	done  func(error)
}

// journal writes messages to the stream, many to a record.
type journal struct {
	js     jetstream.JetStream
	queue  chan pending
	stopc  chan struct{} // closed by close: nothing more is taken
	donec  chan struct{} // closed when all that was taken is written
	cap    int           // bytes of a record
	report func(error)   // what became of each record
}

func newJournal(js jetstream.JetStream, maxRecord int, report func(error)) *journal {
	j := &journal{
		js:     js,
		queue:  make(chan pending, journalQueue),
		stopc:  make(chan struct{}),
		donec:  make(chan struct{}),
		cap:    min(recordBytes, maxRecord),
		report: report,
	}
	go j.run(maxRecord)
	return j
}

// put hands a message over. It blocks while the queue is full.
func (j *journal) put(ctx context.Context, e *entry, done func(error)) error {
	select {
	case <-j.stopc:
		return errJournalClosed
	default:
	}
	select {
	case j.queue <- pending{e, done}:
		return nil
	case <-j.stopc:
		return errJournalClosed
	case <-ctx.Done():
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
		select {
		case err := <-c:
			return err
		default:
			return errJournalClosed
		}
	}
}

// close writes what was taken and ends.
func (j *journal) close() {
	close(j.stopc)
	<-j.donec
}

func (j *journal) run(maxRecord int) {
	defer close(j.donec)
	var (
		batch   []pending
		entries []*entry
		buf     []byte
		timer   = time.NewTimer(time.Hour)
		held    *pending // did not fit into the last record
	)
	defer timer.Stop()
	for {
		batch = batch[:0]
		size := 0
		if held != nil {
			batch, size, held = append(batch, *held), held.entry.size(), nil
		} else {
			select {
			case p := <-j.queue:
				batch, size = append(batch, p), p.entry.size()
			case <-j.stopc:
				select {
				case p := <-j.queue:
					batch, size = append(batch, p), p.entry.size()
				default:
					return
				}
			}
		}
		start := time.Now()
	collect:
		for size < j.cap && len(batch) < recordEntries {
			var p pending
			select {
			case p = <-j.queue:
			default:
				wait := min(idle, linger-time.Since(start))
				if wait <= 0 {
					break collect
				}
				timer.Reset(wait)
				select {
				case p = <-j.queue:
				case <-timer.C:
					break collect
				case <-j.stopc:
					break collect
				}
			}
			if size+p.entry.size() > j.cap {
				held = &p
				break
			}
			batch, size = append(batch, p), size+p.entry.size()
		}
		entries = entries[:0]
		for _, p := range batch {
			entries = append(entries, p.entry)
		}
		buf = appendRecord(buf[:0], entries)
		err := j.publish(buf)
		j.report(err)
		for i, p := range batch {
			p.done(err)
			batch[i] = pending{}
		}
		clear(entries)
	}
}

func (j *journal) publish(record []byte) error {
	ctx, cancel := context.WithTimeout(context.Background(), publishTimeout)
	defer cancel()
	// The client keeps no reference once the answer is there.
	_, err := j.js.PublishMsg(ctx, &nats.Msg{Subject: journalSubject, Data: record}, jetstream.WithRetryAttempts(0))
	return err
}

// fits reports whether a message can be a record of its own.
func (j *journal) fits(e *entry, maxRecord int) bool { return e.size()+16 <= maxRecord }

// makeStreams makes the streams and the cursors' consumers where they are missing.
func makeStreams(ctx context.Context, js jetstream.JetStream, replicas int, broker bool) error {
	cfg := jetstream.StreamConfig{
		Name: journalStream, Subjects: []string{journalSubject},
		Description: "messages on their way into Topout; kept until both cursors have applied them",
		Storage:     jetstream.FileStorage,
		Retention:   jetstream.InterestPolicy,
		Discard:     jetstream.DiscardNew,
		Replicas:    replicas,
	}
	filter := journalSubject
	if broker {
		cfg = jetstream.StreamConfig{
			Name: mqttStream, Subjects: []string{mqttSubject},
			Storage: jetstream.FileStorage, Retention: jetstream.InterestPolicy, Replicas: replicas,
		}
		filter = mqttFilter
	}
	if _, err := js.Stream(ctx, cfg.Name); errors.Is(err, jetstream.ErrStreamNotFound) {
		if _, err := js.CreateStream(ctx, cfg); err != nil {
			return fmt.Errorf("make stream %s: %w", cfg.Name, err)
		}
	} else if err != nil {
		return fmt.Errorf("stream %s: %w", cfg.Name, err)
	}
	for _, cursor := range []string{cursorRecords, cursorSeries} {
		_, err := js.CreateOrUpdateConsumer(ctx, cfg.Name, jetstream.ConsumerConfig{
			Durable:       "topout_" + cursor,
			FilterSubject: filter,
			DeliverPolicy: jetstream.DeliverAllPolicy,
			// One ack for a batch. Nothing is redelivered by time: a cursor that
			// holds keeps its batch, and one that starts resets its consumer.
			AckPolicy:     jetstream.AckAllPolicy,
			AckWait:       365 * 24 * time.Hour,
			MaxAckPending: maxUnapplied,
			Replicas:      replicas,
		})
		if err != nil {
			return fmt.Errorf("make cursor %s of %s: %w", cursor, cfg.Name, err)
		}
	}
	return nil
}

// item is one message of a stream as a cursor gets it: a record of the journal, or
// a message that was published at the embedded broker.
type item struct {
	source  *source
	seq     uint64
	stored  time.Time
	subject string
	data    []byte
	msg     jetstream.Msg // acknowledges everything up to here
}

// entries decodes the item.
func (it *item) entries() ([]entry, error) {
	if it.source.broker {
		return []entry{{Message: site.Message{
			Door: site.DoorMQTT, Topic: topicOf(it.subject[len(mqttPrefix):]), Payload: it.data, Arrived: it.stored.UTC(),
		}}}, nil
	}
	return readRecord(it.data)
}
