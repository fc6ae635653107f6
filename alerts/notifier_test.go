package alerts_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"go.uber.org/goleak"

	"topout/alerts"
	"topout/internal/testserver"
	"topout/site"
	"topout/store"
)

const (
	key    = "0123456789abcdef0123456789abcdef"
	secret = "whsec_"
)

// receiver is a webhook's receiver that checks what it gets as the standards say.
type receiver struct {
	*httptest.Server
	t      testing.TB
	answer func(w http.ResponseWriter, r *http.Request, e alerts.Event) // nil: 204

	mu     sync.Mutex
	events []alerts.Event // answered with success, in order
	ids    []string       // webhook-id of each request
}

func newReceiver(t testing.TB) *receiver {
	r := &receiver{t: t}
	verify, err := standardwebhooks.NewWebhook(secret + base64.StdEncoding.EncodeToString([]byte(key)))
	if err != nil {
		t.Fatal(err)
	}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			t.Error(err)
		}
		// The time of the signature is the test's own.
		if err := verify.VerifyIgnoringTimestamp(body, req.Header); err != nil {
			t.Errorf("signature: %v", err)
		}
		if got := req.Header.Get("Content-Type"); got != "application/cloudevents+json; charset=utf-8" {
			t.Errorf("content type %q", got)
		}
		var e alerts.Event
		if err := json.Unmarshal(body, &e); err != nil {
			t.Errorf("body: %v", err)
		}
		if e.SpecVersion != "1.0" || e.ID == "" || e.Source == "" || e.Type == "" || e.Time.IsZero() {
			t.Errorf("no CloudEvent: %s", body)
		}
		r.mu.Lock()
		r.ids = append(r.ids, req.Header.Get("webhook-id"))
		r.mu.Unlock()
		code := &status{ResponseWriter: w, code: http.StatusOK}
		if r.answer != nil {
			r.answer(code, req, e)
		}
		if code.code < 300 {
			r.mu.Lock()
			r.events = append(r.events, e)
			r.mu.Unlock()
		}
	}))
	t.Cleanup(r.Close)
	return r
}

type status struct {
	http.ResponseWriter
	code int
}

func (s *status) WriteHeader(code int) {
	s.code = code
	s.ResponseWriter.WriteHeader(code)
}

// got gives what was taken, as "event severity title".
func (r *receiver) got() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]string, len(r.events))
	for i, e := range r.events {
		list[i] = e.Data.Event + " " + string(e.Severity) + " " + e.Data.Issue.Title
	}
	return list
}

func (r *receiver) requests() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.ids...)
}

func (r *receiver) options() alerts.WebhookOptions {
	return alerts.WebhookOptions{URL: r.URL + "/hook?token=verysecret", Secret: secret + base64.StdEncoding.EncodeToString([]byte(key)), AllowPrivate: true}
}

// published takes what goes to the broker.
type published struct {
	mu     sync.Mutex
	topics []string
	err    error
}

func (p *published) Publish(_ context.Context, topic string, _ []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil {
		p.topics = append(p.topics, topic)
	}
	return p.err
}

func (p *published) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.topics)
}

// notifier runs a Notifier until the test ends or stop is called.
func (w *works) notifier(o alerts.NotifierOptions) (n *alerts.Notifier, stop func()) {
	w.t.Helper()
	o.Queue, o.Texts, o.Now, o.Log, o.Poll = queue{w.store}, w.texts, w.clock.now, w.log, 5*time.Millisecond
	n, err := alerts.NewNotifier(o)
	w.must(err)
	w.must(n.Register(w.t.Context()))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				w.t.Error(err)
			}
		case <-time.After(15 * time.Second):
			w.t.Error("the notifier does not stop")
		}
	})
	w.t.Cleanup(stop)
	return n, stop
}

func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	testserver.Eventually(t, 10*time.Second, what, func() error {
		if !is() {
			return errors.New("not yet")
		}
		return nil
	})
}

// settled waits until nothing is due at the test's time.
func (w *works) settled() {
	w.t.Helper()
	eventually(w.t, "everything due is tried", func() bool {
		var due []site.Notice
		w.must(w.store.View(w.t.Context(), func(tx *store.Tx) (err error) {
			due, err = tx.DueNotices(w.clock.now(), 100)
			return err
		}))
		return len(due) == 0
	})
}

