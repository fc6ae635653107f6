package api

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"topout/schedule"
	"topout/site"
)

func (s *Server) addPlan() {
	const tag = "plan"
	add(s, operation{method: http.MethodGet, path: "/projects/{p}/plan", id: "plan", summary: "The plan: tasks, links, baselines", tag: tag, action: site.ActView}, s.plan)
	add(s, operation{
		method: http.MethodPut, path: "/projects/{p}/plan", id: "save-plan", summary: "Save the next revision of the plan; the first becomes baseline 1",
		tag: tag, action: site.ActPlan, body: true, limit: planBodyLimit,
	}, s.savePlan)
	add(s, operation{
		method: http.MethodPost, path: "/projects/{p}/baselines", id: "approve-baseline", summary: "Approve the plan as the next baseline",
		tag: tag, action: site.ActPlan, body: true, answers: []int{http.StatusCreated},
	}, s.approveBaseline)
}

// planBody is a plan, as it is read and written.
type planBody struct {
	Revision  whole           `json:"revision" required:"false" minimum:"0" doc:"made by the server, not read"`
	Start     site.Day        `json:"start" required:"false" doc:"first day of the project; null: the earliest start given"`
	Delivery  taskID          `json:"delivery" required:"false" doc:"id of the milestone that is the hand-over; empty: the last milestone"`
	Buildings []buildingBody  `json:"buildings" required:"false" nullable:"false" maxItems:"10000"`
	Tasks     []taskBody      `json:"tasks" nullable:"false" minItems:"1" maxItems:"100000"`
	Links     []linkBody      `json:"links" required:"false" nullable:"false" maxItems:"500000"`
	Baselines []baselineShort `json:"baselines" required:"false" doc:"not read"`
}

type buildingBody struct {
	ID   taskID `json:"id" minLength:"1"`
	Name line   `json:"name"`
}

type taskBody struct {
	ID        taskID   `json:"id" minLength:"1" doc:"the planner's own"`
	Name      line     `json:"name" required:"false"`
	Building  taskID   `json:"building" required:"false"`
	Code      line     `json:"code" required:"false" doc:"GB 50300 code of its division"`
	Trade     line     `json:"trade" required:"false"`
	Start     site.Day `json:"start" required:"false"`
	Finish    site.Day `json:"finish" required:"false"`
	Duration  *float64 `json:"duration_days" required:"false" nullable:"true" minimum:"0" maximum:"36500" doc:"working days; 0 is a milestone; absent: by start and finish"`
	Weight    float64  `json:"weight" required:"false" minimum:"0" maximum:"1e12" doc:"share of the whole by value; 0: by duration"`
	Milestone bool     `json:"milestone" required:"false"`
	Quantity  float64  `json:"quantity" required:"false" minimum:"0" maximum:"1e12"`
	Unit      line     `json:"unit" required:"false"`
}

type linkBody struct {
	Pred taskID        `json:"pred" minLength:"1"`
	Succ taskID        `json:"succ" minLength:"1"`
	Type site.LinkType `json:"type" required:"false" enum:"FS,SS,FF,SF" default:"FS"`
	Lag  float64       `json:"lag_days" required:"false" minimum:"-36500" maximum:"36500" doc:"working days of the successor's calendar"`
}

type baselineShort struct {
	Revision   int       `json:"revision"`
	Name       string    `json:"name"`
	ApprovedBy string    `json:"approved_by"`
	ApprovedAt time.Time `json:"approved_at"`
	Delivery   site.Day  `json:"delivery"`
}

