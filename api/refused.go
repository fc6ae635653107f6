package api

import (
	"context"
	"encoding/base64"
	"net/http"
	"time"
	"unicode/utf8"

	"topout/site"
)

func (s *Server) addRefused() {
	const tag = "refused"
	add(s, operation{method: http.MethodGet, path: "/projects/{p}/refused", id: "refused", summary: "Refused messages of a project, newest first", tag: tag, action: site.ActRefused}, s.refusedOf)
	add(s, operation{method: http.MethodGet, path: "/refused", id: "all-refused", summary: "Refused messages of all projects and of none", tag: tag, action: site.ActRefused}, s.refusedAll)
	add(s, operation{
		method: http.MethodPost, path: "/refused/{id}/take", id: "take-refused", summary: "Take a refused message after all", tag: tag,
		action: site.ActRefused, answers: []int{http.StatusOK, http.StatusAccepted},
	}, s.takeRefused)
}

// refusedView is a message that was not taken, with the reason.
type refusedView struct {
	ID       string     `json:"id"`
	T        time.Time  `json:"t"`
	Door     site.Door  `json:"door"`
	Project  string     `json:"project"`
	Device   string     `json:"device"`
	Topic    string     `json:"topic"`
	Code     string     `json:"code"`
	Reason   string     `json:"reason" doc:"in the caller's language"`
	Payload  *string    `json:"payload" doc:"null when the broker turned the message away"`
	Encoding string     `json:"payload_encoding,omitempty" doc:"base64 when the payload is not text"`
	TakenAt  *time.Time `json:"taken_at"`
}

func (s *Server) viewRefused(ctx context.Context, r site.Refused) refusedView {
	v := refusedView{
		ID: r.ID, T: at(r.T), Door: r.Door, Project: r.Project, Device: r.Device, Topic: r.Topic, Code: r.Code,
		Reason: s.say(ctx, r.Code, r.Params), TakenAt: utc(r.TakenAt),
	}
	if r.Payload != nil {
		payload := string(r.Payload)
		if !utf8.Valid(r.Payload) {
			payload, v.Encoding = base64.StdEncoding.EncodeToString(r.Payload), "base64"
		}
		v.Payload = &payload
	}
	return v
}

func (s *Server) refusedOf(ctx context.Context, c *caller, in *struct {
	InProject
	Paged
}) (*found[list[refusedView]], error) {
	return s.refusedPage(ctx, site.RefusedQuery{Project: c.project.ID, Limit: in.Limit, Cursor: in.Cursor})
}

func (s *Server) refusedAll(ctx context.Context, _ *caller, in *Paged) (*found[list[refusedView]], error) {
	return s.refusedPage(ctx, site.RefusedQuery{Limit: in.Limit, Cursor: in.Cursor})
}

func (s *Server) refusedPage(ctx context.Context, q site.RefusedQuery) (*found[list[refusedView]], error) {
	var items []site.Refused
	var next string
	err := s.records.View(ctx, func(tx Tx) error {
		var err error
		items, next, err = tx.RefusedPage(q)
		return err
	})
	if err != nil {
		return nil, err
	}
	return listOf(items, next, func(r site.Refused) refusedView { return s.viewRefused(ctx, r) }), nil
}

func (s *Server) takeRefused(ctx context.Context, _ *caller, in *struct {
	ID string `path:"id" pattern:"^[A-Za-z0-9_-]{1,64}$"`
}) (*done[refusedView], error) {
	kept, err := s.refusedByID(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if !kept.TakenAt.IsZero() {
		return &done[refusedView]{http.StatusOK, s.viewRefused(ctx, kept)}, nil
	}
	if kept.Payload == nil {
		return nil, site.Errorf(site.Invalid, "api.no_payload", "id")
	}
	receipt, err := s.inbox.Retake(ctx, kept)
	if err != nil {
		return nil, err
	}
	if receipt.Refused != nil {
		again := *receipt.Refused
		again.Kind = site.Invalid
		return nil, &again
	}
	status := http.StatusAccepted
	if receipt.Records && receipt.Series {
		status = http.StatusOK
	}
	if kept, err = s.refusedByID(ctx, in.ID); err != nil {
		return nil, err
	}
	return &done[refusedView]{status, s.viewRefused(ctx, kept)}, nil
}

func (s *Server) refusedByID(ctx context.Context, id string) (kept site.Refused, err error) {
	err = s.records.View(ctx, func(tx Tx) error {
		kept, err = tx.RefusedByID(id)
		return err
	})
	return kept, err
}

// takeAllOf takes what a new device had sent before it was known, and tells how
// many were taken. What is refused again stays in the list, with its reason.
func (s *Server) takeAllOf(ctx context.Context, c *caller, device string) int {
	var kept []site.Refused
	err := s.records.View(ctx, func(tx Tx) error {
		var err error
		kept, err = tx.RefusedOf(device)
		return err
	})
	taken := 0
	for _, r := range kept {
		if r.Project != c.project.ID || r.Payload == nil {
			continue
		}
		receipt, failed := s.inbox.Retake(ctx, r)
		if failed != nil {
			err = failed
			break
		}
		if receipt.Refused == nil {
			taken++
		}
	}
	if err != nil { // the device is registered; the rest can be taken one by one
		s.log.WarnContext(ctx, "refused messages not all taken", "device", device, "taken", taken, "error", err)
	}
	return taken
}
