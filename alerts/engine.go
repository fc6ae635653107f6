package alerts

import (
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"topout/checklist"
	"topout/internal/text"
	"topout/site"
)

// Options say what an Engine works with.
type Options struct {
	Rules *Rulebook          // required
	Texts *text.Catalogue    // required
	Forms *checklist.Library // for the names of forms; nil: forms are named by their ids
	// PublicURL is what links in notices start with; empty: they have none.
	PublicURL string
	Now       func() time.Time // nil is time.Now
	Log       *slog.Logger     // nil is slog.Default
}

// Engine keeps the loop of issues. It holds no state between transactions and is
// safe for concurrent use.
type Engine struct {
	rules *Rulebook
	texts *text.Catalogue
	forms *checklist.Library
	base  string
	now   func() time.Time
	log   *slog.Logger
}

// NewEngine makes an Engine.
func NewEngine(o Options) (*Engine, error) {
	if o.Rules == nil || o.Texts == nil {
		return nil, errors.New("alerts: a required option is missing")
	}
	e := &Engine{rules: o.Rules, texts: o.Texts, forms: o.Forms, base: strings.TrimRight(o.PublicURL, "/"), now: o.Now, log: o.Log}
	if e.now == nil {
		e.now = time.Now
	}
	if e.log == nil {
		e.log = slog.Default()
	}
	return e, nil
}

// Batch begins judging within one transaction. Finish it with Flush before the
// transaction commits.
func (e *Engine) Batch(tx Tx) *Batch {
	return &Batch{loop: e.loop(tx), projects: make(map[string]*judged), states: make(map[stateKey]*keptState)}
}

// Rules lists the rules of a project, sorted by kind and metric.
func (e *Engine) Rules(tx Tx, project string) ([]Rule, error) {
	own, err := tx.RuleOverrides(project)
	if err != nil {
		return nil, err
	}
	return e.with(project, own), nil
}

// rulesByKind groups the rules of a project by the kind of device. Most projects
// have none of their own.
func (e *Engine) rulesByKind(tx Tx, project string) (map[string][]Rule, error) {
	own, err := tx.RuleOverrides(project)
	if err != nil {
		return nil, err
	}
	if len(own) == 0 {
		return e.rules.byKind, nil
	}
	rules := e.with(project, own)
	kinds := make(map[string][]Rule)
	for _, r := range rules {
		kinds[r.Kind] = append(kinds[r.Kind], r)
	}
	return kinds, nil
}

// with puts a project's own rules over the built-in ones.
func (e *Engine) with(project string, own map[string][]byte) []Rule {
	rules, broken := e.rules.With(own)
	if broken != nil {
		e.log.Warn("a project's own rule is left aside", "project", project, "error", broken)
	}
	return rules
}

// loop is the loop of issues within one transaction.
type loop struct {
	*Engine
	tx    Tx
	at    time.Time // the transaction's one instant
	known map[string]site.Project
	tells []string // channels that are on; nil: not read yet
}

func (e *Engine) loop(tx Tx) *loop {
	return &loop{Engine: e, tx: tx, at: e.now().UTC().Truncate(time.Millisecond), known: make(map[string]site.Project)}
}

func (l *loop) project(id string) (site.Project, error) {
	if p, ok := l.known[id]; ok {
		return p, nil
	}
	p, err := l.tx.Project(id)
	if err == nil {
		l.known[id] = p
	}
	return p, err
}

// open creates an issue, and tells.
func (l *loop) open(i site.Issue) (site.Issue, error) {
	i, err := l.create(i)
	if err != nil {
		return i, err
	}
	return i, l.tell(change{Event: EventOpened, Issue: i, By: i.OpenedBy})
}

// create fills what every new issue has, and keeps it.
func (l *loop) create(i site.Issue) (site.Issue, error) {
	i.ID = ulid.Make().String()
	i.State = site.StateOpen
	i.OpenedAt, i.UpdatedAt = l.at, l.at
	if i.OpenedBy == "" {
		i.OpenedBy = site.System
	}
	if i.Due.IsZero() {
		i.Due = l.at.Add(l.rules.due[i.Severity])
	}
	return i, l.tx.CreateIssue(i)
}

// grade changes an issue's severity, and tells. What is worse is due sooner.
func (l *loop) grade(i site.Issue, to site.Severity) error {
	from := i.Severity
	i.Severity, i.UpdatedAt = to, l.at
	event := EventLowered
	if to.Rank() > from.Rank() {
		event = EventRaised
		if due := l.at.Add(l.rules.due[to]); i.Due.IsZero() || due.Before(i.Due) {
			i.Due = due
		}
	}
	if err := l.tx.UpdateIssue(i); err != nil {
		return err
	}
	return l.tell(change{Event: event, Issue: i, Before: from, By: site.System})
}

// refresh keeps an issue's new figures without telling people.
func (l *loop) refresh(i site.Issue) error {
	i.UpdatedAt = l.at
	if err := l.tx.UpdateIssue(i); err != nil {
		return err
	}
	return l.record(change{Event: EventUpdated, Issue: i, By: site.System})
}

// settle closes an issue whose trouble is gone: the all-clear.
func (l *loop) settle(i site.Issue, title string, params map[string]string) error {
	return l.move(i, site.Move{To: site.StateClosed, By: site.System, Title: title, Params: params})
}

// move puts an issue into a state, with its evidence, and tells.
func (l *loop) move(i site.Issue, m site.Move) error {
	m.At = l.at
	i.State, i.UpdatedAt, i.ClosedAt = m.To, l.at, time.Time{}
	event := EventMoved
	switch m.To {
	case site.StateClosed:
		i.ClosedAt, event = l.at, EventClosed
	case site.StateReopened:
		event = EventReopened
	}
	if m.Assignee != "" {
		i.Assignee = m.Assignee
	}
	if !m.Due.IsZero() {
		i.Due = m.Due
	}
	i.Moves = append(i.Moves, m)
	if err := l.tx.AddMove(i.ID, m); err != nil {
		return err
	}
	if err := l.tx.UpdateIssue(i); err != nil {
		return err
	}
	return l.tell(change{Event: event, Issue: i, By: m.By, Move: &m})
}
