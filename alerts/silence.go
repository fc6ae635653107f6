package alerts

import (
	"context"
	"slices"
	"time"

	"topout/site"
)

// offlineGrace is how long a device may be offline by its own last word before
// that is an issue; a connection that comes back at once is none.
const offlineGrace = time.Minute

// silence opens an issue for each device that has not been heard for its time. A
// device that never said anything is not silent: it is not there yet.
func (j *Jobs) silence(ctx context.Context, r run, p site.Project) error {
	return j.records.Update(ctx, func(tx JobTx) error {
		l := j.engine.loop(tx)
		devices, err := tx.Devices(p.ID)
		if err != nil {
			return err
		}
		open, err := tx.OpenIssues(p.ID, site.KindSilence)
		if err != nil {
			return err
		}
		known := make(map[string]site.Issue, len(open))
		for _, i := range open {
			known[i.Device] = i
		}
		for _, d := range devices {
			i, isOpen := known[d.ID]
			since, silent := j.silentSince(r, d)
			switch {
			case !d.RevokedAt.IsZero() && isOpen:
				err = l.settle(i, "alerts.move.device_revoked", nil)
			case !d.RevokedAt.IsZero():
			case isOpen && !silent && d.LastSeen.After(i.OpenedAt):
				err = l.settle(i, "alerts.move.heard_again", map[string]string{"device": deviceName(d)})
			case !isOpen && silent:
				err = j.openSilence(l, d, since)
			}
			if err != nil {
				return err
			}
		}
		return l.sweep(p.ID, devices)
	})
}

// sweep closes reading issues that no reading can end any more: the device is
// revoked, or its rule is gone.
func (l *loop) sweep(project string, devices []site.Device) error {
	open, err := l.tx.OpenIssues(project, site.KindReading)
	if err != nil || len(open) == 0 {
		return err
	}
	rules, err := l.Rules(l.tx, project)
	if err != nil {
		return err
	}
	for _, i := range open {
		metric := i.Params["metric"]
		var title string
		at := slices.IndexFunc(devices, func(d site.Device) bool { return d.ID == i.Device })
		switch {
		case at < 0 || !devices[at].RevokedAt.IsZero():
			title = "alerts.move.device_revoked"
		case !slices.ContainsFunc(rules, func(r Rule) bool {
			return r.Kind == devices[at].Kind && r.Metric == metric && len(r.Levels) > 0
		}):
			title = "alerts.move.rule_gone"
		default:
			continue
		}
		// The memory goes too, so that a new rule starts afresh.
		if err := l.tx.SaveRuleState(site.RuleState{Device: i.Device, Metric: metric}); err != nil {
			return err
		}
		if err := l.settle(i, title, nil); err != nil {
			return err
		}
	}
	return nil
}

// silentSince tells whether a device is silent, and since when. While Topout
// itself was not running it heard nobody; that time does not count.
func (j *Jobs) silentSince(r run, d site.Device) (time.Time, bool) {
	if d.LastSeen.IsZero() {
		return time.Time{}, false
	}
	heard := d.LastSeen
	if heard.Before(j.started) {
		heard = j.started
	}
	if r.at.Sub(heard) >= j.engine.rules.SilentAfter(d) {
		return d.LastSeen, true
	}
	if d.Status == "offline" && !d.StatusAt.Before(d.LastSeen) && (r.forced || r.at.Sub(d.StatusAt) >= offlineGrace) {
		return d.StatusAt, true
	}
	return time.Time{}, false
}

// openSilence opens the issue, unless a person has closed one about this very silence.
func (j *Jobs) openSilence(l *loop, d site.Device, since time.Time) error {
	last, _, err := l.tx.IssuesPage(site.IssueQuery{Project: d.Project, Kind: site.KindSilence, Device: d.ID, Limit: 1})
	if err != nil {
		return err
	}
	if len(last) == 1 && closedByPerson(last[0]) && last[0].OpenedAt.After(d.LastSeen) {
		return nil
	}
	p, err := l.project(d.Project)
	if err != nil {
		return err
	}
	title := "alerts.title.silence"
	if d.Status == "offline" && since.Equal(d.StatusAt) {
		title = "alerts.title.offline"
	}
	_, err = l.open(site.Issue{
		Project: d.Project, Key: "silence:" + d.ID, Kind: site.KindSilence, Severity: site.Warning, Device: d.ID, Building: d.Building,
		Title: title, Params: map[string]string{"device": deviceName(d), "place": d.Place, "since": since.In(p.Location()).Format("2006-01-02 15:04")},
	})
	return err
}

// closedByPerson reports whether a closed issue was closed by a person, who
// thereby took the trouble as it is.
func closedByPerson(i site.Issue) bool {
	return !i.Open() && len(i.Moves) > 0 && i.Moves[len(i.Moves)-1].By != site.System
}
