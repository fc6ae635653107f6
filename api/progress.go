package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"topout/site"
)

func (s *Server) addProgress() {
	const tag = "progress"
	add(s, operation{
		method: http.MethodPut, path: "/projects/{p}/progress/{id}", id: "report-progress",
		summary: "Report progress; a repeated id answers the first result", tag: tag, action: site.ActReport, body: true,
		answers: []int{http.StatusCreated, http.StatusOK, http.StatusAccepted},
	}, s.reportProgress)
	add(s, operation{method: http.MethodGet, path: "/projects/{p}/progress", id: "progress", summary: "Progress reports, newest first", tag: tag, action: site.ActView}, s.progressList)
	add(s, operation{
		method: http.MethodPost, path: "/projects/{p}/progress/{id}/withdraw", id: "withdraw-progress", tag: tag, action: site.ActView, body: true,
		summary: "Take a wrong report back: it is kept, and marked", answers: []int{http.StatusOK, http.StatusAccepted},
	}, s.withdrawProgress)
}

// InRecord is a path's project and client-made record.
type InRecord struct {
	InProject
	ID string `path:"id" pattern:"^[A-Za-z0-9_-]{1,64}$" doc:"made by the client"`
}

// progressBody is the message on the topic …/progress/{task}, and the task.
type progressBody struct {
	ID       string      `json:"id,omitempty" pattern:"^[A-Za-z0-9_-]{1,64}$" doc:"that of the path, when given"`
	Task     taskID      `json:"task" minLength:"1"`
	T        sourceTime  `json:"t"`
	Percent  *float64    `json:"percent,omitempty" nullable:"true" minimum:"0" maximum:"100" doc:"this or quantity"`
	Quantity *float64    `json:"quantity,omitempty" nullable:"true" minimum:"0" doc:"done so far, in the task's unit"`
	Workers  *float64    `json:"workers,omitempty" nullable:"true" minimum:"0"`
	Note     note        `json:"note,omitempty"`
	Reason   site.Reason `json:"reason,omitempty" enum:"weather,material,design_change,permit,labour,quality_rework,safety_stop,handover,other" doc:"why it is late, if it is"`
	Photos   photos      `json:"photos,omitempty" maxItems:"50"`
}

// progressView is a kept report.
type progressView struct {
	ID        string                   `json:"id"`
	Task      string                   `json:"task"`
	T         *time.Time               `json:"t"`
	Arrived   *time.Time               `json:"arrived" doc:"null while it waits to be applied"`
	Skew      float64                  `json:"skew_seconds" doc:"how far the source's clock was ahead"`
	Percent   *float64                 `json:"percent"`
	Quantity  *float64                 `json:"quantity"`
	Workers   *float64                 `json:"workers"`
	Note      string                   `json:"note"`
	Reason    site.Reason              `json:"reason"`
	Photos    []string                 `json:"photos"`
	By        string                   `json:"by"`
	Door      site.Door                `json:"door"`
	Withdrawn optional[withdrawalView] `json:"withdrawn"`
}

func viewProgress(p site.Progress) progressView {
	v := progressView{
		ID: p.ID, Task: p.Task, T: utc(p.T), Arrived: utc(p.Arrived), Skew: p.Skew().Seconds(), Workers: p.Workers,
		Note: p.Note, Reason: p.Reason, Photos: texts(p.Photos), By: p.By, Door: p.Door, Withdrawn: viewWithdrawal(p.Withdrawn),
	}
	if p.HasPercent {
		v.Percent = number(p.Percent)
	}
	if p.HasQty {
		v.Quantity = number(p.Quantity)
	}
	return v
}

func (s *Server) reportProgress(ctx context.Context, c *caller, in *struct {
	InRecord
	Body raw[progressBody]
}) (*done[progressView], error) {
	if kept, err := s.progressByID(ctx, c.project.ID, in.ID); err == nil {
		return &done[progressView]{http.StatusOK, viewProgress(kept)}, nil
	} else if !missing(err) {
		return nil, err
	}
	body, err := payload(in.Body.sent, in.ID, "task")
	if err != nil {
		return nil, err
	}
	b := in.Body.value
	status, err := s.accept(ctx, site.Message{Topic: topic(c.project.ID, "progress", string(b.Task)), Payload: body, By: c.person.Login})
	if err != nil {
		return nil, err
	}
	kept, err := s.progressByID(ctx, c.project.ID, in.ID)
	if missing(err) {
		return &done[progressView]{http.StatusAccepted, b.waiting(in.ID, c.person.Login)}, nil
	}
	if err != nil {
		return nil, err
	}
	return &done[progressView]{status, viewProgress(kept)}, nil
}

// waiting is the answer for a report that is safe and not yet applied.
func (b progressBody) waiting(id, login string) progressView {
	return progressView{
		ID: id, Task: string(b.Task), T: b.T.time(), Percent: b.Percent, Quantity: b.Quantity, Workers: b.Workers, Note: string(b.Note),
		Reason: b.Reason, Photos: b.Photos.texts(), By: login, Door: site.DoorAPI,
	}
}

// time is when it says, as far as it can be read.
func (t sourceTime) time() *time.Time {
	var text string
	if json.Unmarshal(t, &text) == nil {
		if v, err := time.Parse(time.RFC3339, text); err == nil {
			return utc(v)
		}
		return nil
	}
	var ms int64
	if json.Unmarshal(t, &ms) == nil {
		return utc(time.UnixMilli(ms))
	}
	return nil
}

func (s *Server) progressByID(ctx context.Context, project, id string) (kept site.Progress, err error) {
	err = s.records.View(ctx, func(tx Tx) error {
		kept, err = tx.ProgressByID(project, id)
		return err
	})
	return kept, err
}

func (s *Server) progressList(ctx context.Context, c *caller, in *struct {
	InProject
	Task taskID `query:"task"`
	Span
	Paged
}) (*found[list[progressView]], error) {
	from, to, err := in.times(c.project)
	if err != nil {
		return nil, err
	}
	q := site.ReportQuery{Project: c.project.ID, Task: string(in.Task), From: from, To: to, Limit: in.Limit, Cursor: in.Cursor}
	var items []site.Progress
	var next string
	err = s.records.View(ctx, func(tx Tx) error {
		items, next, err = tx.ProgressPage(q)
		return err
	})
	if err != nil {
		return nil, err
	}
	return listOf(items, next, viewProgress), nil
}

func (s *Server) withdrawProgress(ctx context.Context, c *caller, in *struct {
	InRecord
	Body withdrawal
}) (*done[progressView], error) {
	kept, err := s.progressByID(ctx, c.project.ID, in.ID)
	if err != nil {
		return nil, err
	}
	status := http.StatusOK
	if kept.Withdrawn == nil {
		if status, err = s.withdraw(ctx, c, "progress", in.ID, kept.By, string(in.Body.Why)); err != nil {
			return nil, err
		}
		if kept, err = s.progressByID(ctx, c.project.ID, in.ID); err != nil {
			return nil, err
		}
	}
	return &done[progressView]{status, viewProgress(kept)}, nil
}
