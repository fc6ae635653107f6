package api

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"sync"
	"time"

	"topout/schedule"
	"topout/site"
)

// outlooksKept bounds the forecasts kept in memory.
const outlooksKept = 256

// outlooks keeps computed forecasts until something that they rest on changes.
type outlooks struct {
	mu    sync.Mutex
	by    map[outlookKey]*outlookSlot
	since map[string]lateSince // by project
}

func newOutlooks() *outlooks {
	return &outlooks{by: make(map[outlookKey]*outlookSlot), since: make(map[string]lateSince)}
}

type outlookKey struct {
	project string
	day     site.Day // of the data date
	at      time.Time
}

// outlookSlot is one forecast; its lock lets one compute while others wait.
type outlookSlot struct {
	mu     sync.Mutex
	view   *projectOutlook
	change int64 // the last change that it knows of
	used   time.Time
}

// projectOutlook is a forecast with what it was computed from.
type projectOutlook struct {
	plan     site.Plan
	baseline *site.Baseline
	calendar *schedule.Calendar
	outlook  schedule.Outlook
	runs     int64    // id of the newest kept forecast at that time
	late     site.Day // since when the delivery is late; zero: it is not
	bodies   sync.Map // by name: *readyBody
}

// asOf is a data date: a day, an instant, or neither for now.
type asOf struct {
	day site.Day
	at  time.Time
}

// parseAsOf reads the parameter; what is ahead of now is now.
func (s *Server) parseAsOf(m moment, p site.Project) (asOf, error) {
	t, day, err := m.parse(p, "as_of")
	now := s.now()
	today := site.DayOf(now, p.Location())
	if err != nil || day >= today || t.After(now) {
		return asOf{}, err
	}
	return asOf{day, t}, nil
}

// instant is when the data ends: now, the given instant, or the end of the given day.
func (a asOf) instant(now time.Time, loc *time.Location) time.Time {
	switch {
	case !a.at.IsZero():
		return a.at
	case !a.day.IsZero():
		return (a.day + 1).Start(loc).Add(-time.Second)
	}
	return now
}

// outlook gives a project's forecast: a kept one while nothing has changed that
// it rests on. NotFound when the project has no plan.
func (s *Server) outlook(ctx context.Context, p site.Project, a asOf) (*projectOutlook, error) {
	now := s.now()
	end := a.instant(now, p.Location())
	slot := s.outlooks.slot(outlookKey{p.ID, site.DayOf(end, p.Location()), a.at}, now)
	slot.mu.Lock()
	defer slot.mu.Unlock()
	var in schedule.Input
	var runs int64
	fresh := true
	err := s.records.View(ctx, func(tx Tx) error {
		last, err := tx.LastChange()
		if err != nil {
			return err
		}
		if slot.view != nil {
			fresh, err = untouched(tx, p.ID, slot.change, last)
			if err != nil || fresh {
				slot.change = last
				return err
			}
		}
		fresh = false
		slot.change = last
		if latest, err := tx.LatestForecast(p.ID); err == nil {
			runs = latest.ID
		} else if !site.IsKind(err, site.NotFound) {
			return err
		}
		in, err = forecastInput(tx, p, end, a == asOf{})
		return err
	})
	if err != nil {
		slot.view = nil
		return nil, err
	}
	if fresh {
		return slot.view, nil
	}
	slot.view = nil
	if in.Calendar, err = schedule.NewCalendar(p.Calendar, p.Location()); err != nil {
		return nil, err
	}
	outlook, err := schedule.Forecast(in)
	if err != nil {
		return nil, err
	}
	view := &projectOutlook{plan: in.Plan, baseline: in.Baseline, calendar: in.Calendar, outlook: outlook, runs: runs}
	if view.late, err = s.lateSince(ctx, p, view); err != nil {
		return nil, err
	}
	slot.view = view
	return view, nil
}

// slot finds or makes a place, and drops the ones that were not used for the longest.
func (o *outlooks) slot(key outlookKey, now time.Time) *outlookSlot {
	o.mu.Lock()
	defer o.mu.Unlock()
	slot, ok := o.by[key]
	if !ok {
		if len(o.by) >= outlooksKept {
			var oldest outlookKey
			first := true
			for k, s := range o.by {
				if first || s.used.Before(o.by[oldest].used) {
					oldest, first = k, false
				}
			}
			delete(o.by, oldest)
		}
		slot = &outlookSlot{}
		o.by[key] = slot
	}
	slot.used = now
	return slot
}

