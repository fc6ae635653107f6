package alerts

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"topout/internal/text"
	"topout/site"
)

// What happens to an issue. Updated is for the screens only; nobody is notified of it.
const (
	EventOpened   = "opened"
	EventRaised   = "raised"
	EventLowered  = "lowered"
	EventMoved    = "moved"
	EventClosed   = "closed"
	EventReopened = "reopened"
	EventOverdue  = "overdue"
	EventUpdated  = "updated"
	EventTest     = "test"
)

// The channels of notices.
const (
	ChannelWebhook = "webhook"
	ChannelMQTT    = "mqtt"
	ChannelMail    = "mail"
)

// Channels lists the channels.
var Channels = []string{ChannelWebhook, ChannelMQTT, ChannelMail}

// settingChannels holds the channels that the serving process sends on, so that
// another process (a job run by hand) queues for the same ones.
const settingChannels = "notices.channels"

// change is one change of an issue.
type change struct {
	Event  string
	Issue  site.Issue    // after the change
	Before site.Severity // where the severity changed
	By     string
	Move   *site.Move
}

// severity is the one that the change is told under: the higher of before and
// after, so that whoever was called by an alarm hears that it is over.
func (c change) severity() site.Severity { return higher(c.Issue.Severity, c.Before) }

// Event is a CloudEvents 1.0 event in JSON, as receivers get it.
type Event struct {
	SpecVersion     string        `json:"specversion"`
	ID              string        `json:"id"`
	Source          string        `json:"source"`
	Type            string        `json:"type"`
	Subject         string        `json:"subject,omitempty"`
	Time            time.Time     `json:"time"`
	DataContentType string        `json:"datacontenttype"`
	Severity        site.Severity `json:"severity"` // an extension attribute, as is Project
	Project         string        `json:"project,omitempty"`
	Data            EventData     `json:"data"`
}

// EventData is what a change of an issue says.
type EventData struct {
	Event          string               `json:"event"`
	Project        string               `json:"project,omitempty"`
	ProjectName    string               `json:"project_name,omitempty"`
	SeverityBefore site.Severity        `json:"severity_before,omitempty"`
	Issue          *EventIssue          `json:"issue,omitempty"`
	Titles         map[text.Lang]string `json:"titles,omitempty"`  // by language
	Details        map[text.Lang]string `json:"details,omitempty"` // by language
	Move           *EventMove           `json:"move,omitempty"`
	URL            string               `json:"url,omitempty"`
	Due            string               `json:"due_local,omitempty"` // in the project's zone
	Lang           text.Lang            `json:"lang,omitempty"`      // of the recipient, for mail
}

// EventIssue is an issue as the API shows it.
type EventIssue struct {
	ID       string          `json:"id"`
	Key      string          `json:"key"`
	Kind     site.IssueKind  `json:"kind"`
	Severity site.Severity   `json:"severity"`
	State    site.IssueState `json:"state"`
	Title    string          `json:"title"`
	Task     string          `json:"task"`
	Device   string          `json:"device"`
	Building string          `json:"building"`
	OpenedAt time.Time       `json:"opened_at"`
	Due      *time.Time      `json:"due"`
	Assignee string          `json:"assignee"`
}

// EventMove is a step of an issue.
type EventMove struct {
	To     site.IssueState `json:"to"`
	By     string          `json:"by"`
	At     time.Time       `json:"at"`
	Note   string          `json:"note"`
	Photos []string        `json:"photos"`
	// Notes is the note by language: what Topout itself noted is said in each.
	Notes map[text.Lang]string `json:"notes"`
}

// record writes the change to the event stream of the screens.
func (l *loop) record(c change) error {
	data, err := json.Marshal(map[string]any{
		"project": c.Issue.Project, "ref": c.Issue.ID, "at": l.at.Format(time.RFC3339Nano), "event": c.Event,
		"kind": c.Issue.Kind, "severity": c.Issue.Severity, "state": c.Issue.State, "key": c.Issue.Key,
		"task": c.Issue.Task, "device": c.Issue.Device,
	})
	if err != nil {
		return err
	}
	_, err = l.tx.AddChange(site.Change{Project: c.Issue.Project, Kind: site.ChangeIssue, Ref: c.Issue.ID, At: l.at, Data: data})
	return err
}

// tell records a change and queues one notice of it per channel and recipient.
func (l *loop) tell(c change) error {
	if err := l.record(c); err != nil {
		return err
	}
	return l.notify(c)
}

