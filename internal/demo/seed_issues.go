package demo

import (
	"encoding/binary"
	"time"

	"github.com/oklog/ulid/v2"

	"topout/site"
)

// readingDays is for how many days back the issues of readings are kept.
const readingDays = 3

// id is an issue's id, of its time and its key.
func (s *seeder) id(at time.Time, key string) string {
	d := s.dice.of("id").of(key)
	var id ulid.ULID
	var entropy [10]byte
	binary.BigEndian.PutUint64(entropy[:8], mix(uint64(d)))
	binary.BigEndian.PutUint16(entropy[8:], uint16(d))
	// Neither fails: the time is of this century and the entropy of its length.
	_ = id.SetTime(ulid.Timestamp(at))
	_ = id.SetEntropy(entropy[:])
	return id.String()
}

// told is an issue as issues.json tells it; days are counted back from now.
type told struct {
	ID       string         `json:"id"`
	Kind     site.IssueKind `json:"kind"`
	Severity site.Severity  `json:"severity"`
	StopWork bool           `json:"stop_work"`
	Reason   site.Reason    `json:"reason"`
	Task     string         `json:"task"`
	Building string         `json:"building"`
	Text     string         `json:"text"`
	By       string         `json:"by"`
	Opened   float64        `json:"opened_days"`
	Due      float64        `json:"due_days"`
	Note     string         `json:"note"`
	Moves    []struct {
		To       site.IssueState `json:"to"`
		By       string          `json:"by"`
		Days     float64         `json:"days"`
		Note     string          `json:"note"`
		Assignee string          `json:"assignee"`
	} `json:"moves"`
}

// openIssues makes the issues that people wrote and those of devices.
func (s *seeder) openIssues() error {
	var list []told
	if err := readJSON("issues", &list); err != nil {
		return err
	}
	ago := func(days float64) time.Time {
		return s.Now.Add(-time.Duration(days * 24 * float64(time.Hour))).UTC().Truncate(time.Millisecond)
	}
	for _, t := range list {
		at := ago(t.Opened)
		i := site.Issue{
			ID: s.id(at, t.ID), Project: Project, Key: string(t.Kind) + ":" + t.ID, Kind: t.Kind, Severity: t.Severity,
			State: site.StateOpen, Text: t.Text, Task: t.Task, Building: t.Building, Reason: t.Reason, StopWork: t.StopWork,
			OpenedAt: at, UpdatedAt: at, OpenedBy: t.By, Due: ago(t.Due),
		}
		if t.Note != "" {
			i.Moves = []site.Move{{To: site.StateOpen, By: t.By, At: at, Note: t.Note}}
		}
		for _, m := range t.Moves {
			s.moveOn(&i, site.Move{To: m.To, By: m.By, At: ago(m.Days), Note: m.Note, Assignee: m.Assignee})
		}
		s.issues = append(s.issues, i)
	}
	s.readingIssues()
	s.silenceIssues()
	return nil
}

// readingLimits are the limits that the episodes cross.
var readingLimits = map[string]struct {
	unit              string
	warning, critical float64
}{
	"moment_percent": {"%", 90, 100},
	"load_percent":   {"%", 90, 100},
	"axial_percent":  {"%", 80, 100},
	"leakage":        {"mA", 24, 30},
}

// readingIssues are those of the last days' episodes, over by now.
func (s *seeder) readingIssues() {
	for _, e := range s.signals.episodesIn(s.Now.Add(-readingDays*24*time.Hour), s.Now.Add(-15*time.Minute)) {
		what := episodes[e.which]
		limits := readingLimits[what.metric]
		d := s.device(what.device)
		i := site.Issue{
			Project: Project, Key: "reading:" + what.device + ":" + what.metric, Kind: site.KindReading, Severity: site.Warning,
			State: site.StateOpen, Title: "alerts.title.reading", Device: what.device, Building: d.Building, OpenedBy: site.System,
			OpenedAt: e.from.Add(e.to.Sub(e.from) / 5).UTC(),
		}
		limit := limits.warning
		if e.peak >= limits.critical {
			i.Severity, limit = site.Critical, limits.critical
		}
		params := func(value float64) map[string]string {
			return map[string]string{
				"device": d.Name, "place": d.Place, "metric": what.metric, "op": ">=", "value": text(round(value, 1)),
				"limit": text(limit), "unit": limits.unit,
			}
		}
		i.ID, i.Params, i.UpdatedAt = s.id(i.OpenedAt, i.Key), params(e.peak), i.OpenedAt
		i.Due = i.OpenedAt.Add(dueIn[i.Severity])
		s.moveOn(&i, site.Move{To: site.StateClosed, By: site.System, At: e.to.UTC(), Title: "alerts.move.reading_back", Params: params(limits.warning * 0.93)})
		s.issues = append(s.issues, i)
	}
}

// silenceIssues are those of the devices that say nothing.
func (s *seeder) silenceIssues() {
	for _, d := range s.story.cast.Devices {
		if d.Silent == 0 {
			continue
		}
		since := s.silentSince(d)
		at := since.Add(2 * time.Minute)
		s.issues = append(s.issues, site.Issue{
			ID: s.id(at, d.ID), Project: Project, Key: "silence:" + d.ID, Kind: site.KindSilence, Severity: site.Warning, State: site.StateOpen,
			Title: "alerts.title.offline", Device: d.ID, Building: d.Building, OpenedBy: site.System, OpenedAt: at, UpdatedAt: at, Due: at.Add(dueIn[site.Warning]),
			Params: map[string]string{"device": d.Name, "place": d.Place, "since": since.In(s.story.zone).Format("2006-01-02 15:04")},
		})
	}
}

func (s *seeder) silentSince(d device) time.Time {
	return s.Now.Add(-time.Duration(d.Silent * float64(time.Hour))).UTC().Truncate(time.Minute)
}

func (s *seeder) device(id string) device {
	for _, d := range s.story.cast.Devices {
		if d.ID == id {
			return d
		}
	}
	return device{ID: id}
}
