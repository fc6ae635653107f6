package demo

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"math"
	"strconv"
	"time"

	"topout/planfile"
	"topout/schedule"
	"topout/site"
)

// today is the demo's day, in working days since the start of works.
const today = 176

// deliveryTask is the milestone of the hand-over.
const deliveryTask = "A_160"

// Story is the school's plan and what became of it.
type Story struct {
	project  site.Project
	plan     site.Plan
	calendar *schedule.Calendar
	zone     *time.Location
	start    time.Time // of works
	now      time.Time // start of the demo's day
	works    []work    // in the plan's order
	cast     cast
}

// work is what became of a task. Times are in working days since the start of works.
type work struct {
	task             site.Task
	by               string // who reports
	start, days      float64
	stallAt, stalled float64 // stands still at this share of the work, for so long
	quiet            float64 // nobody has reported for so long
	reason           site.Reason
	note             string
}

// NewStory lays the story so that now is the demo's day.
func NewStory(now time.Time) (*Story, error) {
	zone, err := time.LoadLocation(zoneName)
	if err != nil {
		return nil, err
	}
	day := site.DayOf(now, zone)
	project := site.NewProject(Project, projectName, zoneName, now.UTC())
	project.Grade = "优先落地"
	project.DailyChecks = []string{"daily-safety", "leader-on-duty", "work-at-height", "temporary-power"}
	project.Calendar.Off = winterStops(day)
	calendar, err := schedule.NewCalendar(project.Calendar, zone)
	if err != nil {
		return nil, err
	}
	return newStory(project, calendar.Shift(day, -today))
}

// StoryOf is the story of a demo that was seeded on another day: the project and
// the first day of its plan are those that were kept.
func StoryOf(project site.Project, start site.Day) (*Story, error) {
	return newStory(project, start)
}

func newStory(project site.Project, start site.Day) (*Story, error) {
	s := &Story{project: project, zone: project.Location()}
	var err error
	if s.calendar, err = schedule.NewCalendar(project.Calendar, s.zone); err != nil {
		return nil, err
	}
	if s.cast, err = readCast(); err != nil {
		return nil, err
	}
	if s.plan, err = readPlan(); err != nil {
		return nil, err
	}
	s.plan.Start = start
	s.start = start.Start(s.zone)
	s.now = s.calendar.Shift(start, today).Start(s.zone)
	return s, s.happen()
}

// winterStops are the days off of each winter (冬歇), 20 December to 28 February.
// The one around the demo's day keeps clear of it, as in a mild winter, so that
// there is work to look at.
func winterStops(day site.Day) []site.DayOff {
	year, _, _ := day.Start(time.UTC).Date()
	var stops []site.DayOff
	for y := year - 2; y <= year+3; y++ {
		from, to := site.NewDay(y, time.December, 20), site.NewDay(y+1, time.February, 28)
		if day > from-14 && day < to+14 {
			if day-from < (to-from)/2 {
				from = day + 14
			} else {
				to = day - 14
			}
		}
		if from <= to {
			stops = append(stops, site.DayOff{From: from, To: to, Name: "冬歇"})
		}
	}
	return stops
}

// readPlan reads the embedded plan, without dates.
func readPlan() (site.Plan, error) {
	data, err := files.ReadFile("data/plan.csv")
	if err != nil {
		return site.Plan{}, err
	}
	plan, _, err := planfile.ReadCSV(bytes.NewReader(data))
	if err != nil {
		return plan, fmt.Errorf("data/plan.csv: %w", err)
	}
	plan.Project, plan.Delivery = Project, deliveryTask
	plan.Buildings = nil
	if err := readJSON("buildings", &plan.Buildings); err != nil {
		return plan, err
	}
	for i := range plan.Buildings {
		plan.Buildings[i].Position = i
	}
	return plan, nil
}

// twist is a line of story.csv: how a task departs from the plan.
type twist struct {
	late, extra, stallPercent, stallDays, quiet float64
	reason                                      site.Reason
	note                                        string
}

func readTwists() (map[string]twist, error) {
	data, err := files.ReadFile("data/story.csv")
	if err != nil {
		return nil, err
	}
	rows, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("data/story.csv: %w", err)
	}
	twists := make(map[string]twist, len(rows))
	for _, row := range rows[1:] {
		var n [5]float64
		for i := range n {
			if row[i+1] == "" {
				continue
			}
			if n[i], err = strconv.ParseFloat(row[i+1], 64); err != nil {
				return nil, fmt.Errorf("data/story.csv: %s: %w", row[0], err)
			}
		}
		twists[row[0]] = twist{n[0], n[1], n[2], n[3], n[4], site.Reason(row[6]), row[7]}
	}
	return twists, nil
}

// happen lays the works: the plan's network with the durations and delays that
// came to be.
func (s *Story) happen() error {
	twists, err := readTwists()
	if err != nil {
		return err
	}
	as := s.plan
	as.Tasks = append([]site.Task(nil), s.plan.Tasks...)
	as.Links = append([]site.Link(nil), s.plan.Links...)
	for i, t := range as.Tasks {
		as.Tasks[i].Duration += site.WorkDays(twists[t.ID].extra)
	}
	for i, l := range as.Links {
		as.Links[i].Lag += site.WorkDays(twists[l.Succ].late)
	}
	report, _, err := schedule.Check(as, schedule.CheckOptions{Calendar: s.calendar})
	if err != nil {
		return err
	}
	s.works = make([]work, len(as.Tasks))
	for i, t := range s.plan.Tasks {
		w := twists[t.ID]
		s.works[i] = work{
			task: t, by: s.cast.reporter(t), start: report.Tasks[i].ES, days: as.Tasks[i].Duration.Days(),
			stallAt: w.stallPercent / 100, stalled: w.stallDays, quiet: w.quiet, reason: w.reason, note: w.note,
		}
	}
	return nil
}

// worked is how many working days have passed since the start of works. After
// the demo's day every day counts six sevenths, so that a demo that is looked at
// on a Sunday moves too.
func (s *Story) worked(t time.Time) float64 {
	if t.After(s.now) {
		return today + t.Sub(s.now).Hours()/24*6/7
	}
	return s.calendar.Work(s.start, t).Days()
}

// when is the instant at which so many working days have been worked.
func (s *Story) when(worked float64) time.Time {
	if worked > today {
		return s.now.Add(time.Duration((worked - today) * 7 / 6 * 24 * float64(time.Hour)))
	}
	return s.calendar.Add(s.start, site.WorkDays(worked))
}

// percent is how much of a task is done after so many working days.
func (w work) percent(worked float64) float64 {
	passed := worked - w.start
	switch {
	case passed >= w.days:
		return 100
	case passed <= 0:
		return 0
	}
	moving := w.days - w.stalled
	if still := moving * w.stallAt; passed > still {
		passed = still + math.Max(0, passed-still-w.stalled)
	}
	return 100 * passed / moving
}

// running reports whether a task is in progress.
func (w work) running(worked float64) bool {
	p := w.percent(worked)
	return p > 0 && p < 100
}