func (l *loop) notify(c change) error {
	channels, err := l.channels()
	if err != nil || len(channels) == 0 {
		return err
	}
	event, err := l.event(c)
	if err != nil {
		return err
	}
	queue := func(channel, target string, lang text.Lang) error {
		event.Data.Lang = lang
		payload, err := json.Marshal(event)
		if err != nil {
			return err
		}
		return l.tx.QueueNotice(site.Notice{
			ID: ulid.Make().String(), Project: c.Issue.Project, Issue: c.Issue.ID, Event: c.Event,
			Channel: channel, Target: target, Payload: payload, CreatedAt: l.at, NextAt: l.at,
		})
	}
	if slices.Contains(channels, ChannelWebhook) {
		if err := queue(ChannelWebhook, "", ""); err != nil {
			return err
		}
	}
	if slices.Contains(channels, ChannelMQTT) {
		if err := queue(ChannelMQTT, Topic(c.Issue.Project, c.severity()), ""); err != nil {
			return err
		}
	}
	if !slices.Contains(channels, ChannelMail) {
		return nil
	}
	recipients, err := l.recipients(c)
	if err != nil {
		return err
	}
	for _, p := range recipients {
		if err := queue(ChannelMail, p.Mail, langOf(p)); err != nil {
			return err
		}
	}
	return nil
}

// Topic is where the notices of a severity are published at the broker.
func Topic(project string, s site.Severity) string {
	return "topout/v1/" + project + "/alerts/" + string(s)
}

func (l *loop) channels() ([]string, error) {
	if l.tells == nil {
		s, _, err := l.tx.Setting(settingChannels)
		if err != nil {
			return nil, err
		}
		l.tells = strings.Fields(s)
	}
	return l.tells, nil
}

// recipients are the members of the project with a mail address who want mail of
// this severity, have been told of the issue before, or have it assigned. Who
// made the change knows of it.
func (l *loop) recipients(c change) ([]site.Person, error) {
	people, err := l.tx.People()
	if err != nil {
		return nil, err
	}
	told, err := l.tx.NoticesOf(c.Issue.ID)
	if err != nil {
		return nil, err
	}
	var to []site.Person
	for _, p := range people {
		if p.Mail == "" || p.Login == c.By || !p.Can(site.ActView, c.Issue.Project) {
			continue
		}
		from := p.MailFrom
		if from == "" {
			from = site.Warning
		}
		before := slices.ContainsFunc(told, func(n site.Notice) bool { return n.Channel == ChannelMail && n.Target == p.Mail })
		twice := slices.ContainsFunc(to, func(q site.Person) bool { return q.Mail == p.Mail })
		if !twice && (before || p.Login == c.Issue.Assignee || c.severity().Rank() >= from.Rank()) {
			to = append(to, p)
		}
	}
	return to, nil
}

func langOf(p site.Person) text.Lang {
	if p.Lang == string(text.English) {
		return text.English
	}
	return text.Chinese
}

func (l *loop) event(c change) (Event, error) {
	p, err := l.project(c.Issue.Project)
	if err != nil {
		return Event{}, err
	}
	i := c.Issue
	e := Event{
		SpecVersion: "1.0", ID: ulid.Make().String(), Source: l.base + "/api/v1/projects/" + i.Project,
		Type: "topout.issue." + c.Event, Subject: i.ID, Time: l.at, DataContentType: "application/json",
		Severity: c.severity(), Project: i.Project,
		Data: EventData{
			Event: c.Event, Project: i.Project, ProjectName: p.Name, SeverityBefore: c.Before,
			Issue: &EventIssue{
				ID: i.ID, Key: i.Key, Kind: i.Kind, Severity: i.Severity, State: i.State, Title: Title(l.texts, text.Chinese, i),
				Task: i.Task, Device: i.Device, Building: i.Building, OpenedAt: i.OpenedAt, Assignee: i.Assignee,
			},
			Titles: map[text.Lang]string{}, Details: map[text.Lang]string{},
		},
	}
	for _, lang := range []text.Lang{text.Chinese, text.English} {
		e.Data.Titles[lang] = Title(l.texts, lang, i)
		if detail := Detail(l.texts, lang, i); detail != "" {
			e.Data.Details[lang] = detail
		}
	}
	if !i.Due.IsZero() {
		e.Data.Issue.Due = &i.Due
		e.Data.Due = i.Due.In(p.Location()).Format("2006-01-02 15:04")
	}
	if m := c.Move; m != nil {
		e.Data.Move = &EventMove{To: m.To, By: m.By, At: m.At, Photos: append([]string{}, m.Photos...), Notes: map[text.Lang]string{}}
		for _, lang := range []text.Lang{text.Chinese, text.English} {
			e.Data.Move.Notes[lang] = MoveNote(l.texts, lang, *m)
		}
		e.Data.Move.Note = e.Data.Move.Notes[text.Chinese]
	}
	if l.base != "" {
		e.Data.URL = l.base + "/p/" + i.Project + "/issues/" + i.ID // the web app's page
	}
	return e, nil
}
