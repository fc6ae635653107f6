package store

import (
	"errors"

	"topout/site"
)

const taskColumns = `SELECT id, building, name, code, trade, start, finish, duration, weight, milestone, quantity, unit FROM plan_tasks`

const sqlTask = taskColumns + ` WHERE project = $1 AND id = $2
	AND revision = (SELECT MAX(revision) FROM plans WHERE project = $1)`

// SavePlan keeps a plan as the project's next revision and gives its number;
// earlier revisions stay as they are. p.Revision is not looked at.
func (t *Tx) SavePlan(p site.Plan) (int, error) {
	var revision int
	err := t.row(`INSERT INTO plans (project, revision, start, delivery, saved_at, saved_by)
		VALUES ($1, (SELECT COALESCE(MAX(revision), 0) + 1 FROM plans WHERE project = $1), $2, $3, $4, $5)
		RETURNING revision`, p.Project, p.Start, p.Delivery, ms(p.SavedAt), p.SavedBy).Scan(&revision)
	if err != nil {
		return 0, constraint(err, nil, unknownProject(p.Project))
	}
	twice := site.Errorf(site.Invalid, "store.building_twice", "buildings")
	err = each(t, p.Buildings, `INSERT INTO plan_buildings (project, revision, seq, id, name, position) VALUES ($1, $2, $3, $4, $5, $6)`,
		func(i int, b site.Building) []any { return []any{p.Project, revision, i, b.ID, b.Name, b.Position} })
	if err != nil {
		return 0, constraint(err, twice, nil)
	}
	twice = site.Errorf(site.Invalid, "store.task_twice", "tasks")
	err = each(t, p.Tasks, `INSERT INTO plan_tasks
		(project, revision, seq, id, building, name, code, trade, start, finish, duration, weight, milestone, quantity, unit)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)`,
		func(i int, x site.Task) []any {
			return []any{p.Project, revision, i, x.ID, x.Building, x.Name, x.Code, x.Trade, x.Start, x.Finish,
				x.Duration, x.Weight, x.Milestone, x.Quantity, x.Unit}
		})
	if err != nil {
		return 0, constraint(err, twice, nil)
	}
	return revision, each(t, p.Links, `INSERT INTO plan_links (project, revision, seq, pred, succ, type, lag) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		func(i int, l site.Link) []any { return []any{p.Project, revision, i, l.Pred, l.Succ, l.Type, l.Lag} })
}

// each runs one statement for each of a list, prepared once.
func each[T any](t *Tx, list []T, query string, args func(int, T) []any) (err error) {
	if len(list) == 0 {
		return nil
	}
	stmt, err := t.tx.PrepareContext(t.ctx, query)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stmt.Close()) }()
	for i, v := range list {
		if _, err := stmt.ExecContext(t.ctx, args(i, v)...); err != nil {
			return err
		}
	}
	return nil
}

// Plan gives the latest revision of a project's plan; NotFound when it has none.
func (t *Tx) Plan(project string) (site.Plan, error) {
	p, err := one(t, site.Errorf(site.NotFound, "store.no_plan", "", "project", project), scanPlan,
		`SELECT project, revision, start, delivery, saved_at, saved_by FROM plans WHERE project = $1 ORDER BY revision DESC LIMIT 1`, project)
	if err != nil {
		return site.Plan{}, err
	}
	p.Buildings, err = all(t, func(row scanner, b *site.Building) error { return row.Scan(&b.ID, &b.Name, &b.Position) },
		`SELECT id, name, position FROM plan_buildings WHERE project = $1 AND revision = $2 ORDER BY seq`, project, p.Revision)
	if err != nil {
		return site.Plan{}, err
	}
	p.Tasks, err = all(t, scanTask, taskColumns+` WHERE project = $1 AND revision = $2 ORDER BY seq`, project, p.Revision)
	if err != nil {
		return site.Plan{}, err
	}
	p.Links, err = all(t, func(row scanner, l *site.Link) error { return row.Scan(&l.Pred, &l.Succ, &l.Type, &l.Lag) },
		`SELECT pred, succ, type, lag FROM plan_links WHERE project = $1 AND revision = $2 ORDER BY seq`, project, p.Revision)
	return p, err
}

// Task gives a task of the latest revision of a project's plan.
func (t *Tx) Task(project, task string) (site.Task, error) {
	return one(t, site.Errorf(site.NotFound, "store.unknown_task", "task", "id", task), scanTask, sqlTask, project, task)
}

func scanPlan(row scanner, p *site.Plan) error {
	return row.Scan(&p.Project, &p.Revision, &p.Start, &p.Delivery, msTo{&p.SavedAt}, &p.SavedBy)
}

func scanTask(row scanner, x *site.Task) error {
	return row.Scan(&x.ID, &x.Building, &x.Name, &x.Code, &x.Trade, &x.Start, &x.Finish,
		&x.Duration, &x.Weight, &x.Milestone, &x.Quantity, &x.Unit)
}

// SaveBaseline keeps an approved baseline as the project's next and gives its
// number; it is never changed afterwards. b.Revision is not looked at.
func (t *Tx) SaveBaseline(b site.Baseline) (int, error) {
	var revision int
	err := t.row(`INSERT INTO baselines (project, revision, name, approved_by, approved_at, delivery)
		VALUES ($1, (SELECT COALESCE(MAX(revision), 0) + 1 FROM baselines WHERE project = $1), $2, $3, $4, $5)
		RETURNING revision`, b.Project, b.Name, b.ApprovedBy, ms(b.ApprovedAt), b.Delivery).Scan(&revision)
	if err != nil {
		return 0, constraint(err, nil, unknownProject(b.Project))
	}
	return revision, each(t, b.Tasks, `INSERT INTO baseline_tasks (project, revision, seq, task, start, finish) VALUES ($1, $2, $3, $4, $5, $6)`,
		func(i int, x site.BaselineTask) []any {
			return []any{b.Project, revision, i, x.Task, x.Start, x.Finish}
		})
}

const baselineColumns = `SELECT project, revision, name, approved_by, approved_at, delivery FROM baselines WHERE project = $1 ORDER BY revision DESC`

// Baselines gives all baselines of a project, the newest first.
func (t *Tx) Baselines(project string) ([]site.Baseline, error) {
	list, err := all(t, scanBaseline, baselineColumns, project)
	for i := range list {
		if err == nil {
			err = t.fillBaseline(&list[i])
		}
	}
	return list, err
}

// CurrentBaseline gives the newest baseline of a project; NotFound when it has none.
func (t *Tx) CurrentBaseline(project string) (site.Baseline, error) {
	b, err := one(t, site.Errorf(site.NotFound, "store.no_baseline", "", "project", project), scanBaseline, baselineColumns+` LIMIT 1`, project)
	if err == nil {
		err = t.fillBaseline(&b)
	}
	return b, err
}

func (t *Tx) fillBaseline(b *site.Baseline) (err error) {
	b.Tasks, err = all(t, func(row scanner, x *site.BaselineTask) error { return row.Scan(&x.Task, &x.Start, &x.Finish) },
		`SELECT task, start, finish FROM baseline_tasks WHERE project = $1 AND revision = $2 ORDER BY seq`, b.Project, b.Revision)
	return err
}

func scanBaseline(row scanner, b *site.Baseline) error {
	return row.Scan(&b.Project, &b.Revision, &b.Name, &b.ApprovedBy, msTo{&b.ApprovedAt}, &b.Delivery)
}
