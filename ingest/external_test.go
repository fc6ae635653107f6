package ingest_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"topout/ingest"
	"topout/internal/testserver"
	"topout/site"
)

// external is an intake behind a real Mosquitto.
func external(t *testing.T, opts testserver.Options, edit ...func(*ingest.Options)) (*env, *testserver.Broker) {
	t.Helper()
	b := testserver.Mosquitto(t, opts)
	e := setup(t, append([]func(*ingest.Options){func(o *ingest.Options) {
		o.Listen, o.Brokers = "", []string{b.URL}
	}}, edit...)...)
	e.start()
	e.connected()
	return e, b
}

func (e *env) connected() {
	e.t.Helper()
	e.eventually("connected to the broker", func() bool { return e.Health()["broker"].Status == ingest.StatusOK })
}

// at connects a client to Mosquitto.
func at(t *testing.T, b *testserver.Broker, id string, edit ...func(*mqtt.ClientOptions)) mqtt.Client {
	t.Helper()
	o := mqtt.NewClientOptions().AddBroker("tcp://" + b.Addr).SetClientID(id).SetAutoReconnect(false)
	for _, f := range edit {
		f(o)
	}
	c := mqtt.NewClient(o)
	if err := wait(c.Connect()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Disconnect(50) })
	return c
}

func TestExternalBroker(t *testing.T) {
	e, b := external(t, testserver.Options{})
	c := at(t, b, "gateway")
	now := time.Now().UTC().Truncate(time.Millisecond)
	e.publish(c, readingsTopic("d1"), readingAt(now, "x", 1))
	e.publish(c, readingsTopic("d1"), readingAt(now.Add(time.Millisecond), "x", 2), 0)
	e.publish(c, readingsTopic("stranger"), readingAt(now, "x", 1))
	e.publish(c, "topout/v1/p1/status/d2", "online")
	e.publish(c, "topout/v1/p1/nonsense", "x")
	e.publish(c, "topout/v1/p1/progress/A1", `{"id":"r1","t":1763600000000,"percent":5}`)
	if err := wait(c.Publish(readingsTopic("d1"), 1, false, bytes.Repeat([]byte("x"), 2<<20))); err != nil {
		t.Fatal(err)
	}
	e.eventually("two samples", func() bool { return len(e.samples("d1", "x")) == 2 })
	e.eventually("three refused", func() bool { return len(e.refused()) == 3 })
	for code, device := range map[string]string{"ingest.unknown_device": "stranger", "ingest.bad_topic": "", "ingest.too_large": ""} {
		if r := e.refusedAs(code); r == nil || r.Device != device || r.Door != site.DoorBroker {
			t.Errorf("%s: %+v", code, r)
		}
	}
	e.eventually("the status", func() bool { return e.device("d2").Status == "online" })
}

// TestExternalBrokerKeepsForUs: what is published while Topout is down comes when
// it is back, and is acknowledged only when it is durable.
func TestExternalBrokerKeepsForUs(t *testing.T) {
	e, b := external(t, testserver.Options{Persistence: true, Extra: []string{"max_queued_messages 0"}})
	c := at(t, b, "gateway")
	start := time.Now().UTC().Truncate(time.Millisecond).Add(-time.Hour)
	const rounds, each = 3, 300
	sent := 0
	for range rounds {
		stop(t, e.Ingest)
		for range each {
			e.publish(c, readingsTopic("d1"), readingAt(start.Add(time.Duration(sent)*time.Millisecond), "x", float64(sent)))
			sent++
		}
		e.start()
		e.connected()
	}
	e.eventually("all of it", func() bool { return len(e.samples("d1", "x")) == sent })
}

func TestExternalBrokerRestarts(t *testing.T) {
	e, b := external(t, testserver.Options{Persistence: true, Extra: []string{"max_queued_messages 0"}})
	b.Stop()
	e.eventually("health says that it is away", func() bool { return e.Health()["broker"].Status == ingest.StatusDegraded })
	if err := e.Publish(t.Context(), "topout/v1/p1/alerts/info", nil); !site.IsKind(err, site.Unavailable) {
		t.Errorf("publish while away: %v", err)
	}
	b.Start()
	e.connected()
	e.publish(at(t, b, "gateway"), readingsTopic("d1"), readingAt(time.Now(), "x", 1))
	e.eventually("a sample", func() bool { return len(e.samples("d1", "x")) == 1 })
}

// TestExternalBrokerOnFullDisk: nothing is acknowledged while the disk is full, and
// nothing is lost.
func TestExternalBrokerOnFullDisk(t *testing.T) {
	e, b := external(t, testserver.Options{Extra: []string{"max_queued_messages 0"}})
	c := at(t, b, "gateway")
	e.free.Store(1 << 20)
	e.eventually("the door shuts", func() bool { return e.Health()["broker"].Status != ingest.StatusOK })
	for n := range 50 {
		e.publish(c, readingsTopic("d1"), readingAt(time.Now().Add(time.Duration(n)*time.Millisecond), "x", 1))
	}
	if n := len(e.samples("d1", "x")); n > 0 {
		t.Errorf("%d samples on a full disk", n)
	}
	e.free.Store(10 << 30)
	e.eventually("all of it", func() bool { return len(e.samples("d1", "x")) == 50 })
}

