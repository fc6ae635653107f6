package store

import (
	"database/sql"
	"time"

	"topout/site"
)

const progressColumns = `SELECT project, id, task, t, arrived, percent, quantity, workers, note, reason, photos, author, door,
	withdrawn_by, withdrawn_why, withdrawn_at FROM progress`

const sqlSaveProgress = `INSERT INTO progress
	(project, id, task, t, arrived, percent, quantity, workers, note, reason, photos, author, door)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT (project, id) DO NOTHING`

// SaveProgress keeps a report. A report whose id the project already has
// changes nothing and gives false.
func (t *Tx) SaveProgress(p site.Progress) (isNew bool, err error) {
	n, err := t.exec(sqlSaveProgress, p.Project, p.ID, p.Task, ms(p.T), ms(p.Arrived),
		optional(p.Percent, p.HasPercent), optional(p.Quantity, p.HasQty), p.Workers,
		p.Note, p.Reason, jsonOf{p.Photos}, p.By, p.Door)
	return n > 0, constraint(err, nil, unknownProject(p.Project))
}

// ProgressByID gives a report.
func (t *Tx) ProgressByID(project, id string) (site.Progress, error) {
	return one(t, unknownProgress(id), scanProgress, progressColumns+` WHERE project = $1 AND id = $2`, project, id)
}

// ProgressPage gives a page of a project's reports, withdrawn ones too, newest first.
func (t *Tx) ProgressPage(q site.ReportQuery) ([]site.Progress, string, error) {
	var w where
	w.and("project = ?", q.Project)
	w.andIs("task", q.Task)
	w.andBetween("t", q.From, q.To)
	return page(t, pageQuery[site.Progress]{
		columns: progressColumns, where: w, time: "t", limit: q.Limit, cursor: q.Cursor, scan: scanProgress,
		at: func(p *site.Progress) (time.Time, string) { return p.T, p.ID },
	})
}

// ProgressOf gives the reports of a project that are not withdrawn, with T up to
// and including until (zero: all), by task and then T.
func (t *Tx) ProgressOf(project string, until time.Time) ([]site.Progress, error) {
	var w where
	w.and("project = ?", project)
	w.and("withdrawn_at IS NULL")
	if !until.IsZero() {
		w.and("t <= ?", ms(until))
	}
	return all(t, scanProgress, progressColumns+w.String()+` ORDER BY task, t, id`, w.args...)
}

func scanProgress(row scanner, p *site.Progress) error {
	var percent, quantity sql.NullFloat64
	var w withdrawn
	err := row.Scan(&p.Project, &p.ID, &p.Task, msTo{&p.T}, msTo{&p.Arrived}, &percent, &quantity, &p.Workers,
		&p.Note, &p.Reason, jsonTo{&p.Photos}, &p.By, &p.Door, &w.by, &w.why, msTo{&w.at})
	p.Percent, p.HasPercent = percent.Float64, percent.Valid
	p.Quantity, p.HasQty = quantity.Float64, quantity.Valid
	p.Withdrawn = w.mark()
	return err
}

func unknownProgress(id string) *site.Error {
	return site.Errorf(site.NotFound, "store.unknown_progress", "", "id", id)
}

const checkColumns = `SELECT project, id, checklist, version, building, t, arrived, items, author, door, score, grade, passed, failed, issues,
	withdrawn_by, withdrawn_why, withdrawn_at FROM checks`

// SaveCheck keeps a check. A check whose id the project already has changes
// nothing and gives false.
func (t *Tx) SaveCheck(c site.Check) (isNew bool, err error) {
	n, err := t.exec(`INSERT INTO checks
		(project, id, checklist, version, building, t, arrived, items, author, door, score, grade, passed, failed, issues)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) ON CONFLICT (project, id) DO NOTHING`,
		c.Project, c.ID, c.Checklist, c.Version, c.Building, ms(c.T), ms(c.Arrived), jsonOf{c.Items}, c.By, c.Door,
		c.Score, c.Grade, c.Passed, c.Failed, jsonOf{c.Issues})
	return n > 0, constraint(err, nil, unknownProject(c.Project))
}

// SetCheckIssues notes which issues a check opened or renewed.
func (t *Tx) SetCheckIssues(project, id string, issues []string) error {
	return t.change(unknownCheck(id), `UPDATE checks SET issues = $3 WHERE project = $1 AND id = $2`, project, id, jsonOf{issues})
}

// CheckByID gives a check.
func (t *Tx) CheckByID(project, id string) (site.Check, error) {
	return one(t, unknownCheck(id), scanCheck, checkColumns+` WHERE project = $1 AND id = $2`, project, id)
}

// ChecksPage gives a page of a project's checks, withdrawn ones too, newest first.
func (t *Tx) ChecksPage(q site.ReportQuery) ([]site.Check, string, error) {
	var w where
	w.and("project = ?", q.Project)
	w.andIs("building", q.Building)
	w.andIs("checklist", q.Checklist)
	w.andBetween("t", q.From, q.To)
	return page(t, pageQuery[site.Check]{
		columns: checkColumns, where: w, time: "t", limit: q.Limit, cursor: q.Cursor, scan: scanCheck,
		at: func(c *site.Check) (time.Time, string) { return c.T, c.ID },
	})
}

// CheckSince reports whether a check by a form with T in [from, to) is there and not withdrawn.
func (t *Tx) CheckSince(project, form string, from, to time.Time) (bool, error) {
	_, found, err := maybe(t, value[int64], `SELECT 1 FROM checks
		WHERE project = $1 AND checklist = $2 AND t >= $3 AND t < $4 AND withdrawn_at IS NULL LIMIT 1`,
		project, form, ms(from), ms(to))
	return found, err
}

func scanCheck(row scanner, c *site.Check) error {
	var w withdrawn
	err := row.Scan(&c.Project, &c.ID, &c.Checklist, &c.Version, &c.Building, msTo{&c.T}, msTo{&c.Arrived}, jsonTo{&c.Items}, &c.By, &c.Door,
		&c.Score, &c.Grade, &c.Passed, &c.Failed, jsonTo{&c.Issues}, &w.by, &w.why, msTo{&w.at})
	c.Withdrawn = w.mark()
	return err
}

func unknownCheck(id string) *site.Error {
	return site.Errorf(site.NotFound, "store.unknown_check", "", "id", id)
}

// Withdraw marks a report ("progress") or a check ("check") as taken back. It
// gives false, and changes nothing, when that was done before.
func (t *Tx) Withdraw(project, record, id string, w site.Withdrawal) (changed bool, err error) {
	var table string
	var missing *site.Error
	switch record {
	case "progress":
		table, missing = "progress", unknownProgress(id)
	case "check":
		table, missing = "checks", unknownCheck(id)
	default:
		return false, site.Errorf(site.Invalid, "store.not_withdrawable", "record", "record", record)
	}
	n, err := t.exec(`UPDATE `+table+` SET withdrawn_by = $3, withdrawn_why = $4, withdrawn_at = $5
		WHERE project = $1 AND id = $2 AND withdrawn_at IS NULL`, project, id, w.By, w.Why, ms(w.At))
	if err != nil || n > 0 {
		return n > 0, err
	}
	_, err = one(t, missing, value[int64], `SELECT 1 FROM `+table+` WHERE project = $1 AND id = $2`, project, id)
	return false, err
}

// withdrawn scans the mark of a record.
type withdrawn struct {
	by, why sql.NullString
	at      time.Time
}

func (w withdrawn) mark() *site.Withdrawal {
	if !w.by.Valid {
		return nil
	}
	return &site.Withdrawal{By: w.by.String, Why: w.why.String, At: w.at}
}
