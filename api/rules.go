package api

import (
	"context"
	"encoding/json"
	"net/http"

	"topout/site"
)

func (s *Server) addRules() {
	const tag = "rules"
	add(s, operation{method: http.MethodGet, path: "/projects/{p}/rules", id: "rules", summary: "Limits of readings", tag: tag, action: site.ActView}, s.ruleList)
	add(s, operation{
		method: http.MethodPut, path: "/projects/{p}/rules/{kind}/{metric}", id: "set-rule", tag: tag, action: site.ActRules, body: true,
		summary: "Give the project its own limits for a metric of a kind of device; what is left out stays as built in",
	}, s.setRule)
	add(s, operation{
		method: http.MethodDelete, path: "/projects/{p}/rules/{kind}/{metric}", id: "reset-rule", summary: "Back to the built-in rule", tag: tag,
		action: site.ActRules, answers: []int{http.StatusNoContent},
	}, s.resetRule)
}

// InRule is a path's project, kind of device and metric.
type InRule struct {
	InProject
	Kind   string `path:"kind" pattern:"^[A-Za-z0-9_-]{1,64}$"`
	Metric string `path:"metric" maxLength:"64" pattern:"^[^\\x00-\\x20/]+$"`
}

// ruleBody is a project's own rule.
type ruleBody struct {
	Unit       *line        `json:"unit,omitempty" maxLength:"32"`
	Op         *string      `json:"op,omitempty" enum:">=,>,<=,<"`
	Levels     *[]levelBody `json:"levels,omitempty" maxItems:"3"`
	Night      *nightBody   `json:"night,omitempty"`
	Hysteresis *float64     `json:"hysteresis,omitempty" minimum:"0"`
	Hold       *whole       `json:"hold_seconds,omitempty" minimum:"0" maximum:"86400"`
	Source     *line        `json:"source,omitempty"`
}

type levelBody struct {
	Severity site.Severity `json:"severity" enum:"info,warning,critical"`
	Limit    float64       `json:"limit"`
}

type nightBody struct {
	From   string      `json:"from" pattern:"^([01][0-9]|2[0-3]):[0-5][0-9]$"`
	To     string      `json:"to" pattern:"^([01][0-9]|2[0-3]):[0-5][0-9]$"`
	Levels []levelBody `json:"levels" nullable:"false" maxItems:"3"`
}

func (s *Server) ruleList(ctx context.Context, c *caller, _ *InProject) (*found[list[Rule]], error) {
	var rules []Rule
	err := s.records.View(ctx, func(tx Tx) error {
		var err error
		rules, err = s.rules.Rules(tx, c.project.ID)
		return err
	})
	if err != nil {
		return nil, err
	}
	return listOf(rules, "", func(r Rule) Rule { return r }), nil
}

func (s *Server) setRule(ctx context.Context, c *caller, in *struct {
	InRule
	Body ruleBody
}) (*found[Rule], error) {
	own, err := json.Marshal(in.Body)
	if err != nil {
		return nil, err
	}
	rule, err := s.rules.Parse(in.Kind, in.Metric, own)
	if err != nil {
		return nil, err
	}
	err = s.saveRule(ctx, c, in.InRule, own)
	if err != nil {
		return nil, err
	}
	return &found[Rule]{rule}, nil
}

func (s *Server) resetRule(ctx context.Context, c *caller, in *InRule) (*nothing, error) {
	return &nothing{}, s.saveRule(ctx, c, *in, nil)
}

// saveRule keeps a project's own rule; nil takes it away.
func (s *Server) saveRule(ctx context.Context, c *caller, in InRule, own []byte) error {
	err := s.records.Update(ctx, func(tx Tx) error {
		if err := tx.SaveRuleOverride(c.project.ID, in.Kind+"/"+in.Metric, own); err != nil {
			return err
		}
		_, err := tx.AddChange(site.Change{Project: c.project.ID, Kind: site.ChangeDevice, Ref: in.Kind + "/" + in.Metric, At: s.now()})
		return err
	})
	return s.afterAccess(ctx, err)
}
