package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"topout/alerts"
	"topout/api"
	"topout/api/auth"
	"topout/checklist"
	"topout/ingest"
	"topout/internal/text"
	"topout/series"
	"topout/site"
	"topout/store"
)

// The tests run against the real store, series, journal and rules; only the
// ways out (notices, broker connections, jobs) are recorders.

const password = "correct-horse"

// people are the accounts of every test site, by their role in wenyuan.
var people = []string{"admin", "owner", "supervisor", "safety", "viewer", "stranger"}

// testSite is a site with the API in front of it.
type testSite struct {
	t      *testing.T
	store  *store.Store
	series *flakySeries
	ingest *ingest.Ingest
	server *api.Server
	http   *httptest.Server
	broker *recordingBroker
	jobs   *recordingJobs
	health *setHealth
	clock  *clock
	tokens map[string]string
	log    *bytes.Buffer
}

type siteOptions struct {
	web    fs.FS
	secure bool
	rate   float64
	start  time.Time
}

func newSite(t *testing.T, o siteOptions) *testSite {
	t.Helper()
	ctx := context.Background()
	dir := t.TempDir()
	s := &testSite{t: t, broker: &recordingBroker{}, jobs: &recordingJobs{}, health: &setHealth{}, tokens: map[string]string{}, log: &bytes.Buffer{}}
	if o.start.IsZero() {
		o.start = time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC) // a Monday, 10:00 in Shanghai
	}
	s.clock = &clock{at: o.start}
	log := slog.New(slog.NewTextHandler(&lockedWriter{w: s.log}, nil))
	texts := must(text.New())
	forms := must(checklist.Embedded())
	rules := must(alerts.Builtin())
	engine := must(alerts.NewEngine(alerts.Options{Rules: rules, Texts: texts, Now: s.clock.now, Log: log}))
	s.store = must(store.Open(ctx, store.Options{Path: filepath.Join(dir, "topout.db"), Now: s.clock.now}))
	t.Cleanup(func() { s.store.Close() })
	points := must(series.OpenEmbedded(ctx, filepath.Join(dir, "series.db"), series.EmbeddedOptions{}))
	t.Cleanup(func() { points.Close() })
	s.series = &flakySeries{Store: points}
	s.seed()
	s.ingest = must(ingest.Open(ctx, ingest.Options{
		Dir: filepath.Join(dir, "journal"), Ledger: ledger{s.store, engine}, Series: s.series, Forms: forms, Now: s.clock.now, Log: log,
		OnApplied: func() {
			if s.server != nil {
				s.server.Wake()
			}
		},
	}))
	s.broker.ingest = s.ingest
	s.server = must(api.New(api.Options{
		Records: records{s.store}, Inbox: inbox{s.ingest}, Series: points, Issues: issues{engine, texts}, Rules: rulebook{rules, engine},
		Notices: notices{}, Broker: s.broker, Jobs: s.jobs, Health: s.health, Checklists: forms, Texts: texts,
		Registry: prometheus.NewRegistry(), Web: o.web, Version: "test", SecureCookies: o.secure, Rate: o.rate, Now: s.clock.now, Log: log,
	}))
	if err := s.ingest.Start(ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.ingest.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	s.http = httptest.NewServer(s.server.Handler())
	running, stop := context.WithCancel(ctx)
	var group sync.WaitGroup
	group.Go(func() {
		if err := s.server.Run(running); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		stop()
		group.Wait()
		s.http.Close()
	})
	return s
}

