package alerts_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"topout/alerts"
	"topout/checklist"
	"topout/internal/text"
	"topout/site"
	"topout/store"
)

// noon is a Monday, 20:00 in Shanghai.
var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// clock is a clock that the test sets.
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

// jobRecords and queue fit the store to the package, as the program does.
type jobRecords struct{ s *store.Store }

func (r jobRecords) View(ctx context.Context, fn func(alerts.JobTx) error) error {
	return r.s.View(ctx, func(tx *store.Tx) error { return fn(tx) })
}

func (r jobRecords) Update(ctx context.Context, fn func(alerts.JobTx) error) error {
	return r.s.Update(ctx, func(tx *store.Tx) error { return fn(tx) })
}

type queue struct{ s *store.Store }

func (q queue) View(ctx context.Context, fn func(alerts.QueueTx) error) error {
	return q.s.View(ctx, func(tx *store.Tx) error { return fn(tx) })
}

func (q queue) Update(ctx context.Context, fn func(alerts.QueueTx) error) error {
	return q.s.Update(ctx, func(tx *store.Tx) error { return fn(tx) })
}

// works is one project on a real store.
type works struct {
	t      testing.TB
	store  *store.Store
	texts  *text.Catalogue
	rules  *alerts.Rulebook
	engine *alerts.Engine
	clock  *clock
	log    *slog.Logger
	people map[string]site.Person
}

const project = "wenyuan"

// newWorks makes a project with a crane and other devices, and people in all
// roles of which all but the viewer have mail. All channels are on.
func newWorks(t testing.TB) *works {
	t.Helper()
	w := &works{t: t, clock: &clock{at: noon}, people: make(map[string]site.Person), log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	var err error
	if w.store, err = store.Open(t.Context(), store.Options{Path: filepath.Join(t.TempDir(), "topout.db"), Now: w.clock.now}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.store.Close(); err != nil {
			t.Error(err)
		}
	})
	if w.texts, err = text.New(); err != nil {
		t.Fatal(err)
	}
	if w.rules, err = alerts.Builtin(); err != nil {
		t.Fatal(err)
	}
	forms, err := checklist.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	w.engine, err = alerts.NewEngine(alerts.Options{
		Rules: w.rules, Texts: w.texts, Forms: forms, PublicURL: "https://topout.example", Now: w.clock.now, Log: w.log,
	})
	if err != nil {
		t.Fatal(err)
	}
	w.update(func(tx *store.Tx) {
		w.must(tx.CreateProject(site.Project{ID: project, Name: "文源学校", Zone: "Asia/Shanghai", CreatedAt: noon.AddDate(0, -3, 0)}))
		for login, role := range map[string]site.Role{"boss": site.RoleOwner, "foreman": site.RoleSupervisor, "safety": site.RoleSafety, "guest": site.RoleViewer} {
			p := site.Person{Login: login, Name: login, Lang: "zh-CN", Roles: map[string]site.Role{project: role}}
			if role != site.RoleViewer {
				p.Mail = login + "@example.com"
			}
			if login == "boss" {
				p.Lang, p.MailFrom = "en", site.Critical
			}
			w.must(tx.CreatePerson(p, ""))
			w.must(tx.SetRole(login, project, role))
			w.people[login] = p
		}
		for _, d := range []site.Device{
			{ID: "crane-1", Kind: "tower_crane", Name: "1# 塔吊"}, {ID: "crane-2", Kind: "tower_crane", Name: "2# 塔吊"},
			{ID: "dust-1", Kind: "dust"}, {ID: "concrete-1", Kind: "mass_concrete"}, {ID: "form-1", Kind: "formwork"}, {ID: "box-1", Kind: "distribution_box"},
			{ID: "gate-1", Kind: "gate"}, {ID: "thing-1", Kind: "thing"},
		} {
			d.Project, d.CreatedAt = project, noon.AddDate(0, -3, 0)
			w.must(tx.CreateDevice(d, []byte("hash")))
		}
		w.must(tx.SetSetting("notices.channels", "webhook mqtt mail"))
	})
	return w
}

