package alerts

import (
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/oklog/ulid/v2"

	"topout/site"
)

// nextStates says where an issue may go from each state.
var nextStates = map[site.IssueState][]site.IssueState{
	site.StateOpen:     {site.StateAssessed, site.StateAssigned, site.StateInHand, site.StateReported, site.StateClosed},
	site.StateReopened: {site.StateAssessed, site.StateAssigned, site.StateInHand, site.StateReported, site.StateClosed},
	site.StateAssessed: {site.StateAssigned, site.StateInHand, site.StateReported, site.StateClosed},
	site.StateAssigned: {site.StateAssigned, site.StateInHand, site.StateReported, site.StateClosed},
	site.StateInHand:   {site.StateAssigned, site.StateReported, site.StateClosed},
	site.StateReported: {site.StateAssigned, site.StateRejected, site.StateClosed},
	site.StateRejected: {site.StateAssigned, site.StateInHand, site.StateReported, site.StateClosed},
	site.StateClosed:   {site.StateReopened},
}

// deciding are the moves that end an issue or undo such an end.
var deciding = []site.IssueState{site.StateClosed, site.StateRejected, site.StateReopened}

const (
	maxTitle  = 200
	maxNote   = 4000
	maxPhotos = 20
)

var photoPattern = regexp.MustCompile(`^[0-9a-f]{64}$`)

// Move takes an issue a step on, as a person asks: To, Note, Photos, Assignee and
// Due of m count. The issue comes back as it is then.
func (e *Engine) Move(tx Tx, by site.Person, project, issue string, m site.Move) (site.Issue, error) {
	i, err := tx.Issue(project, issue)
	if err != nil {
		return site.Issue{}, err
	}
	right := site.ActMove
	if slices.Contains(deciding, m.To) {
		right = site.ActClose
	}
	if !by.Can(right, i.Project) {
		return site.Issue{}, site.Errorf(site.Forbidden, "alerts.not_allowed", "")
	}
	if err := mayMove(i, by.Login, m); err != nil {
		return site.Issue{}, err
	}
	m = site.Move{To: m.To, By: by.Login, Note: strings.TrimSpace(m.Note), Photos: m.Photos, Assignee: m.Assignee, Due: m.Due}
	switch {
	case m.To == site.StateAssigned && m.Assignee == "":
		return site.Issue{}, site.Errorf(site.Invalid, "alerts.assignee_needed", "assignee")
	case m.To == site.StateInHand && m.Assignee == "" && i.Assignee == "":
		m.Assignee = by.Login
	}
	if err := checkEvidence(m.Note, m.Photos); err != nil {
		return site.Issue{}, err
	}
	if err := checkAssignee(tx, i.Project, m.Assignee); err != nil {
		return site.Issue{}, err
	}
	if m.To == site.StateReopened {
		if _, twin, err := tx.OpenIssue(i.Project, i.Key); err != nil {
			return site.Issue{}, err
		} else if twin {
			return site.Issue{}, site.Errorf(site.Conflict, "alerts.twin_open", "to")
		}
	}
	if err := e.loop(tx).move(i, m); err != nil {
		return site.Issue{}, err
	}
	return tx.Issue(i.Project, i.ID)
}

// mayMove holds the order of the loop and the rules of closing: what is critical
// needs evidence, and another person than the one who put it right.
func mayMove(i site.Issue, by string, m site.Move) error {
	if _, known := nextStates[m.To]; !known || m.To == site.StateOpen {
		return site.Errorf(site.Invalid, "alerts.unknown_move", "to", "to", string(m.To))
	}
	if !slices.Contains(nextStates[i.State], m.To) {
		return site.Errorf(site.Conflict, "alerts.move_not_allowed", "to", "from", string(i.State), "to", string(m.To))
	}
	if m.To != site.StateClosed || i.Severity != site.Critical {
		return nil
	}
	if strings.TrimSpace(m.Note) == "" && len(m.Photos) == 0 {
		return site.Errorf(site.Invalid, "alerts.evidence_needed", "note")
	}
	if putRight(i) == by {
		return site.Errorf(site.Forbidden, "alerts.second_person", "")
	}
	return nil
}

// putRight is the person who last reported an issue as put right or, when nobody
// did, has it in hand; empty when nobody has.
func putRight(i site.Issue) string {
	inHand := ""
	for _, m := range slices.Backward(i.Moves) {
		switch {
		case m.To == site.StateReported:
			return m.By
		case m.To == site.StateInHand && inHand == "":
			inHand = m.By
		case m.To == site.StateReopened:
			return inHand
		}
	}
	return inHand
}

func checkEvidence(note string, photos []string) error {
	if utf8.RuneCountInString(note) > maxNote {
		return site.Errorf(site.Invalid, "alerts.too_long", "note")
	}
	if len(photos) > maxPhotos {
		return site.Errorf(site.Invalid, "alerts.too_many_photos", "photos")
	}
	for _, p := range photos {
		if !photoPattern.MatchString(p) {
			return site.Errorf(site.Invalid, "alerts.bad_photo", "photos", "photo", p)
		}
	}
	return nil
}

