package alerts

import (
	"errors"
	"math"
	"time"

	"topout/site"
)

// Batch judges what arrives within one transaction. It remembers rules and their
// states, so that a batch of readings costs one look-up per device and metric.
// It is not safe for concurrent use.
type Batch struct {
	loop     *loop
	projects map[string]*judged
	states   map[stateKey]*keptState
}

// judged is what the batch knows of a project.
type judged struct {
	rules  map[string][]Rule     // by kind of device
	silent map[string]site.Issue // open silence issues by device
	zone   *time.Location        // for the rules of the night; nil: not asked for yet
}

type stateKey struct{ device, metric string }

type keptState struct {
	site.RuleState
	changed bool
}

func (b *Batch) judged(project string) (*judged, error) {
	if j, ok := b.projects[project]; ok {
		return j, nil
	}
	rules, err := b.loop.rulesByKind(b.loop.tx, project)
	if err != nil {
		return nil, err
	}
	silent, err := b.loop.tx.OpenIssues(project, site.KindSilence)
	if err != nil {
		return nil, err
	}
	j := &judged{rules: rules, silent: make(map[string]site.Issue, len(silent))}
	for _, i := range silent {
		j.silent[i.Device] = i
	}
	b.projects[project] = j
	return j, nil
}

// ReadingTaken judges a reading that has been saved.
func (b *Batch) ReadingTaken(d site.Device, r site.Reading, arrived time.Time) error {
	j, err := b.judged(d.Project)
	if err != nil {
		return err
	}
	if err := b.heard(j, d); err != nil {
		return err
	}
	for _, rule := range j.rules[d.Kind] {
		value, ok := rule.value(r.Values)
		if !ok || math.IsNaN(value) {
			continue
		}
		if rule.Night != nil {
			zone, err := b.zone(d.Project, j)
			if err != nil {
				return err
			}
			rule = rule.at(r.T.In(zone))
		}
		// A clock that is ahead must not make what comes after look old. The records
		// keep milliseconds.
		at := r.T
		if arrived.Before(at) {
			at = arrived
		}
		x := sample{T: at.Truncate(time.Millisecond), Value: value, Late: arrived.Sub(r.T) > b.loop.rules.late}
		if err := b.judge(d, rule, x); err != nil {
			return err
		}
	}
	return nil
}

func (b *Batch) zone(project string, j *judged) (*time.Location, error) {
	if j.zone == nil {
		p, err := b.loop.project(project)
		if err != nil {
			return nil, err
		}
		j.zone = p.Location()
	}
	return j.zone, nil
}

func (b *Batch) judge(d site.Device, rule Rule, x sample) error {
	s, err := b.state(d.ID, rule.Metric)
	if err != nil {
		return err
	}
	v := decide(rule, s.RuleState, x)
	if v.State != s.RuleState {
		s.RuleState, s.changed = v.State, true
	}
	if v.After == v.Before {
		return nil
	}
	return b.readingIssue(d, rule, x, v)
}

func (b *Batch) state(device, metric string) (*keptState, error) {
	key := stateKey{device, metric}
	if s, ok := b.states[key]; ok {
		return s, nil
	}
	s, _, err := b.loop.tx.RuleState(device, metric)
	if err != nil {
		return nil, err
	}
	s.Device, s.Metric = device, metric
	kept := &keptState{RuleState: s}
	b.states[key] = kept
	return kept, nil
}

// readingIssue brings the issue of a device and metric to the level in force.
// When a person has closed it, only a further rise opens another.
func (b *Batch) readingIssue(d site.Device, rule Rule, x sample, v verdict) error {
	key := "reading:" + d.ID + ":" + rule.Metric
	i, open, err := b.loop.tx.OpenIssue(d.Project, key)
	if err != nil {
		return err
	}
	params := readingParams(d, rule, x, higher(v.After, v.Before))
	switch {
	case v.After == "" && open:
		return b.loop.settle(i, "alerts.move.reading_back", params)
	case !open && v.After.Rank() > v.Before.Rank():
		_, err := b.loop.open(site.Issue{
			Project: d.Project, Key: key, Kind: site.KindReading, Severity: v.After,
			Title: "alerts.title.reading", Params: readingParams(d, rule, x, v.After), Device: d.ID, Building: d.Building,
		})
		return err
	case open && v.After != i.Severity:
		i.Params = readingParams(d, rule, x, v.After)
		return b.loop.grade(i, v.After)
	}
	return nil
}

func readingParams(d site.Device, rule Rule, x sample, level site.Severity) map[string]string {
	return map[string]string{
		"device": deviceName(d), "place": d.Place, "metric": rule.Metric, "op": rule.Op,
		"value": number(x.Value), "limit": number(rule.limit(level)), "unit": rule.Unit,
		"source": rule.Source, "source_en": rule.SourceEn,
	}
}

// heard closes the silence issue of a device that has said something.
func (b *Batch) heard(j *judged, d site.Device) error {
	i, silent := j.silent[d.ID]
	if !silent {
		return nil
	}
	delete(j.silent, d.ID)
	return b.loop.settle(i, "alerts.move.heard_again", map[string]string{"device": deviceName(d)})
}

// StatusTaken takes a device's own word: online ends its silence. Offline is left
// to the silence job, which waits a moment, so that a lost connection that comes
// back at once is no issue.
func (b *Batch) StatusTaken(d site.Device, status string, _ time.Time) error {
	if status != "online" {
		return nil
	}
	j, err := b.judged(d.Project)
	if err != nil {
		return err
	}
	return b.heard(j, d)
}

// Flush writes the rules' states.
func (b *Batch) Flush() error {
	var errs []error
	for _, s := range b.states {
		if s.changed {
			errs = append(errs, b.loop.tx.SaveRuleState(s.RuleState))
			s.changed = false
		}
	}
	return errors.Join(errs...)
}
