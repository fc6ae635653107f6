package api

import (
	"context"
	"net/http"
	"time"

	"topout/site"
)

func (s *Server) addIssues() {
	const tag = "issues"
	add(s, operation{method: http.MethodGet, path: "/projects/{p}/issues", id: "issues", summary: "Issues, newest first", tag: tag, action: site.ActView}, s.issueList)
	add(s, operation{
		method: http.MethodPost, path: "/projects/{p}/issues", id: "open-issue", summary: "Open an issue", tag: tag, action: site.ActOpen, body: true,
		answers: []int{http.StatusCreated},
	}, s.openIssue)
	add(s, operation{method: http.MethodGet, path: "/projects/{p}/issues/{id}", id: "issue", summary: "An issue with its moves", tag: tag, action: site.ActView}, s.issue)
	add(s, operation{
		method: http.MethodPost, path: "/projects/{p}/issues/{id}/moves", id: "move-issue", summary: "Take an issue a step on", tag: tag,
		action: site.ActMove, body: true, conflict: true, answers: []int{http.StatusCreated},
	}, s.moveIssue)
}

// issueView is an issue, with its words in the caller's language.
type issueView struct {
	ID        string          `json:"id"`
	Key       string          `json:"key"`
	Kind      site.IssueKind  `json:"kind" enum:"slip,reading,silence,check_failed,check_missed,blocking,person"`
	Severity  site.Severity   `json:"severity" enum:"info,warning,critical"`
	State     site.IssueState `json:"state" enum:"open,assessed,assigned,in_hand,reported,closed,rejected,reopened"`
	Title     string          `json:"title"`
	Detail    string          `json:"detail"`
	Project   string          `json:"project"`
	Task      string          `json:"task"`
	Device    string          `json:"device"`
	Building  string          `json:"building"`
	Reason    site.Reason     `json:"reason"`
	StopWork  bool            `json:"stop_work"`
	OpenedAt  time.Time       `json:"opened_at"`
	OpenedBy  string          `json:"opened_by"`
	UpdatedAt time.Time       `json:"updated_at"`
	ClosedAt  *time.Time      `json:"closed_at"`
	Due       *time.Time      `json:"due"`
	Overdue   bool            `json:"overdue"`
	Assignee  string          `json:"assignee"`
	Moves     []moveView      `json:"moves"`
}

type moveView struct {
	To       site.IssueState `json:"to"`
	By       string          `json:"by"`
	At       time.Time       `json:"at"`
	Note     string          `json:"note"`
	Photos   []string        `json:"photos"`
	Assignee string          `json:"assignee"`
	Due      *time.Time      `json:"due"`
}

func (s *Server) viewIssue(ctx context.Context, i site.Issue) issueView {
	lang := requestOf(ctx).lang
	v := issueView{
		ID: i.ID, Key: i.Key, Kind: i.Kind, Severity: i.Severity, State: i.State, Title: s.issues.Title(lang, i), Detail: s.issues.Detail(lang, i),
		Project: i.Project, Task: i.Task, Device: i.Device, Building: i.Building, Reason: i.Reason, StopWork: i.StopWork,
		OpenedAt: at(i.OpenedAt), OpenedBy: i.OpenedBy, UpdatedAt: at(i.UpdatedAt), ClosedAt: utc(i.ClosedAt), Due: utc(i.Due),
		Overdue: i.Open() && !i.Due.IsZero() && i.Due.Before(s.now()), Assignee: i.Assignee, Moves: []moveView{},
	}
	for _, m := range i.Moves {
		v.Moves = append(v.Moves, moveView{m.To, m.By, at(m.At), s.issues.Note(lang, m), texts(m.Photos), m.Assignee, utc(m.Due)})
	}
	return v
}

func (s *Server) issueList(ctx context.Context, c *caller, in *struct {
	InProject
	Open     string         `query:"open" enum:"true,false,"`
	Kind     site.IssueKind `query:"kind" enum:"slip,reading,silence,check_failed,check_missed,blocking,person,"`
	Severity site.Severity  `query:"severity" enum:"info,warning,critical,"`
	Task     taskID         `query:"task"`
	Device   string         `query:"device" pattern:"^[A-Za-z0-9_-]{0,64}$"`
	Assignee string         `query:"assignee" pattern:"^[A-Za-z0-9_.@-]{0,64}$"`
	Paged
}) (*found[list[issueView]], error) {
	q := site.IssueQuery{
		Project: c.project.ID, Kind: in.Kind, Severity: in.Severity, Task: string(in.Task), Device: in.Device, Assignee: in.Assignee,
		Limit: in.Limit, Cursor: in.Cursor,
	}
	if in.Open != "" {
		open := in.Open == "true"
		q.Open = &open
	}
	var items []site.Issue
	var next string
	err := s.records.View(ctx, func(tx Tx) error {
		var err error
		items, next, err = tx.IssuesPage(q)
		return err
	})
	if err != nil {
		return nil, err
	}
	return listOf(items, next, func(i site.Issue) issueView { return s.viewIssue(ctx, i) }), nil
}

