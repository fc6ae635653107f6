package demo

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"topout/site"
)

// How often a device reports and a supervisor: in a play that goes on live, and
// in one of past days.
const (
	liveEvery, liveReports = 5 * time.Second, 75 * time.Second
	pastEvery, pastReports = 10 * time.Minute, 40 * time.Minute
)

// PlayOptions say where and what is played.
//
// Without Days the site is played live, until the context ends: messages carry
// the time at which they are sent, and Speed makes devices report so many times
// as often. With Days the last days up to Until are played, Speed times as fast
// as they were, and then Play ends: no message carries a time that is to come.
type PlayOptions struct {
	// URL of the broker: mqtt://, mqtts://, ws:// or wss://; required. With user
	// and password in it, every client signs in with these; without, each with
	// those of the demo, which a Topout that was seeded with the demo knows.
	URL     string
	Speed   float64   // 0: with Days as fast as the broker takes, live 1
	Seed    uint64    // of all chance; the same seed and times play the same bytes
	Days    int       // 0: live
	Until   time.Time // end of the days; zero: the last full hour
	Weather io.Reader // record in the format of ReadWeather; nil: the embedded one
	// Story is the site as it was seeded; nil: as it is seeded now.
	Story *Story
	// Every is the time between two readings of a device; 0: 5 s live, 10 min of past days.
	Every time.Duration
	TLS   *tls.Config // nil: the usual
	// ClientID begins the clients' ids at the broker; empty: one that no other play has.
	ClientID string
	Progress func(Stats)      // told every second; nil: nothing
	Now      func() time.Time // nil is time.Now
	Log      *slog.Logger     // nil: nothing is logged
}

// Stats is what has been played.
type Stats struct {
	Sent      int64     `json:"sent"` // acknowledged by the broker
	Readings  int64     `json:"readings"`
	Progress  int64     `json:"progress"`
	Checks    int64     `json:"checks"`
	Status    int64     `json:"status"`
	Late      int64     `json:"late"`
	Repeated  int64     `json:"repeated"`
	Corrected int64     `json:"corrected"`
	Malformed int64     `json:"malformed"`
	Clients   int       `json:"clients"`
	From      time.Time `json:"from"`
	To        time.Time `json:"to"` // how far the play has come
	Seconds   float64   `json:"seconds"`
}

// Play plays the site's devices and supervisors, each as an MQTT client of its
// own, until the days are played or the context ends. The end of the context is
// no error. What was played so far is returned in any case.
func Play(ctx context.Context, o PlayOptions) (Stats, error) {
	p, err := newPlay(o)
	if err != nil {
		return Stats{}, err
	}
	defer p.close()
	if err := p.connect(ctx); err != nil {
		if ctx.Err() != nil {
			err = nil
		}
		return p.stats(), err
	}
	stop := p.tell()
	defer stop()
	err = p.run(ctx)
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	return p.stats(), err
}

// play is a play that goes on.
type play struct {
	PlayOptions
	script  ScriptOptions
	broker  *url.URL
	clients map[string]*client
	began   time.Time
	counts  counts
	reached atomic.Int64 // how far it has come, Unix milliseconds
}

// counts are the figures of Stats while they grow.
type counts struct {
	sent, readings, progress, checks, status, late, repeated, corrected, malformed atomic.Int64
}

