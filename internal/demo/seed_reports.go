package demo

import (
	"math"
	"time"

	"topout/checklist"
	"topout/site"
)

// checkDays is for how many days back there are daily checks.
const checkDays = 90

// report makes the progress reports of every task from its start to now.
func (s *seeder) report() {
	for _, k := range s.story.works {
		s.reportWork(k)
	}
}

// reportWork makes the reports of one task: on its first day, every few days,
// and when it is finished.
func (s *seeder) reportWork(k work) {
	now := s.story.worked(s.Now)
	if k.start >= now && (k.days > 0 || k.start > now) {
		return
	}
	d := s.dice.of("history").of(k.task.ID)
	if k.days == 0 {
		s.addProgress(k, s.story.when(k.start), 100, d)
		return
	}
	first := site.DayOf(s.story.when(k.start+0.01), s.story.zone)
	last := min(site.DayOf(s.Now, s.story.zone), site.DayOf(s.story.when(math.Min(k.start+k.days, now)), s.story.zone))
	step := 3 + d.pick(0, 3) // working days between reports
	if k.days <= 8 {
		step = 2
	}
	end := s.story.when(k.start + k.days).Add(-time.Duration(5+d.pick(1, 40)) * time.Minute)
	if k.start+k.days > now {
		end = s.Now.Add(time.Second)
	}
	worked := 0
	for day := first; day <= last; day++ {
		if !s.story.calendar.Working(day) {
			continue
		}
		worked++
		// What runs now was reported lately, unless nobody does.
		recent := s.story.calendar.Between(day, s.story.calendar.Prev(last)) <= 1 && k.start+k.days > now
		if worked != 1 && worked%step != 0 && !recent {
			continue
		}
		t := day.At(15*time.Hour+30*time.Minute+time.Duration(d.at(int64(day))*100)*time.Minute, s.story.zone)
		if worked == 1 {
			t = day.At(10*time.Hour+time.Duration(d.at(int64(day))*90)*time.Minute, s.story.zone)
		}
		if recent && t.After(s.Now) { // already said this morning
			t = day.At(7*time.Hour+20*time.Minute+time.Duration(d.at(int64(day)+1)*40)*time.Minute, s.story.zone)
		}
		at := s.story.worked(t)
		if !t.Before(end) || k.quiet > 0 && at > now-k.quiet {
			continue
		}
		percent := math.Round(k.percent(at))
		if recent { // what is played goes on from here, and work never goes back
			percent = math.Floor(k.percent(at)*10) / 10
		}
		s.addProgress(k, t, math.Min(99, math.Max(1, percent)), d)
	}
	if !end.After(s.Now) {
		s.addProgress(k, end, 100, d)
	}
}

func (s *seeder) addProgress(k work, t time.Time, percent float64, d dice) {
	n := t.UnixMilli()
	said := progressOf(k, s.story.worked(t), percent, d, n, s.story.cast.Words.Progress)
	p := site.Progress{
		ID: "p-" + k.task.ID + "-" + text(float64(n/1000)), Project: Project, Task: k.task.ID,
		T: t.UTC().Truncate(time.Millisecond), Percent: percent, HasPercent: true,
		Workers: said.Workers, Note: said.Note, Reason: said.Reason, By: k.by, Door: site.DoorMQTT,
	}
	p.Arrived = p.T.Add(time.Duration(1+d.pick(n, 4)) * time.Second)
	if said.Quantity != nil {
		p.Quantity, p.HasQty = *said.Quantity, true
		p.Percent = math.Min(100, 100**said.Quantity/k.task.Quantity)
		if percent == 100 {
			p.Quantity, p.Percent = k.task.Quantity, 100
		}
	}
	s.progress = append(s.progress, p)
}

// inspect makes the daily checks of the last months and the monthly inspections
// by the tables of JGJ 59.
func (s *seeder) inspect() {
	today := site.DayOf(s.Now, s.story.zone)
	first := max(today-checkDays, s.story.plan.Start)
	monthly := 0
	for day := today; day >= first; day-- {
		if !s.story.calendar.Working(day) {
			continue
		}
		for _, form := range s.story.project.DailyChecks {
			s.addCheck(s.story.check(s.forms, s.dice, form, day))
		}
		// About every 26 working days, the last time six days ago.
		if monthly++; monthly%26 == 6 {
			for n := range safetyTables {
				s.addCheck(s.story.table(s.forms, s.dice, n, day))
			}
		}
	}
}

