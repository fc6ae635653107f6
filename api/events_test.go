package api_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"topout/site"
	"topout/store"
)

// event is one server-sent event.
type event struct {
	id, kind string
	data     map[string]any
}

// events opens an event stream. Its channel is closed when the stream ends.
func (s *testSite) events(path string, edit ...func(*http.Request)) <-chan event {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r := must(http.NewRequestWithContext(ctx, "GET", s.http.URL+"/api/v1"+path, nil))
	for _, e := range edit {
		e(r)
	}
	res, err := s.http.Client().Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	if res.StatusCode != 200 || res.Header.Get("Content-Type") != "text/event-stream" || res.Header.Get("Cache-Control") != "no-store" {
		s.t.Fatalf("stream answers %d, %v", res.StatusCode, res.Header)
	}
	out := make(chan event, 100)
	ended := make(chan struct{})
	s.t.Cleanup(func() { cancel(); <-ended })
	go func() {
		defer close(ended)
		defer close(out)
		defer res.Body.Close()
		lines := bufio.NewScanner(res.Body)
		var e event
		for lines.Scan() {
			name, value, _ := strings.Cut(lines.Text(), ": ")
			switch {
			case name == "id":
				e.id = value
			case name == "event":
				e.kind = value
			case name == "data":
				if err := json.Unmarshal([]byte(value), &e.data); err != nil {
					s.t.Error(err)
				}
			case lines.Text() == "" && e.kind != "":
				select {
				case out <- e:
				case <-ctx.Done():
					return
				}
				e = event{}
			}
		}
		if err := lines.Err(); err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, io.ErrUnexpectedEOF) {
			s.t.Errorf("stream: %v", err)
		}
	}()
	return out
}

func (s *testSite) as(who string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+s.tokens[who]) }
}

// next waits for the next event.
func next(t *testing.T, events <-chan event) event {
	t.Helper()
	select {
	case e, ok := <-events:
		if !ok {
			t.Fatal("the stream ended")
		}
		return e
	case <-time.After(10 * time.Second):
		t.Fatal("no event")
	}
	return event{}
}

// ends waits for the stream's end; events before it are passed over.
func ends(t *testing.T, events <-chan event) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for {
		select {
		case _, ok := <-events:
			if !ok {
				return
			}
		case <-deadline:
			t.Fatal("the stream goes on")
		}
	}
}

// change adds a change as another process would: nobody wakes the server.
func (s *testSite) change(c site.Change) {
	s.t.Helper()
	c.At = s.clock.now()
	s.update(func(tx *store.Tx) error { _, err := tx.AddChange(c); return err })
}

func TestEvents(t *testing.T) {
	s := newSite(t, siteOptions{}).withPlan()
	all := s.events("/events", s.as("admin"))
	mine := s.events("/events?project=wenyuan", s.as("viewer"))
	path, body := report("r1", "A1", 45)
	s.request("supervisor", "PUT", path, body).want(201)
	for _, stream := range []<-chan event{all, mine} {
		e := next(t, stream)
		if e.kind != "progress" || e.id == "" || e.data["project"] != "wenyuan" || e.data["at"] == nil || e.data["ref"] == nil {
			t.Errorf("event %+v", e)
		}
	}
	s.change(site.Change{Project: "other", Kind: site.ChangePlan, Ref: "other"})
	s.change(site.Change{Project: "wenyuan", Kind: site.ChangeSlip, Ref: "wenyuan", Data: []byte(`{"slip_days":3}`)})
	if e := next(t, all); e.data["project"] != "other" {
		t.Errorf("the administrator sees %+v", e)
	}
	last := next(t, mine)
	if last.kind != "slip" || last.data["slip_days"] != 3.0 || last.data["ref"] != "wenyuan" {
		t.Errorf("the viewer sees %+v", last)
	}

	// A stream goes on where it broke off.
	path, body = report("r2", "A1", 50)
	s.request("supervisor", "PUT", path, body).want(201)
	again := s.events("/events?project=wenyuan", s.as("viewer"), func(r *http.Request) { r.Header.Set("Last-Event-ID", last.id) })
	if e := next(t, again); e.kind != "progress" || e.id <= last.id {
		t.Errorf("resumed at %+v", e)
	}
	s.get("viewer", "/events?project=other").problem(404, "api.no_project", "project")
	s.request("viewer", "GET", "/events", nil, func(r *http.Request) { r.Header.Set("Last-Event-ID", "x") }).problem(422, "api.wrong_format", "Last-Event-ID")
}

