package api

import (
	"context"
	"math"
	"net/http"
	"strconv"
	"time"

	"topout/schedule"
	"topout/site"
)

func (s *Server) addProjects() {
	const tag = "projects"
	add(s, operation{method: http.MethodGet, path: "/projects", id: "projects", summary: "Projects that I may see", tag: tag}, s.projects)
	add(s, operation{method: http.MethodGet, path: "/projects/{p}", id: "project", summary: "A project", tag: tag, action: site.ActView}, s.project)
	add(s, operation{
		method: http.MethodPost, path: "/projects", id: "add-project", summary: "Add a project", tag: tag,
		action: site.ActAccounts, body: true, answers: []int{http.StatusCreated}, conflict: true,
	}, s.addProject)
	add(s, operation{
		method: http.MethodPatch, path: "/projects/{p}", id: "change-project", summary: "Change a project's settings", tag: tag,
		action: site.ActPlan, body: true,
	}, s.changeProject)
}

// ProjectView is a project as a list shows it.
type ProjectView struct {
	ID             string     `json:"id"`
	Name           string     `json:"name"`
	Phase          site.Phase `json:"phase"`
	Grade          string     `json:"grade"`
	Light          string     `json:"light" enum:"green,amber,red,grey"`
	LightWhy       string     `json:"light_why" doc:"in the caller's language"`
	BaselineFinish site.Day   `json:"baseline_finish"`
	ForecastFinish site.Day   `json:"forecast_finish"`
	P50            site.Day   `json:"p50"`
	P80            site.Day   `json:"p80"`
	SlipDays       *float64   `json:"slip_days" doc:"working days behind the baseline; null without a plan"`
	Percent        float64    `json:"percent"`
	Zone           string     `json:"zone"`
	MyRole         site.Role  `json:"my_role"`
}

// projectDetail is a project with its settings.
type projectDetail struct {
	ProjectView
	CheckBy     string       `json:"check_by" doc:"local time of day when a missing daily check is raised"`
	DailyChecks []string     `json:"daily_checks"`
	Calendar    calendarView `json:"calendar"`
	OpenIssues  issueCounts  `json:"open_issues"`
}

type calendarView struct {
	DaysAWeek whole     `json:"days_a_week" minimum:"5" maximum:"7"`
	Holidays  string    `json:"holidays" enum:"CN," doc:"CN, or empty for none"`
	Off       []offView `json:"off" required:"false" nullable:"false" maxItems:"1000"`
}

type offView struct {
	From    site.Day `json:"from"`
	To      site.Day `json:"to" doc:"inclusive"`
	Name    line     `json:"name,omitempty"`
	Working bool     `json:"working,omitempty" doc:"worked although the week or a holiday says no"`
}

type issueCounts struct {
	Info     int `json:"info"`
	Warning  int `json:"warning"`
	Critical int `json:"critical"`
}

func (s *Server) projects(ctx context.Context, c *caller, in *Paged) (*found[list[ProjectView]], error) {
	var all []site.Project
	err := s.records.View(ctx, func(tx Tx) error {
		var err error
		all, err = tx.Projects()
		return err
	})
	if err != nil {
		return nil, err
	}
	items := []ProjectView{}
	next := ""
	for _, p := range all { // by id: a cursor is the last id of the page before
		if p.ID <= in.Cursor || !c.person.Can(site.ActView, p.ID) {
			continue
		}
		if len(items) == in.Limit {
			next = items[len(items)-1].ID
			break
		}
		d, err := s.viewProject(ctx, c, p)
		if err != nil {
			return nil, err
		}
		items = append(items, d.ProjectView)
	}
	return &found[list[ProjectView]]{list[ProjectView]{items, next}}, nil
}

func (s *Server) project(ctx context.Context, c *caller, _ *InProject) (*found[projectDetail], error) {
	d, err := s.viewProject(ctx, c, c.project)
	if err != nil {
		return nil, err
	}
	return &found[projectDetail]{d}, nil
}

