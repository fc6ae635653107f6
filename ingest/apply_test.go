package ingest_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"topout/ingest"
	"topout/site"
	"topout/store"
)

func (e *env) accept(topic, payload string) ingest.Receipt {
	e.t.Helper()
	r, err := e.Accept(context.Background(), site.Message{Door: site.DoorAPI, Topic: topic, Payload: []byte(payload), By: "sun"})
	if err != nil {
		e.t.Fatal(err)
	}
	return r
}

func TestAccept(t *testing.T) {
	e := setup(t).start()
	const topic = "topout/v1/p1/progress/A1"
	r := e.accept(topic, `{"id":"r1","t":"2026-11-20T08:00:00Z","percent":45}`)
	if !r.Records || !r.Series || r.Repeat || r.Refused != nil {
		t.Errorf("new: %+v", r)
	}
	r = e.accept(topic, `{"id":"r1","t":"2026-11-21T08:00:00Z","percent":99}`)
	if !r.Records || !r.Series || !r.Repeat || r.Refused != nil {
		t.Errorf("repeat: %+v", r)
	}
	r = e.accept(topic, `{"id":"r2","t":"2026-11-21T08:00:00Z","percent":101}`)
	if r.Refused == nil || r.Refused.Code != "ingest.percent" || r.Refused.Field != "percent" || r.Records {
		t.Errorf("bad: %+v", r)
	}
	r = e.accept("topout/v1/p1/progress/none", `{"id":"r2","t":"2026-11-21T08:00:00Z","percent":10}`)
	if r.Refused == nil || r.Refused.Code != "ingest.unknown_task" || !r.Records {
		t.Errorf("unknown task: %+v", r)
	}
	r = e.accept("topout/v1/p1/checks/daily-safety", `{"id":"c1","t":"2026-11-21T08:00:00Z","building":"b3","items":[{"code":"none","result":"pass"}]}`)
	if r.Refused == nil || r.Refused.Code != "checklist.unknown_item" {
		t.Errorf("unknown item: %+v", r)
	}
	if !e.repeatedSeriesIsFirst() {
		t.Error("a repeated id wrote another point")
	}
}

// repeatedSeriesIsFirst asks the records: the series' point is made from them.
func (e *env) repeatedSeriesIsFirst() bool {
	var p site.Progress
	e.view(func(t *store.Tx) (err error) {
		p, err = t.ProgressByID(project, "r1")
		return err
	})
	return p.Percent == 45
}

func TestCheckIsScored(t *testing.T) {
	e := setup(t).start()
	r := e.accept("topout/v1/p1/checks/jgj59-b1", `{"id":"c1","t":"2026-11-21T08:00:00Z","building":"b3","items":[{"code":"B.1-1","result":"pass"},{"code":"B.1-2","result":"fail","deduct":3}]}`)
	if !r.Records || !r.Series || r.Refused != nil {
		t.Fatalf("%+v", r)
	}
	var c site.Check
	e.view(func(t *store.Tx) (err error) {
		c, err = t.CheckByID(project, "c1")
		return err
	})
	if c.Score != 85 || c.Grade != "优良" || c.Failed != 1 || c.By != "sun" || c.Checklist != "jgj59-b1" || c.Version == 0 {
		t.Errorf("%+v", c)
	}
}

func TestWithdraw(t *testing.T) {
	e := setup(t).start()
	e.accept("topout/v1/p1/progress/A1", `{"id":"r1","t":"2026-11-20T08:00:00Z","percent":45}`)
	r := e.accept("topout/v1/p1/withdrawals/r1", `{"t":"2026-11-20T09:00:00Z","record":"progress","why":"typo"}`)
	if !r.Records || !r.Series || r.Repeat || r.Refused != nil {
		t.Fatalf("%+v", r)
	}
	if r = e.accept("topout/v1/p1/withdrawals/r1", `{"t":"2026-11-20T09:00:00Z","record":"progress","why":"again"}`); !r.Repeat {
		t.Errorf("again: %+v", r)
	}
	if r = e.accept("topout/v1/p1/withdrawals/none", `{"t":"2026-11-20T09:00:00Z","record":"check","why":"x"}`); r.Refused == nil || r.Refused.Code != "ingest.unknown_record" {
		t.Errorf("unknown: %+v", r)
	}
	var p site.Progress
	e.view(func(t *store.Tx) (err error) {
		p, err = t.ProgressByID(project, "r1")
		return err
	})
	if p.Withdrawn == nil || p.Withdrawn.By != "sun" || p.Withdrawn.Why != "typo" {
		t.Errorf("%+v", p.Withdrawn)
	}
}