func (w *works) pending() (n int) {
	w.t.Helper()
	w.must(w.store.View(w.t.Context(), func(tx *store.Tx) (err error) {
		n, err = tx.PendingNotices()
		return err
	}))
	return n
}

func TestWebhook(t *testing.T) {
	w := newWorks(t)
	r := newReceiver(t)
	n, stop := w.notifier(alerts.NotifierOptions{Webhook: r.options()})
	for _, value := range []float64{92, 105, 60} {
		w.clock.add(time.Second)
		w.reading("crane-1", "moment_percent", value)
	}
	n.Wake()
	want := "opened warning 1# 塔吊 力矩 92%，超过限值 90%\nraised critical 1# 塔吊 力矩 105%，超过限值 100%\nclosed critical 1# 塔吊 力矩 105%，超过限值 100%"
	eventually(t, "three events", func() bool { return len(r.got()) == 3 })
	if got := strings.Join(r.got(), "\n"); got != want {
		t.Errorf("events:\n%s\nwant:\n%s", got, want)
	}
	e := r.events[0]
	if e.Subject != e.Data.Issue.ID || e.Type != "topout.issue.opened" || e.Project != project || e.Data.URL != "https://topout.example/p/wenyuan/issues/"+e.Subject {
		t.Errorf("event %+v", e)
	}
	if s := n.Status(); !s[0].On || s[0].LastSent.IsZero() || s[0].Error != nil || s[1].On {
		t.Errorf("status %+v", s)
	}
	// A restart repeats none.
	w.settled()
	stop()
	_, stop = w.notifier(alerts.NotifierOptions{Webhook: r.options()})
	w.clock.add(time.Second)
	w.reading("crane-1", "moment_percent", 91)
	eventually(t, "the fourth event", func() bool { return len(r.got()) == 4 })
	stop()
	if ids := r.requests(); len(ids) != 4 {
		t.Errorf("requests %v", ids)
	}
}

// TestWebhookIsTriedAgain holds the backoff, the order and the id of what fails at first.
func TestWebhookIsTriedAgain(t *testing.T) {
	w := newWorks(t)
	r := newReceiver(t)
	var down sync.Mutex
	code := http.StatusInternalServerError
	r.answer = func(w http.ResponseWriter, _ *http.Request, _ alerts.Event) {
		down.Lock()
		defer down.Unlock()
		w.WriteHeader(code)
	}
	n, _ := w.notifier(alerts.NotifierOptions{Webhook: r.options()})
	w.reading("crane-1", "moment_percent", 92)
	w.clock.add(time.Millisecond)
	w.reading("crane-1", "moment_percent", 105)
	tries := 0
	for _, wait := range []time.Duration{0, 1200 * time.Millisecond, 2400 * time.Millisecond, 4800 * time.Millisecond} {
		w.clock.add(wait)
		tries++
		eventually(t, fmt.Sprintf("try %d", tries), func() bool { return len(r.requests()) == tries })
		w.settled()
		// A third of the wait is not enough for another try.
		w.clock.add(wait / 3)
		w.settled()
	}
	ids := r.requests()
	if len(ids) != tries || ids[0] != ids[tries-1] {
		t.Errorf("requests %v, want %d of one id", ids, tries)
	}
	if s := n.Status()[0]; s.Error == nil || s.Error.Code != "alerts.webhook_status" || s.Error.Params["status"] != "500" {
		t.Errorf("status %+v", s)
	}
	down.Lock()
	code = http.StatusNoContent
	down.Unlock()
	w.clock.add(time.Minute)
	eventually(t, "both", func() bool { return len(r.got()) == 2 })
	if got := r.got(); !strings.HasPrefix(got[0], "opened") || !strings.HasPrefix(got[1], "raised") {
		t.Errorf("order %q", got)
	}
	eventually(t, "nothing waits", func() bool { return w.pending() == 0 })
}

// TestOneBadEvent holds that an event which the receiver cannot take does not hold up the next.
func TestOneBadEvent(t *testing.T) {
	w := newWorks(t)
	r := newReceiver(t)
	r.answer = func(w http.ResponseWriter, _ *http.Request, e alerts.Event) {
		if e.Data.Event == "opened" {
			w.WriteHeader(http.StatusUnprocessableEntity)
		}
	}
	w.notifier(alerts.NotifierOptions{Webhook: r.options()})
	w.reading("crane-1", "moment_percent", 92)
	w.reading("crane-2", "moment_percent", 92)
	w.clock.add(time.Second)
	w.reading("crane-1", "moment_percent", 10)
	eventually(t, "the all-clear", func() bool { return len(r.got()) == 1 })
}

