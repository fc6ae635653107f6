package alerts

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"

	"topout/internal/text"
	"topout/site"
)

// Publisher publishes at the broker; it returns when the broker has the message.
type Publisher interface {
	Publish(ctx context.Context, topic string, payload []byte) error
}

// NotifierOptions say where notices go.
type NotifierOptions struct {
	Queue     Queue           // required for Run; Test does without
	Texts     *text.Catalogue // required
	Webhook   WebhookOptions  // an empty URL: no webhook
	Mail      MailOptions     // an empty URL: no mail
	Publisher Publisher       // nil: no MQTT
	PublicURL string          // for the link in a test notice
	Poll      time.Duration   // how often the queue is looked at without a Wake; 0 is 1 s
	Grace     time.Duration   // how long a send may go on after the context has ended; 0 is 3 s
	Now       func() time.Time
	Log       *slog.Logger // nil is slog.Default
}

// Limits of sending.
const (
	pageSize    = 500
	maxPage     = 8000
	sendTimeout = 10 * time.Second
	firstRetry  = time.Second
	lastRetry   = 15 * time.Minute
	longestWait = time.Hour // what a receiver may ask for by Retry-After
	offRetry    = 10 * time.Minute
)

// sender sends by one channel.
type sender interface {
	// parcels divides the notices for one target into those that go out together.
	parcels(notices []site.Notice) [][]site.Notice
	// wait is how long the target's pace makes a parcel wait.
	wait(target string, now time.Time) time.Duration
	// send sends one parcel. An error is a *sendError.
	send(ctx context.Context, target string, parcel []site.Notice) error
	// test sends a test notice to a person.
	test(ctx context.Context, to site.Person, e Event) error
}

// sendError is a failed send: what to tell the user, and what follows from it.
type sendError struct {
	reason *site.Error
	// only is set when the trouble is with this parcel alone, not with the target.
	only  bool
	after time.Duration // asked for by the receiver; 0: nothing asked
}

func (e *sendError) Error() string { return e.reason.Error() }

func (e *sendError) Unwrap() error { return e.reason }

// Notifier sends queued notices, each at least once. Each target is served in
// the order of the changes and waits alone when it fails.
type Notifier struct {
	queue   Queue
	texts   *text.Catalogue
	senders map[string]sender
	slots   map[string]chan struct{} // bounds the sends at a time, by channel
	poll    time.Duration
	grace   time.Duration
	base    string
	now     func() time.Time
	log     *slog.Logger
	wake    chan struct{}

	mu     sync.Mutex
	busy   map[targetKey]bool
	until  map[targetKey]time.Time // when a target in trouble is tried again
	status map[string]ChannelStatus
}

type targetKey struct{ channel, target string }

// ChannelStatus is how a channel has been doing since the start.
type ChannelStatus struct {
	Channel  string
	On       bool
	LastSent time.Time   // zero: nothing yet
	Error    *site.Error // of the last try; nil when it went well
	ErrorAt  time.Time
}

