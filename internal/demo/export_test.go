package demo

import (
	"time"

	"topout/schedule"
	"topout/site"
)

// What the tests look at.

// Plan is the story's plan.
func (s *Story) Plan() site.Plan { return s.plan }

// Project is the story's project.
func (s *Story) Project() site.Project { return s.project }

// Calendar is the story's calendar.
func (s *Story) Calendar() *schedule.Calendar { return s.calendar }

// Done is how much of a task is done, in percent.
func (s *Story) Done(task string, at time.Time) float64 {
	for _, w := range s.works {
		if w.task.ID == task {
			return w.percent(s.worked(at))
		}
	}
	return -1
}

// Work is the start and duration that a task came to have, in working days.
func (s *Story) Work(task string) (start, days float64) {
	for _, w := range s.works {
		if w.task.ID == task {
			return w.start, w.days
		}
	}
	return -1, -1
}
