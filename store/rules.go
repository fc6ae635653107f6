package store

import "topout/site"

const (
	sqlRuleState = `SELECT device, metric, last_t, last_value, level, pending, pending_since FROM rule_states
		WHERE device = $1 AND metric = $2`
	sqlSaveRuleState = `INSERT INTO rule_states (device, metric, last_t, last_value, level, pending, pending_since)
		VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (device, metric) DO UPDATE SET last_t = excluded.last_t, last_value = excluded.last_value,
		level = excluded.level, pending = excluded.pending, pending_since = excluded.pending_since`
)

// RuleState gives the memory of the rule of a device's metric, if there is one.
func (t *Tx) RuleState(device, metric string) (site.RuleState, bool, error) {
	return maybe(t, func(row scanner, s *site.RuleState) error {
		return row.Scan(&s.Device, &s.Metric, msTo{&s.LastT}, &s.LastValue, &s.Level, &s.Pending, msTo{&s.PendingSince})
	}, sqlRuleState, device, metric)
}

// SaveRuleState keeps the memory of a rule. A batch of readings should come here
// once a device and metric.
func (t *Tx) SaveRuleState(s site.RuleState) error {
	_, err := t.exec(sqlSaveRuleState, s.Device, s.Metric, optMs(s.LastT), s.LastValue, s.Level, s.Pending, optMs(s.PendingSince))
	return err
}

// RuleOverrides gives the rules that a project set itself: the JSON of the rule
// by its key, kind/metric.
func (t *Tx) RuleOverrides(project string) (map[string][]byte, error) {
	type override struct {
		key  string
		rule []byte
	}
	list, err := all(t, func(row scanner, o *override) error { return row.Scan(&o.key, &o.rule) },
		`SELECT key, rule FROM rule_overrides WHERE project = $1`, project)
	rules := make(map[string][]byte, len(list))
	for _, o := range list {
		rules[o.key] = o.rule
	}
	return rules, err
}

// SaveRuleOverride keeps the JSON of a project's own rule; nil goes back to the built-in one.
func (t *Tx) SaveRuleOverride(project, key string, rule []byte) error {
	if rule == nil {
		_, err := t.exec(`DELETE FROM rule_overrides WHERE project = $1 AND key = $2`, project, key)
		return err
	}
	_, err := t.exec(`INSERT INTO rule_overrides (project, key, rule) VALUES ($1, $2, $3)
		ON CONFLICT (project, key) DO UPDATE SET rule = excluded.rule`, project, key, string(rule))
	return constraint(err, nil, unknownProject(project))
}
