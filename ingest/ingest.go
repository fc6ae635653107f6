package ingest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"topout/site"
)

// Ingest takes messages and has them applied.
type Ingest struct {
	opts     *Options
	embedded *embedded // nil when neither broker nor journal are embedded
	own      *nats.Conn
	told     *nats.Conn // by which the embedded broker tells authors
	authors  *authors
	remote   *nats.Conn // to an external NATS, nil without
	streams  []stream
	sweepers []*sweeper // one for each of streams, once started
	journal  *journal
	brokers  []*broker
	metrics  *metrics
	local    atomic.Int64 // see Invalidate
	pos      *positions
	space    *space
	refusals chan *entry // what the broker turned away, on its way into the journal
	signIns  throttle
	qos0     *nats.Subscription // what is published at the embedded broker with QoS 0

	health struct{ journal, records, series, disk *vital }

	mu      sync.Mutex
	tickets map[uint64]*ticket
	full    bool

	cancel  context.CancelFunc // ends the cursors
	running sync.WaitGroup
	stopped atomic.Bool
}

// stream is a stream with the connection that it is reached by.
type stream struct {
	js     jetstream.JetStream
	name   string
	label  string // for the counters: two servers may have streams of one name
	broker bool
}

// Open makes the journal and the embedded broker, at which nobody can sign in
// before Start. The embedded broker's address is bound.
func Open(ctx context.Context, options Options) (*Ingest, error) {
	o, err := options.complete()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("folder of the journal: %w", err)
	}
	i := &Ingest{
		opts: o, metrics: newMetrics(), authors: newAuthors(o.Now), pos: newPositions(), tickets: make(map[uint64]*ticket),
		refusals: make(chan *entry, 1024),
	}
	i.health.journal = newVital(o.Now, "ingest.journal_away", StatusDown)
	i.health.records = newVital(o.Now, "ingest.records_away", StatusDegraded)
	i.health.series = newVital(o.Now, "ingest.series_away", StatusDegraded)
	i.health.disk = newVital(o.Now, "ingest.disk_full", StatusDown)
	i.space = &space{opts: o, health: i.health.disk, full: i.setFull}
	if err := i.open(ctx); err != nil {
		i.close()
		return nil, err
	}
	return i, nil
}

func (i *Ingest) open(ctx context.Context) (err error) {
	o := i.opts
	if o.Listen != "" || o.NATS == "" || exists(filepath.Join(o.Dir, "jetstream")) {
		if i.embedded, err = startEmbedded(o, i.turnedAway); err != nil {
			return err
		}
		if i.own, err = i.embedded.connect(ownUser); err != nil {
			return fmt.Errorf("embedded broker: %w", err)
		}
		if i.told, err = i.authors.listen(i.embedded); err != nil {
			return err
		}
	}
	conn, replicas := i.own, 1
	if o.NATS != "" {
		if i.remote, err = i.connectRemote(); err != nil {
			return err
		}
		if conn = i.remote; i.remote.ConnectedClusterName() != "" {
			replicas = 3
		}
	}
	js, err := jetstream.New(conn)
	if err != nil {
		return err
	}
	if err := makeStream(ctx, js, journalStream, replicas); err != nil {
		return err
	}
	i.streams = []stream{{js: js, name: journalStream, label: journalStream}}
	if i.own != nil {
		if err := i.ownStreams(ctx); err != nil {
			return err
		}
	}
	i.journal = newJournal(js, int(min(conn.MaxPayload(), maxPayload+natsOverhead))-1024, func(err error) {
		if err == nil {
			i.health.journal.well()
		} else if i.health.journal.ill(err) {
			o.Log.Error("the journal does not take messages", "err", err)
		}
	})
	id, err := i.clientID()
	if err != nil {
		return err
	}
	for n, raw := range o.Brokers {
		u, err := brokerURL(raw)
		if err != nil {
			return err
		}
		name := id
		if n > 0 {
			name = fmt.Sprintf("%s-%d", id, n+1)
		}
		i.brokers = append(i.brokers, newBroker(i, u, name))
	}
	i.space.look()
	return nil
}

