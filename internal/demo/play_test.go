package demo_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"topout/internal/demo"
	"topout/internal/testserver"
	"topout/site"
)

// ear hears everything that is published at a broker.
type ear struct {
	mu    sync.Mutex
	heard []string // "topic payload"
	more  chan struct{}
}

func listen(t *testing.T, url, user, password string) *ear {
	t.Helper()
	e := &ear{more: make(chan struct{}, 1)}
	o := mqtt.NewClientOptions().AddBroker(url).SetClientID("ear").SetUsername(user).SetPassword(password).
		SetCleanSession(false).SetMaxReconnectInterval(100 * time.Millisecond).
		SetDefaultPublishHandler(func(_ mqtt.Client, m mqtt.Message) {
			e.mu.Lock()
			e.heard = append(e.heard, m.Topic()+" "+string(m.Payload()))
			e.mu.Unlock()
			select {
			case e.more <- struct{}{}:
			default:
			}
		})
	c := mqtt.NewClient(o)
	if token := c.Connect(); !token.WaitTimeout(10*time.Second) || token.Error() != nil {
		t.Fatal(token.Error())
	}
	if token := c.Subscribe("topout/v1/#", 1, nil); !token.WaitTimeout(10*time.Second) || token.Error() != nil {
		t.Fatal(token.Error())
	}
	t.Cleanup(func() { c.Disconnect(100) })
	return e
}

func (e *ear) all() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.heard)
}

// until waits until enough was heard.
func (e *ear) until(t *testing.T, enough func([]string) bool) []string {
	t.Helper()
	late := time.After(30 * time.Second)
	for {
		if heard := e.all(); enough(heard) {
			return heard
		}
		select {
		case <-e.more:
		case <-late:
			t.Fatalf("heard only %d messages", len(e.all()))
		}
	}
}

// of keeps the messages about one device, person's task or form, but for status.
func of(heard []string, topic string) []string {
	return slices.DeleteFunc(slices.Clone(heard), func(s string) bool { return !strings.HasPrefix(s, topic) })
}

