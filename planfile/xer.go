package planfile

import (
	"io"
	"strconv"
	"strings"

	"topout/site"
)

// ReadXER reads Primavera P6's exchange format: tables of tab-separated text, in
// UTF-8, GBK or cp1252. A task's id is its task_code (P6: Activity ID).
//
// Of several projects in a file the first exported one with tasks is taken. The
// WBS becomes buildings and the tasks' WBS path. What cannot be carried over
// stands in Problems.
func ReadXER(r io.Reader) (File, error) {
	b, bad, err := readAll(r)
	if err != nil {
		return File{}, err
	}
	x := xer{tables: map[string]xerTable{}}
	if bad == nil {
		bad = x.split(decodeText(b))
	}
	if bad != nil {
		return File{Problems: []site.Problem{*bad}}, bad.Err()
	}
	x.read()
	return x.file, firstFatal(x.file.Problems)
}

// xer is an XER file while it is read.
type xer struct {
	tables  map[string]xerTable
	file    File
	project string            // proj_id
	codes   map[string]string // task_code by task_id, of the tasks taken
}

type xerTable struct {
	columns map[string]int
	rows    []xerRow
}

type xerRow struct {
	line    int
	values  []string
	columns map[string]int
}

func (r xerRow) get(column string) string {
	if i, ok := r.columns[column]; ok && i < len(r.values) {
		return strings.TrimSpace(r.values[i])
	}
	return ""
}

func (r xerRow) number(column string) (float64, bool) {
	// Some exports follow the user's locale.
	x, err := strconv.ParseFloat(strings.Replace(r.get(column), ",", ".", 1), 64)
	return x, err == nil && x > -1e9 && x < 1e9
}

// hours reads a number of hours as working time.
func (r xerRow) hours(column string) (site.Work, bool) {
	x, ok := r.number(column)
	if x < 0 {
		return site.Work(x*60 - 0.5), ok
	}
	return site.Work(x*60 + 0.5), ok
}

func (r xerRow) clock(column string) site.Clock { return parseClock(r.get(column)) }

// split parts the text into tables. A line without a mark goes on with the last
// field of the row before: some exports leave line breaks in it.
func (x *xer) split(b []byte) *site.Problem {
	if !strings.HasPrefix(string(b[:min(len(b), 6)]), "ERMHDR") {
		return fatal(1, "", "planfile.not_xer")
	}
	name, n := "", 0
	for line := range strings.Lines(string(b)) {
		n++
		line = strings.TrimRight(line, "\r\n")
		mark, rest, _ := strings.Cut(line, "\t")
		table := x.tables[name]
		switch mark {
		case "%T":
			name = strings.TrimSpace(rest)
			continue
		case "%F":
			table.columns = map[string]int{}
			for i, column := range strings.Split(rest, "\t") {
				table.columns[strings.TrimSpace(column)] = i
			}
		case "%R":
			if table.columns == nil {
				return fatal(n, "", "planfile.xer_fields", "table", name)
			}
			table.rows = append(table.rows, xerRow{line: n, values: strings.Split(rest, "\t"), columns: table.columns})
		case "%E", "ERMHDR":
			continue
		default:
			if len(table.rows) > 0 {
				last := &table.rows[len(table.rows)-1]
				last.values[len(last.values)-1] += "\n" + line
			}
		}
		x.tables[name] = table
	}
	return nil
}

func (x *xer) problem(r xerRow, task, code string, pairs ...string) {
	p := fatal(r.line, "", code, append(pairs, "task", task)...)
	p.Task, p.Fatal = task, false
	x.file.Problems = append(x.file.Problems, *p)
}

