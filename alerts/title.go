package alerts

import (
	"encoding/json"
	"maps"
	"math"
	"strconv"
	"strings"

	"topout/internal/text"
	"topout/site"
)

// Title says an issue in one line, in the reader's language.
func Title(cat *text.Catalogue, lang text.Lang, i site.Issue) string {
	if i.Title == "" {
		return i.Text
	}
	code := i.Title
	if code == "alerts.title.reading" {
		code = readingTitle(i.Params)
	}
	return cat.Say(lang, code, spoken(cat, lang, i.Params))
}

// Detail says what stands behind an issue: the source of a limit, the cause of a
// slip. It is empty when there is nothing to add.
func Detail(cat *text.Catalogue, lang text.Lang, i site.Issue) string {
	switch i.Kind {
	case site.KindReading:
		if i.Params["source"] == "" {
			return ""
		}
		return cat.Say(lang, "alerts.detail.reading", spoken(cat, lang, i.Params))
	case site.KindSlip:
		return slipDetail(cat, lang, i.Params)
	case site.KindCheckFailed:
		if i.Params["note"] == "" {
			return ""
		}
		return cat.Say(lang, "alerts.detail.check_failed", spoken(cat, lang, i.Params))
	case site.KindBlocking:
		if i.Reason == "" {
			return ""
		}
		return cat.Say(lang, "alerts.detail.blocking", map[string]string{"reason": ReasonName(cat, lang, i.Reason)})
	}
	return ""
}

// MoveNote says a step of an issue: what the person wrote, or what Topout did.
func MoveNote(cat *text.Catalogue, lang text.Lang, m site.Move) string {
	if m.Title == "" {
		return m.Note
	}
	return cat.Say(lang, m.Title, spoken(cat, lang, m.Params))
}

// SeverityName says a severity.
func SeverityName(cat *text.Catalogue, lang text.Lang, s site.Severity) string {
	return cat.Say(lang, "alerts.severity."+string(s), nil)
}

// StateName says where an issue stands.
func StateName(cat *text.Catalogue, lang text.Lang, s site.IssueState) string {
	return cat.Say(lang, "alerts.state."+string(s), nil)
}

// ReasonName says why work is late.
func ReasonName(cat *text.Catalogue, lang text.Lang, r site.Reason) string {
	return cat.Say(lang, "alerts.reason."+string(r), nil)
}

// MetricName says a metric; one that the catalogue does not know is said by its code.
func MetricName(cat *text.Catalogue, lang text.Lang, metric string) string {
	return strings.TrimPrefix(cat.Say(lang, "alerts.metric."+metric, nil), "alerts.metric.")
}

func readingTitle(params map[string]string) string {
	switch {
	case params["unit"] == "0/1":
		return "alerts.title.reading.switch"
	case strings.HasPrefix(params["op"], "<"):
		return "alerts.title.reading.below"
	}
	return "alerts.title.reading.above"
}

// spoken puts an issue's parameters into a language: metrics by name, numbers
// with their unit, the English wording of a form's item.
func spoken(cat *text.Catalogue, lang text.Lang, params map[string]string) map[string]string {
	p := maps.Clone(params)
	if m, ok := p["metric"]; ok {
		p["metric"] = MetricName(cat, lang, m)
	}
	if unit, ok := p["unit"]; ok {
		p["value"], p["limit"] = withUnit(p["value"], unit), withUnit(p["limit"], unit)
	}
	if lang == text.English {
		for _, name := range []string{"item", "form", "source"} {
			if en := p[name+"_en"]; en != "" {
				p[name] = en
			}
		}
	}
	return p
}

// withUnit writes a quantity; percent, per mille and degrees stand at their number.
func withUnit(value, unit string) string {
	switch unit {
	case "", "0/1", "count", "people":
		return value
	case "%", "‰", "°":
		return value + unit
	}
	return value + " " + unit
}

// number writes a value with at most two decimals.
func number(v float64) string {
	if math.Abs(v) >= 1e9 {
		return strconv.FormatFloat(v, 'g', 4, 64)
	}
	return strconv.FormatFloat(math.Round(v*100)/100, 'f', -1, 64)
}

func deviceName(d site.Device) string {
	if d.Name != "" {
		return d.Name
	}
	return d.ID
}

// slipCause is one link of the chain that makes a task late, as kept with the issue.
type slipCause struct {
	Task   string      `json:"task"`
	Days   string      `json:"days"`
	Reason site.Reason `json:"reason"`
}

func slipDetail(cat *text.Catalogue, lang text.Lang, params map[string]string) string {
	var chain []slipCause
	if json.Unmarshal([]byte(params["cause"]), &chain) != nil || len(chain) == 0 {
		return ""
	}
	lines := make([]string, len(chain))
	for n, c := range chain {
		lines[n] = cat.Say(lang, "alerts.slip.cause", map[string]string{"task": c.Task, "Count": c.Days, "days": c.Days, "reason": ReasonName(cat, lang, c.Reason)})
	}
	return cat.Say(lang, "alerts.detail.slip", map[string]string{"chain": strings.Join(lines, cat.Say(lang, "alerts.slip.then", nil))})
}
