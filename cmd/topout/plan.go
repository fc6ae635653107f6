package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"topout/app"
	"topout/internal/text"
	"topout/planfile"
	"topout/schedule"
	"topout/site"
)

type planCmd struct {
	Import planImportCmd `cmd:"" help:"Imports a plan as a project's new revision."`
	Check  planCheckCmd  `cmd:"" help:"Reads a plan and prints its network; needs no server."`
}

type planImportCmd struct {
	File    string `arg:"" help:"The plan (CSV)."`
	Project string `required:"" help:"The project."`
}

func (cmd planImportCmd) Run(c *console) error {
	if ending := strings.ToLower(filepath.Ext(cmd.File)); ending != ".csv" && ending != ".txt" {
		// Their calendars and constraints cannot be kept yet, and nothing may be dropped in silence.
		return fmt.Errorf("%s files can be checked but not imported yet: export the plan as CSV", ending)
	}
	plan, problems, err := readPlan(cmd.File)
	if err != nil {
		return errors.Join(append(problemErrors(problems), err)...)
	}
	return c.admin(func(a *app.Admin) error {
		plan.Project = cmd.Project
		revision, err := a.ImportPlan(c.ctx, plan)
		if err != nil {
			return err
		}
		return c.print(map[string]any{"project": cmd.Project, "revision": revision, "tasks": len(plan.Tasks), "links": len(plan.Links), "problems": c.problems(problems)}, func() {
			for _, p := range c.problems(problems) {
				fmt.Fprintln(c.errs, "topout:", p.Text)
			}
			fmt.Fprintf(c.out, "%s has plan revision %d: %d tasks, %d links.\n", cmd.Project, revision, len(plan.Tasks), len(plan.Links))
		})
	})
}

type planCheckCmd struct {
	File      string `arg:"" help:"The plan: CSV, MS Project XML (.xml) or Primavera (.xer)."`
	Start     string `help:"The project's first day (YYYY-MM-DD); default the file's, else today."`
	DaysAWeek int    `help:"The calendar: 5, 6 or 7 days a week without holidays; default six days with China's holidays."`
	Unclamped bool   `help:"Let a task start before the project's start where links say so."`
}

func (cmd planCheckCmd) Run(c *console) error {
	spec := site.CalendarSpec{DaysAWeek: 6, Holidays: "CN"}
	switch cmd.DaysAWeek {
	case 0:
	case 5, 6, 7:
		spec = site.CalendarSpec{DaysAWeek: cmd.DaysAWeek}
	default:
		return usageError{fmt.Errorf("--days-a-week is %d: give 5, 6 or 7", cmd.DaysAWeek)}
	}
	var start site.Day
	if cmd.Start != "" {
		var err error
		if start, err = site.ParseDay(cmd.Start); err != nil {
			return usageError{fmt.Errorf("--start: %w", err)}
		}
	}
	plan, problems, err := readPlan(cmd.File)
	if err != nil {
		// What could be read is looked at too, so that all is named at once.
		return c.cannotCompute(merge(problems, schedule.Problems(plan)), err)
	}
	var calendar *schedule.Calendar
	if len(plan.Calendars) == 0 {
		if calendar, err = schedule.NewCalendar(spec, time.Local); err != nil {
			return err
		}
	}
	report, found, err := schedule.Check(plan, schedule.CheckOptions{Calendar: calendar, Start: start, Today: site.DayOf(time.Now(), time.Local), Unclamped: cmd.Unclamped})
	problems = merge(problems, found)
	if err != nil {
		return c.cannotCompute(problems, err)
	}
	report.Problems = c.problems(problems)
	return c.print(report, func() { c.printNetwork(report) })
}

// merge adds the network's problems to the file's, each once.
func merge(file, network []site.Problem) []site.Problem {
	seen := map[string]bool{}
	var all []site.Problem
	for _, p := range append(file, network...) {
		key := fmt.Sprint(p.Task, "|", p.Code, "|", p.Params)
		if !seen[key] {
			seen[key] = true
			all = append(all, p)
		}
	}
	return all
}

// cannotCompute tells why there are no dates: exit 1 with the members named.
func (c *console) cannotCompute(problems []site.Problem, err error) error {
	if c.json {
		if perr := c.printJSON(schedule.Report{Tasks: []schedule.TaskDates{}, Problems: c.problems(problems)}); perr != nil {
			return perr
		}
	}
	if fatal := problemErrors(problems); len(fatal) > 0 {
		return errors.Join(fatal...)
	}
	return err
}

// problemErrors are the problems that forbid computing, as errors with line and field.
func problemErrors(problems []site.Problem) []error {
	var errs []error
	for _, p := range problems {
		if !p.Fatal {
			continue
		}
		e := p.Err()
		switch {
		case p.Line > 0 && p.Field != "":
			e.Field = fmt.Sprintf("line %d, %s", p.Line, p.Field)
		case p.Line > 0:
			e.Field = fmt.Sprintf("line %d", p.Line)
		}
		errs = append(errs, e)
	}
	return errs
}

func (c *console) problems(problems []site.Problem) []schedule.ProblemEntry {
	entries := []schedule.ProblemEntry{}
	catalogue, err := text.New()
	if err != nil {
		return entries
	}
	for _, p := range problems {
		entries = append(entries, schedule.ProblemEntry{Task: p.Task, Line: p.Line, Code: p.Code, Text: catalogue.Say(text.English, p.Code, p.Params)})
	}
	return entries
}

func (c *console) printNetwork(r schedule.Report) {
	fmt.Fprintf(c.out, "%s to %s, %g working days, %d tasks\n", r.ProjectStart, r.ProjectFinish, r.DurationDays, len(r.Tasks))
	w := tabwriter.NewWriter(c.out, 2, 8, 2, ' ', 0)
	fmt.Fprintln(w, "TASK\tNAME\tSTART\tFINISH\tFLOAT\tFREE\tCRITICAL")
	for _, t := range r.Tasks {
		critical := ""
		if t.Critical {
			critical = "critical"
		}
		fmt.Fprintln(w, strings.Join([]string{t.ID, t.Name, t.EarlyStart.String(), t.EarlyFinish.String(), number(t.TotalFloat), number(t.FreeFloat), critical}, "\t"))
	}
	_ = w.Flush()
	for _, p := range r.Problems {
		where := p.Task
		if p.Line > 0 {
			where = fmt.Sprintf("line %d %s", p.Line, p.Task)
		}
		fmt.Fprintf(c.out, "%s: %s\n", strings.TrimSpace(where), p.Text)
	}
}

func number(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// readPlan reads a plan by the ending of its name. MS Project's and Primavera's
// files bring their calendars along.
func readPlan(name string) (site.Plan, []site.Problem, error) {
	f, err := os.Open(name)
	if err != nil {
		return site.Plan{}, nil, fmt.Errorf("%w: check the path", err)
	}
	defer f.Close()
	read := planfile.ReadXER
	switch ending := strings.ToLower(filepath.Ext(name)); ending {
	case ".csv", ".txt":
		return planfile.ReadCSV(f)
	case ".xml":
		read = planfile.ReadMSPDI
	case ".xer":
	default:
		return site.Plan{}, nil, fmt.Errorf("%s files are not read: export the plan as CSV, MS Project XML (.xml) or Primavera XER (.xer)", ending)
	}
	file, err := read(f)
	return file.Plan, file.Problems, err
}
