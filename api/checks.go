package api

import (
	"context"
	"net/http"
	"time"

	"topout/checklist"
	"topout/site"
)

func (s *Server) addChecks() {
	const tag = "checks"
	add(s, operation{method: http.MethodGet, path: "/projects/{p}/checklists", id: "checklists", summary: "The forms", tag: tag, action: site.ActView}, s.forms)
	add(s, operation{
		method: http.MethodPut, path: "/projects/{p}/checks/{id}", id: "report-check", tag: tag, action: site.ActCheck, body: true,
		summary: "Report a check; a repeated id answers the first result", answers: []int{http.StatusCreated, http.StatusOK, http.StatusAccepted},
	}, s.reportCheck)
	add(s, operation{method: http.MethodGet, path: "/projects/{p}/checks", id: "checks", summary: "Checks, newest first", tag: tag, action: site.ActView}, s.checkList)
	add(s, operation{
		method: http.MethodPost, path: "/projects/{p}/checks/{id}/withdraw", id: "withdraw-check", tag: tag, action: site.ActView, body: true,
		summary: "Take a wrong check back: it is kept, and marked", answers: []int{http.StatusOK, http.StatusAccepted},
	}, s.withdrawCheck)
	add(s, operation{method: http.MethodGet, path: "/projects/{p}/today", id: "today", summary: "What is owed today, and the tasks in hand", tag: tag, action: site.ActView}, s.today)
}

// formView is a form as it is filled in.
type formView struct {
	ID      string     `json:"id"`
	Version int        `json:"version"`
	Name    string     `json:"name"`
	NameEn  string     `json:"name_en"`
	Source  string     `json:"source"`
	Items   []itemView `json:"items"`
}

type itemView struct {
	Code      string   `json:"code"`
	Text      string   `json:"text"`
	TextEn    string   `json:"text_en"`
	Max       float64  `json:"max" doc:"full marks; 0 in a form without marks"`
	Guarantee bool     `json:"guarantee"`
	Unit      string   `json:"unit"`
	MinValue  *float64 `json:"min_value"`
	MaxValue  *float64 `json:"max_value"`
	Source    string   `json:"source"`
}

func viewForm(f checklist.Form) formView {
	v := formView{ID: f.ID, Version: f.Version, Name: f.Name, NameEn: f.NameEn, Source: f.Source, Items: []itemView{}}
	for _, i := range f.Items {
		v.Items = append(v.Items, itemView{i.Code, i.Text, i.TextEn, i.Max, i.Guarantee, i.Unit, i.MinValue, i.MaxValue, i.Source})
	}
	return v
}

func (s *Server) forms(context.Context, *caller, *InProject) (*found[list[formView]], error) {
	return listOf(s.checklists.Forms(), "", viewForm), nil
}

// checkBody is the message on the topic …/checks/{checklist}, and the form.
type checkBody struct {
	ID        string     `json:"id,omitempty" pattern:"^[A-Za-z0-9_-]{1,64}$" doc:"that of the path, when given"`
	Checklist string     `json:"checklist" pattern:"^[A-Za-z0-9_-]{1,64}$" doc:"id of the form"`
	T         sourceTime `json:"t"`
	Building  taskID     `json:"building,omitempty"`
	Items     []itemBody `json:"items" nullable:"false" minItems:"1" maxItems:"500"`
}

type itemBody struct {
	Code   string           `json:"code" minLength:"1" maxLength:"64" pattern:"^[^\\x00]*$"`
	Result site.CheckResult `json:"result" enum:"pass,fail,na"`
	Deduct *float64         `json:"deduct,omitempty" nullable:"true" minimum:"0" doc:"marks taken off"`
	Value  *float64         `json:"value,omitempty" nullable:"true" doc:"measured, in the item's unit"`
	Note   note             `json:"note,omitempty"`
	Photos photos           `json:"photos,omitempty" maxItems:"50"`
}