// viewProject adds to a project what its forecast and its open issues say.
func (s *Server) viewProject(ctx context.Context, c *caller, p site.Project) (projectDetail, error) {
	d := projectDetail{
		ProjectView: ProjectView{ID: p.ID, Name: p.Name, Phase: p.Phase, Grade: p.Grade, Zone: p.Zone, MyRole: c.person.Role(p.ID)},
		CheckBy:     p.CheckBy, DailyChecks: texts(p.DailyChecks), Calendar: viewCalendar(p.Calendar),
	}
	view, err := s.outlook(ctx, p, asOf{})
	noPlan := site.IsKind(err, site.NotFound)
	if err != nil && !noPlan {
		return d, err
	}
	stops := 0
	err = s.records.View(ctx, func(tx Tx) error {
		open, err := tx.OpenIssues(p.ID, "")
		for _, i := range open {
			switch i.Severity {
			case site.Critical:
				d.OpenIssues.Critical++
				if i.StopWork {
					stops++
				}
			case site.Warning:
				d.OpenIssues.Warning++
			default:
				d.OpenIssues.Info++
			}
		}
		return err
	})
	if err != nil {
		return d, err
	}
	var delivery *schedule.Delivery
	if !noPlan {
		delivery = &view.outlook.Delivery
		d.BaselineFinish, d.ForecastFinish, d.P50, d.P80 = delivery.Baseline, delivery.Forecast, delivery.P50, delivery.P80
		d.SlipDays, d.Percent = number(delivery.SlipDays), view.outlook.Percent
	}
	light := lightOf(delivery, d.OpenIssues, stops)
	d.Light = light.colour
	d.LightWhy = s.say(ctx, light.code, light.params)
	return d, nil
}

func viewCalendar(c site.CalendarSpec) calendarView {
	v := calendarView{DaysAWeek: whole(c.DaysAWeek), Holidays: c.Holidays, Off: []offView{}}
	if v.DaysAWeek == 0 {
		v.DaysAWeek = 6
	}
	for _, o := range c.Off {
		v.Off = append(v.Off, offView{o.From, o.To, line(o.Name), o.Working})
	}
	return v
}

// redSlip is the slip of the delivery, in working days, from which on the light is red.
const redSlip = 10

// light is a project's colour, and why.
type light struct {
	colour string
	code   string // of the catalogue
	params map[string]string
}

// lightOf decides the light: red for work stopped by a serious danger or a
// delivery two weeks late, amber for any lateness that is certain or likely and
// for other critical issues, green else. Grey when there is no plan to judge by.
func lightOf(d *schedule.Delivery, open issueCounts, stops int) light {
	switch {
	case stops > 0:
		return light{"red", "api.light_stopped", map[string]string{"Count": strconv.Itoa(stops)}}
	case d == nil:
		return light{"grey", "api.light_no_plan", nil}
	case d.SlipDays >= redSlip:
		return light{"red", "api.light_late", lateParams(d)}
	case d.SlipDays >= 0.5:
		return light{"amber", "api.light_late", lateParams(d)}
	case open.Critical > 0:
		return light{"amber", "api.light_critical", map[string]string{"Count": strconv.Itoa(open.Critical)}}
	case !d.Baseline.IsZero() && d.P80 > d.Baseline:
		return light{"amber", "api.light_unsure", map[string]string{"day": d.Baseline.String(), "p80": d.P80.String()}}
	}
	return light{"green", "api.light_on_time", map[string]string{"day": d.Forecast.String()}}
}

func lateParams(d *schedule.Delivery) map[string]string {
	days := strconv.FormatFloat(math.Round(d.SlipDays*10)/10, 'f', -1, 64)
	return map[string]string{"Count": days, "days": days, "day": d.Forecast.String(), "baseline": d.Baseline.String()}
}

type newProject struct {
	ID   string `json:"id" pattern:"^[A-Za-z0-9_-]{1,64}$"`
	Name line   `json:"name" minLength:"1"`
	Zone string `json:"zone,omitempty" maxLength:"64" doc:"IANA name; absent: Asia/Shanghai"`
}

