package ingest

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"topout/internal/text"
	"topout/site"
)

var (
	noon      = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	standard  = limits{age: 400 * 24 * time.Hour, ahead: 10 * time.Minute}
	noonMilli = fmt.Sprint(noon.UnixMilli())
)

// show writes decoded readings on one line each: offset to noon, then values.
func show(r readings) string {
	var b strings.Builder
	for _, x := range r.list {
		fmt.Fprintf(&b, "%s", x.t.Sub(noon))
		for _, v := range x.values {
			fmt.Fprintf(&b, " %s=%g", v.Metric, v.Value)
		}
		b.WriteByte('\n')
	}
	if r.bad != nil {
		fmt.Fprintf(&b, "! %s %s\n", r.bad.Code, r.bad.Field)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func TestDecodeReadings(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"object", `{"t":NOW,"values":{"wind_speed":8.1,"pm10":92}}`, "0s wind_speed=8.1 pm10=92"},
		{"RFC 3339 with a zone", `{"t":"2026-11-23T20:00:00.5+08:00","values":{"a":-1e-3}}`, "500ms a=-0.001"},
		{"cut to the millisecond", `{"t":"2026-11-23T12:00:00.0019Z","values":{"a":0}}`, "1ms a=0"},
		{"milliseconds as a float", `{"t":1.7954352e12,"values":{"a":1}}`, "0s a=1"},
		{"unknown members pass", `{"v":[{"x":null}],"t":NOW,"unit":"m/s","values":{"a":1}} `, "0s a=1"},
		{"the last of two members", `{"t":1,"t":NOW,"values":{"b":9},"values":{"a":1,"a":2}}`, "0s a=2"},
		{"escapes in a name", `{"t":NOW,"values":{"wind\u005fspeed":1,"风速":2}}`, "0s wind_speed=1 风速=2"},
		{"array", `[{"t":NOW,"values":{"a":1}},{"values":{"a":2},"t":NOW}]`, "0s a=1\n0s a=2"},
		{"array with bad ones", `[{"t":NOW,"values":{"a":1}},{"t":NOW},7,{"t":NOW,"values":{"a":3}}]`, "0s a=1\n0s a=3\n! ingest.missing [1].values"},
		{"empty array", `[]`, "! ingest.no_values "},
		{"no values", `{"t":NOW,"values":{}}`, "! ingest.no_values values"},
		{"not JSON", `{"t":NOW,"values":{"a":1}`, "! ingest.not_json "},
		{"two values", `{"t":NOW,"values":{"a":1}} {}`, "! ingest.not_json "},
		{"NaN", `{"t":NOW,"values":{"a":NaN}}`, "! ingest.not_json "},
		{"too large a number", `{"t":NOW,"values":{"a":1e999}}`, "! ingest.number_too_large values.a"},
		{"invalid UTF-8", "{\"t\":NOW,\"values\":{\"\xc3\x28\":1}}", "! ingest.invalid_utf8 "},
		{"empty", ``, "! ingest.not_json "},
		{"a number", `7`, "! ingest.not_an_object "},
		{"text", `"online"`, "! ingest.not_an_object "},
		{"values are no object", `{"t":NOW,"values":[1]}`, "! ingest.not_an_object values"},
		{"a value is text", `{"t":NOW,"values":{"a":"1"}}`, "! ingest.not_a_number values.a"},
		{"a value is null", `{"t":NOW,"values":{"a":null,"b":2}}`, "! ingest.not_a_number values.a"},
		{"a value is an object", `{"t":NOW,"values":{"a":{"b":1}}}`, "! ingest.not_a_number values.a"},
		{"no time", `{"values":{"a":1}}`, "! ingest.missing t"},
		{"time as text of digits", `{"t":"NOW","values":{"a":1}}`, "! ingest.bad_time t"},
		{"time with a fraction", `{"t":1.5,"values":{"a":1}}`, "! ingest.bad_time t"},
		{"time is null", `{"t":null,"values":{"a":1}}`, "! ingest.bad_time t"},
		{"time far out", `{"t":1e300,"values":{"a":1}}`, "! ingest.bad_time t"},
		{"time without a zone", `{"t":"2026-11-23T12:00:00","values":{"a":1}}`, "! ingest.bad_time t"},
		{"seconds for milliseconds", `{"t":1795435200,"values":{"a":1}}`, "! ingest.too_old t"},
		{"just old enough", `{"t":"2025-10-19T12:00:00Z","values":{"a":1}}`, "-9600h0m0s a=1"},
		{"too old", `{"t":"2025-10-19T11:59:59.999Z","values":{"a":1}}`, "! ingest.too_old t"},
		{"ten minutes ahead", `{"t":"2026-11-23T12:10:00Z","values":{"a":1}}`, "10m0s a=1"},
		{"more ahead", `{"t":"2026-11-23T12:10:00.001Z","values":{"a":1}}`, "! ingest.ahead t"},
		{"empty metric", `{"t":NOW,"values":{"":1}}`, "! ingest.bad_metric values"},
		{"reserved metric", `{"t":NOW,"values":{"time":1}}`, "! ingest.bad_metric values"},
		{"control character", `{"t":NOW,"values":{"a\u0000":1}}`, "! ingest.bad_metric values"},
		{"deep", `{"t":NOW,"values":{"a":1},"x":` + strings.Repeat("[", 1000) + strings.Repeat("]", 1000) + `}`, "! ingest.not_json "},
		{"too many values", `{"t":NOW,"values":{` + many(1001) + `}}`, "! ingest.too_many_values values"},

		{"SenML", `[{"bn":"urn:dev:ow:10e2073a01080063:","bt":1795435200.25,"bu":"Cel","n":"temperature","v":23.1},{"n":"humidity","u":"%RH","v":67}]`, "250ms temperature=23.1 humidity=67"},
		{"SenML relative", `[{"n":"a","v":1,"t":-5},{"n":"a","v":2},{"bt":-60,"n":"a","v":3,"t":1.5}]`, "-5s a=1\n0s a=2\n-58.5s a=3"},
		{"SenML booleans", `[{"n":"door","vb":true},{"n":"smoke","vb":false}]`, "0s door=1 smoke=0"},
		{"SenML base value", `[{"bv":20,"n":"a","v":1.5},{"n":"b"},{"n":"c","v":-20}]`, "0s a=21.5 b=20 c=0"},
		{"SenML base record alone", `[{"bn":"x","bt":1795435200},{"n":"a","v":1}]`, "0s a=1"},
		{"SenML without n", `[{"bn":"a","v":1}]`, "! ingest.missing [0].n"},
		{"SenML text value", `[{"n":"a","vs":"on"},{"n":"b","v":1}]`, "0s b=1\n! ingest.not_a_number [0].vs"},
		{"SenML to be understood", `[{"n":"a","v":1,"x_":1}]`, "! ingest.senml_field [0].x_"},
		{"SenML version", `[{"bver":11,"n":"a","v":1}]`, "! ingest.senml_version [0].bver"},
		{"SenML ahead", `[{"n":"a","v":1,"t":601}]`, "! ingest.ahead [0].t"},
		{"SenML old", `[{"n":"a","v":1,"t":300000000}]`, "! ingest.too_old [0].t"},
		{"SenML no value", `[{"n":"a","t":-1}]`, "! ingest.missing [0].v"},
		{"SenML sum overflow", `[{"bv":1e308,"n":"a","v":1e308}]`, "! ingest.number_too_large [0].v"},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := strings.ReplaceAll(c.in, "NOW", noonMilli)
			if got := show(decodeReadings(make(names), []byte(in), noon, standard)); got != c.want {
				t.Errorf("%s\n got %s\nwant %s", in, got, c.want)
			}
		})
	}
}

