package alerts

import (
	"topout/checklist"
	"topout/site"
)

// CheckTaken opens an issue for each failed item of a check that has been saved,
// or renews the one that is still open, and gives their ids. The check also ends
// the issue of being missed on its day.
func (b *Batch) CheckTaken(c *site.Check, form checklist.Form) (issues []string, err error) {
	l := b.loop
	p, err := l.project(c.Project)
	if err != nil {
		return nil, err
	}
	if err := l.checkDone(c, site.DayOf(c.T, p.Location())); err != nil {
		return nil, err
	}
	for _, answer := range c.Items {
		item, known := form.Item(answer.Code)
		if known && !item.Fails(answer) || !known && answer.Result != site.Fail {
			continue
		}
		id, err := l.itemFailed(c, form, answer)
		if err != nil {
			return nil, err
		}
		issues = append(issues, id)
	}
	return issues, nil
}

// ProgressTaken takes a report on a task. It judges nothing: a slip is found by
// the slips job, from the whole network.
func (b *Batch) ProgressTaken(site.Progress) error { return nil }

// itemFailed opens or renews the issue of one failed item of a building.
func (l *loop) itemFailed(c *site.Check, form checklist.Form, failed site.CheckItem) (string, error) {
	item, _ := form.Item(failed.Code)
	params := map[string]string{
		"form": form.Name, "form_en": form.NameEn, "item": item.Text, "item_en": item.TextEn, "code": failed.Code,
		"note": failed.Note, "check": c.ID, "building": c.Building,
	}
	if params["item"] == "" {
		params["item"] = failed.Code
	}
	severity := site.Warning
	if item.Severity != "" {
		severity = item.Severity
	}
	key := "check_failed:" + c.Building + ":" + form.ID + ":" + failed.Code
	i, open, err := l.tx.OpenIssue(c.Project, key)
	if err != nil {
		return "", err
	}
	if !open {
		i, err = l.open(site.Issue{
			Project: c.Project, Key: key, Kind: site.KindCheckFailed, Severity: severity,
			Title: "alerts.title.check_failed", Params: params, Building: c.Building, OpenedBy: c.By,
		})
		return i.ID, err
	}
	// What was reported as put right has failed its re-check.
	to := i.State
	if to == site.StateReported {
		to = site.StateRejected
	}
	i.Params, i.Severity = params, higher(i.Severity, severity)
	return i.ID, l.move(i, site.Move{To: to, By: site.System, Title: "alerts.move.failed_again", Params: params, Photos: failed.Photos})
}

// CheckWithdrawn closes the issues that a withdrawn check opened and that nobody
// has worked on; the others stay for people to decide.
func (b *Batch) CheckWithdrawn(c site.Check) error {
	for _, id := range c.Issues {
		i, err := b.loop.tx.Issue(c.Project, id)
		if site.IsKind(err, site.NotFound) {
			continue
		}
		if err != nil {
			return err
		}
		if i.State != site.StateOpen || i.Params["check"] != c.ID {
			continue
		}
		if err := b.loop.settle(i, "alerts.move.check_withdrawn", nil); err != nil {
			return err
		}
	}
	return nil
}

func missedKey(form string, day site.Day) string { return "check_missed:" + form + ":" + day.String() }

// checkDone closes the issue of a check that was missed on its day.
func (l *loop) checkDone(c *site.Check, day site.Day) error {
	i, open, err := l.tx.OpenIssue(c.Project, missedKey(c.Checklist, day))
	if err != nil || !open {
		return err
	}
	return l.settle(i, "alerts.move.check_done", nil)
}