// NewNotifier makes a Notifier. An error names the setting that is wrong, without secrets.
func NewNotifier(o NotifierOptions) (*Notifier, error) {
	if o.Texts == nil {
		return nil, errors.New("alerts: a required option is missing")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Poll == 0 {
		o.Poll = time.Second
	}
	if o.Grace == 0 {
		o.Grace = 3 * time.Second
	}
	n := &Notifier{
		queue: o.Queue, texts: o.Texts, poll: o.Poll, grace: o.Grace, base: strings.TrimRight(o.PublicURL, "/"), now: o.Now, log: o.Log,
		senders: make(map[string]sender), slots: make(map[string]chan struct{}), wake: make(chan struct{}, 1),
		busy: make(map[targetKey]bool), until: make(map[targetKey]time.Time), status: make(map[string]ChannelStatus),
	}
	if o.Webhook.URL != "" {
		w, err := newWebhook(o.Webhook, o.Now)
		if err != nil {
			return nil, err
		}
		n.senders[ChannelWebhook] = w
	}
	if o.Publisher != nil {
		n.senders[ChannelMQTT] = publisher{o.Publisher}
	}
	if o.Mail.URL != "" {
		m, err := newMailer(o.Mail, o.Texts, o.Now)
		if err != nil {
			return nil, err
		}
		n.senders[ChannelMail] = m
	}
	for _, c := range Channels {
		n.slots[c] = make(chan struct{}, 4)
		n.status[c] = ChannelStatus{Channel: c, On: n.senders[c] != nil}
	}
	return n, nil
}

// Register keeps with the records which channels are on; notices are queued for
// these from then on. Call it before anything is judged.
func (n *Notifier) Register(ctx context.Context) error {
	var on []string
	for _, c := range Channels {
		if n.senders[c] != nil {
			on = append(on, c)
		}
	}
	return n.queue.Update(ctx, func(tx QueueTx) error { return tx.SetSetting(settingChannels, strings.Join(on, " ")) })
}

// On reports whether a channel is set up.
func (n *Notifier) On(channel string) bool { return n.senders[channel] != nil }

// Wake makes the Notifier look at the queue now.
func (n *Notifier) Wake() {
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

// Status tells how the channels are doing.
func (n *Notifier) Status() []ChannelStatus {
	n.mu.Lock()
	defer n.mu.Unlock()
	list := make([]ChannelStatus, len(Channels))
	for i, c := range Channels {
		list[i] = n.status[c]
	}
	return list
}

// Run sends what is queued until the context ends; sends under way then have the
// time of grace to finish.
func (n *Notifier) Run(ctx context.Context) error {
	var group sync.WaitGroup
	defer group.Wait()
	tick := time.NewTicker(n.poll)
	defer tick.Stop()
	failing := false
	// After a start, what waits for another try is tried at once, in its order:
	// who was in trouble is no longer known.
	ahead := longestWait
	for {
		err := n.round(ctx, &group, n.now().Add(ahead))
		if err == nil {
			ahead = 0
		}
		if err != nil && !failing && ctx.Err() == nil {
			n.log.Error("the queue of notices cannot be read", "error", err)
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return nil
		case <-n.wake:
		case <-tick.C:
		}
	}
}

// round starts a delivery for each target that has something due by a time and
// is not being served.
func (n *Notifier) round(ctx context.Context, group *sync.WaitGroup, by time.Time) error {
	for limit := pageSize; ; limit *= 2 {
		// Who is busy before the queue is read may be done when it has been read,
		// and what was read of it is stale then.
		busy := n.taken()
		var due []site.Notice
		err := n.queue.View(ctx, func(tx QueueTx) (err error) {
			due, err = tx.DueNotices(by, limit)
			return err
		})
		if err != nil {
			return err
		}
		started := 0
		for key, notices := range n.idle(due, busy) {
			started++
			group.Go(func() { n.deliver(ctx, key, notices) })
		}
		// A page full of what busy targets wait for must not hide the others.
		if started > 0 || len(due) < limit || limit >= maxPage {
			return nil
		}
	}
}

func (n *Notifier) taken() map[targetKey]bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return maps.Clone(n.busy)
}

// idle groups due notices by target, each in the order of the changes, without
// the busy targets, and takes the others.
func (n *Notifier) idle(due []site.Notice, busy map[targetKey]bool) map[targetKey][]site.Notice {
	n.mu.Lock()
	defer n.mu.Unlock()
	groups := make(map[targetKey][]site.Notice)
	for _, d := range due {
		key := targetKey{d.Channel, d.Target}
		if !busy[key] {
			groups[key] = append(groups[key], d)
		}
	}
	for key, g := range groups {
		n.busy[key] = true
		sortByChange(g)
	}
	return groups
}

// deliver sends what is due for one target, in order, until its trouble or pace
// says to wait.
func (n *Notifier) deliver(ctx context.Context, key targetKey, notices []site.Notice) {
	defer func() {
		n.mu.Lock()
		delete(n.busy, key)
		n.mu.Unlock()
	}()
	s := n.senders[key.channel]
	if s == nil {
		off := site.Errorf(site.Unavailable, "alerts.channel_off."+key.channel, "")
		n.keep(ctx, putOff(notices, n.now().Add(offRetry), off.Error()))
		return
	}
	if until := n.troubled(key); until.After(n.now()) { // queued meanwhile: behind the others
		n.keep(ctx, putOff(notices, until, ""))
		return
	}
	select {
	case n.slots[key.channel] <- struct{}{}:
		defer func() { <-n.slots[key.channel] }()
	case <-ctx.Done():
		return
	}
	parcels := s.parcels(notices)
	for i, parcel := range parcels {
		if ctx.Err() != nil {
			return
		}
		if wait := s.wait(key.target, n.now()); wait > 0 {
			n.keep(ctx, putOff(join(parcels[i:]), n.now().Add(wait), ""))
			return
		}
		err := n.send(ctx, s, key, parcel)
		if err == nil {
			n.keep(ctx, sent(parcel, n.now()))
			continue
		}
		if ctx.Err() != nil { // stopped meanwhile: it is no fault of the target
			return
		}
		next := n.now().Add(backoff(parcel[0].Tries, err.after))
		n.keep(ctx, tried(parcel, next, err.Error()))
		if !err.only {
			n.hold(key, next)
			n.keep(ctx, putOff(join(parcels[i+1:]), next, ""))
			return
		}
	}
}

func (n *Notifier) troubled(key targetKey) time.Time {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.until[key]
}

func (n *Notifier) hold(key targetKey, until time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.until[key] = until
}

// send sends one parcel, beyond the end of the context by the time of grace.
func (n *Notifier) send(ctx context.Context, s sender, key targetKey, parcel []site.Notice) *sendError {
	ctx, cancel := graceful(ctx, n.grace)
	defer cancel()
	err := asSendError(s.send(ctx, key.target, parcel))
	n.mu.Lock()
	defer n.mu.Unlock()
	status := n.status[key.channel]
	if err == nil {
		delete(n.until, key)
		status.LastSent, status.Error = n.now(), nil
	} else {
		if status.Error == nil { // once per outage
			n.log.Warn("notices cannot be sent", "channel", key.channel, "error", err)
		}
		status.Error, status.ErrorAt = err.reason, n.now()
	}
	n.status[key.channel] = status
	return err
}

func asSendError(err error) *sendError {
	if err == nil {
		return nil
	}
	var e *sendError
	if errors.As(err, &e) {
		return e
	}
	return &sendError{reason: &site.Error{Kind: site.Unavailable, Code: "alerts.send_failed", Cause: err}}
}

// graceful is a context for one send.
func graceful(parent context.Context, grace time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(parent), sendTimeout)
	stop := context.AfterFunc(parent, func() {
		timer := time.AfterFunc(grace, cancel)
		context.AfterFunc(ctx, func() { timer.Stop() })
	})
	return ctx, func() { stop(); cancel() }
}