func many(n int) string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprintf(`"m%d":1`, i))
	}
	return strings.Join(out, ",")
}

// TestReadingsRoundTrip: whatever a device can say is read as it was said.
func TestReadingsRoundTrip(t *testing.T) {
	name := rapid.StringMatching(`[a-z][a-z0-9_]{0,20}|风速|wind/speed "x"`)
	rapid.Check(t, func(t *rapid.T) {
		type one struct {
			T      any                `json:"t"`
			Values map[string]float64 `json:"values"`
		}
		var in []one
		for range rapid.IntRange(1, 5).Draw(t, "n") {
			at := noon.Add(-time.Duration(rapid.Int64Range(0, int64(100*24*time.Hour/time.Millisecond)).Draw(t, "ago")) * time.Millisecond)
			o := one{T: at.UnixMilli(), Values: rapid.MapOfN(name, rapid.Float64Range(-1e300, 1e300), 1, 5).Draw(t, "values")}
			if rapid.Bool().Draw(t, "text") {
				o.T = at.In(time.FixedZone("", rapid.IntRange(-12, 14).Draw(t, "zone")*3600)).Format(time.RFC3339Nano)
			}
			in = append(in, o)
		}
		b, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		got := decodeReadings(make(names), b, noon, standard)
		if got.bad != nil || len(got.list) != len(in) {
			t.Fatalf("%s: %v, %d readings", b, got.bad, len(got.list))
		}
		for i, r := range got.list {
			if len(r.values) != len(in[i].Values) {
				t.Fatalf("%s: %v", b, r)
			}
			for _, v := range r.values {
				if in[i].Values[v.Metric] != v.Value {
					t.Fatalf("%s: %s is %g", b, v.Metric, v.Value)
				}
			}
		}
	})
}

