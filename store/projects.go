package store

import "topout/site"

const projectColumns = `SELECT id, name, zone, phase, grade, calendar, daily_checks, check_by, created_at FROM projects`

const sqlProject = projectColumns + ` WHERE id = $1`

// CreateProject adds a project; its id must be new.
func (t *Tx) CreateProject(p site.Project) error {
	_, err := t.exec(`INSERT INTO projects (id, name, zone, phase, grade, calendar, daily_checks, check_by, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		p.ID, p.Name, p.Zone, p.Phase, p.Grade, jsonOf{p.Calendar}, jsonOf{p.DailyChecks}, p.CheckBy, ms(p.CreatedAt))
	return constraint(err, site.Errorf(site.Conflict, "store.project_exists", "id", "id", p.ID), nil)
}

// UpdateProject changes all of a project but its id and when it was created.
func (t *Tx) UpdateProject(p site.Project) error {
	return t.change(unknownProject(p.ID), `UPDATE projects
		SET name = $2, zone = $3, phase = $4, grade = $5, calendar = $6, daily_checks = $7, check_by = $8 WHERE id = $1`,
		p.ID, p.Name, p.Zone, p.Phase, p.Grade, jsonOf{p.Calendar}, jsonOf{p.DailyChecks}, p.CheckBy)
}

// Project gives a project.
func (t *Tx) Project(id string) (site.Project, error) {
	return one(t, unknownProject(id), scanProject, sqlProject, id)
}

// Projects gives all projects by id.
func (t *Tx) Projects() ([]site.Project, error) {
	return all(t, scanProject, projectColumns+` ORDER BY id`)
}

func scanProject(row scanner, p *site.Project) error {
	return row.Scan(&p.ID, &p.Name, &p.Zone, &p.Phase, &p.Grade, jsonTo{&p.Calendar}, jsonTo{&p.DailyChecks}, &p.CheckBy, msTo{&p.CreatedAt})
}

func unknownProject(id string) *site.Error {
	return site.Errorf(site.NotFound, "store.unknown_project", "", "id", id)
}