func (s *Server) plan(ctx context.Context, c *caller, _ *InProject) (*found[planBody], error) {
	var plan site.Plan
	var baselines []site.Baseline
	err := s.records.View(ctx, func(tx Tx) error {
		var err error
		plan, baselines, err = readPlan(tx, c.project.ID)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &found[planBody]{viewPlan(plan, baselines)}, nil
}

func readPlan(tx Tx, project string) (site.Plan, []site.Baseline, error) {
	plan, err := tx.Plan(project)
	if err != nil {
		return plan, nil, err
	}
	baselines, err := tx.Baselines(project)
	return plan, baselines, err
}

func viewPlan(p site.Plan, baselines []site.Baseline) planBody {
	v := planBody{
		Revision: whole(p.Revision), Start: p.Start, Delivery: taskID(p.Delivery),
		Buildings: []buildingBody{}, Tasks: []taskBody{}, Links: []linkBody{}, Baselines: []baselineShort{},
	}
	for _, b := range p.Buildings {
		v.Buildings = append(v.Buildings, buildingBody{taskID(b.ID), line(b.Name)})
	}
	for _, t := range p.Tasks {
		days := t.Duration.Days()
		body := taskBody{
			ID: taskID(t.ID), Name: line(t.Name), Building: taskID(t.Building), Code: line(t.Code), Trade: line(t.Trade),
			Start: t.Start, Finish: t.Finish, Duration: &days, Weight: t.Weight, Milestone: t.Milestone, Quantity: t.Quantity, Unit: line(t.Unit),
		}
		if t.Duration == 0 && !t.Milestone {
			body.Duration = nil // given by its dates
		}
		v.Tasks = append(v.Tasks, body)
	}
	for _, l := range p.Links {
		v.Links = append(v.Links, linkBody{taskID(l.Pred), taskID(l.Succ), l.Type, l.Lag.Days()})
	}
	for _, b := range baselines {
		v.Baselines = append(v.Baselines, viewBaseline(b))
	}
	return v
}

func viewBaseline(b site.Baseline) baselineShort {
	return baselineShort{b.Revision, b.Name, b.ApprovedBy, at(b.ApprovedAt), b.Delivery}
}

func (s *Server) savePlan(ctx context.Context, c *caller, in *struct {
	InProject
	Body planBody
}) (*found[planBody], error) {
	plan, err := in.Body.plan(c.project.ID)
	if err != nil {
		return nil, err
	}
	plan.SavedAt, plan.SavedBy = s.now(), c.person.Login
	plan = schedule.Anchored(plan, site.DayOf(plan.SavedAt, c.project.Location()))
	calendar, err := schedule.NewCalendar(c.project.Calendar, c.project.Location())
	if err != nil {
		return nil, err
	}
	if err := soundPlan(plan); err != nil {
		return nil, err
	}
	first, err := schedule.Approve(plan, calendar)
	if err != nil {
		return nil, err
	}
	var kept site.Plan
	var baselines []site.Baseline
	err = s.records.Update(ctx, func(tx Tx) error {
		if _, err := tx.SavePlan(plan); err != nil {
			return err
		}
		_, err := tx.CurrentBaseline(plan.Project)
		if site.IsKind(err, site.NotFound) {
			err = s.approve(tx, first, c.person.Login, s.say(ctx, "api.first_baseline", nil))
		}
		if err != nil {
			return err
		}
		if err := s.planChanged(tx, plan.Project); err != nil {
			return err
		}
		kept, baselines, err = readPlan(tx, plan.Project)
		return err
	})
	if err != nil {
		return nil, err
	}
	s.foresee(ctx)
	return &found[planBody]{viewPlan(kept, baselines)}, nil
}

// plan reads the body; what only the network can tell is package schedule's.
func (b planBody) plan(project string) (site.Plan, error) {
	p := site.Plan{Project: project, Start: b.Start, Delivery: string(b.Delivery)}
	buildings := map[taskID]bool{"": true}
	for i, x := range b.Buildings {
		if buildings[x.ID] {
			return p, site.Errorf(site.Invalid, "api.building_twice", "buildings["+strconv.Itoa(i)+"].id")
		}
		buildings[x.ID] = true
		p.Buildings = append(p.Buildings, site.Building{ID: string(x.ID), Name: string(x.Name), Position: i})
	}
	delivered := b.Delivery == ""
	for i, x := range b.Tasks {
		field := "tasks[" + strconv.Itoa(i) + "]."
		t := site.Task{
			ID: string(x.ID), Building: string(x.Building), Name: string(x.Name), Code: string(x.Code), Trade: string(x.Trade),
			Start: x.Start, Finish: x.Finish, Weight: x.Weight, Milestone: x.Milestone, Quantity: x.Quantity, Unit: string(x.Unit),
		}
		switch {
		case x.Duration != nil:
			t.Duration = site.WorkDays(*x.Duration)
			t.Milestone = t.Milestone || t.Duration == 0
		case !x.Milestone && (x.Start.IsZero() || x.Finish.IsZero()):
			return p, site.Errorf(site.Invalid, "api.no_duration", field+"duration_days")
		}
		if !buildings[x.Building] {
			return p, site.Errorf(site.Invalid, "api.unknown_building", field+"building")
		}
		delivered = delivered || x.ID == b.Delivery
		p.Tasks = append(p.Tasks, t)
	}
	if !delivered {
		return p, site.Errorf(site.Invalid, "api.unknown_delivery", "delivery")
	}
	for _, x := range b.Links {
		p.Links = append(p.Links, site.Link{Pred: string(x.Pred), Succ: string(x.Succ), Type: x.Type, Lag: site.WorkDays(x.Lag)})
	}
	return p, nil
}

// soundPlan refuses a plan whose dates cannot be computed, with everything that is wrong in it.
func soundPlan(p site.Plan) error {
	var fatal []site.Problem
	for _, x := range schedule.Problems(p) {
		if x.Fatal {
			fatal = append(fatal, x)
		}
	}
	if len(fatal) == 0 {
		return nil
	}
	return &schedule.NetworkError{Problems: fatal}
}

// approve saves a baseline under a name.
func (s *Server) approve(tx Tx, b site.Baseline, login, name string) error {
	b.ApprovedBy, b.ApprovedAt, b.Name = login, s.now(), name
	_, err := tx.SaveBaseline(b)
	return err
}

func (s *Server) planChanged(tx Tx, project string) error {
	_, err := tx.AddChange(site.Change{Project: project, Kind: site.ChangePlan, Ref: project, At: s.now()})
	return err
}

// foresee has the slips looked at anew after a plan changed. The plan is saved
// already: a failure is the operator's to see, and the job runs again anyway.
func (s *Server) foresee(ctx context.Context) {
	s.Wake()
	if err := s.jobs.Run(ctx, "slips"); err != nil {
		s.log.WarnContext(ctx, "slips not looked at after a change of plan", "error", err)
	}
}

type newBaseline struct {
	Name line `json:"name" minLength:"1"`
}

func (s *Server) approveBaseline(ctx context.Context, c *caller, in *struct {
	InProject
	Body newBaseline
}) (*found[baselineShort], error) {
	calendar, err := schedule.NewCalendar(c.project.Calendar, c.project.Location())
	if err != nil {
		return nil, err
	}
	var kept site.Baseline
	err = s.records.Update(ctx, func(tx Tx) error {
		plan, err := tx.Plan(c.project.ID)
		if err != nil {
			return err
		}
		b, err := schedule.Approve(plan, calendar)
		if err != nil {
			return err
		}
		if err := s.approve(tx, b, c.person.Login, string(in.Body.Name)); err != nil {
			return err
		}
		if kept, err = tx.CurrentBaseline(c.project.ID); err != nil {
			return err
		}
		return s.planChanged(tx, c.project.ID)
	})
	if err != nil {
		return nil, err
	}
	s.foresee(ctx)
	return &found[baselineShort]{viewBaseline(kept)}, nil
}