func TestDecodeReports(t *testing.T) {
	hash := strings.Repeat("0a", 32)
	progress := func(b string) *site.Error { _, e := decodeProgress([]byte(b)); return e }
	check := func(b string) *site.Error { _, e := decodeCheck([]byte(b)); return e }
	withdrawal := func(b string) *site.Error { _, e := decodeWithdrawal([]byte(b)); return e }
	for _, c := range []struct {
		decode func(string) *site.Error
		in     string
		want   string
	}{
		{progress, `{"id":"a","t":0,"percent":0}`, ""},
		{progress, `{"id":"a","t":"2026-11-23T12:00:00Z","quantity":120,"percent":null,"workers":3.5,"note":"a\nb","photos":["` + hash + `"],"reason":"weather","by":"","more":{}}`, ""},
		{progress, `{"id":"a","t":4102444800000,"percent":100}`, ""},
		{progress, `[]`, "ingest.not_an_object "},
		{progress, `{"t":1,"percent":1}`, "ingest.missing id"},
		{progress, `{"id":"a b","t":1,"percent":1}`, "ingest.bad_id id"},
		{progress, `{"id":7,"t":1,"percent":1}`, "ingest.not_text id"},
		{progress, `{"id":"a","percent":1}`, "ingest.missing t"},
		{progress, `{"id":"a","t":"yesterday","percent":1}`, "ingest.bad_time t"},
		{progress, `{"id":"a","t":"2300-01-01T00:00:00Z","percent":1}`, "ingest.bad_time t"},
		{progress, `{"id":"a","t":"1969-01-01T00:00:00Z","percent":1}`, "ingest.bad_time t"},
		{progress, `{"id":"a","t":1}`, "ingest.no_progress percent"},
		{progress, `{"id":"a","t":1,"percent":-0.1}`, "ingest.percent percent"},
		{progress, `{"id":"a","t":1,"percent":100.1}`, "ingest.percent percent"},
		{progress, `{"id":"a","t":1,"percent":"45"}`, "ingest.not_a_number percent"},
		{progress, `{"id":"a","t":1,"quantity":-1}`, "ingest.negative quantity"},
		{progress, `{"id":"a","t":1,"quantity":1,"workers":-1}`, "ingest.negative workers"},
		{progress, `{"id":"a","t":1,"percent":1,"note":"` + strings.Repeat("x", 4001) + `"}`, "ingest.bad_text note"},
		{progress, `{"id":"a","t":1,"percent":1,"photos":"x"}`, "ingest.not_a_list photos"},
		{progress, `{"id":"a","t":1,"percent":1,"photos":["x"]}`, "ingest.bad_photo photos[0]"},
		{progress, `{"id":"a","t":1,"percent":1,"reason":"laziness"}`, "ingest.bad_reason reason"},
		{check, `{"id":"a","t":1,"building":"b3","items":[{"code":"B.1-1","result":"fail","deduct":2,"value":12.5,"note":"x","photos":["` + hash + `"]},{"code":"2","result":"na","deduct":null}]}`, ""},
		{check, `{"id":"a","t":1,"items":[]}`, "ingest.missing items"},
		{check, `{"id":"a","t":1}`, "ingest.missing items"},
		{check, `{"id":"a","t":1,"items":{}}`, "ingest.not_a_list items"},
		{check, `{"id":"a","t":1,"items":[1]}`, "ingest.not_an_object items[0]"},
		{check, `{"id":"a","t":1,"items":[{"result":"pass"}]}`, "ingest.missing items[0].code"},
		{check, `{"id":"a","t":1,"items":[{"code":"a"}]}`, "ingest.missing items[0].result"},
		{check, `{"id":"a","t":1,"items":[{"code":"a","result":"ok"}]}`, "ingest.bad_result items[0].result"},
		{check, `{"id":"a","t":1,"items":[{"code":"a","result":"fail","deduct":-1}]}`, "ingest.negative items[0].deduct"},
		{check, `{"id":"a","t":1,"items":[{"code":"a","result":"pass","value":"x"}]}`, "ingest.not_a_number items[0].value"},
		{check, `{"id":"a","t":1,"items":[{"code":"a","result":"pass"},{"code":"a","result":"pass"}]}`, "ingest.duplicate_item items[1].code"},
		{check, `{"id":"a","t":1,"building":7,"items":[{"code":"a","result":"pass"}]}`, "ingest.not_text building"},
		{withdrawal, `{"t":1,"record":"check","why":"typo"}`, ""},
		{withdrawal, `{"t":1,"record":"issue","why":"typo"}`, "ingest.bad_record record"},
		{withdrawal, `{"t":1,"record":"check"}`, "ingest.missing why"},
		{withdrawal, `{"t":1,"why":"x"}`, "ingest.missing record"},
	} {
		got := ""
		if e := c.decode(c.in); e != nil {
			got = e.Code + " " + e.Field
		}
		if got != c.want {
			t.Errorf("%.200s\n got %q\nwant %q", c.in, got, c.want)
		}
	}
}

