package alerts

import (
	"embed"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"topout/checklist"
	"topout/site"
)

//go:embed data/*.json
var data embed.FS

// Rule is the limit of one metric of one kind of device, as data.
type Rule struct {
	Kind   string `json:"kind"`
	Metric string `json:"metric"`
	Unit   string `json:"unit"`
	// Of and Minus make Metric a derived one: the value of Of less that of Minus
	// in the same reading.
	Of    string `json:"of,omitempty"`
	Minus string `json:"minus,omitempty"`
	// Abs compares the magnitude: a displacement counts in either direction.
	Abs bool `json:"abs,omitempty"`
	// Op is how a value beyond a limit relates to it: >=, >, <= or <.
	Op string `json:"op"`
	// Levels rise in severity, and each lies further out; none switches the rule off.
	Levels []Level `json:"levels"`
	Night  *Night  `json:"night"`
	// Hysteresis is how far a value must come back inside a limit before its level
	// ends, in the metric's unit.
	Hysteresis float64 `json:"hysteresis"`
	// HoldSeconds is how long, by the device's clock, the value must stay beyond a
	// limit before its level counts.
	HoldSeconds int             `json:"hold_seconds"`
	Source      string          `json:"source"`
	SourceEn    string          `json:"source_en,omitempty"`
	Basis       checklist.Basis `json:"basis,omitempty"`
	// Default is false when the project has its own.
	Default bool `json:"default"`
}

// Level is a limit and what it means to be beyond it.
type Level struct {
	Severity site.Severity `json:"severity"`
	Limit    float64       `json:"limit"`
}

// Night has other levels between two local times of day ("22:00" to "06:00").
type Night struct {
	From   string  `json:"from"`
	To     string  `json:"to"`
	Levels []Level `json:"levels"`
}

// Key names the rule within a project: kind/metric.
func (r Rule) Key() string { return r.Kind + "/" + r.Metric }

// value finds the rule's value in a reading.
func (r Rule) value(values []site.MetricValue) (float64, bool) {
	if r.Minus == "" {
		return find(values, r.Metric)
	}
	a, ok := find(values, r.Of)
	if !ok {
		return 0, false
	}
	b, ok := find(values, r.Minus)
	return a - b, ok
}

func find(values []site.MetricValue, metric string) (float64, bool) {
	for _, v := range values {
		if v.Metric == metric {
			return v.Value, true
		}
	}
	return 0, false
}

// beyond reports whether a value is past a limit that is taken back by slack.
func (r Rule) beyond(value, limit, slack float64) bool {
	if r.Abs {
		value = math.Abs(value)
	}
	switch r.Op {
	case ">=":
		return value >= limit-slack
	case ">":
		return value > limit-slack
	case "<=":
		return value <= limit+slack
	case "<":
		return value < limit+slack
	}
	return false
}

// reached is the highest level whose limit, taken back by slack, the value is past.
func (r Rule) reached(value, slack float64) site.Severity {
	for _, l := range slices.Backward(r.Levels) {
		if r.beyond(value, l.Limit, slack) {
			return l.Severity
		}
	}
	return ""
}

// limit is that of a level; of the lowest level when there is no such level.
func (r Rule) limit(s site.Severity) float64 {
	for _, l := range r.Levels {
		if l.Severity == s {
			return l.Limit
		}
	}
	if len(r.Levels) > 0 {
		return r.Levels[0].Limit
	}
	return 0
}

// at is the rule as it holds at a local time: by night with the night's levels.
func (r Rule) at(local time.Time) Rule {
	if r.Night == nil {
		return r
	}
	now := local.Format("15:04")
	from, to := r.Night.From, r.Night.To
	night := from <= now && now < to
	if from > to {
		night = now >= from || now < to
	}
	if night {
		r.Levels = r.Night.Levels
	}
	return r
}

// SlipLimits say which slips are issues, in working days.
type SlipLimits struct {
	OpenDays     float64 `json:"open_days"`     // from here on
	CloseDays    float64 `json:"close_days"`    // until below this
	CriticalDays float64 `json:"critical_days"` // of the delivery
}