// ownStreams adds the streams in Dir: the broker's own, and a journal that was used
// before an external one was set up.
func (i *Ingest) ownStreams(ctx context.Context) error {
	js, err := jetstream.New(i.own)
	if err != nil {
		return err
	}
	if err := makeStream(ctx, js, mqttStream, 1); err != nil {
		return err
	}
	i.streams = append(i.streams, stream{js: js, name: mqttStream, label: mqttStream, broker: true})
	if i.remote == nil {
		return nil
	}
	if _, err := js.Stream(ctx, journalStream); errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil
	} else if err != nil {
		return err
	}
	i.streams = append(i.streams, stream{js: js, name: journalStream, label: journalStream + "_embedded"})
	return nil
}

func (i *Ingest) connectRemote() (*nats.Conn, error) {
	o := i.opts
	nc, err := nats.Connect(o.NATS, nats.Name("topout"), nats.MaxReconnects(-1), nats.Timeout(5*time.Second),
		nats.ReconnectBufSize(-1), // a record that cannot be sent now has failed
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			o.Log.Warn("NATS", "err", redact(err.Error(), o.NATS))
		}))
	if err != nil {
		return nil, errors.New("NATS cannot be reached: check TOPOUT_NATS_URL: " + redact(err.Error(), o.NATS))
	}
	return nc, nil
}

// redact takes a URL's password out of a text.
func redact(text, url string) string { return strings.ReplaceAll(text, url, "(the URL)") }

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// clientID is the name at external brokers, made once.
func (i *Ingest) clientID() (string, error) {
	if i.opts.ClientID != "" {
		return i.opts.ClientID, nil
	}
	file := filepath.Join(i.opts.Dir, "mqtt-client-id")
	if b, err := os.ReadFile(file); err == nil && site.ValidID(string(b)) {
		return string(b), nil
	} else if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	id := fmt.Sprintf("topout-%012x", rand.Uint64()>>16)
	return id, os.WriteFile(file, []byte(id), 0o600)
}

// handed bounds the items between the streams and a cursor; each may be 1 MiB.
const handed = 64

// Start starts the cursors, which first apply what was left in the journal, and
// opens the doors. Ending ctx does not stop it; Stop does.
func (i *Ingest) Start(ctx context.Context) error {
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	i.cancel = cancel
	recordsIn, seriesIn := make(chan item, handed), make(chan item, handed)
	for _, s := range i.streams {
		sweeper := newSweeper(s, i.opts.Log)
		i.sweepers = append(i.sweepers, sweeper)
		for cursor, in := range map[string]chan item{cursorRecords: recordsIn, cursorSeries: seriesIn} {
			src, err := newSource(ctx, source{stream: s, cursor: cursor, sweeper: sweeper, out: in, log: i.opts.Log})
			if err != nil {
				return err
			}
			if cursor == cursorRecords {
				if err := i.goOn(ctx, src); err != nil {
					return err
				}
			}
			i.running.Go(func() { src.run(run) })
		}
		i.running.Go(func() { sweeper.run(run) })
	}
	records := &records{
		ledger: i.opts.Ledger, dir: newDirectory(i.opts.Ledger, &i.local), authors: i.authors, opts: i.opts, log: i.opts.Log,
		pos: i.pos, health: i.health.records, after: i.opts.OnApplied, done: i.applied,
		took: func(d time.Duration) { i.metrics.apply.WithLabelValues(cursorRecords).Observe(d.Seconds()) },
	}
	history := &history{
		ledger: i.opts.Ledger, series: i.opts.Series, dir: newDirectory(i.opts.Ledger, &i.local), opts: i.opts, log: i.opts.Log,
		pos: i.pos, health: i.health.series, done: i.written,
		took: func(d time.Duration) { i.metrics.apply.WithLabelValues(cursorSeries).Observe(d.Seconds()) },
	}
	i.running.Go(func() { records.run(run, recordsIn) })
	i.running.Go(func() { history.run(run, seriesIn) })
	i.running.Go(func() { i.watch(run) })
	i.running.Go(func() { i.keepRefusals(run) })
	if i.opts.Listen != "" {
		if err := i.listenQoS0(); err != nil {
			return err
		}
		i.embedded.open()
	}
	for _, b := range i.brokers {
		b.start()
	}
	return nil
}

// goOn finds where the records cursor is in a stream.
func (i *Ingest) goOn(ctx context.Context, s *source) error {
	var seq uint64
	err := i.opts.Ledger.View(ctx, func(tx Tx) (err error) {
		seq, err = tx.Cursor(s.key)
		return err
	})
	if err != nil {
		return fmt.Errorf("position in the journal: %w", err)
	}
	if seq > s.newest {
		// The stream's numbers went back: a damaged disk, or an old copy of the
		// folder. What is in it may have been applied; once more does no harm.
		i.opts.Log.Error("the journal is older than the records; what it holds is applied again", "stream", s.label, "position", seq, "newest", s.newest)
		seq = max(s.oldest, 1) - 1
	}
	i.pos.set(s.key, seq)
	return nil
}