func TestRetainedStatusIsNoSignOfLife(t *testing.T) {
	e, b := external(t, testserver.Options{})
	c := at(t, b, "gateway")
	if err := wait(c.Publish("topout/v1/p1/status/d1", 1, true, "online")); err != nil {
		t.Fatal(err)
	}
	e.eventually("online", func() bool { return e.device("d1").Status == "online" })
	before := e.device("d1")
	time.Sleep(5 * time.Millisecond)
	e.restart()
	e.connected()
	e.publish(c, readingsTopic("d2"), readingAt(time.Now(), "x", 1)) // comes after what is retained
	e.eventually("a sample", func() bool { return len(e.samples("d2", "x")) == 1 })
	after := e.device("d1")
	if !after.LastSeen.Equal(before.LastSeen) || !after.StatusAt.Equal(before.StatusAt) {
		t.Errorf("before %+v, after %+v", before, after)
	}
	stop(t, e.Ingest)
	if err := wait(c.Publish("topout/v1/p1/status/d1", 1, true, "offline")); err != nil {
		t.Fatal(err)
	}
	e.start()
	e.eventually("a change that was missed counts", func() bool { return e.device("d1").Status == "offline" })
}

func TestAlertsByExternalBroker(t *testing.T) {
	e, b := external(t, testserver.Options{})
	var got inbox
	c := at(t, b, "phone", func(o *mqtt.ClientOptions) { o.SetDefaultPublishHandler(got.take) })
	if err := wait(c.Subscribe("topout/v1/p1/alerts/#", 1, nil)); err != nil {
		t.Fatal(err)
	}
	if err := e.Publish(t.Context(), "topout/v1/p1/alerts/critical", []byte("x")); err != nil {
		t.Fatal(err)
	}
	e.eventually("the alert", func() bool { return got.all() == "topout/v1/p1/alerts/critical x" })
	if r := e.refused(); len(r) > 0 {
		t.Errorf("our own alert was refused: %+v", r)
	}
}

func TestExternalBrokerSignIn(t *testing.T) {
	const pass = "p@ss/word:1"
	users := map[string]string{"topout": pass}
	var url string
	e, b := external(t, testserver.Options{Users: users}, func(o *ingest.Options) {
		url = strings.Replace(o.Brokers[0], "://", "://topout:p%40ss%2Fword%3A1@", 1)
		o.Brokers = []string{url}
	})
	e.publish(at(t, b, "gateway", func(o *mqtt.ClientOptions) { o.SetUsername("topout").SetPassword(pass) }), readingsTopic("d1"), readingAt(time.Now(), "x", 1))
	e.eventually("a sample", func() bool { return len(e.samples("d1", "x")) == 1 })
	stop(t, e.Ingest)

	const wrong = "wr0ng-secret"
	e.opts.Brokers = []string{strings.Replace(b.URL, "://", "://topout:"+wrong+"@", 1), "mqtt://u:" + wrong + "@127.0.0.1:1", "ws://u:" + wrong + "@127.0.0.1:1"}
	e.start()
	e.eventually("it is told", func() bool { return strings.Count(e.log.String(), "no connection to the MQTT broker") >= 3 })
	for name, h := range e.Health() {
		if h.Error != nil && strings.Contains(fmt.Sprint(h.Error), wrong) {
			t.Errorf("health of %s shows a password: %v", name, h.Error)
		}
	}
	if log := e.log.String(); strings.Contains(log, wrong) || strings.Contains(log, pass) {
		t.Error("the log shows a password")
	}
}

func TestSubscriptionRefused(t *testing.T) {
	b := testserver.Mosquitto(t, testserver.Options{Extra: []string{"acl_file /dev/null"}})
	e := setup(t, func(o *ingest.Options) { o.Listen, o.Brokers = "", []string{b.URL} })
	e.start()
	// Mosquitto grants the subscription and denies what comes; either is told, or
	// nothing comes.
	time.Sleep(300 * time.Millisecond)
	t.Log(e.Health()["broker"])
}

// TestBacklogDrains is the shape of the benchmark: many messages wait at Mosquitto.
func TestBacklogDrains(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds")
	}
	e, b := external(t, testserver.Options{Extra: []string{"max_queued_messages 0", "max_inflight_messages 1000"}})
	stop(t, e.Ingest)
	const clients, each = 4, 2500
	start := time.Now().UTC().Truncate(time.Millisecond).Add(-time.Hour)
	var sent sync.WaitGroup
	for n := range clients {
		c := at(t, b, fmt.Sprintf("gateway-%d", n))
		sent.Go(func() {
			var tokens []mqtt.Token
			for i := range each {
				at := start.Add(time.Duration(n*each+i) * time.Millisecond)
				tokens = append(tokens, c.Publish(readingsTopic("d1"), 1, false, fmt.Sprintf(`{"t":%d,"values":{"a":%d,"b":2.5}}`, at.UnixMilli(), i)))
			}
			for _, token := range tokens {
				if err := wait(token); err != nil {
					t.Error(err)
				}
			}
		})
	}
	sent.Wait()
	began := time.Now()
	e.start()
	e.eventually("all judged", func() bool { return e.judged.Load() >= clients*each })
	e.eventually("all written", func() bool { return len(e.samples("d1", "a")) == clients*each })
	t.Logf("%d messages in %s", clients*each, time.Since(began))
	if e.judged.Load() != clients*each {
		t.Logf("judged %d", e.judged.Load())
	}
}

var _ = errors.New
