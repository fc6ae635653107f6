package alerts

import (
	"encoding/json"

	"topout/site"
)

// SetRule gives a project its own limit in place of the built-in one, or, with a
// nil rule, takes it away. The devices' last values are judged by it at once.
func (e *Engine) SetRule(tx Tx, by site.Person, q RuleChange) (Rule, error) {
	if !by.Can(site.ActRules, q.Project) {
		return Rule{}, site.Errorf(site.Forbidden, "alerts.not_allowed", "")
	}
	key := q.Kind + "/" + q.Metric
	before, err := e.rule(tx, q.Project, key)
	if err != nil {
		return Rule{}, err
	}
	var keep []byte
	if q.Rule != nil {
		r, err := e.rules.Parse(q.Kind, q.Metric, q.Rule)
		if err != nil {
			return Rule{}, err
		}
		if keep, err = json.Marshal(r); err != nil {
			return Rule{}, err
		}
	} else if before == nil || before.Default {
		return Rule{}, site.Errorf(site.NotFound, "alerts.no_rule", "", "kind", q.Kind, "metric", q.Metric)
	}
	if err := tx.SaveRuleOverride(q.Project, key, keep); err != nil {
		return Rule{}, err
	}
	after, err := e.rule(tx, q.Project, key)
	if err != nil {
		return Rule{}, err
	}
	if after == nil { // the project's own rule is gone, and there is no built-in one
		after = &Rule{Kind: q.Kind, Metric: q.Metric, Unit: before.Unit, Op: before.Op, Of: before.Of, Minus: before.Minus}
	}
	return *after, e.judgeLast(tx, q.Project, *after)
}

// RuleChange is a project's own rule.
type RuleChange struct {
	Project, Kind, Metric string
	Rule                  []byte // JSON of a Rule, what is left out stays as built in; nil: back to the default
}

// rule finds a project's rule by its key; nil when there is none.
func (e *Engine) rule(tx Tx, project, key string) (*Rule, error) {
	rules, err := e.Rules(tx, project)
	if err != nil {
		return nil, err
	}
	for _, r := range rules {
		if r.Key() == key {
			return &r, nil
		}
	}
	return nil, nil
}

// judgeLast judges the newest value of each device of the rule's kind again.
func (e *Engine) judgeLast(tx Tx, project string, r Rule) error {
	devices, err := tx.Devices(project)
	if err != nil {
		return err
	}
	p, err := tx.Project(project)
	if err != nil {
		return err
	}
	b := e.Batch(tx)
	for _, d := range devices {
		if d.Kind != r.Kind || !d.RevokedAt.IsZero() {
			continue
		}
		s, err := b.state(d.ID, r.Metric)
		if err != nil {
			return err
		}
		if s.LastT.IsZero() {
			continue
		}
		x := sample{T: s.LastT, Value: s.LastValue, Late: b.loop.at.Sub(s.LastT) > e.rules.late}
		rule := r.at(x.T.In(p.Location()))
		again := s.RuleState
		again.LastT = again.LastT.Add(-1) // so that it is no repeat
		v := decide(rule, again, x)
		s.RuleState, s.changed = v.State, true
		if v.After != v.Before {
			if err := b.readingIssue(d, rule, x, v); err != nil {
				return err
			}
		}
	}
	return b.Flush()
}