func (x *xer) read() {
	plan := &x.file.Plan
	plan.Computed = true
	project, ok := x.pick()
	if !ok {
		x.file.Problems = append(x.file.Problems, *fatal(1, "", "planfile.no_tasks"))
		return
	}
	x.file.Name = project.get("proj_short_name")
	plan.StartAt = project.clock("plan_start_date")
	plan.DataDate = project.clock("last_recalc_date")
	if plan.StartAt.IsZero() {
		plan.StartAt = plan.DataDate
	}
	plan.Start = plan.StartAt.Day()
	plan.FinishBy = project.clock("plan_end_date")
	if float, ok := project.hours("critical_drtn_hr_cnt"); ok {
		plan.CriticalFloat = float
	}
	x.calendars(project)
	options := x.options()
	plan.ProgressOverride = options.get("sched_progress_override") == "Y"
	wbs := x.wbs()
	x.codes = map[string]string{}
	for _, r := range x.tables["TASK"].rows {
		if r.get("proj_id") == x.project {
			x.task(r, wbs)
		}
	}
	if len(plan.Tasks) == 0 {
		x.file.Problems = append(x.file.Problems, *fatal(1, "", "planfile.no_tasks"))
	}
	x.links(options.get("sched_calendar_on_relationship_lag"))
	if n := len(x.tables["TASKRSRC"].rows); n > 0 {
		x.file.Problems = append(x.file.Problems, site.Problem{Code: "planfile.resources", Params: map[string]string{"number": strconv.Itoa(n)}})
	}
}

// pick chooses the project, and lists the tasks of others.
func (x *xer) pick() (project xerRow, ok bool) {
	tasks := map[string]int{}
	for _, r := range x.tables["TASK"].rows {
		tasks[r.get("proj_id")]++
	}
	for _, r := range x.tables["PROJECT"].rows {
		id := r.get("proj_id")
		exported := r.get("export_flag") != "N"
		if tasks[id] > 0 && (!ok || exported && project.get("export_flag") == "N") {
			project, ok = r, true
		}
	}
	if !ok {
		return project, false
	}
	x.project = project.get("proj_id")
	for id, n := range tasks {
		if id != x.project {
			x.file.Problems = append(x.file.Problems, site.Problem{Code: "planfile.other_project", Params: map[string]string{"project": id, "number": strconv.Itoa(n)}})
		}
	}
	return project, true
}

func (x *xer) options() xerRow {
	for _, r := range x.tables["SCHEDOPTIONS"].rows {
		if r.get("proj_id") == x.project {
			return r
		}
	}
	return xerRow{}
}

// xerPlace is where a node of the WBS puts its tasks.
type xerPlace struct{ building, path string }

// wbs turns the WBS into buildings, the nodes below the project's own (if that
// is only one, those below it), and gives each node's place.
func (x *xer) wbs() map[string]xerPlace {
	nodes := map[string]xerRow{}
	children := map[string][]string{}
	root := ""
	for _, r := range x.tables["PROJWBS"].rows {
		if r.get("proj_id") != x.project {
			continue
		}
		id := r.get("wbs_id")
		nodes[id] = r
		children[r.get("parent_wbs_id")] = append(children[r.get("parent_wbs_id")], id)
		if r.get("proj_node_flag") == "Y" {
			root = id
		}
	}
	for len(children[root]) == 1 && len(children[children[root][0]]) > 0 {
		root = children[root][0]
	}
	places := map[string]xerPlace{}
	var walk func(id string, place xerPlace, depth int)
	walk = func(id string, place xerPlace, depth int) {
		if _, seen := places[id]; seen || depth > 100 {
			return
		}
		places[id] = place
		for _, child := range children[id] {
			name := nodes[child].get("wbs_short_name")
			below := xerPlace{building: place.building, path: name}
			if place.path != "" {
				below.path = place.path + "." + name
			}
			if id == root {
				below.building = name
				x.file.Plan.Buildings = append(x.file.Plan.Buildings, site.Building{
					ID: name, Name: nodes[child].get("wbs_name"), Position: len(x.file.Plan.Buildings),
				})
			}
			walk(child, below, depth+1)
		}
	}
	walk(root, xerPlace{}, 0)
	return places
}