func TestRetryAfter(t *testing.T) {
	w := newWorks(t)
	r := newReceiver(t)
	r.answer = func(w http.ResponseWriter, _ *http.Request, _ alerts.Event) {
		w.Header().Set("Retry-After", "120")
		w.WriteHeader(http.StatusTooManyRequests)
	}
	w.notifier(alerts.NotifierOptions{Webhook: r.options()})
	w.reading("crane-1", "moment_percent", 92)
	eventually(t, "the try", func() bool { return len(r.requests()) == 1 })
	w.settled()
	w.clock.add(90 * time.Second)
	w.settled()
	w.clock.add(40 * time.Second)
	eventually(t, "the second try", func() bool { return len(r.requests()) >= 2 })
}

// TestBadTargetHoldsNobody holds that one channel that hangs leaves the others
// alone, and that stopping does not wait for it for long.
func TestBadTargetHoldsNobody(t *testing.T) {
	w := newWorks(t)
	leaks := goleak.IgnoreCurrent()
	r := newReceiver(t)
	hang := make(chan struct{})
	r.answer = func(_ http.ResponseWriter, req *http.Request, _ alerts.Event) {
		select {
		case <-hang:
		case <-req.Context().Done():
		}
	}
	broker := &published{}
	_, stop := w.notifier(alerts.NotifierOptions{Webhook: r.options(), Publisher: broker, Grace: 50 * time.Millisecond})
	w.reading("crane-1", "moment_percent", 92)
	eventually(t, "the request", func() bool { return len(r.requests()) == 1 })
	for i := range 5 {
		w.clock.add(time.Second)
		w.reading("crane-1", "moment_percent", []float64{10, 92}[i%2])
	}
	eventually(t, "all at the broker", func() bool { return broker.count() == 6 })
	began := time.Now()
	stop()
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("stopping took %s", took)
	}
	close(hang)
	r.Close()
	goleak.VerifyNone(t, leaks)
	// What was under way is not lost.
	if n := w.pending(); n != 6 {
		t.Errorf("%d notices wait, want 6", n)
	}
}

func TestBrokerAway(t *testing.T) {
	w := newWorks(t)
	broker := &published{err: errors.New("away")}
	n, _ := w.notifier(alerts.NotifierOptions{Publisher: broker})
	w.reading("crane-1", "moment_percent", 92)
	eventually(t, "a failed try", func() bool { return n.Status()[1].Error != nil })
	w.settled()
	broker.mu.Lock()
	broker.err = nil
	broker.mu.Unlock()
	w.clock.add(2 * time.Second)
	eventually(t, "the notice", func() bool { return broker.count() == 1 })
	if got := broker.topics[0]; got != "topout/v1/wenyuan/alerts/warning" {
		t.Errorf("topic %q", got)
	}
}

// TestWebhookStaysOutside holds that neither redirects nor private addresses are followed.
func TestWebhookStaysOutside(t *testing.T) {
	w := newWorks(t)
	reached := false
	inner := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	defer inner.Close()
	outer := httptest.NewServer(http.RedirectHandler(inner.URL, http.StatusTemporaryRedirect))
	defer outer.Close()
	for _, c := range []struct {
		alerts.WebhookOptions
		code string
	}{
		{alerts.WebhookOptions{URL: outer.URL, AllowPrivate: true}, "alerts.webhook_status"},
		{alerts.WebhookOptions{URL: inner.URL}, "alerts.webhook_private"},
		{alerts.WebhookOptions{URL: "http://[::ffff:10.1.2.3]:80/"}, "alerts.webhook_private"},
		{alerts.WebhookOptions{URL: "http://169.254.169.254/latest"}, "alerts.webhook_private"},
		{alerts.WebhookOptions{URL: "http://100.64.0.1/"}, "alerts.webhook_private"},
		{alerts.WebhookOptions{URL: "http://localhost:1/"}, "alerts.webhook_private"},
	} {
		n, err := alerts.NewNotifier(alerts.NotifierOptions{Texts: w.texts, Webhook: c.WebhookOptions})
		w.must(err)
		result := n.Test(t.Context(), w.people["safety"])[0]
		if result.OK || result.Error.Code != c.code {
			t.Errorf("%s: %+v", c.URL, result)
		}
	}
	if reached {
		t.Error("the inner server was reached")
	}
}

