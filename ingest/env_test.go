package ingest_test

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"go.uber.org/goleak"

	"topout/checklist"
	"topout/ingest"
	"topout/series"
	"topout/site"
	"topout/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, leakOptions...) }

// leakOptions names what is not ours to end: nats-server starts these once per
// process.
var leakOptions = []goleak.Option{}

// tx is what app makes of a store.Tx: the records with the judge.
type tx struct {
	*store.Tx
	env *env
}

func (t tx) ReadingTaken(d site.Device, r site.Reading, arrived time.Time) error {
	if fail := t.env.judgeFails.Load(); fail != nil && *fail == d.ID {
		return errors.New("the judge is broken for this device")
	}
	t.env.judged.Add(1)
	return nil
}

func (t tx) StatusTaken(site.Device, string, time.Time) error { return nil }

func (t tx) CheckTaken(*site.Check, checklist.Form) ([]string, error) { return nil, nil }

func (t tx) ProgressTaken(site.Progress) error { return nil }

// ledger is the real store; full lets its writes fail as on a full disk.
type ledger struct {
	*store.Store
	env *env
}

func (l ledger) View(ctx context.Context, fn func(ingest.Tx) error) error {
	return l.Store.View(ctx, func(t *store.Tx) error { return fn(tx{t, l.env}) })
}

var errFull = errors.New("database or disk is full")

func (l ledger) Update(ctx context.Context, fn func(ingest.Tx) error) error {
	return l.Store.Update(ctx, func(t *store.Tx) error {
		if err := fn(tx{t, l.env}); err != nil {
			return err
		}
		if l.env.full.Load() {
			return errFull
		}
		return nil
	})
}

// history is the real embedded series store; away lets it be unreachable.
type history struct {
	series.Store
	env *env
}

func (h history) Write(ctx context.Context, points []site.Point) ([]ingest.PointError, error) {
	if h.env.away.Load() {
		return nil, &ingest.RetryError{After: 20 * time.Millisecond, Err: errors.New("no connection")}
	}
	refused, err := h.Store.Write(ctx, points)
	var out []ingest.PointError
	for _, p := range refused {
		out = append(out, ingest.PointError{Index: p.Index, Err: p.Err})
	}
	return out, err
}

// auth signs in as app does.
type auth struct{ env *env }

func (a auth) SignIn(ctx context.Context, name, secret string) (id ingest.Identity, err error) {
	hash := sha256.Sum256([]byte(secret))
	wrong := site.Errorf(site.Unauthenticated, "ingest.sign_in", "", "name", name)
	err = a.env.store.View(ctx, func(t *store.Tx) error {
		d, want, err := t.DeviceAuth(name)
		switch {
		case err == nil && d.RevokedAt.IsZero() && subtle.ConstantTimeCompare(hash[:], want) == 1:
			id.Device = &d
			return nil
		case err == nil:
			return wrong
		case !site.IsKind(err, site.NotFound):
			return err
		}
		token, err := t.TokenByHash(hash)
		if err != nil || token.Login != name {
			return wrong
		}
		p, err := t.Person(name)
		if err != nil || p.Disabled {
			return wrong
		}
		id.Person = &p
		return nil
	})
	return id, err
}

// env is an intake with real stores in a folder that outlives it.
type env struct {
	*ingest.Ingest
	t      testing.TB
	dir    string
	store  *store.Store
	series series.Store
	opts   ingest.Options

	full, away atomic.Bool
	judgeFails atomic.Pointer[string]
	judged     atomic.Int64
	free       atomic.Uint64
	log        *logs
}

const project = "p1"

// setup makes a site with a project, tasks, devices d1 to d3, and people. edit may
// change the options of the intake that start makes.
func setup(t testing.TB, edit ...func(*ingest.Options)) *env {
	t.Helper()
	e := &env{t: t, dir: t.TempDir(), log: &logs{}}
	e.free.Store(10 << 30)
	ctx := t.Context()
	var err error
	if e.store, err = store.Open(ctx, store.Options{Path: filepath.Join(e.dir, "topout.db")}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.store.Close() })
	if e.series, err = series.OpenEmbedded(ctx, filepath.Join(e.dir, "series.db"), series.EmbeddedOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.series.Close() })
	forms, err := checklist.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	e.opts = ingest.Options{
		Dir: filepath.Join(e.dir, "journal"), Listen: "127.0.0.1:0",
		Ledger: ledger{e.store, e}, Series: history{e.series, e}, Auth: auth{e}, Forms: forms,
		Free: func() (uint64, error) { return e.free.Load(), nil },
		Log:  slog.New(slog.NewTextHandler(e.log, &slog.HandlerOptions{Level: slog.LevelInfo})),
	}
	for _, f := range edit {
		f(&e.opts)
	}
	e.update(func(t *store.Tx) error {
		for _, p := range []string{project, "p2"} {
			if err := t.CreateProject(site.Project{ID: p, Name: p, Zone: "Asia/Shanghai", CreatedAt: time.Now()}); err != nil {
				return err
			}
		}
		if _, err := t.SavePlan(site.Plan{Project: project, Buildings: []site.Building{{ID: "b3", Name: "三号楼"}}, Tasks: []site.Task{
			{ID: "A1", Name: "垫层", Building: "b3", Duration: site.WorkDays(3), Quantity: 480, Unit: "m³"},
			{ID: "A.2 / 屋面*", Name: "屋面", Duration: site.WorkDays(3)},
		}}); err != nil {
			return err
		}
		for _, id := range []string{"d1", "d2", "d3"} {
			if err := newDevice(t, id, project); err != nil {
				return err
			}
		}
		if err := newDevice(t, "foreign", "p2"); err != nil {
			return err
		}
		for login, role := range map[string]site.Role{"sun": site.RoleSupervisor, "an": site.RoleSafety, "vera": site.RoleViewer} {
			if err := newPerson(t, login, role); err != nil {
				return err
			}
		}
		return nil
	})
	return e
}

