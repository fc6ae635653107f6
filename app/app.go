// Package app builds the whole of Topout and runs it: settings, start in order,
// stop in order. It is the only package that knows all others.
package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/sync/errgroup"

	"topout/alerts"
	"topout/api"
	"topout/api/auth"
	"topout/checklist"
	"topout/ingest"
	"topout/internal/text"
	"topout/series"
	"topout/site"
	"topout/store"
	"topout/web"
)

// stopWithin bounds an ordered stop.
const stopWithin = 10 * time.Second

// Options of New.
type Options struct {
	Demo    bool // seed the Wenyuan school and play its site live
	Version string
	Log     *slog.Logger     // nil is slog.Default
	Now     func() time.Time // nil is time.Now
}

// Addresses are where a started app can be reached, and what is shown once.
type Addresses struct {
	Web           string   `json:"web"`
	MQTT          string   `json:"mqtt,omitempty"`
	WebSocket     string   `json:"mqtt_ws,omitempty"`
	AdminPassword string   `json:"admin_password,omitempty"` // of the first start, when it was made up
	Demo          []string `json:"demo_logins,omitempty"`
	DemoPassword  string   `json:"demo_password,omitempty"`
}

// App is the whole, built and with its addresses bound; Run runs it.
type App struct {
	settings Settings
	opts     Options
	log      *slog.Logger

	store    *store.Store
	series   series.Store
	ingest   *ingest.Ingest
	notifier *alerts.Notifier
	jobs     *alerts.Jobs
	api      *api.Server
	health   *health
	listener net.Listener
	first    string // password of admin made up at this first start

	cleanup []func() error // undone in reverse
}

// New opens the data folder, binds the addresses and builds the parts. Nothing
// is taken before Run.
func New(ctx context.Context, s Settings, o Options) (_ *App, err error) {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	a := &App{settings: s, opts: o, log: o.Log}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.close())
		}
	}()

	lock, err := lockFolder(s.Data)
	if err != nil {
		return nil, err
	}
	a.later(lock.Close)
	if a.store, err = openStore(ctx, s); err != nil {
		return nil, err
	}
	a.later(a.store.Close)
	if a.first, err = a.firstAdmin(ctx); err != nil {
		return nil, err
	}
	if a.series, err = openSeries(ctx, s); err != nil {
		return nil, err
	}
	a.later(a.series.Close)

	var tlsConfig *tls.Config
	if s.TLSCert != "" {
		certificate, err := tls.LoadX509KeyPair(s.TLSCert, s.TLSKey)
		if err != nil {
			return nil, err
		}
		tlsConfig = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	}
	var listen net.ListenConfig
	if a.listener, err = listen.Listen(ctx, "tcp", s.HTTP); err != nil {
		return nil, &Hint{What: fmt.Sprintf("web and API cannot listen on %s", s.HTTP), Do: "Stop the program that has the port, or set TOPOUT_HTTP to another address.", Err: err}
	}
	a.later(func() error { return ignoreClosed(a.listener.Close()) })
	if tlsConfig != nil {
		web := tlsConfig.Clone()
		web.NextProtos = []string{"h2", "http/1.1"}
		a.listener = tls.NewListener(a.listener, web)
	}
	return a, a.build(ctx, tlsConfig)
}

