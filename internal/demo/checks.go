package demo

import (
	"strconv"
	"time"

	"topout/checklist"
	"topout/site"
)

// faultShare is how many of the checked items fail.
const faultShare = 0.012

// rounds say when each form is filled in, by whom and where.
var rounds = map[string]struct {
	at        time.Duration // of the site's day
	by        string
	buildings []string
}{
	"daily-safety":    {7*time.Hour + 30*time.Minute, "safety", []string{"b1", "b2", "b3", "b5", "b8", "b9"}},
	"leader-on-duty":  {9 * time.Hour, "supervisor", []string{"b9"}},
	"work-at-height":  {10*time.Hour + 15*time.Minute, "safety", []string{"b9", "b5", "b2"}},
	"temporary-power": {15*time.Hour + 30*time.Minute, "chenjing", []string{"b9", "b4", "b8"}},
}

// check is the check by a form on a day, scored.
func (s *Story) check(library *checklist.Library, d dice, formID string, day site.Day) site.Check {
	round := rounds[formID]
	d = d.of("check").of(formID)
	n := int64(day)
	at := round.at + time.Duration(d.at(n)*25)*time.Minute + time.Duration(d.at(n+1)*60)*time.Second
	c := site.Check{
		ID: "check-" + formID + "-" + day.String(), Project: Project, Checklist: formID,
		Building: round.buildings[d.pick(n, len(round.buildings))],
		T:        day.At(at, s.zone).UTC(), By: round.by, Door: site.DoorMQTT,
	}
	form, _ := library.Form(formID)
	s.fill(&c, form, d.of(day.String()))
	return c
}

// safetyTables are the tables of JGJ 59 that this site is judged by each month,
// each with the building where it is.
var safetyTables = []struct{ form, building string }{
	{"jgj59-b1", ""}, {"jgj59-b2", ""}, {"jgj59-b3", "b2"}, {"jgj59-b6", "b9"}, {"jgj59-b12", "b9"},
	{"jgj59-b13", "b5"}, {"jgj59-b14", ""}, {"jgj59-b16", "b5"}, {"jgj59-b17", "b9"}, {"jgj59-b19", ""},
}

// table is the check by one of the tables on the day of the monthly inspection.
func (s *Story) table(library *checklist.Library, d dice, n int, day site.Day) site.Check {
	t := safetyTables[n]
	c := site.Check{
		ID: "check-" + t.form + "-" + day.String(), Project: Project, Checklist: t.form, Building: t.building,
		T: day.At(8*time.Hour+time.Duration(n)*35*time.Minute, s.zone).UTC(), By: "safety", Door: site.DoorMQTT,
	}
	form, _ := library.Form(t.form)
	s.fill(&c, form, d.of("table").of(t.form).of(day.String()))
	return c
}

// fill answers a form's items and scores them.
func (s *Story) fill(c *site.Check, form checklist.Form, d dice) {
	for i, item := range form.Items {
		n := int64(16 * i)
		a := site.CheckItem{Code: item.Code, Result: site.Pass}
		failed := false
		switch x := d.at(n); {
		case item.Max > 0 && x < 0.35: // marks are taken off, the item stands
			a.Deduct = ptr(float64(1 + d.pick(n+1, int(item.Max*0.35))))
		case item.Max == 0 && x < faultShare:
			failed = true
			a.Result = site.Fail
			a.Note = s.cast.Words.Faults[d.pick(n+2, len(s.cast.Words.Faults))]
		}
		if item.Unit != "" {
			a.Value = ptr(measured(item, failed, d, n+3))
		}
		c.Items = append(c.Items, a)
	}
	// The answers are made from the form itself, so they can be scored.
	if res, err := checklist.Score(form, c.Items, checklist.Options{}); err == nil {
		c.Version, c.Score, c.Grade, c.Passed, c.Failed = form.Version, res.Score, res.Grade, res.Passed, len(res.Failed)
	}
	c.Arrived = c.T.Add(2 * time.Second)
}

// measured is a value within an item's limits, or outside them.
func measured(item checklist.Item, failed bool, d dice, n int64) float64 {
	decimals := 2
	switch {
	case item.MinValue != nil && item.MaxValue != nil:
		if failed {
			return round(*item.MinValue*0.94, decimals)
		}
		return round(*item.MinValue+(*item.MaxValue-*item.MinValue)*(0.1+0.6*d.at(n)), 1)
	case item.MinValue != nil:
		if failed {
			return round(*item.MinValue*(0.8+0.15*d.at(n)), decimals)
		}
		return round(*item.MinValue*(1+0.06*d.at(n)), decimals)
	case item.MaxValue != nil:
		if failed {
			return round(*item.MaxValue*(1.05+0.3*d.at(n)), decimals)
		}
		return round(*item.MaxValue*[]float64{1, 0.8, 0.6, 0.5}[d.pick(n, 4)], decimals)
	}
	return 0
}

// faults are the failed items of a check, by code.
func faults(c site.Check, form checklist.Form) []checklist.Item {
	var list []checklist.Item
	for _, a := range c.Items {
		if item, ok := form.Item(a.Code); ok && a.Result == site.Fail {
			list = append(list, item)
		}
	}
	return list
}

// text writes a number as it is said.
func text(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