var xerConstraints = map[string]site.Constraint{
	"CS_MSO": site.StartOn, "CS_MSOA": site.StartNoEarlier, "CS_MSOB": site.LateStart,
	"CS_MEO": site.FinishOn, "CS_MEOA": site.FinishNoEarlier, "CS_MEOB": site.LateFinish,
	"CS_ALAP": site.AsLateAsPossible, "CS_MANDSTART": site.MustStartOn, "CS_MANDFIN": site.MustFinishOn,
}

// task takes one activity.
func (x *xer) task(r xerRow, wbs map[string]xerPlace) {
	code := r.get("task_code")
	kind := r.get("task_type")
	if code == "" {
		code = r.get("task_id")
	}
	switch kind {
	case "TT_LOE", "TT_WBS":
		x.problem(r, code, "planfile.level_of_effort")
		return
	}
	planned, hasPlanned := r.hours("target_drtn_hr_cnt")
	rest, hasRest := r.hours("remain_drtn_hr_cnt")
	l := site.Logic{
		Calendar:    r.get("clndr_id"),
		WBS:         wbs[r.get("wbs_id")].path,
		ActualStart: r.clock("act_start_date"), ActualFinish: r.clock("act_end_date"),
		Bound:   bound(r, "cstr_type", "cstr_date"),
		Second:  bound(r, "cstr_type2", "cstr_date2"),
		AtStart: kind == "TT_Mile",
	}
	if l.Calendar == x.file.Plan.Calendar {
		l.Calendar = ""
	}
	if from := r.clock("external_early_start_date"); !from.IsZero() && l.Second.At.IsZero() {
		l.Second = site.Bound{Type: site.StartNoEarlier, At: from}
	}
	t := site.Task{
		ID: code, Name: r.get("task_name"), Building: wbs[r.get("wbs_id")].building, Line: r.line,
		Milestone: kind == "TT_Mile" || kind == "TT_FinMile",
	}
	switch {
	case t.Milestone:
	case l.ActualStart.IsZero() && hasRest:
		t.Duration = rest
	case hasPlanned:
		t.Duration = planned
	default:
		x.problem(r, code, "planfile.no_duration_given")
	}
	if !l.ActualStart.IsZero() && l.ActualFinish.IsZero() {
		l.Remaining = rest
		l.ActualWork = max(planned-rest, 0)
		l.Resume = r.clock("resume_date")
		if !hasRest {
			l.Remaining = planned
		}
	}
	l.Percent = x.percent(r, planned, rest)
	l.Begin, l.End = firstClock(r, "act_start_date", "early_start_date", "target_start_date"), firstClock(r, "act_end_date", "early_end_date", "target_end_date")
	t.Start, t.Finish = l.Begin.Day(), lastDay(l.End)
	t.Logic = l
	x.codes[r.get("task_id")] = code
	x.file.Plan.Tasks = append(x.file.Plan.Tasks, t)
}

func firstClock(r xerRow, columns ...string) site.Clock {
	for _, c := range columns {
		if at := r.clock(c); !at.IsZero() {
			return at
		}
	}
	return 0
}

func bound(r xerRow, kind, date string) site.Bound {
	b := site.Bound{Type: xerConstraints[r.get(kind)], At: r.clock(date)}
	if b.At.IsZero() && b.Type != site.AsLateAsPossible {
		return site.Bound{}
	}
	return b
}

// percent is the percentage complete by the task's own measure.
func (x *xer) percent(r xerRow, planned, rest site.Work) float64 {
	if r.get("status_code") == "TK_Complete" {
		return 100
	}
	switch r.get("complete_pct_type") {
	case "CP_Phys":
		percent, _ := r.number("phys_complete_pct")
		return min(max(percent, 0), 100)
	case "CP_Units":
		done, _ := r.number("act_work_qty")
		left, _ := r.number("remain_work_qty")
		if done+left > 0 {
			return min(max(100*done/(done+left), 0), 100)
		}
	default:
		if planned > 0 && r.get("status_code") == "TK_Active" {
			return min(max(100*float64(planned-rest)/float64(planned), 0), 100)
		}
	}
	return 0
}

