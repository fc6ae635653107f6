package ingest_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"topout/site"
	"topout/store"
)

func TestReadingByEveryQoS(t *testing.T) {
	e := setup(t).start()
	c := e.client("d1")
	now := time.Now().UTC().Truncate(time.Millisecond)
	for qos := range byte(3) {
		e.publish(c, readingsTopic("d1"), readingAt(now.Add(time.Duration(qos)*time.Second), "wind_speed", float64(qos)), qos)
	}
	e.eventually("three samples", func() bool { return len(e.samples("d1", "wind_speed")) == 3 })
	for i, s := range e.samples("d1", "wind_speed") {
		if s.Value != float64(i) || !s.T.Equal(now.Add(time.Duration(i)*time.Second)) {
			t.Errorf("sample %d: %+v", i, s)
		}
	}
	e.eventually("the last value", func() bool {
		d := e.device("d1")
		return len(d.Last) == 1 && d.Last[0].Value == 2 && !d.LastSeen.IsZero()
	})
	if n := e.judged.Load(); n != 3 {
		t.Errorf("judged %d readings, want 3: a message was doubled", n)
	}
	if r := e.refused(); len(r) > 0 {
		t.Errorf("refused: %+v", r)
	}
}

func TestTasksInTopics(t *testing.T) {
	e := setup(t).start()
	c := e.client("sun")
	e.publish(c, "topout/v1/p1/progress/A1", `{"id":"r1","t":"2026-11-20T08:00:00+08:00","quantity":120,"workers":12,"by":"vera"}`)
	e.publish(c, "topout/v1/p1/progress/A.2%20%2F%20%E5%B1%8B%E9%9D%A2%2A", `{"id":"r2","t":1763600000000,"percent":45}`)
	e.publish(c, "topout/v1/p1/progress/A1", `{"id":"r1","t":"2026-11-21T08:00:00+08:00","percent":99}`) // a repeated id
	var got []site.Progress
	e.eventually("two reports", func() bool {
		e.view(func(t *store.Tx) (err error) {
			got, _, err = t.ProgressPage(site.ReportQuery{Project: project})
			return err
		})
		return len(got) == 2
	})
	byID := map[string]site.Progress{got[0].ID: got[0], got[1].ID: got[1]}
	if p := byID["r1"]; p.Percent != 25 || !p.HasPercent || p.Quantity != 120 || p.By != "sun" || p.Door != site.DoorMQTT {
		t.Errorf("r1: %+v", p)
	}
	if p := byID["r2"]; p.Task != "A.2 / 屋面*" || p.Percent != 45 || p.By != "sun" {
		t.Errorf("r2: %+v", p)
	}
}

func TestForeignTopicsAreRecorded(t *testing.T) {
	e := setup(t).start()
	c := e.client("d1")
	for _, topic := range []string{"topout/v1/p1/readings/d2", "topout/v1/p2/readings/d1", "topout/v1/p1/progress/A1", "other/topic.with.dots", "topout/v1/p1/withdrawals/x"} {
		for qos := range byte(2) {
			e.publish(c, topic, `{"t":1,"values":{"x":1}}`, qos)
		}
	}
	e.eventually("ten refused messages", func() bool { return len(e.refused()) == 10 })
	for _, r := range e.refused() {
		if r.Code != "ingest.foreign_topic" || r.Device != "d1" || r.Payload != nil || r.Door != site.DoorMQTT {
			t.Errorf("%+v", r)
		}
	}
	e.publish(c, readingsTopic("d1"), readingAt(time.Now(), "x", 1))
	e.eventually("the stream goes on", func() bool { return len(e.samples("d1", "x")) == 1 })
	if len(e.samples("d2", "x")) > 0 {
		t.Error("a foreign topic was taken")
	}
}

func TestTooLarge(t *testing.T) {
	e := setup(t).start()
	c := e.client("d1")
	_ = wait(c.Publish(readingsTopic("d1"), 1, false, bytes.Repeat([]byte("x"), 2<<20)))
	e.eventually("the broker turns 2 MB away", func() bool { return len(e.refused()) == 1 })
	c = e.client("d1")
	e.publish(c, readingsTopic("d1"), string(bytes.Repeat([]byte("x"), 1<<20+10)))
	e.eventually("a little over 1 MiB is refused too", func() bool { return len(e.refused()) == 2 })
	for _, r := range e.refused() {
		if r.Code != "ingest.too_large" || r.Payload != nil || r.Device != "d1" {
			t.Errorf("%s from %q on %q, %d bytes kept", r.Code, r.Device, r.Topic, len(r.Payload))
		}
	}
	e.publish(c, readingsTopic("d1"), fmt.Sprintf(`{"t":%d,"values":{"x":1}}%s`, time.Now().UnixMilli(), bytes.Repeat([]byte(" "), 1<<20-60)))
	e.eventually("just under 1 MiB is taken", func() bool { return len(e.samples("d1", "x")) == 1 })
}

func TestSignIn(t *testing.T) {
	e := setup(t).start()
	for _, who := range [][2]string{{"d1", "wrong"}, {"d1", ""}, {"nobody", "x"}, {"", ""}, {"$topout", "x"}, {"sun", secretOf("an")}} {
		if _, err := e.tryClient(who[0], who[1]); err == nil {
			t.Errorf("%q signed in with %q", who[0], who[1])
		}
	}
	e.eventually("failed sign-ins are recorded, once a name", func() bool { return len(e.refused()) == 4 })
	for range 3 {
		_, _ = e.tryClient("nobody", "x")
	}
	if r := e.refused(); len(r) != 4 || r[0].Code != "ingest.sign_in" {
		t.Errorf("%d refused, %+v", len(r), r[0])
	}
	e.client("d1")
	e.client("sun")
}

// TestTopicsThatTheBrokerCannotMap end the connection, and are recorded.
func TestTopicsThatTheBrokerCannotMap(t *testing.T) {
	e := setup(t).start()
	for n, topic := range []string{"topout/v1/p1/progress/A 1", "topout/v1/p1/progress/\x7f"} {
		c := e.client("sun")
		_ = wait(c.Publish(topic, 1, false, `{"id":"r1","t":1,"percent":1}`))
		e.eventually("it is recorded", func() bool {
			r := e.refused()
			return len(r) == n+1 && r[0].Code == "ingest.topic_characters" && r[0].Device == "sun"
		})
	}
}
