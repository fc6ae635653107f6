package alerts

import (
	"context"
	"time"

	"topout/schedule"
	"topout/site"
)

// missedReach is how far back missed checks are raised after a time of standstill.
const missedReach = 7

// checkBy is when a daily check is due in a project that does not say.
const checkBy = "18:00"

// checksMissed opens an issue for each form that was owed on a working day and
// was not there at the hour set. It looks at the hours that passed since the run
// before, and always at today's.
func (j *Jobs) checksMissed(ctx context.Context, r run, p site.Project) error {
	if len(p.DailyChecks) == 0 {
		return nil
	}
	loc := p.Location()
	cal, err := schedule.NewCalendar(p.Calendar, loc)
	if err != nil {
		return err
	}
	return j.records.Update(ctx, func(tx JobTx) error {
		l := j.engine.loop(tx)
		today := site.DayOf(r.at, loc)
		for day := today - missedReach; day <= today; day++ {
			due := dueAt(p, day)
			looked := day != today && (r.since.IsZero() || !due.After(r.since))
			if looked || due.After(r.at) || !due.After(p.CreatedAt) || !cal.Working(day) {
				continue
			}
			for _, form := range p.DailyChecks {
				if err := checkMissed(l, tx, p, form, day); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// dueAt is when the daily checks of a day are due.
func dueAt(p site.Project, day site.Day) time.Time {
	at, err := time.Parse("15:04", p.CheckBy)
	if err != nil {
		at, _ = time.Parse("15:04", checkBy)
	}
	return day.At(time.Duration(at.Hour())*time.Hour+time.Duration(at.Minute())*time.Minute, p.Location())
}

func checkMissed(l *loop, tx JobTx, p site.Project, form string, day site.Day) error {
	key := missedKey(form, day)
	if _, open, err := tx.OpenIssue(p.ID, key); err != nil || open {
		return err
	}
	done, err := tx.CheckSince(p.ID, form, day.Start(p.Location()), (day + 1).Start(p.Location()))
	if err != nil || done {
		return err
	}
	accepted, err := acceptedMiss(tx, p, key, day)
	if err != nil || accepted {
		return err
	}
	name, nameEn := l.formName(form)
	_, err = l.open(site.Issue{
		Project: p.ID, Key: key, Kind: site.KindCheckMissed, Severity: site.Warning,
		Title: "alerts.title.check_missed", Params: map[string]string{"form": name, "form_en": nameEn, "checklist": form, "day": day.String()},
	})
	return err
}

// acceptedMiss reports whether a person has closed the issue of this very check.
func acceptedMiss(tx JobTx, p site.Project, key string, day site.Day) (bool, error) {
	cursor := ""
	for {
		page, next, err := tx.IssuesPage(site.IssueQuery{Project: p.ID, Kind: site.KindCheckMissed, Cursor: cursor})
		if err != nil {
			return false, err
		}
		for _, i := range page {
			if i.Key == key && closedByPerson(i) {
				return true, nil
			}
			if i.OpenedAt.Before(day.Start(p.Location())) {
				return false, nil
			}
		}
		if next == "" {
			return false, nil
		}
		cursor = next
	}
}

// formName is a form's name in Chinese and English, as far as it has them.
func (e *Engine) formName(id string) (name, nameEn string) {
	if e.forms != nil {
		if f, ok := e.forms.Form(id); ok {
			return f.Name, f.NameEn
		}
	}
	return id, ""
}
