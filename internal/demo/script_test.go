package demo_test

import (
	"encoding/json"
	"iter"
	"math"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"topout/checklist"
	"topout/internal/demo"
	"topout/site"
)

// noon is an ordinary working day at the school.
var noon = time.Date(2026, time.October, 14, 4, 0, 0, 0, time.UTC)

func script(t testing.TB, o demo.ScriptOptions) iter.Seq[demo.Message] {
	t.Helper()
	var err error
	if o.Story == nil {
		if o.Story, err = demo.NewStory(noon); err != nil {
			t.Fatal(err)
		}
	}
	if o.Weather == nil {
		if o.Weather, err = demo.EmbeddedWeather(); err != nil {
			t.Fatal(err)
		}
	}
	seq, err := demo.Script(o)
	if err != nil {
		t.Fatal(err)
	}
	return seq
}

func days(seed uint64, n int) demo.ScriptOptions {
	return demo.ScriptOptions{Seed: seed, From: noon.Add(-time.Duration(n) * 24 * time.Hour), To: noon, Every: 2 * time.Minute, ReportEvery: 10 * time.Minute}
}

type readingMessage struct {
	T      time.Time          `json:"t"`
	Values map[string]float64 `json:"values"`
}

func decodeReading(t *testing.T, payload string) readingMessage {
	t.Helper()
	var r readingMessage
	if err := json.Unmarshal([]byte(payload), &r); err != nil {
		t.Fatalf("%s: %v", payload, err)
	}
	return r
}

func TestScriptIsAFunctionOfItsSeed(t *testing.T) {
	text := func(seed uint64) string {
		var b strings.Builder
		for m := range script(t, days(seed, 1)) {
			b.WriteString(m.At.UTC().String() + m.Client + m.Topic + string(m.Payload) + string(m.Kind) + "\n")
		}
		return b.String()
	}
	one, again, other := text(7), text(7), text(8)
	if one != again {
		t.Error("the same seed played something else")
	}
	if one == other {
		t.Error("another seed played the same")
	}
}

// metrics are those of the contract, by kind of device.
var metrics = map[string]string{
	"crane": "moment_percent load radius height slew wind_speed", "hoist": "load_percent speed door height",
	"weather": "temperature humidity wind_speed wind_direction rain", "dust": "pm25 pm10 tsp noise temperature humidity wind_speed wind_direction rain",
	"formwork": "settlement horizontal tilt axial_percent", "pit": "settlement displacement water_level strut_percent",
	"box": "leakage cable_temperature current smoke", "concrete": "core_temperature surface_temperature air_temperature",
	"gate": "inside entered left",
}