func TestTopics(t *testing.T) {
	for topic, want := range map[string]address{
		"topout/v1/p/readings/d-1_A":              {"p", kindReadings, "d-1_A"},
		"topout/v1/p/progress/A%2F1":              {"p", kindProgress, "A/1"},
		"topout/v1/p/progress/1.2.3":              {"p", kindProgress, "1.2.3"},
		"topout/v1/p/progress/%E5%9E%AB%E5%B1%82": {"p", kindProgress, "垫层"},
		"topout/v1/p/progress/垫层":                 {"p", kindProgress, "垫层"},
		"topout/v1/p/checks/jgj59-b1":             {"p", kindChecks, "jgj59-b1"},
		"topout/v1/p/status/d":                    {"p", kindStatus, "d"},
	} {
		if got, fault := parseTopic(topic); fault != nil || got != want {
			t.Errorf("%s: %+v, %v", topic, got, fault)
		}
	}
	for _, topic := range []string{
		"", "topout", "topout/v1/", "topout/v1/p", "topout/v1/p/", "topout/v1/p/readings", "topout/v1/p/readings/", "topout/v1/p/readings/d/e",
		"topout/v1/p p/readings/d", "topout/v1/p/readings/*", "topout/v1/p/readings/>", "topout/v1/p/progress/%zz", "topout/v1/p/progress/%00",
		"topout/v1/p/progress/%ff", "topout/v2/p/readings/d", "Topout/v1/p/readings/d", "/topout/v1/p/readings/d", "topout/v1/p/unknown/x",
		"topout/v1/p/progress/" + strings.Repeat("x", 201), "topout/v1/" + strings.Repeat("x", 65) + "/readings/d",
	} {
		if got, fault := parseTopic(topic); fault == nil {
			t.Errorf("%q was taken: %+v", topic, got)
		}
	}
}

// TestEveryReasonHasAText says each code of the package in both languages.
func TestEveryReasonHasAText(t *testing.T) {
	says, err := text.New()
	if err != nil {
		t.Fatal(err)
	}
	for _, code := range codes(t) {
		for _, lang := range []text.Lang{text.Chinese, text.English} {
			if s := says.Say(lang, code, map[string]string{"field": "t"}); s == code || s == "" {
				t.Errorf("%s has no text in %s", code, lang)
			}
		}
	}
}

func TestRecordRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var in []*entry
		for range rapid.IntRange(0, 5).Draw(t, "n") {
			e := &entry{Message: site.Message{
				Door:    rapid.SampledFrom([]site.Door{site.DoorMQTT, site.DoorBroker, site.DoorAPI}).Draw(t, "door"),
				Topic:   rapid.String().Draw(t, "topic"),
				Payload: rapid.SliceOf(rapid.Byte()).Draw(t, "payload"),
				By:      rapid.String().Draw(t, "by"),
				Arrived: time.Unix(0, rapid.Int64().Draw(t, "arrived")).UTC(),
			}, retained: rapid.Bool().Draw(t, "retained"), ticket: rapid.Uint64().Draw(t, "ticket"), retake: rapid.String().Draw(t, "retake")}
			if rapid.Bool().Draw(t, "away") {
				e.away = &refusal{code: rapid.String().Draw(t, "code"), device: rapid.String().Draw(t, "device"),
					params: rapid.MapOfN(rapid.String(), rapid.String(), 1, 3).Draw(t, "params")}
			}
			in = append(in, e)
		}
		b := appendRecord(nil, in)
		size := 16
		for _, e := range in {
			size += e.size()
		}
		if len(b) > size {
			t.Fatalf("%d bytes, but sizes add up to %d", len(b), size)
		}
		out, err := readRecord(b)
		if err != nil || len(out) != len(in) {
			t.Fatalf("%v, %d of %d", err, len(out), len(in))
		}
		for i := range out {
			if got, want := fmt.Sprintf("%+v %+v", out[i], out[i].away), fmt.Sprintf("%+v %+v", *in[i], in[i].away); out[i].away == nil && got != want {
				t.Fatalf("got %s\nwant %s", got, want)
			}
		}
		if len(b) > 2 {
			cut := rapid.IntRange(0, len(b)-1).Draw(t, "cut")
			if out, err := readRecord(b[:cut]); err == nil {
				t.Fatalf("a record cut to %d of %d bytes was read: %d entries", cut, len(b), len(out))
			}
		}
	})
}

func TestInfinity(t *testing.T) {
	if _, ok := parseFloat([]byte("1e309")); ok {
		t.Error("a number beyond float64 was read")
	}
	if v, ok := parseFloat([]byte("-0")); !ok || !math.Signbit(v) {
		t.Error("minus zero")
	}
}