func TestRefusals(t *testing.T) {
	e := setup(t).start()
	now := time.Now()
	door := func(topic, payload string) {
		_, err := e.Accept(t.Context(), site.Message{Door: site.DoorBroker, Topic: topic, Payload: []byte(payload)})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ topic, payload, code string }{
		{"topout/v1/p1/readings/none", readingAt(now, "x", 1), "ingest.unknown_device"},
		{"topout/v1/none/readings/d1", readingAt(now, "x", 1), "ingest.unknown_project"},
		{"topout/v1/p1/readings/foreign", readingAt(now, "x", 1), "ingest.foreign_project"},
		{"topout/v1/p1/readings/d1", "", "ingest.not_json"},
		{"topout/v1/p1/readings/d1", "{\"t\":1,\"values\":{\"\xff\":1}}", "ingest.invalid_utf8"},
		{"topout/v1/p1/readings/d1", readingAt(now.Add(11*time.Minute), "x", 1), "ingest.ahead"},
		{"topout/v1/p1/readings/d1", readingAt(now.AddDate(0, 0, -401), "x", 1), "ingest.too_old"},
		{"topout/v1/p1/readings/d1/x", readingAt(now, "x", 1), "ingest.bad_topic"},
		{"topout/v1/p1/withdrawals/r1", `{"t":1,"record":"check","why":"x"}`, "ingest.bad_topic"},
		{"topout/v1/p1/status/d1", "away", "ingest.bad_status"},
		{"topout/v1/p1/checks/none", `{"id":"c","t":1,"items":[{"code":"a","result":"pass"}]}`, "ingest.unknown_form"},
		{"topout/v1/p1/progress/A1", `{"id":"r","t":1,"percent":1,"by":"vera"}`, "ingest.unknown_person"},
		{"topout/v1/p1/progress/A1", `{"id":"r","t":1,"percent":1,"by":"nobody"}`, "ingest.unknown_person"},
		{"topout/v1/p1/progress/none", `{"id":"r","t":1,"percent":1}`, "ingest.unknown_task"},
	} {
		before := len(e.refused())
		door(c.topic, c.payload)
		got := e.refused()
		if len(got) != before+1 {
			t.Errorf("%s %q: %d refused, want %d", c.topic, c.payload, len(got), before+1)
			continue
		}
		found := false
		for _, r := range got {
			found = found || r.Code == c.code && r.Topic == c.topic && string(r.Payload) == c.payload
		}
		if !found {
			t.Errorf("%s %q: not refused as %s: %+v", c.topic, c.payload, c.code, got)
		}
	}
	door("topout/v1/p1/alerts/critical", "{}") // our own, come back
	door(readingsTopic("d1"), readingAt(now.Add(9*time.Minute), "x", 1))
	e.eventually("good ones are taken", func() bool { return len(e.samples("d1", "x")) == 1 })
	if n := len(e.refused()); n != 14 {
		t.Errorf("%d refused", n)
	}
}