// Rulebook holds the built-in rules and kinds of device.
type Rulebook struct {
	rules  map[string]Rule
	byKind map[string][]Rule
	kinds  []site.DeviceKind
	other  time.Duration
	late   time.Duration
	due    map[site.Severity]time.Duration
	slips  SlipLimits
}

// Builtin reads the embedded rules and kinds.
func Builtin() (*Rulebook, error) {
	var file struct {
		Version  int
		Late     int                   `json:"late_seconds"`
		DueHours map[site.Severity]int `json:"due_hours"`
		Slips    SlipLimits
		Rules    []Rule
	}
	var kinds struct {
		Version int
		Other   int `json:"other_silent_minutes"`
		Kinds   []struct {
			Kind    string
			Silent  int `json:"silent_minutes"`
			Metrics []site.MetricUnit
		}
	}
	if err := readData("data/rules.json", &file); err != nil {
		return nil, err
	}
	if err := readData("data/kinds.json", &kinds); err != nil {
		return nil, err
	}
	b := &Rulebook{
		rules: make(map[string]Rule), byKind: make(map[string][]Rule), due: make(map[site.Severity]time.Duration),
		late: time.Duration(file.Late) * time.Second, other: time.Duration(kinds.Other) * time.Minute, slips: file.Slips,
	}
	for severity, hours := range file.DueHours {
		b.due[severity] = time.Duration(hours) * time.Hour
	}
	for _, k := range kinds.Kinds {
		b.kinds = append(b.kinds, site.DeviceKind{Kind: k.Kind, Metrics: k.Metrics, SilentAfter: time.Duration(k.Silent) * time.Minute})
	}
	for _, r := range file.Rules {
		if err := r.Validate(); err != nil {
			return nil, fmt.Errorf("rule %s: %w", r.Key(), err)
		}
		if _, twice := b.rules[r.Key()]; twice {
			return nil, fmt.Errorf("rule %s stands twice", r.Key())
		}
		r.Default = true
		b.rules[r.Key()] = r
		b.byKind[r.Kind] = append(b.byKind[r.Kind], r)
	}
	return b, nil
}

