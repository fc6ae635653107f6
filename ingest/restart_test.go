package ingest_test

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"topout/ingest"
	"topout/site"
	"topout/store"
)

// copyTree is what a power cut leaves: the folder as it is at this moment, without
// any orderly end.
func copyTree(t *testing.T, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		if d.IsDir() {
			return os.MkdirAll(target, 0o700)
		}
		in, err := os.Open(path)
		if err != nil {
			if os.IsNotExist(err) {
				return nil
			}
			return err
		}
		defer in.Close()
		out, err := os.Create(target)
		if err != nil {
			return err
		}
		defer out.Close()
		_, err = io.Copy(out, in)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestCrashKeepsWhatWasAcknowledged copies the journal as a crash would leave it,
// while messages are acknowledged and neither cursor has applied them, and has the
// copy applied: each message once, in order.
func TestCrashKeepsWhatWasAcknowledged(t *testing.T) {
	e := setup(t).start()
	e.full.Store(true)
	e.away.Store(true)
	start := time.Now().UTC().Truncate(time.Millisecond).Add(-time.Hour)
	const senders, each = 3, 200
	var sent sync.WaitGroup
	for n := range senders {
		c := e.client(fmt.Sprintf("d%d", n+1))
		sent.Go(func() {
			for i := range each {
				topic := readingsTopic(fmt.Sprintf("d%d", n+1))
				if err := wait(c.Publish(topic, 1, false, readingAt(start.Add(time.Duration(i)*time.Millisecond), "x", float64(i)))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	sent.Go(func() {
		for i := range each {
			_, err := e.Accept(t.Context(), site.Message{Door: site.DoorBroker, Topic: readingsTopic("d1"), Payload: []byte(readingAt(start.Add(time.Duration(i)*time.Millisecond), "y", float64(i)))})
			if err != nil {
				t.Error(err)
			}
		}
	})
	sent.Wait()
	crashed := filepath.Join(e.dir, "crashed")
	copyTree(t, e.opts.Dir, crashed)
	stop(t, e.Ingest)
	e.full.Store(false)
	e.away.Store(false)
	e.opts.Dir = crashed
	e.start()
	e.eventually("all of it is there", func() bool {
		for n := range senders {
			if len(e.samples(fmt.Sprintf("d%d", n+1), "x")) != each {
				return false
			}
		}
		return len(e.samples("d1", "y")) == each
	})
	e.eventually("all of it is judged", func() bool { return e.device("d1").Last != nil })
	for i, s := range e.samples("d1", "y") {
		if s.Value != float64(i) {
			t.Fatalf("sample %d is %g", i, s.Value)
		}
	}
}

// TestRestartDoublesNothing stops and starts under load; what was applied before is
// not applied again.
func TestRestartDoublesNothing(t *testing.T) {
	e := setup(t).start()
	start := time.Now().UTC().Truncate(time.Millisecond).Add(-time.Hour)
	sent := 0
	for range 5 {
		c := e.client("d1")
		var tokens []mqtt.Token
		for range 100 {
			tokens = append(tokens, c.Publish(readingsTopic("d1"), 1, false, readingAt(start.Add(time.Duration(sent)*time.Millisecond), "x", 1)))
			sent++
		}
		for _, token := range tokens {
			if err := wait(token); err != nil {
				t.Fatal(err)
			}
		}
		e.restart()
	}
	e.eventually("all of it is there", func() bool { return len(e.samples("d1", "x")) == sent && e.judged.Load() >= int64(sent) })
	if n := e.judged.Load(); n != int64(sent) {
		t.Errorf("judged %d, sent %d", n, sent)
	}
}

// TestPublishedBeforeStart: the broker lets nobody in before its cursors stand.
func TestPublishedBeforeStart(t *testing.T) {
	e := setup(t)
	in, err := ingest.Open(t.Context(), e.opts)
	if err != nil {
		t.Fatal(err)
	}
	e.Ingest = in
	t.Cleanup(func() { stop(t, in) })
	connected := make(chan mqtt.Client)
	go func() {
		c, err := e.tryClient("d1", secretOf("d1"))
		if err != nil {
			t.Error(err)
		}
		connected <- c
	}()
	select {
	case <-connected:
		t.Fatal("signed in before Start")
	case <-time.After(300 * time.Millisecond):
	}
	if err := in.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	c := <-connected
	e.publish(c, readingsTopic("d1"), readingAt(time.Now(), "x", 1))
	e.eventually("it is there", func() bool { return len(e.samples("d1", "x")) == 1 })
}

func TestOpenTwiceAndStopWithoutStart(t *testing.T) {
	e := setup(t)
	in, err := ingest.Open(t.Context(), e.opts)
	if err != nil {
		t.Fatal(err)
	}
	e.opts.Listen = in.MQTTAddr()
	e.opts.Dir = filepath.Join(e.dir, "other")
	if _, err := ingest.Open(t.Context(), e.opts); err == nil {
		t.Error("a taken port was not noticed")
	} else {
		t.Log(err)
	}
	stop(t, in)
}

// TestSettingsChangeWithWorkLeft: messages wait in the journal while the embedded
// broker is switched off and the journal moves to an external NATS.
func TestSettingsChangeWithWorkLeft(t *testing.T) {
	e := setup(t).start()
	e.full.Store(true)
	e.publish(e.client("d1"), readingsTopic("d1"), readingAt(time.Now(), "x", 1))
	if r := e.accept("topout/v1/p1/progress/A1", `{"id":"r1","t":1763600000000,"percent":5}`); r.Records {
		t.Fatalf("%+v", r)
	}
	stop(t, e.Ingest)
	e.full.Store(false)
	e.opts.Listen, e.opts.NATS = "", natsServer(t)
	e.start()
	e.eventually("both are applied", func() bool {
		var err error
		e.view(func(t *store.Tx) error { _, err = t.ProgressByID(project, "r1"); return nil })
		return err == nil && len(e.samples("d1", "x")) == 1
	})
}

// TestStopIsQuick stops while everything around is away.
func TestStopIsQuick(t *testing.T) {
	e := setup(t).start()
	c := e.client("d1", func(o *mqtt.ClientOptions) { o.SetWill("topout/v1/p1/status/d1", "offline", 1, true) })
	e.publish(c, readingsTopic("d1"), readingAt(time.Now(), "x", 1))
	e.eventually("applied", func() bool { return e.Backlog() == 0 })
	e.full.Store(true)
	e.away.Store(true)
	for n := range 10 {
		e.publish(c, readingsTopic("d1"), readingAt(time.Now().Add(time.Duration(n)*time.Millisecond), "x", 1))
	}
	start := time.Now()
	stop(t, e.Ingest)
	if took := time.Since(start); took > 8*time.Second {
		t.Errorf("stopping took %s", took)
	}
	e.full.Store(false)
	e.away.Store(false)
	e.start()
	e.eventually("nothing is lost", func() bool { return len(e.samples("d1", "x")) == 11 })
	if r := e.refused(); len(r) > 0 {
		t.Errorf("%+v", r)
	}
}

// TestOldCopyOfTheJournal: the folder of the journal is an older copy than the
// records, so that its numbers begin again below their position.
func TestOldCopyOfTheJournal(t *testing.T) {
	e := setup(t).start()
	c := e.client("d1")
	old := filepath.Join(e.dir, "old")
	start := time.Now().Add(-time.Hour)
	for n := range 20 {
		if n == 5 {
			e.eventually("applied", func() bool { return e.Backlog() == 0 })
			copyTree(t, e.opts.Dir, old)
		}
		e.publish(c, readingsTopic("d1"), readingAt(start.Add(time.Duration(n)*time.Millisecond), "x", 1))
	}
	e.eventually("applied", func() bool { return e.Backlog() == 0 })
	stop(t, e.Ingest)
	e.opts.Dir = old
	e.start()
	e.publish(e.client("d1"), readingsTopic("d1"), readingAt(start.Add(time.Minute), "x", 1))
	e.eventually("what comes then is applied", func() bool { return len(e.samples("d1", "x")) == 21 && e.judged.Load() == 21 })
	if !strings.Contains(e.log.String(), "older than the records") {
		t.Error("it is not told")
	}
}