func TestGoodReadingsOfAMessageAreTaken(t *testing.T) {
	e := setup(t).start()
	now := time.Now().UTC().Truncate(time.Millisecond)
	payload := fmt.Sprintf(`[{"t":%d,"values":{"x":1}},{"t":%d,"values":{"x":"2"}},{"values":{"x":3}},{"t":%d,"values":{"x":4}}]`,
		now.UnixMilli(), now.UnixMilli()+1, now.UnixMilli()+2)
	if _, err := e.Accept(t.Context(), site.Message{Door: site.DoorBroker, Topic: readingsTopic("d1"), Payload: []byte(payload)}); err != nil {
		t.Fatal(err)
	}
	e.eventually("two samples", func() bool { return len(e.samples("d1", "x")) == 2 })
	r := e.refused()
	if len(r) != 1 || r[0].Code != "ingest.not_a_number" || r[0].Params["field"] != "[1].values.x" || string(r[0].Payload) != payload {
		t.Errorf("%+v", r)
	}
}

func TestRetake(t *testing.T) {
	e := setup(t).start()
	sent := time.Now().Add(-time.Minute).UTC().Truncate(time.Millisecond)
	m := site.Message{Door: site.DoorBroker, Topic: readingsTopic("new"), Payload: []byte(readingAt(sent, "x", 7))}
	if _, err := e.Accept(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	refused := e.refusedAs("ingest.unknown_device")
	if refused == nil {
		t.Fatal("not refused")
	}
	r, err := e.Retake(t.Context(), *refused)
	if err != nil || r.Refused == nil || r.Refused.Code != "ingest.unknown_device" {
		t.Fatalf("%+v, %v", r, err)
	}
	if n := len(e.refused()); n != 1 {
		t.Errorf("trying again made %d rows", n)
	}
	e.update(func(t *store.Tx) error { return newDevice(t, "new", project) })
	e.Invalidate()
	if r, err = e.Retake(t.Context(), *refused); err != nil || r.Refused != nil || !r.Records || !r.Series {
		t.Fatalf("%+v, %v", r, err)
	}
	if got := e.samples("new", "x"); len(got) != 1 || !got[0].T.Equal(sent) {
		t.Errorf("%+v", got)
	}
	if refused = e.refusedAs("ingest.unknown_device"); refused.TakenAt.IsZero() {
		t.Error("not marked as taken")
	}
}

func TestCorrectionStands(t *testing.T) {
	e := setup(t).start()
	now := time.Now().UTC().Truncate(time.Millisecond)
	c := e.client("d1")
	for _, v := range []float64{1, 2, 3} {
		e.publish(c, readingsTopic("d1"), readingAt(now, "x", v))
	}
	e.publish(c, readingsTopic("d1"), readingAt(now.Add(-time.Hour), "x", 9)) // late
	e.eventually("the last correction", func() bool {
		s := e.samples("d1", "x")
		return len(s) == 2 && s[1].Value == 3
	})
	e.eventually("the last value", func() bool { // another cursor than the series'
		d := e.device("d1")
		return len(d.Last) == 1 && d.Last[0].Value == 3 && d.Last[0].T.Equal(now)
	})
}

func TestSeriesAway(t *testing.T) {
	e := setup(t).start()
	e.away.Store(true)
	c := e.client("d1")
	now := time.Now().UTC().Truncate(time.Millisecond)
	for n := range 50 {
		e.publish(c, readingsTopic("d1"), readingAt(now.Add(time.Duration(n)*time.Millisecond), "x", float64(n)))
	}
	e.eventually("rules are not held back", func() bool { return e.judged.Load() == 50 })
	e.eventually("health says so", func() bool {
		h := e.Health()["series"]
		return h.Status == ingest.StatusDegraded && h.Error.Code == "ingest.series_away" && !h.Since.IsZero()
	})
	start := time.Now()
	r := e.accept("topout/v1/p1/progress/A1", `{"id":"r1","t":"2026-11-20T08:00:00Z","percent":45}`)
	if !r.Records || r.Series || r.Refused != nil || time.Since(start) > time.Second {
		t.Errorf("%+v after %s", r, time.Since(start))
	}
	e.restart()
	if n := len(e.samples("d1", "x")); n != 0 {
		t.Errorf("%d samples written while away", n)
	}
	e.away.Store(false)
	e.eventually("all is there when it is back", func() bool { return len(e.samples("d1", "x")) == 50 })
	e.eventually("health is well", func() bool { return e.Health()["series"].Status == ingest.StatusOK })
	if n := e.judged.Load(); n != 50 {
		t.Errorf("judged %d, want 50: something was doubled", n)
	}
}

func TestRecordsFull(t *testing.T) {
	e := setup(t).start()
	e.full.Store(true)
	c := e.client("d1")
	now := time.Now().UTC().Truncate(time.Millisecond)
	for n := range 20 {
		e.publish(c, readingsTopic("d1"), readingAt(now.Add(time.Duration(n)*time.Millisecond), "x", float64(n)))
	}
	e.eventually("health says so", func() bool { return e.Health()["records"].Status == ingest.StatusDegraded })
	r := e.accept("topout/v1/p1/progress/A1", `{"id":"r1","t":"2026-11-20T08:00:00Z","percent":45}`)
	if r.Records {
		t.Errorf("%+v", r)
	}
	e.full.Store(false)
	e.eventually("all is applied", func() bool {
		var err error
		e.view(func(t *store.Tx) error { _, err = t.ProgressByID(project, "r1"); return nil })
		return err == nil && len(e.samples("d1", "x")) == 20 && e.device("d1").Last != nil
	})
	if r := e.refused(); len(r) > 0 {
		t.Errorf("refused: %+v", r)
	}
}

func TestPoisonIsRefusedAndTheRestIsTaken(t *testing.T) {
	e := setup(t)
	poison := "d2"
	e.judgeFails.Store(&poison)
	e.start()
	now := time.Now().UTC().Truncate(time.Millisecond)
	c1, c2 := e.client("d1"), e.client("d2")
	for n := range 3 {
		e.publish(c1, readingsTopic("d1"), readingAt(now.Add(time.Duration(n)*time.Millisecond), "x", 1))
		e.publish(c2, readingsTopic("d2"), readingAt(now.Add(time.Duration(n)*time.Millisecond), "x", 1))
	}
	e.eventually("three refused", func() bool { return len(e.refused()) == 3 })
	e.eventually("the others judged", func() bool { return e.judged.Load() >= 3 && e.device("d1").Last != nil })
	for _, r := range e.refused() {
		if r.Code != "ingest.not_applied" || r.Payload == nil || r.Topic != readingsTopic("d2") || r.Device != "d2" {
			t.Errorf("%+v", r)
		}
	}
	if n := e.judged.Load(); n != 3 {
		t.Logf("judged %d times: batches that failed were tried again", n)
	}
}

func TestDiskFull(t *testing.T) {
	e := setup(t).start()
	c := e.client("d1")
	e.publish(c, readingsTopic("d1"), readingAt(time.Now(), "x", 1))
	e.free.Store(500 << 20)
	e.eventually("a warning", func() bool {
		h := e.Health()["disk"]
		return h.Status == ingest.StatusDegraded && h.Error.Code == "ingest.disk_low"
	})
	e.publish(c, readingsTopic("d1"), readingAt(time.Now(), "x", 2))
	e.free.Store(100 << 20)
	e.eventually("the doors shut", func() bool { return e.Health()["disk"].Status == ingest.StatusDown && !c.IsConnected() })
	if _, err := e.tryClient("d1", secretOf("d1")); err == nil {
		t.Error("a device may still sign in")
	}
	_, err := e.Accept(t.Context(), site.Message{Door: site.DoorAPI, Topic: "topout/v1/p1/progress/A1", Payload: []byte(`{"id":"r1","t":1,"percent":1}`)})
	if !site.IsKind(err, site.Unavailable) || site.AsError(err).Code != "ingest.disk_full" {
		t.Errorf("Accept: %v", err)
	}
	if !strings.Contains(e.log.String(), "the disk is full") {
		t.Error("the log does not say so")
	}
	e.free.Store(10 << 30)
	e.eventually("the doors open again", func() bool {
		_, err := e.tryClient("d1", secretOf("d1"))
		return err == nil
	})
	e.eventually("both are there", func() bool { return len(e.samples("d1", "x")) == 2 })
}