func readData(name string, v any) error {
	b, err := data.ReadFile(name)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// DeviceKinds lists the kinds of device that are known by name.
func (b *Rulebook) DeviceKinds() []site.DeviceKind { return slices.Clone(b.kinds) }

// DeviceKind is what is known about a kind; any other kind has the general default of silence.
func (b *Rulebook) DeviceKind(kind string) site.DeviceKind {
	for _, k := range b.kinds {
		if k.Kind == kind {
			return k
		}
	}
	return site.DeviceKind{Kind: kind, SilentAfter: b.other}
}

// SilentAfter is after how long without a message a device is silent.
func (b *Rulebook) SilentAfter(d site.Device) time.Duration {
	if d.Silent > 0 {
		return d.Silent
	}
	return b.DeviceKind(d.Kind).SilentAfter
}

// With gives the rules of a project: the built-in ones under its own, sorted by
// key. An own rule that cannot be read leaves the built-in one in force and is named in the error.
func (b *Rulebook) With(overrides map[string][]byte) ([]Rule, error) {
	rules := maps.Clone(b.rules)
	var broken []string
	for key, raw := range overrides {
		kind, metric, ok := strings.Cut(key, "/")
		r, err := b.Parse(kind, metric, raw)
		if !ok || err != nil {
			broken = append(broken, key)
			continue
		}
		rules[key] = r
	}
	list := slices.SortedFunc(maps.Values(rules), func(x, y Rule) int { return strings.Compare(x.Key(), y.Key()) })
	if broken != nil {
		slices.Sort(broken)
		return list, fmt.Errorf("own rules that cannot be read: %s", strings.Join(broken, ", "))
	}
	return list, nil
}

// Parse reads a project's own rule. What it leaves out stays as in the built-in
// rule of that kind and metric, if there is one.
func (b *Rulebook) Parse(kind, metric string, raw []byte) (Rule, error) {
	r, builtin := b.rules[kind+"/"+metric]
	levels, night := r.Levels, r.Night
	r.Levels, r.Night = nil, nil // not written through into the built-in rule
	own := struct {
		*Rule
		Night json.RawMessage `json:"night"`
	}{Rule: &r}
	if err := json.Unmarshal(raw, &own); err != nil {
		return Rule{}, &site.Error{Kind: site.Invalid, Code: "alerts.rule_unreadable", Cause: err}
	}
	switch {
	case own.Night == nil:
		r.Night = night
	case string(own.Night) != "null":
		r.Night = new(Night)
		if err := json.Unmarshal(own.Night, r.Night); err != nil {
			return Rule{}, &site.Error{Kind: site.Invalid, Code: "alerts.rule_unreadable", Field: "night", Cause: err}
		}
	}
	if r.Levels == nil {
		r.Levels = levels
	}
	r.Kind, r.Metric, r.Default = kind, metric, false
	if r.Unit == "" {
		r.Unit = b.DeviceKind(kind).Unit(metric)
	}
	if builtin {
		base := b.rules[r.Key()]
		r.Of, r.Minus, r.Abs = base.Of, base.Minus, base.Abs
		if r.Source != base.Source {
			r.SourceEn, r.Basis = "", ""
		}
	}
	if r.Op == "" {
		r.Op = ">="
	}
	return r, r.Validate()
}

// maxHold bounds the hold time; who waits longer than a day for an alarm has no alarm.
const maxHold = 24 * 3600

// Validate checks a rule; the error names the field and says what is wrong.
func (r Rule) Validate() error {
	switch {
	case !site.ValidID(r.Kind):
		return site.Errorf(site.Invalid, "alerts.rule_kind", "kind", "kind", r.Kind)
	case r.Metric == "" || len(r.Metric) > 64 || strings.ContainsAny(r.Metric, "/ \t\r\n"):
		return site.Errorf(site.Invalid, "alerts.rule_metric", "metric", "metric", r.Metric)
	case (r.Of == "") != (r.Minus == ""):
		return site.Errorf(site.Invalid, "alerts.rule_minus", "minus")
	case len(r.Unit) > 32:
		return site.Errorf(site.Invalid, "alerts.rule_unit", "unit")
	case !slices.Contains([]string{">=", ">", "<=", "<"}, r.Op):
		return site.Errorf(site.Invalid, "alerts.rule_op", "op", "op", r.Op)
	case !(r.Hysteresis >= 0) || math.IsInf(r.Hysteresis, 0):
		return site.Errorf(site.Invalid, "alerts.rule_hysteresis", "hysteresis")
	case r.HoldSeconds < 0 || r.HoldSeconds > maxHold:
		return site.Errorf(site.Invalid, "alerts.rule_hold", "hold_seconds", "max", strconv.Itoa(maxHold))
	}
	if err := r.validateLevels("levels", r.Levels); err != nil {
		return err
	}
	if r.Night == nil {
		return nil
	}
	for field, at := range map[string]string{"night.from": r.Night.From, "night.to": r.Night.To} {
		if _, err := time.Parse("15:04", at); err != nil || len(at) != len("15:04") {
			return site.Errorf(site.Invalid, "alerts.rule_time", field, "time", at)
		}
	}
	return r.validateLevels("night.levels", r.Night.Levels)
}

func (r Rule) validateLevels(field string, levels []Level) error {
	rising := strings.HasPrefix(r.Op, ">")
	for i, l := range levels {
		at := field + "[" + strconv.Itoa(i) + "]."
		if l.Severity.Rank() == 0 {
			return site.Errorf(site.Invalid, "alerts.rule_severity", at+"severity", "severity", string(l.Severity))
		}
		if math.IsNaN(l.Limit) || math.IsInf(l.Limit, 0) {
			return site.Errorf(site.Invalid, "alerts.rule_limit", at+"limit")
		}
		// Otherwise the magnitude could never come back inside.
		if r.Abs && rising && r.Hysteresis >= l.Limit {
			return site.Errorf(site.Invalid, "alerts.rule_hysteresis", "hysteresis")
		}
		if i == 0 {
			continue
		}
		before := levels[i-1]
		if l.Severity.Rank() <= before.Severity.Rank() {
			return site.Errorf(site.Invalid, "alerts.rule_order", at+"severity")
		}
		if rising != (l.Limit > before.Limit) || l.Limit == before.Limit {
			return site.Errorf(site.Invalid, "alerts.rule_order", at+"limit")
		}
	}
	return nil
}