// room is an error while the disk is full.
func (i *Ingest) room() error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.full {
		h := i.health.disk.get()
		if h.Error != nil {
			return h.Error
		}
	}
	return nil
}

// setFull closes and opens the doors to the disk's state.
func (i *Ingest) setFull(full bool) {
	i.mu.Lock()
	i.full = full
	i.mu.Unlock()
	if i.embedded != nil {
		if full {
			i.embedded.deny("the disk is full")
			i.embedded.hangUp()
		} else {
			i.embedded.deny("")
		}
	}
	for _, b := range i.brokers {
		b.hold(full)
	}
}

// Invalidate says that this process changed projects, devices or people: it counts
// from the next message on.
func (i *Ingest) Invalidate() { i.local.Add(1) }

// KickDevice ends the live connections of a device at the embedded broker.
func (i *Ingest) KickDevice(id string) { i.kick(id) }

// KickPerson ends the live connections of a person at the embedded broker.
func (i *Ingest) KickPerson(login string) { i.kick(login) }

func (i *Ingest) kick(user string) {
	i.Invalidate()
	if i.embedded != nil {
		i.embedded.kick(user)
	}
}

// MQTTAddr is the address that the embedded broker listens on, empty when off.
func (i *Ingest) MQTTAddr() string {
	if i.embedded == nil {
		return ""
	}
	return i.embedded.mqttAddr()
}

// WebSocketAddr is the address for MQTT over WebSocket, empty when off.
func (i *Ingest) WebSocketAddr() string {
	if i.embedded == nil {
		return ""
	}
	return i.embedded.wsAddr()
}

// Health is how the parts do: journal, records, series and disk, and broker when
// there is an external one.
func (i *Ingest) Health() map[string]Health {
	out := map[string]Health{
		"journal": i.health.journal.get(),
		"records": i.health.records.get(),
		"series":  i.health.series.get(),
		"disk":    i.health.disk.get(),
	}
	for n, b := range i.brokers {
		name := "broker"
		if n > 0 {
			name = fmt.Sprintf("broker_%d", n+1)
		}
		out[name] = b.health.get()
	}
	return out
}

// Stop closes the doors, writes what was taken into the journal and ends the
// cursors; what they have not applied is applied after the next start. It may be
// called once, also when Start was not.
func (i *Ingest) Stop(ctx context.Context) error {
	if i.stopped.Swap(true) {
		return nil
	}
	for _, b := range i.brokers {
		b.stop()
	}
	if i.embedded != nil {
		i.embedded.deny("stopping")
	}
	i.stopQoS0()
	for end := time.Now().Add(time.Second); len(i.refusals) > 0 && time.Now().Before(end); {
		sleep(ctx, 5*time.Millisecond)
	}
	i.journal.close()
	i.settle(ctx)
	i.close()
	return nil
}

// settle gives the records cursor a moment to finish what is in the journal.
func (i *Ingest) settle(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	for i.cancel != nil && i.health.records.ok() && ctx.Err() == nil {
		left := uint64(0)
		i.sweep(ctx)
		for _, b := range i.backlogs(ctx) {
			if b.cursor == cursorRecords || i.health.series.ok() {
				left += b.messages
			}
		}
		if left == 0 {
			return
		}
		sleep(ctx, 20*time.Millisecond)
	}
}

func (i *Ingest) sweep(ctx context.Context) {
	for _, s := range i.sweepers {
		if err := s.sweep(ctx); err != nil && ctx.Err() == nil {
			i.opts.Log.Warn("what is applied stays in the journal for now", "stream", s.stream.label, "err", err)
		}
	}
}

// settleTime bounds how long Stop waits for the cursors.
const settleTime = 3 * time.Second

func (i *Ingest) close() {
	if i.cancel != nil {
		i.cancel()
		i.running.Wait()
	}
	if i.journal != nil && !i.stopped.Load() {
		i.journal.close()
	}
	for _, c := range []*nats.Conn{i.remote, i.told, i.own} {
		if c != nil {
			_ = c.FlushTimeout(time.Second) // acknowledgements; they only spare work
			c.Close()
		}
	}
	if i.embedded != nil {
		i.embedded.stop()
	}
}
