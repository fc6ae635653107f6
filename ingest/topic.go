package ingest

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"topout/site"
)

// The kinds of topic.
const (
	kindReadings    = "readings"
	kindProgress    = "progress"
	kindChecks      = "checks"
	kindStatus      = "status"
	kindAlerts      = "alerts"      // from the server; never taken
	kindWithdrawals = "withdrawals" // from the API only
	kindOther       = "other"       // label of the counters for anything else
)

const (
	topicPrefix = "topout/v1/"
	// maxTask bounds a task's id, in bytes after decoding.
	maxTask = 200
)

// address is a parsed topic: topout/v1/{project}/{kind}/{name}.
type address struct {
	project string
	kind    string
	name    string // device, form, task (decoded) or record
}

// parseTopic reads a topic as it was sent. What could be read is returned with
// the error too, so that a refusal says as much as is known.
func parseTopic(topic string) (address, *site.Error) {
	bad := func(a address) (address, *site.Error) {
		return a, site.Errorf(site.Invalid, "ingest.bad_topic", "topic", "topic", clip(topic))
	}
	rest, ok := strings.CutPrefix(topic, topicPrefix)
	if !ok {
		return bad(address{})
	}
	var a address
	var last string
	a.project, rest, ok = strings.Cut(rest, "/")
	if !site.ValidID(a.project) {
		a.project = ""
		return bad(a)
	}
	if !ok {
		return bad(a)
	}
	a.kind, last, ok = strings.Cut(rest, "/")
	if !ok || strings.Contains(last, "/") {
		return bad(address{project: a.project})
	}
	switch a.kind {
	case kindReadings, kindStatus, kindChecks, kindWithdrawals, kindAlerts:
		if !site.ValidID(last) {
			return bad(address{project: a.project, kind: a.kind})
		}
		a.name = last
		return a, nil
	case kindProgress:
		task, err := url.PathUnescape(last)
		if err != nil || !validTask(task) {
			return bad(address{project: a.project, kind: a.kind})
		}
		a.name = task
		return a, nil
	}
	return bad(address{project: a.project})
}

// validTask reports whether s can be a planner's id of a task.
func validTask(s string) bool {
	if s == "" || len(s) > maxTask || !utf8.ValidString(s) {
		return false
	}
	return strings.IndexFunc(s, unicode.IsControl) < 0
}

// clip shortens what somebody sent for use in a text.
func clip(s string) string {
	const most = 120
	s = strings.ToValidUTF8(s, "�")
	if len(s) <= most {
		return s
	}
	cut := most
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

// subjectOf is the NATS subject that nats-server maps an MQTT topic to: '/' is
// '.', '.' is "//", and an empty level is "/".
func subjectOf(topic string) string {
	var b strings.Builder
	b.Grow(len(topic) + 8)
	end := len(topic) - 1
	lastDot := false
	for i := 0; i < len(topic); i++ {
		switch c := topic[i]; {
		case c == '/' && (i == 0 || lastDot):
			b.WriteString("/.")
			lastDot = true
		case c == '/' && (i == end || topic[i+1] == '/'):
			b.WriteString("./")
			lastDot = false
		case c == '/':
			b.WriteByte('.')
			lastDot = true
		case c == '.':
			b.WriteString("//")
			lastDot = false
		default:
			b.WriteByte(c)
			lastDot = false
		}
	}
	if lastDot {
		b.WriteByte('/')
	}
	return b.String()
}

// topicOf is the MQTT topic of a NATS subject, the reverse of subjectOf.
func topicOf(subject string) string {
	if strings.IndexByte(subject, '/') < 0 {
		return strings.ReplaceAll(subject, ".", "/")
	}
	out := make([]byte, 0, len(subject))
	for i := 0; i < len(subject); i++ {
		switch c := subject[i]; {
		case c == '.':
			out = append(out, '/')
		case c != '/':
			out = append(out, c)
		case i+1 < len(subject) && subject[i+1] == '.':
			out = append(out, '/')
			i++
		case i+1 < len(subject) && subject[i+1] == '/':
			out = append(out, '.')
			i++
		}
	}
	return string(out)
}