// checkAssignee holds that whoever gets an issue may work on it.
func checkAssignee(tx Tx, project, login string) error {
	if login == "" {
		return nil
	}
	p, err := tx.Person(login)
	if site.IsKind(err, site.NotFound) || err == nil && !p.Can(site.ActMove, project) {
		return site.Errorf(site.Invalid, "alerts.unknown_assignee", "assignee", "login", login)
	}
	return err
}

// NewIssue is an issue as a person writes it.
type NewIssue struct {
	Project  string         // required
	Title    string         // required: text
	Kind     site.IssueKind // person or blocking; empty: person
	Severity site.Severity  // empty: warning
	Task     string
	Building string
	Device   string
	Reason   site.Reason // of blocking ones
	StopWork bool        // holds Task in the forecast
	Note     string
	Photos   []string
	Assignee string
	Due      time.Time // zero: by severity
}

// OpenByPerson opens an issue that a person found.
func (e *Engine) OpenByPerson(tx Tx, by site.Person, n NewIssue) (site.Issue, error) {
	if !by.Can(site.ActOpen, n.Project) {
		return site.Issue{}, site.Errorf(site.Forbidden, "alerts.not_allowed", "")
	}
	n.Title, n.Note = strings.TrimSpace(n.Title), strings.TrimSpace(n.Note)
	if n.Kind == "" {
		n.Kind = site.KindPerson
	}
	if n.Severity == "" {
		n.Severity = site.Warning
	}
	if err := n.validate(tx); err != nil {
		return site.Issue{}, err
	}
	l := e.loop(tx)
	i, err := l.create(site.Issue{
		Project: n.Project, Key: string(n.Kind) + ":" + ulid.Make().String(), Kind: n.Kind, Severity: n.Severity, Text: n.Title,
		Task: n.Task, Device: n.Device, Building: n.Building, Reason: n.Reason, StopWork: n.StopWork,
		OpenedBy: by.Login, Due: n.Due, Assignee: n.Assignee,
	})
	if err != nil {
		return i, err
	}
	// What was seen is the issue's first step.
	if n.Note != "" || len(n.Photos) > 0 {
		m := site.Move{To: site.StateOpen, By: by.Login, At: l.at, Note: n.Note, Photos: n.Photos}
		if err := tx.AddMove(i.ID, m); err != nil {
			return i, err
		}
		i.Moves = append(i.Moves, m)
	}
	return i, l.tell(change{Event: EventOpened, Issue: i, By: by.Login})
}

func (n NewIssue) validate(tx Tx) error {
	switch {
	case n.Title == "":
		return site.Errorf(site.Invalid, "alerts.title_needed", "title")
	case utf8.RuneCountInString(n.Title) > maxTitle:
		return site.Errorf(site.Invalid, "alerts.too_long", "title")
	case n.Kind != site.KindPerson && n.Kind != site.KindBlocking:
		return site.Errorf(site.Invalid, "alerts.unknown_kind", "kind", "kind", string(n.Kind))
	case n.Severity.Rank() == 0:
		return site.Errorf(site.Invalid, "alerts.rule_severity", "severity", "severity", string(n.Severity))
	case n.StopWork && n.Task == "" && n.Building == "":
		return site.Errorf(site.Invalid, "alerts.task_needed", "task")
	case n.Reason != "" && !slices.Contains(site.ReportedReasons, n.Reason):
		return site.Errorf(site.Invalid, "alerts.unknown_reason", "reason", "reason", string(n.Reason))
	}
	if err := checkEvidence(n.Note, n.Photos); err != nil {
		return err
	}
	if err := checkAssignee(tx, n.Project, n.Assignee); err != nil {
		return err
	}
	if n.Task != "" {
		if _, err := tx.Task(n.Project, n.Task); err != nil {
			return unknown(err, "alerts.unknown_task", "task", n.Task)
		}
	}
	if n.Building != "" {
		plan, err := tx.Plan(n.Project)
		if err == nil && !slices.ContainsFunc(plan.Buildings, func(b site.Building) bool { return b.ID == n.Building }) {
			err = site.Errorf(site.NotFound, "alerts.unknown_building", "building")
		}
		if err != nil {
			return unknown(err, "alerts.unknown_building", "building", n.Building)
		}
	}
	if n.Device != "" {
		d, err := tx.Device(n.Device)
		if err == nil && d.Project != n.Project {
			err = site.Errorf(site.NotFound, "alerts.unknown_device", "device")
		}
		if err != nil {
			return unknown(err, "alerts.unknown_device", "device", n.Device)
		}
	}
	return nil
}

// unknown turns a thing that is not there into a wrong field.
func unknown(err error, code, field, id string) error {
	if site.IsKind(err, site.NotFound) {
		return site.Errorf(site.Invalid, code, field, "id", id)
	}
	return err
}