func TestTestNotice(t *testing.T) {
	w := newWorks(t)
	r := newReceiver(t)
	broker := &published{}
	mailpit := testserver.Mailpit(t)
	n, err := alerts.NewNotifier(alerts.NotifierOptions{
		Texts: w.texts, Webhook: r.options(), Publisher: broker, PublicURL: "https://topout.example",
		Mail: alerts.MailOptions{URL: "smtp://" + mailpit.SMTP, From: "Topout <topout@example.com>"},
	})
	w.must(err)
	for _, result := range n.Test(t.Context(), w.people["boss"]) {
		if !result.OK {
			t.Errorf("%s: %v", result.Channel, result.Error)
		}
	}
	mails, err := mailpit.Messages()
	w.must(err)
	if len(mails) != 1 || mails[0].Subject != "Test notice from Topout" || !strings.Contains(mails[0].Text, "https://topout.example") || mails[0].To[0].Address != "boss@example.com" {
		t.Errorf("mails %+v", mails)
	}
	if broker.count() != 1 || len(r.requests()) != 1 {
		t.Errorf("broker %v, webhook %v", broker.topics, r.requests())
	}
	results := n.Test(t.Context(), w.people["guest"])
	if results[2].OK || results[2].Error.Code != "alerts.mail_no_address" {
		t.Errorf("without an address: %+v", results[2])
	}
	none, err := alerts.NewNotifier(alerts.NotifierOptions{Texts: w.texts})
	w.must(err)
	for _, result := range none.Test(t.Context(), w.people["boss"]) {
		w.wantCode(result.Error, "alerts.channel_off."+result.Channel)
	}
}

// TestNoSecretLeaks holds that no secret of a setting is in an error, in the
// queue or in the log.
func TestNoSecretLeaks(t *testing.T) {
	w := newWorks(t)
	var log bytes.Buffer
	w.log = slog.New(slog.NewTextHandler(&lockedWriter{w: &log}, nil))
	dead := httptest.NewServer(nil)
	addr := dead.Listener.Addr().String()
	dead.Close()
	n, stop := w.notifier(alerts.NotifierOptions{
		Webhook: alerts.WebhookOptions{URL: "http://user:verysecret@" + addr + "/verysecret?key=verysecret", Secret: "verysecret", AllowPrivate: true},
		Mail:    alerts.MailOptions{URL: "smtp://user:verysecret@" + addr, From: "topout@example.com"},
	})
	w.reading("crane-1", "moment_percent", 105)
	eventually(t, "failed tries", func() bool { return n.Status()[0].Error != nil && n.Status()[2].Error != nil })
	w.settled()
	stop()
	said := log.String()
	for _, r := range n.Test(t.Context(), w.people["boss"]) {
		if r.OK {
			t.Errorf("%s worked", r.Channel)
		}
		said += r.Error.Error()
	}
	w.must(w.store.View(t.Context(), func(tx *store.Tx) error {
		due, err := tx.DueNotices(noon.AddDate(1, 0, 0), 100)
		for _, d := range due {
			said += d.LastError + string(d.Payload)
		}
		return err
	}))
	if strings.Contains(said, "verysecret") {
		t.Errorf("a secret is in: %s", said)
	}
	for _, o := range []alerts.NotifierOptions{
		{Webhook: alerts.WebhookOptions{URL: "ftp://verysecret"}},
		{Webhook: alerts.WebhookOptions{URL: "http://x/verysecret", Secret: "whsec_%%verysecret"}},
		{Mail: alerts.MailOptions{URL: "http://verysecret", From: "a@example.com"}},
		{Mail: alerts.MailOptions{URL: "smtp://u:verysecret@host:99999999", From: "a@example.com"}},
		{Mail: alerts.MailOptions{URL: "smtp://u:verysecret@host", From: "nobody"}},
	} {
		o.Texts = w.texts
		if _, err := alerts.NewNotifier(o); err == nil || strings.Contains(err.Error(), "verysecret") {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}
