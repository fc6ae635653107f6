package alerts

import (
	"context"
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
			case !d.RevokedAt.IsZero():
				err = l.forget(d)
			case isOpen && !silent && d.LastSeen.After(i.OpenedAt):
				err = l.settle(i, "alerts.move.heard_again", map[string]string{"device": deviceName(d)})
			case !isOpen && silent:
				err = j.openSilence(l, d, since)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
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