func (s *seeder) addCheck(c site.Check) {
	if c.T.After(s.Now) {
		return
	}
	form, _ := s.forms.Form(c.Checklist)
	for _, item := range faults(c, form) {
		if issue, ok := s.faultIssue(c, form, item); ok {
			s.issues = append(s.issues, issue)
			c.Issues = append(c.Issues, issue.ID)
		}
	}
	s.checks = append(s.checks, c)
}

// faultIssue is the issue of a failed item and how far it has come since. A
// fault that is found again while its issue is open has none of its own.
func (s *seeder) faultIssue(c site.Check, form checklist.Form, item checklist.Item) (site.Issue, bool) {
	key := "check_failed:" + c.Building + ":" + form.ID + ":" + item.Code
	d := s.dice.of(key).of(c.ID)
	note := ""
	for _, a := range c.Items {
		if a.Code == item.Code {
			note = a.Note
		}
	}
	i := site.Issue{
		ID: s.id(c.Arrived, key), Project: Project, Key: key, Kind: site.KindCheckFailed, Severity: item.Severity,
		State: site.StateOpen, Title: "alerts.title.check_failed",
		Params: map[string]string{
			"form": form.Name, "form_en": form.NameEn, "item": item.Text, "item_en": item.TextEn, "code": item.Code,
			"note": note, "check": c.ID, "building": c.Building,
		},
		Building: c.Building, OpenedAt: c.Arrived, UpdatedAt: c.Arrived, OpenedBy: c.By,
	}
	if i.Severity == "" {
		i.Severity = site.Warning
	}
	i.Due = i.OpenedAt.Add(dueIn[i.Severity])
	for _, open := range s.issues {
		if open.Key == key && (open.Open() && open.OpenedAt.Before(i.OpenedAt) || !open.Open() && i.OpenedAt.Before(open.ClosedAt) && i.OpenedAt.After(open.OpenedAt)) {
			return i, false
		}
	}
	words := s.story.cast.Words
	who := s.story.cast.reporter(site.Task{Building: c.Building})
	if who == i.OpenedBy {
		who = "zhanghaibo"
	}
	quick := 1.0
	if i.Severity == site.Critical {
		quick = 0.15
	}
	hours := func(most float64, n int64) time.Duration {
		return time.Duration(quick * most * (0.3 + 0.7*d.at(n)) * float64(time.Hour))
	}
	assigned := i.OpenedAt.Add(hours(3, 1))
	reported := assigned.Add(hours(46, 2))
	closed := reported.Add(hours(20, 3))
	s.moveOn(&i,
		site.Move{To: site.StateAssigned, By: "safety", At: assigned, Assignee: who, Due: i.Due},
		site.Move{To: site.StateReported, By: who, At: reported, Note: words.Fixed[d.pick(4, len(words.Fixed))]},
		site.Move{To: site.StateClosed, By: "safety", At: closed, Note: words.Rechecked[d.pick(5, len(words.Rechecked))]},
	)
	return i, true
}

// dueIn are the usual times for putting right.
var dueIn = map[site.Severity]time.Duration{site.Critical: 24 * time.Hour, site.Warning: 72 * time.Hour, site.Info: 168 * time.Hour}

// moveOn takes an issue through those moves that have happened by now.
func (s *seeder) moveOn(i *site.Issue, moves ...site.Move) {
	for _, m := range moves {
		if m.At.After(s.Now) {
			return
		}
		m.At = m.At.UTC().Truncate(time.Millisecond)
		i.Moves = append(i.Moves, m)
		i.State, i.UpdatedAt = m.To, m.At
		if m.Assignee != "" {
			i.Assignee = m.Assignee
		}
		if m.To == site.StateClosed {
			i.ClosedAt = m.At
		}
	}
}