func (s *Server) addProject(ctx context.Context, c *caller, in *struct{ Body newProject }) (*found[projectDetail], error) {
	if err := checkZone(in.Body.Zone); err != nil {
		return nil, err
	}
	p := site.NewProject(in.Body.ID, string(in.Body.Name), in.Body.Zone, s.now())
	err := s.records.Update(ctx, func(tx Tx) error {
		_, err := tx.Project(p.ID)
		if err == nil {
			return site.Errorf(site.Conflict, "api.project_exists", "id")
		}
		if !site.IsKind(err, site.NotFound) {
			return err
		}
		return tx.CreateProject(p)
	})
	if err != nil {
		return nil, err
	}
	return s.projectAnswer(ctx, c, p)
}

// checkZone refuses a name that is no zone, or that means another zone on another machine.
func checkZone(zone string) error {
	if zone == "Local" {
		return site.Errorf(site.Invalid, "api.unknown_zone", "zone")
	}
	if _, err := time.LoadLocation(zone); err != nil {
		return site.Errorf(site.Invalid, "api.unknown_zone", "zone")
	}
	return nil
}

type projectChange struct {
	Name        *line         `json:"name,omitempty" minLength:"1"`
	Phase       *site.Phase   `json:"phase,omitempty" enum:"reserve,signed,started,under_construction,in_production"`
	Grade       *line         `json:"grade,omitempty"`
	CheckBy     *string       `json:"check_by,omitempty" pattern:"^([01][0-9]|2[0-3]):[0-5][0-9]$"`
	DailyChecks *[]string     `json:"daily_checks,omitempty" maxItems:"100"`
	Calendar    *calendarView `json:"calendar,omitempty"`
}

func (s *Server) changeProject(ctx context.Context, c *caller, in *struct {
	InProject
	Body projectChange
}) (*found[projectDetail], error) {
	var p site.Project
	err := s.records.Update(ctx, func(tx Tx) error {
		var err error
		if p, err = tx.Project(in.P); err != nil {
			return err
		}
		if err := s.applyProject(&p, in.Body); err != nil {
			return err
		}
		if err := tx.UpdateProject(p); err != nil {
			return err
		}
		_, err = tx.AddChange(site.Change{Project: p.ID, Kind: site.ChangePlan, Ref: p.ID, At: s.now()})
		return err
	})
	if err != nil {
		return nil, err
	}
	s.Wake()
	return s.projectAnswer(ctx, c, p)
}

func (s *Server) applyProject(p *site.Project, b projectChange) error {
	if b.Name != nil {
		p.Name = string(*b.Name)
	}
	if b.Phase != nil {
		p.Phase = *b.Phase
	}
	if b.Grade != nil {
		p.Grade = string(*b.Grade)
	}
	if b.CheckBy != nil {
		p.CheckBy = *b.CheckBy
	}
	if b.DailyChecks != nil {
		for i, form := range *b.DailyChecks {
			if _, known := s.checklists.Form(form); !known {
				return site.Errorf(site.Invalid, "api.unknown_form", "daily_checks["+strconv.Itoa(i)+"]")
			}
		}
		p.DailyChecks = *b.DailyChecks
	}
	if b.Calendar != nil {
		spec := site.CalendarSpec{DaysAWeek: int(b.Calendar.DaysAWeek), Holidays: b.Calendar.Holidays}
		for _, o := range b.Calendar.Off {
			spec.Off = append(spec.Off, site.DayOff{From: o.From, To: o.To, Name: string(o.Name), Working: o.Working})
		}
		if _, err := schedule.NewCalendar(spec, p.Location()); err != nil {
			return err
		}
		p.Calendar = spec
	}
	return nil
}

func (s *Server) projectAnswer(ctx context.Context, c *caller, p site.Project) (*found[projectDetail], error) {
	d, err := s.viewProject(ctx, c, p)
	if err != nil {
		return nil, err
	}
	return &found[projectDetail]{d}, nil
}

// say is an entry of the catalogue in the caller's language.
func (s *Server) say(ctx context.Context, code string, params map[string]string) string {
	return s.texts.Say(requestOf(ctx).lang, code, params)
}