// NewIssue is an issue as a person writes it.
type NewIssue struct {
	Title    line           `json:"title" minLength:"1"`
	Severity site.Severity  `json:"severity,omitempty" enum:"info,warning,critical" default:"warning"`
	Kind     site.IssueKind `json:"kind,omitempty" enum:"person,blocking" default:"person"`
	Task     taskID         `json:"task,omitempty"`
	Building taskID         `json:"building,omitempty"`
	Device   string         `json:"device,omitempty" pattern:"^([A-Za-z0-9_-]{1,64})?$"`
	StopWork bool           `json:"stop_work,omitempty" doc:"holds its task in the forecast"`
	Reason   site.Reason    `json:"reason,omitempty" enum:"weather,material,design_change,permit,labour,quality_rework,safety_stop,handover,other,"`
	Note     note           `json:"note,omitempty"`
	Photos   photos         `json:"photos,omitempty" maxItems:"20"`
	Assignee string         `json:"assignee,omitempty" pattern:"^([A-Za-z0-9_.@-]{1,64})?$"`
	Due      *time.Time     `json:"due,omitempty" nullable:"true"`
}

func (s *Server) openIssue(ctx context.Context, c *caller, in *struct {
	InProject
	Body NewIssue
}) (*found[issueView], error) {
	b := in.Body
	due, err := dueTime(b.Due)
	if err != nil {
		return nil, err
	}
	i := site.Issue{
		Project: c.project.ID, Kind: b.Kind, Severity: b.Severity, Text: string(b.Title), Task: string(b.Task), Building: string(b.Building),
		Device: b.Device, StopWork: b.StopWork, Reason: b.Reason, Assignee: b.Assignee, Due: due,
	}
	err = s.records.Update(ctx, func(tx Tx) error {
		i, err = s.issues.Open(tx, c.person, i, site.Move{Note: string(b.Note), Photos: b.Photos.texts()})
		return err
	})
	if err != nil {
		return nil, err
	}
	s.Wake()
	return &found[issueView]{s.viewIssue(ctx, i)}, nil
}

// dueTime refuses a time that cannot be meant.
func dueTime(t *time.Time) (time.Time, error) {
	if t == nil || t.IsZero() {
		return time.Time{}, nil
	}
	if t.Year() < 2000 || t.Year() > 2199 {
		return time.Time{}, site.Errorf(site.Invalid, "api.bad_time", "due")
	}
	return t.UTC(), nil
}

func (s *Server) issue(ctx context.Context, c *caller, in *InRecord) (*found[issueView], error) {
	var i site.Issue
	err := s.records.View(ctx, func(tx Tx) error {
		var err error
		i, err = tx.Issue(c.project.ID, in.ID)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &found[issueView]{s.viewIssue(ctx, i)}, nil
}

type moveBody struct {
	To       site.IssueState `json:"to" enum:"assessed,assigned,in_hand,reported,closed,rejected,reopened"`
	Note     note            `json:"note,omitempty"`
	Photos   photos          `json:"photos,omitempty" maxItems:"20"`
	Assignee string          `json:"assignee,omitempty" pattern:"^([A-Za-z0-9_.@-]{1,64})?$"`
	Due      *time.Time      `json:"due,omitempty" nullable:"true"`
}

func (s *Server) moveIssue(ctx context.Context, c *caller, in *struct {
	InRecord
	Body moveBody
}) (*found[issueView], error) {
	b := in.Body
	due, err := dueTime(b.Due)
	if err != nil {
		return nil, err
	}
	m := site.Move{To: b.To, Note: string(b.Note), Photos: b.Photos.texts(), Assignee: b.Assignee, Due: due}
	var i site.Issue
	err = s.records.Update(ctx, func(tx Tx) error {
		i, err = s.issues.Move(tx, c.person, c.project.ID, in.ID, m)
		return err
	})
	if err != nil {
		return nil, err
	}
	s.Wake()
	return &found[issueView]{s.viewIssue(ctx, i)}, nil
}
