package api

import (
	"context"
	"time"

	"topout/schedule"
	"topout/site"
)

// soon is how many days ahead a task that is to begin is shown.
const soon = 7

type todayView struct {
	Day     site.Day    `json:"day"`
	Working bool        `json:"working"`
	CheckBy string      `json:"check_by"`
	Owed    []owedView  `json:"owed" doc:"the daily checks; none on a day off"`
	Tasks   []todayTask `json:"tasks" doc:"in progress, or to begin within a week"`
}

type owedView struct {
	Checklist string              `json:"checklist"`
	Name      string              `json:"name"`
	NameEn    string              `json:"name_en"`
	Due       time.Time           `json:"due"`
	Done      optional[doneCheck] `json:"done"`
}

type doneCheck struct {
	ID     string    `json:"id"`
	T      time.Time `json:"t"`
	By     string    `json:"by"`
	Score  float64   `json:"score"`
	Grade  string    `json:"grade"`
	Passed bool      `json:"passed"`
}

type todayTask struct {
	ID             string     `json:"id"`
	Name           string     `json:"name"`
	Building       string     `json:"building"`
	Percent        float64    `json:"percent"`
	LastReport     *time.Time `json:"last_report"`
	ForecastStart  site.Day   `json:"forecast_start"`
	ForecastFinish site.Day   `json:"forecast_finish"`
	BaselineFinish site.Day   `json:"baseline_finish"`
	SlipDays       float64    `json:"slip_days"`
	Quantity       float64    `json:"quantity" doc:"of the whole task; 0: reported in percent"`
	Unit           string     `json:"unit"`
}

func (s *Server) today(ctx context.Context, c *caller, _ *InProject) (*found[todayView], error) {
	p := c.project
	loc := p.Location()
	day := site.DayOf(s.now(), loc)
	calendar, err := schedule.NewCalendar(p.Calendar, loc)
	if err != nil {
		return nil, err
	}
	v := todayView{Day: day, Working: calendar.Working(day), CheckBy: p.CheckBy, Owed: []owedView{}, Tasks: []todayTask{}}
	if v.Working {
		if v.Owed, err = s.owed(ctx, p, day); err != nil {
			return nil, err
		}
	}
	view, err := s.outlook(ctx, p, asOf{})
	if missing(err) {
		return &found[todayView]{v}, nil
	}
	if err != nil {
		return nil, err
	}
	quantities := make(map[string]site.Task, len(view.plan.Tasks))
	for _, t := range view.plan.Tasks {
		quantities[t.ID] = t
	}
	for _, t := range view.outlook.Tasks {
		inHand := !t.ActualStart.IsZero() && t.ActualFinish.IsZero()
		begins := t.ActualStart.IsZero() && !t.ForecastStart.IsZero() && t.ForecastStart <= day+soon
		if t.Milestone || !inHand && !begins {
			continue
		}
		v.Tasks = append(v.Tasks, todayTask{
			ID: t.ID, Name: t.Name, Building: t.Building, Percent: t.Percent, LastReport: utc(t.LastReport),
			ForecastStart: t.ForecastStart, ForecastFinish: t.ForecastFinish, BaselineFinish: t.BaselineFinish, SlipDays: t.SlipDays,
			Quantity: quantities[t.ID].Quantity, Unit: quantities[t.ID].Unit,
		})
	}
	return &found[todayView]{v}, nil
}

// owed lists the daily checks of a day, with the newest that was done of each.
func (s *Server) owed(ctx context.Context, p site.Project, day site.Day) ([]owedView, error) {
	loc := p.Location()
	due := (day + 1).Start(loc)
	if t, err := time.Parse("15:04", p.CheckBy); err == nil {
		due = day.At(time.Duration(t.Hour())*time.Hour+time.Duration(t.Minute())*time.Minute, loc)
	}
	all := []owedView{}
	err := s.records.View(ctx, func(tx Tx) error {
		for _, id := range p.DailyChecks {
			o := owedView{Checklist: id, Name: id, Due: at(due)}
			if form, ok := s.checklists.Form(id); ok {
				o.Name, o.NameEn = form.Name, form.NameEn
			}
			checks, _, err := tx.ChecksPage(site.ReportQuery{Project: p.ID, Checklist: id, From: day.Start(loc), To: (day + 1).Start(loc)})
			if err != nil {
				return err
			}
			for _, k := range checks {
				if k.Withdrawn == nil {
					o.Done.value = &doneCheck{k.ID, at(k.T), k.By, k.Score, k.Grade, k.Passed}
					break
				}
			}
			all = append(all, o)
		}
		return nil
	})
	return all, err
}
