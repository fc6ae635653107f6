package store

import (
	"strconv"
	"strings"
	"time"

	"topout/site"
)

const issueColumns = `SELECT id, project, key, kind, severity, state, title, params, body, task, device, building, reason, stop_work,
	opened_at, opened_by, updated_at, closed_at, due, assignee FROM issues`

const sqlOpenIssue = issueColumns + ` WHERE project = $1 AND key = $2 AND state <> 'closed' AND key <> ''`

// OpenIssue gives the open issue of a key, without its moves, if there is one.
func (t *Tx) OpenIssue(project, key string) (site.Issue, bool, error) {
	return maybe(t, scanIssue, sqlOpenIssue, project, key)
}

// CreateIssue keeps a new issue; its moves are added by AddMove. It is a
// Conflict when an open issue has the key.
func (t *Tx) CreateIssue(i site.Issue) error {
	_, err := t.exec(`INSERT INTO issues
		(id, project, key, kind, severity, state, title, params, body, task, device, building, reason, stop_work,
		opened_at, opened_by, updated_at, closed_at, due, assignee)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)`,
		i.ID, i.Project, i.Key, i.Kind, i.Severity, i.State, i.Title, jsonOf{i.Params}, i.Text, i.Task, i.Device, i.Building, i.Reason, i.StopWork,
		ms(i.OpenedAt), i.OpenedBy, ms(i.UpdatedAt), optMs(i.ClosedAt), optMs(i.Due), i.Assignee)
	return constraint(err, issueTwice(i), unknownProject(i.Project))
}

// UpdateIssue changes all of an issue but its id, project and moves.
func (t *Tx) UpdateIssue(i site.Issue) error {
	err := t.change(unknownIssue(i.ID), `UPDATE issues SET key = $3, kind = $4, severity = $5, state = $6, title = $7, params = $8, body = $9,
		task = $10, device = $11, building = $12, reason = $13, stop_work = $14,
		opened_at = $15, opened_by = $16, updated_at = $17, closed_at = $18, due = $19, assignee = $20
		WHERE id = $1 AND project = $2`,
		i.ID, i.Project, i.Key, i.Kind, i.Severity, i.State, i.Title, jsonOf{i.Params}, i.Text, i.Task, i.Device, i.Building, i.Reason, i.StopWork,
		ms(i.OpenedAt), i.OpenedBy, ms(i.UpdatedAt), optMs(i.ClosedAt), optMs(i.Due), i.Assignee)
	return constraint(err, issueTwice(i), nil)
}

// AddMove adds a step to an issue.
func (t *Tx) AddMove(issue string, m site.Move) error {
	_, err := t.exec(`INSERT INTO issue_moves (issue, seq, moved_to, author, at, note, title, params, photos, assignee, due)
		VALUES ($1, (SELECT COALESCE(MAX(seq), 0) + 1 FROM issue_moves WHERE issue = $1), $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		issue, m.To, m.By, ms(m.At), m.Note, m.Title, jsonOf{m.Params}, jsonOf{m.Photos}, m.Assignee, optMs(m.Due))
	return constraint(err, nil, unknownIssue(issue))
}

// Issue gives an issue of a project with its moves.
func (t *Tx) Issue(project, id string) (site.Issue, error) {
	i, err := one(t, unknownIssue(id), scanIssue, issueColumns+` WHERE project = $1 AND id = $2`, project, id)
	if err != nil {
		return i, err
	}
	list := []site.Issue{i}
	err = t.fillMoves(list)
	return list[0], err
}

// IssuesPage gives a page of issues with their moves, newest first.
func (t *Tx) IssuesPage(q site.IssueQuery) ([]site.Issue, string, error) {
	var w where
	w.andIs("project", q.Project)
	if q.Open != nil && *q.Open {
		w.and("state <> 'closed'")
	} else if q.Open != nil {
		w.and("state = 'closed'")
	}
	w.andIs("kind", string(q.Kind))
	w.andIs("severity", string(q.Severity))
	w.andIs("task", q.Task)
	w.andIs("device", q.Device)
	w.andIs("assignee", q.Assignee)
	list, next, err := page(t, pageQuery[site.Issue]{
		columns: issueColumns, where: w, time: "opened_at", limit: q.Limit, cursor: q.Cursor, scan: scanIssue,
		at: func(i *site.Issue) (time.Time, string) { return i.OpenedAt, i.ID },
	})
	if err != nil {
		return nil, "", err
	}
	return list, next, t.fillMoves(list)
}

// OpenIssues gives the open issues of a project of a kind, or of all kinds when
// it is empty, oldest first, without their moves.
func (t *Tx) OpenIssues(project string, kind site.IssueKind) ([]site.Issue, error) {
	var w where
	w.and("project = ?", project)
	w.and("state <> 'closed'")
	w.andIs("kind", string(kind))
	return all(t, scanIssue, issueColumns+w.String()+` ORDER BY opened_at, id`, w.args...)
}

// fillMoves reads the moves of a page of issues.
func (t *Tx) fillMoves(list []site.Issue) error {
	if len(list) == 0 {
		return nil
	}
	at := make(map[string]*site.Issue, len(list))
	places := make([]string, len(list))
	args := make([]any, len(list))
	for i := range list {
		at[list[i].ID] = &list[i]
		places[i] = "$" + strconv.Itoa(i+1)
		args[i] = list[i].ID
	}
	type move struct {
		issue string
		site.Move
	}
	moves, err := all(t, func(row scanner, m *move) error {
		return row.Scan(&m.issue, &m.To, &m.By, msTo{&m.At}, &m.Note, &m.Title, jsonTo{&m.Params}, jsonTo{&m.Photos}, &m.Assignee, msTo{&m.Due})
	}, `SELECT issue, moved_to, author, at, note, title, params, photos, assignee, due FROM issue_moves
		WHERE issue IN (`+strings.Join(places, ", ")+`) ORDER BY issue, seq`, args...)
	for _, m := range moves {
		at[m.issue].Moves = append(at[m.issue].Moves, m.Move)
	}
	return err
}

func scanIssue(row scanner, i *site.Issue) error {
	return row.Scan(&i.ID, &i.Project, &i.Key, &i.Kind, &i.Severity, &i.State, &i.Title, jsonTo{&i.Params}, &i.Text, &i.Task, &i.Device, &i.Building,
		&i.Reason, &i.StopWork, msTo{&i.OpenedAt}, &i.OpenedBy, msTo{&i.UpdatedAt}, msTo{&i.ClosedAt}, msTo{&i.Due}, &i.Assignee)
}

func unknownIssue(id string) *site.Error {
	return site.Errorf(site.NotFound, "store.unknown_issue", "", "id", id)
}

func issueTwice(i site.Issue) *site.Error {
	return site.Errorf(site.Conflict, "store.issue_open", "", "key", i.Key)
}
