package alerts

import (
	"context"

	"topout/site"
)

// overdue tells, once for each due time, of the issues whose time has run out.
func (j *Jobs) overdue(ctx context.Context, p site.Project) error {
	return j.records.Update(ctx, func(tx JobTx) error {
		l := j.engine.loop(tx)
		open, err := tx.OpenIssues(p.ID, "")
		if err != nil {
			return err
		}
		for _, i := range open {
			if i.Due.IsZero() || i.Due.After(l.at) {
				continue
			}
			told, err := tx.NoticesOf(i.ID)
			if err != nil {
				return err
			}
			if toldOverdue(told, i) {
				continue
			}
			if err := l.notify(change{Event: EventOverdue, Issue: i, By: site.System}); err != nil {
				return err
			}
		}
		return nil
	})
}

func toldOverdue(told []site.Notice, i site.Issue) bool {
	for _, n := range told {
		if n.Event == EventOverdue && !n.CreatedAt.Before(i.Due) {
			return true
		}
	}
	return false
}