func TestPlayPlaysTheScript(t *testing.T) {
	broker := testserver.Mosquitto(t, testserver.Options{Users: map[string]string{"gate way": "pass word"}, Extra: []string{"max_queued_messages 0"}})
	e := listen(t, broker.URL, "gate way", "pass word")
	url := strings.Replace(broker.URL, "mqtt://", "mqtt://gate%20way:pass%20word@", 1)
	opts := demo.PlayOptions{URL: url, Seed: 7, Days: 1, Until: noon}
	stats, err := demo.Play(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for m := range script(t, demo.ScriptOptions{Seed: 7, From: noon.Add(-24 * time.Hour), To: noon, Every: 10 * time.Minute, ReportEvery: 40 * time.Minute}) {
		want = append(want, m.Topic+" "+string(m.Payload))
	}
	heard := e.until(t, func(h []string) bool { return int64(len(h)) >= stats.Sent })
	if int64(len(heard)) != stats.Sent || stats.Sent != int64(len(want))+stats.Status {
		t.Errorf("heard %d, sent %d, script %d, status %d", len(heard), stats.Sent, len(want), stats.Status)
	}
	for _, topic := range []string{"topout/v1/wenyuan/readings/crane-1 ", "topout/v1/wenyuan/readings/dust-1 ", "topout/v1/wenyuan/progress/", "topout/v1/wenyuan/checks/"} {
		got, want := of(heard, topic), of(want, topic)
		// Clients are not in step with each other.
		slices.Sort(got)
		slices.Sort(want)
		if len(want) == 0 || !slices.Equal(got, want) {
			t.Errorf("%s: heard %d, want %d", topic, len(got), len(want))
		}
	}
	crane := of(heard, "topout/v1/wenyuan/readings/crane-1 ")
	if want := of(want, "topout/v1/wenyuan/readings/crane-1 "); !slices.Equal(crane, want) {
		t.Error("one client's messages are out of order")
	}
	if !slices.Contains(heard, "topout/v1/wenyuan/status/crane-1 online") {
		t.Error("nobody heard that the crane is online")
	}
	if stats.Readings == 0 || stats.Progress == 0 || stats.Checks == 0 || stats.Status == 0 || stats.Clients == 0 || stats.To.After(noon) {
		t.Errorf("%+v", stats)
	}
}

func TestPlayGoesOnLive(t *testing.T) {
	broker := testserver.Mosquitto(t, testserver.Options{})
	e := listen(t, broker.URL, "", "")
	ctx, cancel := context.WithCancel(t.Context())
	var told sync.Once
	progress := make(chan demo.Stats, 1)
	done := make(chan error, 1)
	go func() {
		_, err := demo.Play(ctx, demo.PlayOptions{URL: broker.URL, Speed: 10, Progress: func(s demo.Stats) { told.Do(func() { progress <- s }) }})
		done <- err
	}()
	before := time.Now()
	e.until(t, func(h []string) bool { return len(of(h, "topout/v1/wenyuan/readings/hoist-1 ")) >= 3 })
	if s := <-progress; s.Sent == 0 {
		t.Errorf("told %+v", s)
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatalf("the end of the context is no error: %v", err)
	}
	for _, m := range of(e.all(), "topout/v1/wenyuan/readings/hoist-1 ") {
		r := decodeReading(t, m[strings.Index(m, " ")+1:])
		if r.T.Before(before.Add(-time.Minute)) || r.T.After(time.Now()) {
			t.Errorf("live, with time %s", r.T)
		}
	}
}

// A broker that goes away and comes back costs nothing that was to be sent.
func TestPlayOutlivesItsBroker(t *testing.T) {
	broker := testserver.Mosquitto(t, testserver.Options{Persistence: true, Extra: []string{"max_queued_messages 0", "autosave_interval 1"}})
	e := listen(t, broker.URL, "", "")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	type result struct {
		demo.Stats
		err error
	}
	done := make(chan result, 1)
	go func() {
		s, err := demo.Play(ctx, demo.PlayOptions{URL: broker.URL, Seed: 3, Days: 3, Until: noon, Speed: 3 * 86400 / 4.0})
		done <- result{s, err}
	}()
	e.until(t, func(h []string) bool { return len(h) > 300 })
	broker.Stop()
	broker.Start()
	r := <-done
	if r.err != nil {
		t.Fatal(r.err)
	}
	want := map[string]bool{}
	for m := range script(t, demo.ScriptOptions{Seed: 3, From: noon.Add(-72 * time.Hour), To: noon, Every: 10 * time.Minute, ReportEvery: 40 * time.Minute}) {
		want[m.Topic+" "+string(m.Payload)] = true
	}
	e.until(t, func(h []string) bool {
		left := len(want)
		seen := map[string]bool{}
		for _, m := range h {
			if want[m] && !seen[m] {
				seen[m] = true
				left--
			}
		}
		return left == 0
	})
}

func TestPlayIsTurnedAway(t *testing.T) {
	broker := testserver.Mosquitto(t, testserver.Options{Users: map[string]string{"u": "p"}})
	for code, opts := range map[string]demo.PlayOptions{
		"demo.turned_away": {URL: broker.URL, Days: 1},
		"demo.no_broker":   {URL: "mqtt://127.0.0.1:1", Days: 1},
		"demo.bad_url":     {URL: "nowhere", Days: 1},
		"demo.negative":    {URL: broker.URL, Days: -1},
		"demo.bad_weather": {URL: broker.URL, Days: 1, Weather: bytes.NewReader([]byte("a,b\n1,2\n"))},
	} {
		_, err := demo.Play(t.Context(), opts)
		if e := site.AsError(err); e == nil || e.Code != code {
			t.Errorf("got %v, want %s", err, code)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := demo.Play(ctx, demo.PlayOptions{URL: broker.URL, Days: 1}); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("ended before it began: %v", err)
	}
}