// checkView is a kept check, with what it scored.
type checkView struct {
	ID        string                   `json:"id"`
	Checklist string                   `json:"checklist"`
	Version   int                      `json:"version" doc:"of the form; 0 while the check waits to be applied"`
	Score     float64                  `json:"score" doc:"0 to 100, not rounded"`
	Grade     string                   `json:"grade" enum:"优良,合格,不合格,"`
	Passed    bool                     `json:"passed"`
	Failed    int                      `json:"failed_items"`
	Issues    []string                 `json:"issues" doc:"that it opened or renewed"`
	T         *time.Time               `json:"t"`
	Arrived   *time.Time               `json:"arrived"`
	Skew      float64                  `json:"skew_seconds"`
	Building  string                   `json:"building"`
	By        string                   `json:"by"`
	Door      site.Door                `json:"door"`
	Items     []site.CheckItem         `json:"items"`
	Withdrawn optional[withdrawalView] `json:"withdrawn"`
}

func viewCheck(k site.Check) checkView {
	v := checkView{
		ID: k.ID, Checklist: k.Checklist, Version: k.Version, Score: k.Score, Grade: k.Grade, Passed: k.Passed, Failed: k.Failed,
		Issues: texts(k.Issues), T: utc(k.T), Arrived: utc(k.Arrived), Skew: k.T.Sub(k.Arrived).Seconds(), Building: k.Building,
		By: k.By, Door: k.Door, Items: k.Items, Withdrawn: viewWithdrawal(k.Withdrawn),
	}
	if v.Items == nil {
		v.Items = []site.CheckItem{}
	}
	return v
}

func (s *Server) reportCheck(ctx context.Context, c *caller, in *struct {
	InRecord
	Body raw[checkBody]
}) (*done[checkView], error) {
	if kept, err := s.checkByID(ctx, c.project.ID, in.ID); err == nil {
		return &done[checkView]{http.StatusOK, viewCheck(kept)}, nil
	} else if !missing(err) {
		return nil, err
	}
	body, err := payload(in.Body.sent, in.ID, "checklist")
	if err != nil {
		return nil, err
	}
	b := in.Body.value
	status, err := s.accept(ctx, site.Message{Topic: topic(c.project.ID, "checks", b.Checklist), Payload: body, By: c.person.Login})
	if err != nil {
		return nil, err
	}
	kept, err := s.checkByID(ctx, c.project.ID, in.ID)
	if missing(err) {
		waiting := viewCheck(site.Check{ID: in.ID, Checklist: b.Checklist, Building: string(b.Building), By: c.person.Login, Door: site.DoorAPI})
		waiting.T = b.T.time()
		return &done[checkView]{http.StatusAccepted, waiting}, nil
	}
	if err != nil {
		return nil, err
	}
	return &done[checkView]{status, viewCheck(kept)}, nil
}

func (s *Server) checkByID(ctx context.Context, project, id string) (kept site.Check, err error) {
	err = s.records.View(ctx, func(tx Tx) error {
		kept, err = tx.CheckByID(project, id)
		return err
	})
	return kept, err
}

func (s *Server) checkList(ctx context.Context, c *caller, in *struct {
	InProject
	Building  taskID `query:"building"`
	Checklist string `query:"checklist" pattern:"^[A-Za-z0-9_-]{0,64}$"`
	Span
	Paged
}) (*found[list[checkView]], error) {
	from, to, err := in.times(c.project)
	if err != nil {
		return nil, err
	}
	q := site.ReportQuery{
		Project: c.project.ID, Building: string(in.Building), Checklist: in.Checklist, From: from, To: to, Limit: in.Limit, Cursor: in.Cursor,
	}
	var items []site.Check
	var next string
	err = s.records.View(ctx, func(tx Tx) error {
		items, next, err = tx.ChecksPage(q)
		return err
	})
	if err != nil {
		return nil, err
	}
	return listOf(items, next, viewCheck), nil
}

func (s *Server) withdrawCheck(ctx context.Context, c *caller, in *struct {
	InRecord
	Body withdrawal
}) (*done[checkView], error) {
	kept, err := s.checkByID(ctx, c.project.ID, in.ID)
	if err != nil {
		return nil, err
	}
	status := http.StatusOK
	if kept.Withdrawn == nil {
		if status, err = s.withdraw(ctx, c, "check", in.ID, kept.By, string(in.Body.Why)); err != nil {
			return nil, err
		}
		if kept, err = s.checkByID(ctx, c.project.ID, in.ID); err != nil {
			return nil, err
		}
	}
	return &done[checkView]{status, viewCheck(kept)}, nil
}