func TestScriptKeepsTheContract(t *testing.T) {
	lib, err := checklist.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	kinds, topics := map[demo.MessageKind]int{}, map[string]int{}
	highest := map[string]float64{}
	seen := map[string]bool{}
	var last time.Time
	for m := range script(t, days(1, 6)) {
		if m.At.Before(last) {
			t.Fatal("not in order of time")
		}
		last = m.At
		kinds[m.Kind]++
		parts := strings.Split(m.Topic, "/")
		if len(parts) != 5 || strings.Join(parts[:3], "/") != "topout/v1/wenyuan" {
			t.Fatalf("topic %s", m.Topic)
		}
		kind := parts[3]
		name, err := url.PathUnescape(parts[4])
		if err != nil {
			t.Fatal(err)
		}
		topics[kind]++
		whole := string(m.Payload) + m.Topic
		switch {
		case m.Kind == demo.Repeated && !seen[whole]:
			t.Errorf("a repetition of nothing: %s", m.Payload)
		case m.Kind == demo.Malformed:
			mustBeRefused(t, m, name)
			continue
		}
		seen[whole] = true
		switch kind {
		case "readings":
			checkReadings(t, m, name)
		case "progress":
			var p struct {
				ID                string
				T                 time.Time
				Percent, Quantity *float64
				By                string
			}
			if err := json.Unmarshal(m.Payload, &p); err != nil || !site.ValidID(p.ID) || p.T.After(m.At) || p.By != m.Client || (p.Percent == nil) == (p.Quantity == nil) {
				t.Fatalf("%s: %v", m.Payload, err)
			}
			v := p.Percent
			if v == nil {
				v = p.Quantity
			} else if *v < 0 || *v > 100 {
				t.Errorf("%s", m.Payload)
			}
			if m.Kind == demo.Plain && *v < highest[name] {
				t.Errorf("%s went back from %v to %v", name, highest[name], *v)
			}
			highest[name] = math.Max(highest[name], *v)
		case "checks":
			var c struct {
				ID    string
				T     time.Time
				Items []site.CheckItem
			}
			form, ok := lib.Form(name)
			if err := json.Unmarshal(m.Payload, &c); err != nil || !ok || !site.ValidID(c.ID) || c.T.After(m.At) {
				t.Fatalf("%s %s: %v", name, m.Payload, err)
			}
			if _, err := checklist.Score(form, c.Items, checklist.Options{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, k := range []demo.MessageKind{demo.Plain, demo.Late, demo.Repeated, demo.Corrected, demo.Malformed} {
		if kinds[k] == 0 {
			t.Errorf("nothing %q was played: %v", k, kinds)
		}
	}
	if kinds[demo.Malformed]*50 > kinds[demo.Plain] {
		t.Errorf("too much is malformed: %v", kinds)
	}
	if topics["readings"] == 0 || topics["progress"] < 50 || topics["checks"] < 12 {
		t.Errorf("%v", topics)
	}
}

func checkReadings(t *testing.T, m demo.Message, name string) {
	t.Helper()
	if name != m.Client {
		t.Fatalf("%s publishes for %s", m.Client, name)
	}
	var list []readingMessage
	if m.Payload[0] == '[' {
		if err := json.Unmarshal(m.Payload, &list); err != nil {
			t.Fatal(err)
		}
	} else {
		list = []readingMessage{decodeReading(t, string(m.Payload))}
	}
	known := strings.Fields(metrics[name[:strings.IndexByte(name, '-')]])
	for _, r := range list {
		if r.T.After(m.At) || m.Kind == demo.Late && m.At.Sub(r.T) > 26*time.Minute {
			t.Errorf("%s: %s sent at %s", m.Kind, r.T, m.At)
		}
		if len(r.Values) != len(known) {
			t.Errorf("%s: %v, want %v", name, r.Values, known)
		}
		for _, metric := range known {
			if v, ok := r.Values[metric]; !ok || math.Abs(v) > 1000 {
				t.Errorf("%s %s: %v", name, metric, v)
			}
		}
	}
}

// mustBeRefused holds that a malformed message breaks the contract.
func mustBeRefused(t *testing.T, m demo.Message, name string) {
	t.Helper()
	var r struct {
		T       time.Time          `json:"t"`
		Values  map[string]float64 `json:"values"`
		Percent *float64           `json:"percent"`
	}
	err := json.Unmarshal(m.Payload, &r)
	switch {
	case err != nil, !utf8.Valid(m.Payload), r.T.IsZero(), r.T.After(m.At.Add(time.Hour)), r.Percent != nil && *r.Percent > 100, name == "B99_000":
	default:
		t.Errorf("nothing is wrong with %s %s", m.Topic, m.Payload)
	}
}

// While somebody looks on, a limit is crossed within minutes, and comes back.
func TestScriptOpensWithACrossing(t *testing.T) {
	o := demo.ScriptOptions{Seed: 1, From: noon, To: noon.Add(4 * time.Minute), Every: 5 * time.Second, ReportEvery: time.Minute, Opening: true}
	over, back := false, false
	for m := range script(t, o) {
		if m.Client != "crane-2" || m.Kind != demo.Plain {
			continue
		}
		v := decodeReading(t, string(m.Payload)).Values["moment_percent"]
		over = over || v >= 90
		back = over && v < 85
	}
	if !over || !back {
		t.Errorf("over %v, back %v", over, back)
	}
}