// TestEventsFromFarBack resumes further back than memory reaches, and too far.
func TestEventsFromFarBack(t *testing.T) {
	s := newSite(t, siteOptions{})
	many := func(n int) {
		s.update(func(tx *store.Tx) error {
			for range n {
				if _, err := tx.AddChange(site.Change{Project: "wenyuan", Kind: site.ChangeCheck, Ref: "x", At: s.clock.now()}); err != nil {
					return err
				}
			}
			return nil
		})
	}
	from := func(r *http.Request) { r.Header.Set("Last-Event-ID", "0") }
	many(3000)
	stream := s.events("/events", s.as("viewer"), from)
	for i := range 3000 {
		if e := next(t, stream); i == 0 && e.id != "1" || i == 2999 && e.id != "3000" {
			t.Fatalf("event %d has id %s", i, e.id)
		}
	}
	many(3000)
	if e := next(t, s.events("/events", s.as("viewer"), from)); e.kind != "reload" || e.id != "6000" {
		t.Errorf("too far back: %+v", e)
	}
}

// TestEventsCutOff ends the streams of whoever may no longer see them.
func TestEventsCutOff(t *testing.T) {
	cut := map[string]func(s *testSite, session *http.Cookie){
		"disabled": func(s *testSite, _ *http.Cookie) {
			s.request("admin", "PATCH", "/people/viewer", map[string]any{"disabled": true}).want(200)
		},
		"role taken": func(s *testSite, _ *http.Cookie) {
			s.request("admin", "PATCH", "/people/viewer", map[string]any{"roles": map[string]any{"wenyuan": ""}}).want(200)
		},
		"new password": func(s *testSite, _ *http.Cookie) {
			s.request("admin", "POST", "/people/viewer/password", nil).want(200)
		},
		"signed out": func(s *testSite, c *http.Cookie) { s.request("", "DELETE", "/sessions", nil, with(c)).want(204) },
		"token revoked": func(s *testSite, _ *http.Cookie) {
			s.request("viewer", "DELETE", "/tokens/token-viewer", nil).want(204)
		},
		"by another process": func(s *testSite, _ *http.Cookie) {
			s.update(func(tx *store.Tx) error {
				p, err := tx.Person("viewer")
				if err != nil {
					return err
				}
				p.Disabled = true
				_, added := tx.AddChange(site.Change{Kind: site.ChangeAccess, Ref: site.AccessPerson + "viewer", At: s.clock.now()})
				return errors.Join(tx.UpdatePerson(p), added)
			})
		},
	}
	for name, act := range cut {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, siteOptions{})
			c := s.signIn("viewer", password)
			as := with(c)
			if name == "token revoked" {
				as = s.as("viewer")
			}
			stream := s.events("/events?project=wenyuan", as)
			other := s.events("/events?project=wenyuan", s.as("owner"))
			act(s, c)
			ends(t, stream)
			s.change(site.Change{Project: "wenyuan", Kind: site.ChangePlan, Ref: "wenyuan"})
			if e := next(t, other); e.kind != "plan" {
				t.Errorf("others see %+v", e)
			}
			if kicked := strings.Join(s.broker.seen(), ","); name != "signed out" && kicked != "person viewer" {
				t.Errorf("cut off at the broker: %s", kicked)
			}
		})
	}
}

// TestEventsEnd ends all streams when the server does.
func TestEventsEnd(t *testing.T) {
	s := newSite(t, siteOptions{})
	stream := s.events("/events", s.as("viewer"))
	s.server.CloseStreams()
	ends(t, stream)
	ends(t, s.events("/events", s.as("viewer")))
}