func (w *works) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *works) update(fn func(tx *store.Tx)) {
	w.t.Helper()
	w.must(w.store.Update(w.t.Context(), func(tx *store.Tx) error { fn(tx); return nil }))
}

// batch judges within one transaction, as ingest does.
func (w *works) batch(fn func(tx *store.Tx, b *alerts.Batch)) {
	w.t.Helper()
	w.update(func(tx *store.Tx) {
		b := w.engine.Batch(tx)
		fn(tx, b)
		w.must(b.Flush())
	})
}

func (w *works) device(id string) (d site.Device) {
	w.t.Helper()
	w.must(w.store.View(w.t.Context(), func(tx *store.Tx) (err error) {
		d, err = tx.Device(id)
		return err
	}))
	return d
}

// reading takes one value that was measured and arrives now.
func (w *works) reading(device, metric string, value float64) {
	w.t.Helper()
	w.readingAt(device, w.clock.now(), site.MetricValue{Metric: metric, Value: value})
}

func (w *works) readingAt(device string, t time.Time, values ...site.MetricValue) {
	w.t.Helper()
	d := w.device(device)
	w.batch(func(tx *store.Tx, b *alerts.Batch) {
		w.must(tx.TouchDevices([]site.DeviceSeen{{ID: device, At: w.clock.now()}}))
		w.must(b.ReadingTaken(d, site.Reading{Project: project, Device: device, T: t, Values: values}, w.clock.now()))
	})
}

// issues gives all issues of the project, oldest first.
func (w *works) issues() []site.Issue {
	w.t.Helper()
	var list []site.Issue
	w.must(w.store.View(w.t.Context(), func(tx *store.Tx) (err error) {
		list, _, err = tx.IssuesPage(site.IssueQuery{Project: project, Limit: site.MaxLimit})
		return err
	}))
	for i, j := 0, len(list)-1; i < j; i, j = i+1, j-1 {
		list[i], list[j] = list[j], list[i]
	}
	return list
}

// open gives the open issues as "key severity state".
func (w *works) open() string {
	w.t.Helper()
	var lines []string
	for _, i := range w.issues() {
		if i.Open() {
			lines = append(lines, i.Key+" "+string(i.Severity)+" "+string(i.State))
		}
	}
	return strings.Join(lines, "\n")
}

func (w *works) wantOpen(want ...string) {
	w.t.Helper()
	if got := w.open(); got != strings.Join(want, "\n") {
		w.t.Fatalf("open issues:\n%s\nwant:\n%s", got, strings.Join(want, "\n"))
	}
}

func (w *works) title(i site.Issue) string { return alerts.Title(w.texts, text.Chinese, i) }

// notices gives the queue as "event channel target".
func (w *works) notices() []string {
	w.t.Helper()
	var due []site.Notice
	w.must(w.store.View(w.t.Context(), func(tx *store.Tx) (err error) {
		due, err = tx.DueNotices(noon.AddDate(10, 0, 0), 10000)
		return err
	}))
	list := make([]string, len(due))
	for i, n := range due {
		list[i] = strings.TrimSpace(n.Event + " " + n.Channel + " " + n.Target)
	}
	return list
}

func (w *works) move(login, issue string, m site.Move) (i site.Issue, err error) {
	w.t.Helper()
	err = w.store.Update(w.t.Context(), func(tx *store.Tx) error {
		i, err = w.engine.Move(tx, w.people[login], project, issue, m)
		return err
	})
	return i, err
}

func (w *works) wantCode(err error, code string) {
	w.t.Helper()
	if e := site.AsError(err); e == nil || e.Code != code {
		w.t.Fatalf("error %v, want %s", err, code)
	} else if said := w.texts.Say(text.English, e.Code, e.Params); said == code || strings.Contains(said, "<no value>") {
		w.t.Fatalf("%s is said as %q", code, said)
	}
}