// build makes the parts and fits them to one another.
func (a *App) build(ctx context.Context, tlsConfig *tls.Config) error {
	s, o := a.settings, a.opts
	texts, err := text.New()
	if err != nil {
		return err
	}
	forms, err := checklist.Embedded()
	if err != nil {
		return err
	}
	engine, rules, err := newEngine(s, texts, forms, o.Log, o.Now)
	if err != nil {
		return err
	}
	a.ingest, err = ingest.Open(ctx, ingest.Options{
		Dir: filepath.Join(s.Data, journalDir), Listen: s.MQTTListen, ListenWS: s.MQTTWSListen, TLS: tlsConfig,
		Brokers: s.MQTTURL, NATS: s.NATSURL, Ledger: ledger{a.store, engine}, Series: points{a.series}, Auth: signIn{a.store},
		Forms: forms, RawDays: s.rawDays(), OnApplied: a.wake, Log: o.Log, Now: o.Now,
	})
	if err != nil {
		return portHint(err, s)
	}
	a.later(func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
		defer cancel()
		return a.ingest.Stop(ctx)
	})
	a.health = &health{ingest: a.ingest, series: a.series, influx: s.InfluxURL != "", texts: texts, now: o.Now}

	if a.notifier, err = newNotifier(s, a.store, texts, a.ingest, o.Log, o.Now); err != nil {
		return err
	}
	if err := a.notifier.Register(ctx); err != nil {
		return err
	}
	if a.jobs, err = newJobs(s, a.store, engine, pruner{a.series, a.store, o.Now}, a.wake, o.Log, o.Now); err != nil {
		return err
	}

	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), a.ingest)
	pages, err := web.FS()
	if err != nil {
		return err
	}
	a.api, err = api.New(api.Options{
		Records: apiRecords{a.store}, Inbox: inbox{a.ingest}, Series: a.series, Issues: issues{engine, texts}, Rules: ruleset{engine, rules},
		Notices: notices{a.notifier, a.store}, Broker: a.ingest, Jobs: a.jobs, Health: a.health, Checklists: forms, Texts: texts,
		Registry: registry, Web: pages, Version: o.Version, SecureCookies: tlsConfig != nil, Now: o.Now, Log: o.Log,
	})
	return err
}

// wake tells everybody who follows changes.
func (a *App) wake() {
	a.api.Wake()
	a.notifier.Wake()
}

// Run runs the app until ctx is done, then stops it in order. started is called
// once, when all is ready.
func (a *App) Run(ctx context.Context, started func(Addresses)) (err error) {
	defer func() { err = errors.Join(err, a.close()) }()

	if os.Getenv("GOGC") == "" {
		// The heap is small and the stream of messages steady: collecting a third as
		// often costs some tens of MB and saves a twentieth of the CPU.
		debug.SetGCPercent(300)
	}
	group, running := errgroup.WithContext(ctx)
	server := a.api.NewHTTPServer()
	server.ErrorLog = slog.NewLogLogger(a.log.Handler(), slog.LevelDebug)
	group.Go(func() error {
		if err := server.Serve(a.listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("HTTP: %w", err)
		}
		return nil
	})
	// The doors that take nothing new must close before what they need does.
	group.Go(func() error {
		<-running.Done()
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin/3)
		defer cancel()
		if err := server.Shutdown(bounded); err != nil {
			return errors.Join(server.Close())
		}
		return nil
	})
	group.Go(func() error { return ignoreCancelled(a.api.Run(running)) })

	if err := a.start(running, group); err != nil {
		if ctx.Err() == nil {
			group.Go(func() error { return err }) // ends the others
		}
		return ignoreCancelled(group.Wait())
	}
	a.log.Info("topout is ready", "version", a.opts.Version, "web", a.webURL())
	at := Addresses{Web: a.webURL(), AdminPassword: a.first}
	if addr := a.ingest.MQTTAddr(); addr != "" {
		at.MQTT = a.scheme("mqtt") + addr
	}
	if addr := a.ingest.WebSocketAddr(); addr != "" {
		at.WebSocket = a.scheme("ws") + addr + "/mqtt"
	}
	if a.opts.Demo {
		at.Demo, at.DemoPassword = demoLogins()
	}
	started(at)
	err = ignoreCancelled(group.Wait())
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
	defer cancel()
	return errors.Join(err, a.jobs.Stop(stopping))
}

// start brings the parts up in order: what was left in the journal first, then
// the missed jobs, and only then /readyz says so.
func (a *App) start(ctx context.Context, group *errgroup.Group) error {
	if a.opts.Demo {
		if err := a.seedDemo(ctx); err != nil {
			return fmt.Errorf("demo: %w", err)
		}
	}
	if err := a.ingest.Start(ctx); err != nil {
		return err
	}
	if err := a.jobs.Start(ctx); err != nil {
		return err
	}
	group.Go(func() error { return ignoreCancelled(a.notifier.Run(ctx)) })
	group.Go(func() error { a.health.watch(ctx); return nil })
	group.Go(func() error { a.keepForecasts(ctx); return nil })
	if a.opts.Demo {
		group.Go(func() error { return ignoreCancelled(a.playDemo(ctx)) })
	}
	a.health.ready.Store(true)
	return nil
}