// seed makes two projects and a person for each role in the first; each has an
// API token, and the same password.
func (s *testSite) seed() {
	hash := must(auth.HashPassword(password))
	s.update(func(tx *store.Tx) error {
		for _, id := range []string{"wenyuan", "other"} {
			p := site.NewProject(id, map[string]string{"wenyuan": "文源学校", "other": "别处"}[id], "", s.clock.now())
			if err := tx.CreateProject(p); err != nil {
				return err
			}
		}
		for _, login := range people {
			p := site.Person{Login: login, Name: strings.ToUpper(login), CreatedAt: s.clock.now(), Roles: map[string]site.Role{}}
			switch login {
			case "admin":
				p.Roles[site.AllProjects] = site.RoleAdmin
			case "stranger":
				p.Roles["other"] = site.RoleOwner
			default:
				p.Roles["wenyuan"] = site.Role(login)
			}
			if err := tx.CreatePerson(p, hash); err != nil {
				return err
			}
			secret := auth.NewSecret()
			s.tokens[login] = secret
			if err := tx.SaveToken(site.Token{ID: "token-" + login, Login: login, Hash: auth.HashSecret(secret), CreatedAt: s.clock.now()}); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *testSite) update(fn func(tx *store.Tx) error) {
	s.t.Helper()
	if err := s.store.Update(context.Background(), fn); err != nil {
		s.t.Fatal(err)
	}
}

// answer is a response, read to its end.
type answer struct {
	t      *testing.T
	status int
	header http.Header
	body   []byte
}

// request sends a body as JSON, or as it is when it is text or bytes.
func (s *testSite) request(who, method, path string, body any, edit ...func(*http.Request)) answer {
	s.t.Helper()
	var reader io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		reader = strings.NewReader(b)
	case []byte:
		reader = bytes.NewReader(b)
	default:
		reader = bytes.NewReader(must(json.Marshal(b)))
	}
	if !strings.HasPrefix(path, "//") {
		path = "/api/v1" + path
	} else {
		path = path[1:]
	}
	r := must(http.NewRequestWithContext(s.t.Context(), method, s.http.URL+path, reader))
	if reader != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if who != "" {
		r.Header.Set("Authorization", "Bearer "+s.tokens[who])
	}
	r.Header.Set("Accept-Language", "en")
	for _, e := range edit {
		e(r)
	}
	res, err := s.http.Client().Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	read, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer{s.t, res.StatusCode, res.Header, read}
}

func (s *testSite) get(who, path string) answer {
	s.t.Helper()
	return s.request(who, "GET", path, nil)
}

// want fails the test unless the status is as told.
func (a answer) want(status int) answer {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("status %d, want %d: %s", a.status, status, a.body)
	}
	return a
}

// problem is what an error answers.
type problem struct {
	Type, Title, Code, Detail, Field string
	Status                           int
	Errors                           []struct{ Field, Code, Detail string }
}

// problem fails the test unless the answer is this problem.
func (a answer) problem(status int, code, field string) problem {
	a.t.Helper()
	a.want(status)
	if got := a.header.Get("Content-Type"); got != "application/problem+json" {
		a.t.Errorf("content type %q", got)
	}
	var p problem
	a.into(&p)
	if p.Code != code || p.Field != field || p.Status != status || p.Type != "about:blank" || p.Title == "" || p.Detail == "" || p.Detail == p.Code {
		a.t.Errorf("problem %+v, want code %s, field %q", p, code, field)
	}
	return p
}

func (a answer) into(v any) {
	a.t.Helper()
	if err := json.Unmarshal(a.body, v); err != nil {
		a.t.Fatalf("%v: %s", err, a.body)
	}
}

func (a answer) object() map[string]any {
	a.t.Helper()
	var m map[string]any
	a.into(&m)
	return m
}

func (a answer) items() []map[string]any {
	a.t.Helper()
	var l struct{ Items []map[string]any }
	a.into(&l)
	return l.Items
}

// plan is a small plan: a building of three tasks and the hand-over.
func plan() map[string]any {
	return map[string]any{
		"start": "2026-11-02", "delivery": "HO",
		"buildings": []any{map[string]any{"id": "b3", "name": "图书馆"}},
		"tasks": []any{
			map[string]any{"id": "A1", "name": "基础", "building": "b3", "code": "01", "duration_days": 10, "weight": 2},
			map[string]any{"id": "A2", "name": "主体", "building": "b3", "code": "02", "duration_days": 20, "quantity": 400, "unit": "m³"},
			map[string]any{"id": "A/3 装修", "name": "装修", "building": "b3", "code": "03", "duration_days": 15},
			map[string]any{"id": "HO", "name": "交付", "duration_days": 0, "milestone": true},
		},
		"links": []any{
			map[string]any{"pred": "A1", "succ": "A2"},
			map[string]any{"pred": "A2", "succ": "A/3 装修", "type": "FS", "lag_days": 2},
			map[string]any{"pred": "A/3 装修", "succ": "HO"},
		},
	}
}

func (s *testSite) withPlan() *testSite {
	s.t.Helper()
	s.request("owner", "PUT", "/projects/wenyuan/plan", plan()).want(200)
	return s
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// clock is a clock that a test moves.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
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