var xerLinkTypes = map[string]site.LinkType{
	"PR_FS": site.FinishToStart, "PR_SS": site.StartToStart, "PR_FF": site.FinishToFinish, "PR_SF": site.StartToFinish,
}

// links takes the links; lags run in the calendar that the schedule options say.
func (x *xer) links(lagCalendar string) {
	plan := &x.file.Plan
	calendar := map[string]string{}
	for _, t := range plan.Tasks {
		calendar[t.ID] = t.Logic.Calendar
	}
	for _, r := range x.tables["TASKPRED"].rows {
		succ, okSucc := x.codes[r.get("task_id")]
		pred, okPred := x.codes[r.get("pred_task_id")]
		typ, okType := xerLinkTypes[r.get("pred_type")]
		switch {
		case !okSucc: // of a task that is left out, and listed
		case !okPred:
			x.problem(r, succ, "planfile.unknown_predecessor", "predecessor", r.get("pred_task_id"))
		case !okType:
			x.problem(r, succ, "planfile.link_type", "type", r.get("pred_type"))
		default:
			lag, _ := r.hours("lag_hr_cnt")
			l := site.Link{Pred: pred, Succ: succ, Type: typ, Lag: lag}
			switch lagCalendar {
			case "rcal_24Hour", "rcal_24Hr":
				l.Elapsed = lag != 0
			case "rcal_Successor":
			case "rcal_ProjDefault":
				l.Calendar = plan.Calendar
			default: // rcal_Predecessor, P6's own default
				if l.Calendar = calendar[pred]; l.Calendar == "" {
					l.Calendar = plan.Calendar
				}
			}
			plan.Links = append(plan.Links, l)
		}
	}
}

// calendars takes all calendars of the file.
func (x *xer) calendars(project xerRow) {
	plan := &x.file.Plan
	rows := map[string]xerRow{}
	for _, r := range x.tables["CALENDAR"].rows {
		rows[r.get("clndr_id")] = r
	}
	var fill func(r xerRow, depth int) (site.PlanCalendar, bool)
	fill = func(r xerRow, depth int) (site.PlanCalendar, bool) {
		c, ok := parseClndrData(r.get("clndr_data"))
		if base, has := rows[r.get("base_clndr_id")]; has && depth < 8 {
			below, okBase := fill(base, depth+1)
			c.Days = append(append([]site.PlanDays(nil), below.Days...), c.Days...)
			if !ok && okBase {
				c.Week, ok = below.Week, true
			}
		}
		c.ID, c.Name = r.get("clndr_id"), r.get("clndr_name")
		c.DayWork, _ = r.hours("day_hr_cnt")
		return c, ok
	}
	for _, r := range x.tables["CALENDAR"].rows {
		c, ok := fill(r, 0)
		if !ok {
			x.problem(r, "", "planfile.calendar", "calendar", c.Name)
			c.Week = standardWeek()
		}
		plan.Calendars = append(plan.Calendars, c)
		if r.get("default_flag") == "Y" && plan.Calendar == "" {
			plan.Calendar = c.ID
		}
	}
	if _, ok := rows[project.get("clndr_id")]; ok {
		plan.Calendar = project.get("clndr_id")
	}
	if plan.Calendar == "" {
		plan.Calendars = append(plan.Calendars, site.PlanCalendar{ID: "standard", Name: "Standard", Week: standardWeek()})
		plan.Calendar = "standard"
	}
	for _, r := range x.tables["TASK"].rows { // a calendar that is not in the file: the project's
		if id := r.get("clndr_id"); id != "" && r.get("proj_id") == x.project {
			if _, ok := rows[id]; !ok {
				x.problem(r, r.get("task_code"), "planfile.calendar", "calendar", id)
				plan.Calendars = append(plan.Calendars, site.PlanCalendar{ID: id, Name: id, Week: standardWeek()})
				rows[id] = r
			}
		}
	}
}