// untouched reports whether none of the changes in (from, to] touches what a
// project's forecast rests on. Too many to look at count as a touch.
func untouched(tx Tx, project string, from, to int64) (bool, error) {
	if from == to {
		return true, nil
	}
	const look = 1000
	changes, err := tx.ChangesAfter(from, look)
	if err != nil || len(changes) == look {
		return false, err
	}
	for _, c := range changes {
		switch c.Kind {
		case site.ChangeProgress, site.ChangeIssue, site.ChangePlan, site.ChangeSlip:
			if c.Project == project {
				return false, nil
			}
		}
	}
	return true, nil
}

// forecastInput gathers what the forecast of a project rests on at an instant,
// which is now or before.
func forecastInput(tx Tx, p site.Project, end time.Time, now bool) (schedule.Input, error) {
	in := schedule.Input{At: end}
	var err error
	if in.Plan, err = tx.Plan(p.ID); err != nil {
		return in, err
	}
	baselines, err := tx.Baselines(p.ID)
	if err != nil {
		return in, err
	}
	for i := range baselines { // newest first: the one that held then, else the first
		in.Baseline = &baselines[i]
		if !baselines[i].ApprovedAt.After(end) {
			break
		}
	}
	if in.Progress, err = tx.ProgressOf(p.ID, end); err != nil {
		return in, err
	}
	if now {
		open, err := tx.OpenIssues(p.ID, "")
		in.Holds = addHolds(nil, open, end)
		return in, err
	}
	in.Holds, err = pastHolds(tx, p.ID, end)
	return in, err
}

// pastHolds are the stop-work issues that were open at an instant.
func pastHolds(tx Tx, project string, end time.Time) (all []schedule.Hold, err error) {
	q := site.IssueQuery{Project: project, Limit: site.MaxLimit}
	for {
		page, next, err := tx.IssuesPage(q)
		if err != nil {
			return nil, err
		}
		all = addHolds(all, page, end)
		if next == "" {
			return all, nil
		}
		q.Cursor = next
	}
}

// addHolds adds those issues that stopped work at an instant.
func addHolds(all []schedule.Hold, issues []site.Issue, end time.Time) []schedule.Hold {
	for _, i := range issues {
		over := !i.Open() && !i.ClosedAt.After(end)
		if !i.StopWork || over || i.OpenedAt.After(end) || i.Task == "" && i.Building == "" {
			continue
		}
		all = append(all, schedule.Hold{Task: i.Task, Building: i.Building, Issue: i.ID, Reason: i.Reason, Since: i.OpenedAt})
	}
	return all
}

// lateSince is a memory: since when the delivery is late, by the kept forecasts
// up to a run.
type lateSince struct {
	run int64
	day site.Day // zero: the newest kept one is not late
}

// lateSince tells since when the delivery is late: the day of the first of the
// unbroken row of late forecasts that leads up to now.
func (s *Server) lateSince(ctx context.Context, p site.Project, view *projectOutlook) (site.Day, error) {
	if view.outlook.Delivery.SlipDays <= 0 {
		return 0, nil
	}
	s.outlooks.mu.Lock()
	known, ok := s.outlooks.since[p.ID]
	s.outlooks.mu.Unlock()
	if !ok || known.run != view.runs {
		known = lateSince{run: view.runs}
		err := s.records.View(ctx, func(tx Tx) error {
			runs, err := tx.Forecasts(p.ID, time.Time{})
			if err != nil {
				return err
			}
			sortRuns(runs)
			for i := len(runs) - 1; i >= 0 && runs[i].SlipDays > 0; i-- {
				known.day = site.DayOf(runs[i].At, p.Location())
			}
			return nil
		})
		if err != nil {
			return 0, err
		}
		s.outlooks.mu.Lock()
		s.outlooks.since[p.ID] = known
		s.outlooks.mu.Unlock()
	}
	if known.day.IsZero() {
		return view.outlook.DataDate, nil
	}
	return known.day, nil
}

// etagOf is a strong ETag of a body.
func etagOf(body []byte) string {
	sum := sha256.Sum256(body)
	return `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
}
