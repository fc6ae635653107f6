package alerts

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/robfig/cron/v3"

	"topout/site"
)

// The jobs.
const (
	JobSlips        = "slips"
	JobChecksMissed = "checks_missed"
	JobSilence      = "silence"
	JobOverdue      = "overdue"
	JobPrune        = "prune"
)

// schedules say when each job runs, in each project's zone (cron's five fields).
var schedules = []struct{ name, spec string }{
	{JobSlips, "5 6,12,18 * * *"},
	{JobChecksMissed, "* * * * *"},
	{JobSilence, "* * * * *"},
	{JobOverdue, "*/5 * * * *"},
	{JobPrune, "20 3 * * *"},
}

// Pruner drops measured history that is older than its time.
type Pruner interface {
	Prune(ctx context.Context, before time.Time) error
}

// JobsOptions say what the jobs work with.
type JobsOptions struct {
	Records Records          // required
	Engine  *Engine          // required
	Pruner  Pruner           // nil: nothing is pruned
	Keep    time.Duration    // how long raw history stays; 0: for ever
	After   func()           // called when a run has changed the records; nil: nothing
	Now     func() time.Time // nil is time.Now
	Log     *slog.Logger     // nil is slog.Default
}

// Jobs runs the cron jobs. Each can also be run by hand, in another process too.
type Jobs struct {
	records Records
	engine  *Engine
	pruner  Pruner
	keep    time.Duration
	after   func()
	now     func() time.Time
	log     *slog.Logger

	running map[string]*sync.Mutex // one run of a job at a time
	cron    *cron.Cron
	started time.Time // zero: not started, a run is by hand
	cancel  context.CancelFunc

	mu    sync.Mutex
	zones map[string]bool // that have entries
}

// NewJobs makes Jobs; Start runs them by the clock, Run one of them now.
func NewJobs(o JobsOptions) (*Jobs, error) {
	if o.Records == nil || o.Engine == nil {
		return nil, errors.New("alerts: a required option is missing")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.After == nil {
		o.After = func() {}
	}
	j := &Jobs{
		records: o.Records, engine: o.Engine, pruner: o.Pruner, keep: o.Keep, after: o.After, now: o.Now, log: o.Log,
		running: make(map[string]*sync.Mutex), zones: make(map[string]bool),
	}
	for _, s := range schedules {
		j.running[s.name] = new(sync.Mutex)
	}
	return j, nil
}

// Names lists the jobs.
func (j *Jobs) Names() []string {
	names := make([]string, len(schedules))
	for i, s := range schedules {
		names[i] = s.name
	}
	return names
}

// Schedule is when a job runs, as cron's five fields in each project's zone.
func (j *Jobs) Schedule(name string) string {
	for _, s := range schedules {
		if s.name == name {
			return s.spec
		}
	}
	return ""
}

// Run runs a job now, for all projects, and notes the run.
func (j *Jobs) Run(ctx context.Context, name string) error {
	if !slices.Contains(j.Names(), name) {
		return site.Errorf(site.NotFound, "alerts.unknown_job", "", "name", name)
	}
	return j.run(ctx, run{name: name, forced: true})
}

// Start runs every job once, which makes up for what was missed, and then by the
// clock until Stop. A job that fails at start is logged and noted, and tried
// again at its time.
func (j *Jobs) Start(ctx context.Context) error {
	j.started = j.now()
	for _, s := range schedules {
		if err := j.run(ctx, run{name: s.name}); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			j.log.Error("a job failed", "job", s.name, "error", err)
		}
	}
	var work context.Context
	work, j.cancel = context.WithCancel(context.WithoutCancel(ctx))
	logger := cronLog{j.log}
	// Recover stands inside, or a job that panicked once would count as running for ever.
	j.cron = cron.New(cron.WithLocation(time.UTC), cron.WithLogger(logger),
		cron.WithChain(cron.SkipIfStillRunning(logger), cron.Recover(logger)))
	if err := j.follow(work); err != nil {
		return err
	}
	// A project in a new zone gets its entries within a minute.
	if _, err := j.cron.AddFunc("@every 1m", func() {
		if err := j.follow(work); err != nil && work.Err() == nil {
			j.log.Error("the projects' zones cannot be read", "error", err)
		}
	}); err != nil {
		return err
	}
	j.cron.Start()
	return nil
}