// keep writes the outcome of a try. A failure is logged only: the notices stay
// due and are sent again.
func (n *Notifier) keep(ctx context.Context, notices []site.Notice) {
	if len(notices) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), sendTimeout)
	defer cancel()
	err := n.queue.Update(ctx, func(tx QueueTx) error {
		for _, notice := range notices {
			if err := tx.UpdateNotice(notice); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		n.log.Error("the outcome of notices cannot be kept; they will be sent again", "error", err)
	}
}

func sent(notices []site.Notice, at time.Time) []site.Notice {
	for i := range notices {
		notices[i].SentAt, notices[i].LastError = at, ""
		notices[i].Tries++
	}
	return notices
}

func tried(notices []site.Notice, next time.Time, problem string) []site.Notice {
	for i := range notices {
		notices[i].NextAt, notices[i].LastError = next, problem
		notices[i].Tries++
	}
	return notices
}

func putOff(notices []site.Notice, next time.Time, problem string) []site.Notice {
	for i := range notices {
		notices[i].NextAt = next
		if problem != "" {
			notices[i].LastError = problem
		}
	}
	return notices
}

// backoff is how long to wait after a number of failed tries: doubling, with
// jitter so that targets do not come in step, or what the receiver asked for.
func backoff(tries int, asked time.Duration) time.Duration {
	if asked > 0 {
		return min(asked, longestWait)
	}
	d := lastRetry
	if tries < 10 {
		d = min(firstRetry<<tries, lastRetry)
	}
	return time.Duration(float64(d) * (0.8 + 0.4*rand.Float64()))
}

// ChannelResult is the outcome of a test notice.
type ChannelResult struct {
	Channel string
	OK      bool
	Error   *site.Error // nil when OK
}

// Test sends a test notice by every channel, at once and past the queue, and
// gives the outcome of each; the mail goes to the person who asks.
func (n *Notifier) Test(ctx context.Context, to site.Person) []ChannelResult {
	results := make([]ChannelResult, len(Channels))
	var group sync.WaitGroup
	for i, c := range Channels {
		group.Go(func() { results[i] = n.test(ctx, c, to) })
	}
	group.Wait()
	return results
}

func (n *Notifier) test(ctx context.Context, channel string, to site.Person) ChannelResult {
	s := n.senders[channel]
	if s == nil {
		return ChannelResult{Channel: channel, Error: site.Errorf(site.Unavailable, "alerts.channel_off."+channel, "")}
	}
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	e := Event{
		SpecVersion: "1.0", ID: ulid.Make().String(), Source: n.base + "/api/v1", Type: "topout.notice.test",
		Time: n.now().UTC(), DataContentType: "application/json", Severity: site.Info,
		Data: EventData{Event: EventTest, Titles: map[text.Lang]string{}, URL: n.base, Lang: langOf(to)},
	}
	for _, lang := range []text.Lang{text.Chinese, text.English} {
		e.Data.Titles[lang] = n.texts.Say(lang, "alerts.test.title", nil)
	}
	if err := asSendError(s.test(ctx, to, e)); err != nil {
		return ChannelResult{Channel: channel, Error: err.reason}
	}
	return ChannelResult{Channel: channel, OK: true}
}