// keepForecasts brings kept forecasts into the series store, also those that
// another process has made.
func (a *App) keepForecasts(ctx context.Context) {
	pause, failing := time.Second, false
	for {
		err := sendForecasts(ctx, a.store, a.series)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			if !failing {
				a.log.Warn("forecasts wait for the series store", "error", err)
			}
			pause = min(pause*2, 30*time.Second)
		default:
			pause = time.Second
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// firstAdmin makes the account of admin when there is nobody yet, and gives its
// password when that was made up here.
func (a *App) firstAdmin(ctx context.Context) (shown string, err error) {
	password, madeUp := a.settings.AdminPassword, false
	switch {
	case password != "":
	case a.opts.Demo:
		_, password = demoLogins()
	default:
		password, madeUp = newPassword(), true
	}
	err = a.store.Update(ctx, func(tx *store.Tx) error {
		people, err := tx.People()
		if err != nil || len(people) > 0 {
			return err
		}
		hash, err := auth.HashPassword(password)
		if err != nil {
			return err
		}
		if madeUp {
			shown = password
		}
		admin := site.Person{Login: "admin", Name: "admin", CreatedAt: a.opts.Now().UTC()}
		if err := tx.CreatePerson(admin, hash); err != nil {
			return err
		}
		return tx.SetRole("admin", site.AllProjects, site.RoleAdmin)
	})
	return shown, err
}

func (a *App) webURL() string { return a.scheme("http") + a.listener.Addr().String() }

func (a *App) scheme(plain string) string {
	if a.settings.TLSCert != "" {
		return plain + "s://"
	}
	return plain + "://"
}

// later notes what to undo at the end.
func (a *App) later(undo func() error) { a.cleanup = append(a.cleanup, undo) }

func (a *App) close() error {
	var errs []error
	for i := len(a.cleanup) - 1; i >= 0; i-- {
		errs = append(errs, a.cleanup[i]())
	}
	a.cleanup = nil
	return errors.Join(errs...)
}

func openSeries(ctx context.Context, s Settings) (series.Store, error) {
	if s.InfluxURL != "" {
		return series.OpenInflux(series.InfluxOptions{URL: s.InfluxURL, Token: s.InfluxToken, Org: s.InfluxOrg, Bucket: s.InfluxBucket})
	}
	return series.OpenEmbedded(ctx, filepath.Join(s.Data, seriesFile), series.EmbeddedOptions{})
}

func newEngine(s Settings, texts *text.Catalogue, forms *checklist.Library, log *slog.Logger, now func() time.Time) (*alerts.Engine, *alerts.Rulebook, error) {
	rules, err := alerts.Builtin()
	if err != nil {
		return nil, nil, err
	}
	engine, err := alerts.NewEngine(alerts.Options{Rules: rules, Texts: texts, Forms: forms, PublicURL: s.PublicURL, Now: now, Log: log})
	return engine, rules, err
}

func newNotifier(s Settings, records *store.Store, texts *text.Catalogue, publisher alerts.Publisher, log *slog.Logger, now func() time.Time) (*alerts.Notifier, error) {
	return alerts.NewNotifier(alerts.NotifierOptions{
		Queue: queue{records}, Texts: texts, Publisher: publisher, PublicURL: s.PublicURL, Now: now, Log: log,
		Webhook: alerts.WebhookOptions{URL: s.WebhookURL, Secret: s.WebhookSecret, AllowPrivate: true},
		Mail:    alerts.MailOptions{URL: s.SMTPURL, From: s.MailFrom},
	})
}

func newJobs(s Settings, records *store.Store, engine *alerts.Engine, pruner alerts.Pruner, after func(), log *slog.Logger, now func() time.Time) (*alerts.Jobs, error) {
	return alerts.NewJobs(alerts.JobsOptions{
		Records: jobRecords{records}, Engine: engine, Pruner: pruner, Keep: time.Duration(s.rawDays()) * 24 * time.Hour, After: after, Now: now, Log: log,
	})
}

func portHint(err error, s Settings) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return &Hint{What: fmt.Sprintf("the embedded broker cannot listen on %s", s.MQTTListen), Do: "Stop the program that has the port, set TOPOUT_MQTT_LISTEN to another address, or to nothing to turn the broker off.", Err: op}
	}
	return err
}

func ignoreCancelled(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}