// Stop ends the clock and waits for the jobs under way, which are told to stop.
func (j *Jobs) Stop(ctx context.Context) error {
	if j.cron == nil {
		return nil
	}
	j.cancel()
	select {
	case <-j.cron.Stop().Done():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// follow gives each zone in use an entry per job, so that six o'clock is the project's.
func (j *Jobs) follow(ctx context.Context) error {
	zones := []string{"UTC"}
	err := j.records.View(ctx, func(tx JobTx) error {
		projects, err := tx.Projects()
		for _, p := range projects {
			zones = append(zones, p.Location().String())
		}
		return err
	})
	if err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, zone := range zones {
		if j.zones[zone] {
			continue
		}
		for _, s := range schedules {
			if s.name == JobPrune && zone != "UTC" {
				continue
			}
			if _, err := j.cron.AddFunc("CRON_TZ="+zone+" "+s.spec, func() {
				if err := j.run(ctx, run{name: s.name, zone: zone}); err != nil && ctx.Err() == nil {
					j.log.Error("a job failed", "job", s.name, "error", err)
				}
			}); err != nil {
				return fmt.Errorf("zone %s: %w", zone, err)
			}
		}
		j.zones[zone] = true
	}
	return nil
}

// run is one run of a job.
type run struct {
	name   string
	zone   string // only the projects of this zone; empty: all
	forced bool   // by hand
	at     time.Time
	since  time.Time // the run before; zero: never
}

func (j *Jobs) run(ctx context.Context, r run) (err error) {
	lock := j.running[r.name]
	lock.Lock()
	defer lock.Unlock()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("job %s: panic: %v\n%s", r.name, p, debug.Stack())
		}
	}()
	r.at = j.now().UTC()
	var projects []site.Project
	err = j.records.View(ctx, func(tx JobTx) (err error) {
		if r.since, err = tx.JobRun(r.name); err != nil {
			return err
		}
		projects, err = tx.Projects()
		return err
	})
	if err != nil {
		return err
	}
	if r.zone != "" {
		projects = slices.DeleteFunc(projects, func(p site.Project) bool { return p.Location().String() != r.zone })
		if len(projects) == 0 && r.name != JobPrune {
			return nil
		}
	}
	failed := j.work(ctx, r, projects)
	j.after()
	problem := ""
	if failed != nil {
		problem = failed.Error()
	}
	noted := j.records.Update(ctx, func(tx JobTx) error { return tx.SetJobRun(r.name, r.at, problem) })
	return errors.Join(failed, noted)
}

// work does a job project by project: one that fails does not hold up the others.
func (j *Jobs) work(ctx context.Context, r run, projects []site.Project) error {
	if r.name == JobPrune {
		return j.prune(ctx, r.at)
	}
	var errs []error
	for _, p := range projects {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := j.project(ctx, r, p); err != nil {
			errs = append(errs, fmt.Errorf("project %s: %w", p.ID, err))
		}
	}
	return errors.Join(errs...)
}

func (j *Jobs) project(ctx context.Context, r run, p site.Project) error {
	switch r.name {
	case JobSlips:
		return j.slips(ctx, r, p)
	case JobChecksMissed:
		return j.checksMissed(ctx, r, p)
	case JobSilence:
		return j.silence(ctx, r, p)
	case JobOverdue:
		return j.overdue(ctx, p)
	}
	return nil
}

func (j *Jobs) prune(ctx context.Context, at time.Time) error {
	if j.pruner == nil || j.keep <= 0 {
		return nil
	}
	return j.pruner.Prune(ctx, at.Add(-j.keep))
}

// cronLog passes what cron says on to slog.
type cronLog struct{ log *slog.Logger }

// Info takes what cron does, which is of little interest.
func (l cronLog) Info(msg string, keysAndValues ...any) {
	l.log.Debug("cron", append([]any{"event", msg}, keysAndValues...)...)
}

// Error takes a job's panic.
func (l cronLog) Error(err error, msg string, keysAndValues ...any) {
	l.log.Error("cron", append([]any{"event", msg, "error", err}, keysAndValues...)...)
}