func secretOf(id string) string { return "secret-of-" + id }

func newDevice(t *store.Tx, id, project string) error {
	hash := sha256.Sum256([]byte(secretOf(id)))
	return t.CreateDevice(site.Device{ID: id, Project: project, Kind: "weather", Name: id, CreatedAt: time.Now()}, hash[:])
}

func newPerson(t *store.Tx, login string, role site.Role) error {
	if err := t.CreatePerson(site.Person{Login: login, Name: login, CreatedAt: time.Now()}, "x"); err != nil {
		return err
	}
	if err := t.SetRole(login, project, role); err != nil {
		return err
	}
	return t.SaveToken(site.Token{ID: "token-" + login, Login: login, Hash: sha256.Sum256([]byte(secretOf(login))), CreatedAt: time.Now()})
}

func (e *env) update(fn func(*store.Tx) error) {
	e.t.Helper()
	if err := e.store.Update(context.Background(), fn); err != nil {
		e.t.Fatal(err)
	}
}

func (e *env) view(fn func(*store.Tx) error) {
	e.t.Helper()
	if err := e.store.View(context.Background(), fn); err != nil {
		e.t.Fatal(err)
	}
}

// start opens and starts an intake; it is stopped at the end of the test.
func (e *env) start() *env {
	e.t.Helper()
	in, err := ingest.Open(e.t.Context(), e.opts)
	if err != nil {
		e.t.Fatal(err)
	}
	e.Ingest = in
	e.t.Cleanup(func() { stop(e.t, in) })
	if err := in.Start(e.t.Context()); err != nil {
		e.t.Fatal(err)
	}
	return e
}

func stop(t testing.TB, in *ingest.Ingest) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := in.Stop(ctx); err != nil {
		t.Error(err)
	}
}

// restart stops the intake and starts another on the same folder.
func (e *env) restart() {
	e.t.Helper()
	stop(e.t, e.Ingest)
	e.start()
}

// eventually waits until what holds, or fails.
func (e *env) eventually(what string, holds func() bool) {
	e.t.Helper()
	for deadline := time.Now().Add(15 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if holds() {
			return
		}
	}
	e.t.Fatalf("not within 15 s: %s\n%s", what, e.log)
}

// client connects an MQTT client to the embedded broker, or to addr.
func (e *env) client(name string, edit ...func(*mqtt.ClientOptions)) mqtt.Client {
	e.t.Helper()
	c, err := e.tryClient(name, secretOf(name), edit...)
	if err != nil {
		e.t.Fatalf("%s: %v\n%s", name, err, e.log)
	}
	return c
}

func (e *env) tryClient(name, secret string, edit ...func(*mqtt.ClientOptions)) (mqtt.Client, error) {
	o := mqtt.NewClientOptions().AddBroker("tcp://" + e.MQTTAddr()).SetClientID("client-" + name).
		SetUsername(name).SetPassword(secret).SetAutoReconnect(false).SetProtocolVersion(4)
	for _, f := range edit {
		f(o)
	}
	c := mqtt.NewClient(o)
	if err := wait(c.Connect()); err != nil {
		return nil, err
	}
	e.t.Cleanup(func() { c.Disconnect(50) })
	return c, nil
}

func wait(t mqtt.Token) error {
	if !t.WaitTimeout(10 * time.Second) {
		return errors.New("no answer within 10 s")
	}
	return t.Error()
}

func (e *env) publish(c mqtt.Client, topic, payload string, qos ...byte) {
	e.t.Helper()
	q := byte(1)
	if len(qos) > 0 {
		q = qos[0]
	}
	if err := wait(c.Publish(topic, q, false, payload)); err != nil {
		e.t.Fatalf("publish to %s: %v", topic, err)
	}
}

// samples are the values of a metric in the series store.
func (e *env) samples(device, metric string) []site.Sample {
	e.t.Helper()
	got, err := e.series.Raw(context.Background(), site.SeriesQuery{
		Project: project, Device: device, Metric: metric, From: time.Now().AddDate(-2, 0, 0), To: time.Now().AddDate(0, 0, 2),
	})
	if err != nil {
		e.t.Fatal(err)
	}
	return got
}

func (e *env) refused() []site.Refused {
	e.t.Helper()
	var out []site.Refused
	e.view(func(t *store.Tx) (err error) {
		out, _, err = t.RefusedPage(site.RefusedQuery{Limit: 1000})
		return err
	})
	return out
}

// refusedAs finds a refused message by its reason.
func (e *env) refusedAs(code string) *site.Refused {
	e.t.Helper()
	for _, r := range e.refused() {
		if r.Code == code {
			return &r
		}
	}
	return nil
}

func (e *env) device(id string) (d site.Device) {
	e.t.Helper()
	e.view(func(t *store.Tx) (err error) {
		d, err = t.Device(id)
		return err
	})
	return d
}

// readingAt is a reading of one value.
func readingAt(t time.Time, metric string, v float64) string {
	return fmt.Sprintf(`{"t":%d,"values":{%q:%g}}`, t.UnixMilli(), metric, v)
}

func readingsTopic(device string) string { return "topout/v1/" + project + "/readings/" + device }

// logs collects log lines.
type logs struct {
	mu sync.Mutex
	b  []byte
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.b = append(l.b, p...)
	return len(p), nil
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.b)
}