func newPlay(o PlayOptions) (*play, error) {
	o.Now = orNow(o.Now)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.ClientID == "" {
		o.ClientID = "topout-sim-" + rand.Text()[:6] + "-"
	}
	broker, err := url.Parse(o.URL)
	if err != nil || broker.Host == "" {
		return nil, site.Errorf(site.Invalid, "demo.bad_url", "url")
	}
	if o.Speed < 0 || o.Days < 0 {
		return nil, site.Errorf(site.Invalid, "demo.negative", "speed")
	}
	p := &play{PlayOptions: o, broker: broker, clients: make(map[string]*client)}
	p.began = o.Now()
	s := ScriptOptions{Seed: o.Seed, Every: o.Every, Story: o.Story}
	if o.Weather != nil {
		s.Weather, err = ReadWeather(o.Weather)
	} else {
		s.Weather, err = EmbeddedWeather()
	}
	if err != nil {
		return nil, err
	}
	if o.Days > 0 {
		s.To = o.Until
		if s.To.IsZero() {
			s.To = p.began.Truncate(time.Hour)
		}
		s.From = s.To.Add(-time.Duration(o.Days) * 24 * time.Hour)
		s.Every, s.ReportEvery = cmp.Or(s.Every, pastEvery), pastReports
	} else {
		p.Speed = cmp.Or(o.Speed, 1)
		s.From, s.Opening = p.began.Truncate(time.Second), true
		s.Every = time.Duration(float64(cmp.Or(s.Every, liveEvery)) / p.Speed)
		s.ReportEvery = time.Duration(float64(liveReports) / p.Speed)
	}
	if s.Story == nil {
		if s.Story, err = NewStory(cmp.Or(s.To, s.From)); err != nil {
			return nil, err
		}
	}
	p.script = s
	return p, nil
}

func orNow(now func() time.Time) func() time.Time {
	if now == nil {
		return time.Now
	}
	return now
}

// run sends the script, each message at its time.
func (p *play) run(ctx context.Context) error {
	script, err := Script(p.script)
	if err != nil {
		return err
	}
	work, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var senders sync.WaitGroup
	for _, c := range p.clients {
		senders.Go(func() {
			if err := p.send(work, c); err != nil {
				cancel(err)
			}
		})
	}
	for m := range script {
		if err := p.wait(work, m.At); err != nil {
			break
		}
		c := p.clients[m.Client]
		select {
		case c.queue <- m:
			p.reached.Store(m.At.UnixMilli())
			continue
		case <-work.Done():
		}
		break
	}
	for _, c := range p.clients {
		close(c.queue)
	}
	senders.Wait()
	return context.Cause(work)
}

// wait waits until a message is due.
func (p *play) wait(ctx context.Context, at time.Time) error {
	due := at
	if p.Days > 0 {
		if p.Speed == 0 {
			return context.Cause(ctx)
		}
		due = p.began.Add(time.Duration(float64(at.Sub(p.script.From)) / p.Speed))
	}
	left := due.Sub(p.Now())
	if left <= 0 {
		return context.Cause(ctx)
	}
	return sleep(ctx, left)
}

// tell tells the figures every second, until the returned function is called.
func (p *play) tell() (stop func()) {
	if p.Progress == nil {
		return func() {}
	}
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				p.Progress(p.stats())
			case <-quit:
				return
			}
		}
	}()
	return func() { close(quit); <-done }
}

// count counts a message that the broker has acknowledged.
func (p *play) count(m Message) {
	c := &p.counts
	c.sent.Add(1)
	switch topicKind(m.Topic) {
	case "readings":
		c.readings.Add(1)
	case "progress":
		c.progress.Add(1)
	case "checks":
		c.checks.Add(1)
	case "status":
		c.status.Add(1)
	}
	switch m.Kind {
	case Late:
		c.late.Add(1)
	case Repeated:
		c.repeated.Add(1)
	case Corrected:
		c.corrected.Add(1)
	case Malformed:
		c.malformed.Add(1)
	}
}

func (p *play) stats() Stats {
	c := &p.counts
	s := Stats{
		Sent: c.sent.Load(), Readings: c.readings.Load(), Progress: c.progress.Load(), Checks: c.checks.Load(), Status: c.status.Load(),
		Late: c.late.Load(), Repeated: c.repeated.Load(), Corrected: c.corrected.Load(), Malformed: c.malformed.Load(),
		Clients: len(p.clients), From: p.script.From.UTC(), To: p.script.From.UTC(),
		Seconds: round(p.Now().Sub(p.began).Seconds(), 1),
	}
	if ms := p.reached.Load(); ms > 0 {
		s.To = time.UnixMilli(ms).UTC()
	}
	return s
}
