package api

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"

	"topout/site"
)

// accept sends a report through the inbox, as a message on its topic, and tells
// the status of the answer: 201 applied, 202 safe and applied later, 200 when its
// id was known.
func (s *Server) accept(ctx context.Context, m site.Message) (int, error) {
	m.Door, m.Arrived = site.DoorAPI, s.now()
	receipt, err := s.inbox.Accept(ctx, m)
	if err != nil {
		return 0, err
	}
	if receipt.Refused != nil {
		refused := *receipt.Refused
		if refused.Kind != site.TooLarge {
			refused.Kind = site.Invalid
		}
		return 0, &refused
	}
	if receipt.Repeat {
		return http.StatusOK, nil
	}
	if receipt.Records && receipt.Series {
		return http.StatusCreated, nil
	}
	return http.StatusAccepted, nil
}

// topic is where a message of a kind goes; the name is percent-encoded.
func topic(project, kind, name string) string {
	return "topout/v1/" + project + "/" + kind + "/" + url.PathEscape(name)
}

// payload is the message of a body: without what stands in the topic, with the
// id of the path. The rest is passed on as it was sent.
func payload(sent json.RawMessage, id, inTopic string) ([]byte, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(sent, &fields); err != nil {
		return nil, err
	}
	var given string
	if raw, ok := fields["id"]; ok && string(raw) != "null" {
		if json.Unmarshal(raw, &given) != nil || given != id {
			return nil, site.Errorf(site.Invalid, "api.other_id", "id")
		}
	}
	delete(fields, inTopic)
	delete(fields, "by") // who signed in reports, nobody else
	var err error
	if fields["id"], err = json.Marshal(id); err != nil {
		return nil, err
	}
	return json.Marshal(fields)
}

// withdrawalView says who took a record back, when and why.
type withdrawalView struct {
	By  string    `json:"by"`
	Why string    `json:"why"`
	At  time.Time `json:"at"`
}

func viewWithdrawal(w *site.Withdrawal) optional[withdrawalView] {
	if w == nil {
		return optional[withdrawalView]{}
	}
	return optional[withdrawalView]{&withdrawalView{w.By, w.Why, at(w.At)}}
}

type withdrawal struct {
	Why note `json:"why" minLength:"1"`
}

// withdraw sends the withdrawal of a record, which its author or an
// administrator may do. Doing it again changes nothing.
func (s *Server) withdraw(ctx context.Context, c *caller, record, id, author, why string) (int, error) {
	if author == "" || author != c.person.Login {
		if !c.person.Can(site.ActAccounts, c.project.ID) {
			return 0, site.Errorf(site.Forbidden, "api.not_the_author", "")
		}
	}
	body, err := json.Marshal(map[string]any{"t": s.now().UTC(), "record": record, "why": why})
	if err != nil {
		return 0, err
	}
	status, err := s.accept(ctx, site.Message{Topic: topic(c.project.ID, "withdrawals", id), Payload: body, By: c.person.Login})
	if status == http.StatusCreated {
		status = http.StatusOK
	}
	return status, err
}

// missing reports whether err says that a record is not there.
func missing(err error) bool { return site.IsKind(err, site.NotFound) }
