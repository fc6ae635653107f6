package app

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"time"

	"topout/alerts"
	"topout/checklist"
	"topout/internal/text"
	"topout/schedule"
	"topout/series"
	"topout/site"
	"topout/store"
)

// pruner drops what is older than its time, in the series store and in the records.
type pruner struct {
	series series.Store
	store  *store.Store
	now    func() time.Time
}

func (p pruner) Prune(ctx context.Context, before time.Time) error {
	return errors.Join(p.series.Prune(ctx, before), p.store.Update(ctx, func(tx *store.Tx) error {
		if _, err := tx.PruneRefused(before); err != nil {
			return err
		}
		return tx.Tidy(p.now())
	}))
}

// Job is a cron job as it is listed.
type Job struct {
	Name     string     `json:"name"`
	Schedule string     `json:"schedule"`
	LastRun  *time.Time `json:"last_run"`
	Error    string     `json:"error,omitempty"` // of the last run
}

// ListJobs lists the cron jobs with their last runs.
func ListJobs(ctx context.Context, s Settings, log *slog.Logger) ([]Job, error) {
	var list []Job
	return list, withJobs(ctx, s, log, func(jobs *alerts.Jobs, records *store.Store, _ series.Store) error {
		var runs []site.JobRun
		if err := records.View(ctx, func(tx *store.Tx) (err error) { runs, err = tx.Jobs(); return err }); err != nil {
			return err
		}
		for _, name := range jobs.Names() {
			job := Job{Name: name, Schedule: jobs.Schedule(name)}
			for _, r := range runs {
				if r.Name == name && !r.At.IsZero() {
					at := r.At.UTC()
					job.LastRun, job.Error = &at, r.Error
				}
			}
			list = append(list, job)
		}
		return nil
	})
}

// RunJob runs a cron job now, in this process, beside a server or without one.
// Forecast points that cannot be written now are written by the server later.
func RunJob(ctx context.Context, s Settings, log *slog.Logger, name string) error {
	return withJobs(ctx, s, log, func(jobs *alerts.Jobs, records *store.Store, points series.Store) error {
		if err := jobs.Run(ctx, name); err != nil {
			return err
		}
		if err := sendForecasts(ctx, records, points); err != nil {
			log.Warn("forecasts wait for the series store", "error", err)
		}
		return nil
	})
}

func withJobs(ctx context.Context, s Settings, log *slog.Logger, do func(*alerts.Jobs, *store.Store, series.Store) error) error {
	records, err := openStore(ctx, s)
	if err != nil {
		return err
	}
	defer records.Close()
	points, err := openSeries(ctx, s)
	if err != nil {
		return err
	}
	defer points.Close()
	texts, err := text.New()
	if err != nil {
		return err
	}
	forms, err := checklist.Embedded()
	if err != nil {
		return err
	}
	engine, _, err := newEngine(s, texts, forms, log, time.Now)
	if err != nil {
		return err
	}
	jobs, err := newJobs(s, records, engine, pruner{points, records, time.Now}, nil, log, time.Now)
	if err != nil {
		return err
	}
	return do(jobs, records, points)
}

// ChannelTest is what became of a test notice.
type ChannelTest struct {
	Channel string `json:"channel"`
	OK      bool   `json:"ok"`
	Error   string `json:"error,omitempty"`
}

// TestNotices sends a test notice by each channel that is set up, mail to the
// given address; failed says that none went out, or one that is set up did not
// work. The topic of
// alerts needs the running server, so it is tested here only with external brokers.
func TestNotices(ctx context.Context, s Settings, log *slog.Logger, mail string) (list []ChannelTest, failed bool, err error) {
	texts, err := text.New()
	if err != nil {
		return nil, false, err
	}
	records, err := openStore(ctx, s)
	if err != nil {
		return nil, false, err
	}
	defer records.Close()
	notifier, err := newNotifier(s, records, texts, nil, log, time.Now)
	if err != nil {
		return nil, false, err
	}
	sent, broken := false, false
	for _, r := range notifier.Test(ctx, site.Person{Login: "operator", Mail: mail, Lang: string(text.English)}) {
		t := ChannelTest{Channel: r.Channel, OK: r.OK}
		if r.Error != nil {
			t.Error = texts.Say(text.English, r.Error.Code, r.Error.Params)
			broken = broken || notifier.On(r.Channel)
		}
		sent = sent || r.OK
		list = append(list, t)
	}
	return list, broken || !sent, nil
}

// ImportPlan makes a plan the project's next revision; the first one is also
// approved as its baseline. A plan whose network cannot be computed changes nothing.
func (a *Admin) ImportPlan(ctx context.Context, plan site.Plan) (revision int, err error) {
	plan.SavedBy, plan.SavedAt = "operator", a.now().UTC()
	err = a.store.Update(ctx, func(tx *store.Tx) error {
		project, err := tx.Project(plan.Project)
		if err != nil {
			return err
		}
		calendar, err := schedule.NewCalendar(project.Calendar, project.Location())
		if err != nil {
			return err
		}
		plan = schedule.Anchored(plan, site.DayOf(plan.SavedAt, project.Location()))
		first, err := schedule.Approve(plan, calendar)
		if err != nil {
			return err
		}
		if revision, err = tx.SavePlan(plan); err != nil {
			return err
		}
		if _, err = tx.CurrentBaseline(plan.Project); site.IsKind(err, site.NotFound) {
			first.Name, first.ApprovedBy, first.ApprovedAt = "1", plan.SavedBy, plan.SavedAt
			_, err = tx.SaveBaseline(first)
		}
		if err != nil {
			return err
		}
		_, err = tx.AddChange(site.Change{Project: plan.Project, Kind: site.ChangePlan, Ref: strconv.Itoa(revision), At: plan.SavedAt})
		return err
	})
	return revision, err
}
