package ingest

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"topout/site"
)

// The fuzz targets hold what must be true of any input: no panic, a refusal with a
// text or a result that keeps the contract's bounds.

func depth(b []byte) (deepest int) {
	at := 0
	for _, c := range b {
		switch c {
		case '{', '[':
			at++
			deepest = max(deepest, at)
		case '}', ']':
			at--
		}
	}
	return deepest
}

func FuzzJSON(f *testing.F) {
	for _, s := range []string{`{}`, `[1,2,{"a":[null,true,false,-0.5e+10,"\u00e9\n"]}]`, `{"a":1,}`, `01`, `"\x"`, `[`, `tru`, `1e`, " \t1\r\n", `"` + "\x01" + `"`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if got, want := validJSON(b), json.Valid(b); got != want && !(want && depth(b) > maxDepth) {
			t.Errorf("validJSON(%q) = %v, encoding/json says %v", b, got, want)
		}
	})
}

func FuzzReadings(f *testing.F) {
	for _, s := range []string{
		`{"t":1795435200000,"values":{"wind_speed":8.1,"pm10":92}}`,
		`[{"t":"2026-11-23T12:00:00+08:00","values":{"a":1}},{"t":1,"values":{"a":"x"}}]`,
		`[{"bn":"urn:dev:","bt":1795435200,"n":"a","v":1},{"n":"b","vb":true,"t":-5},{"n":"c","vs":"x"}]`,
		`{"t":1e999,"values":{"a":1e999}}`, `[]`, `[[]]`, `[{"n":"a"},7]`, `{"t":null,"values":null}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r := decodeReadings(make(names), b, noon, standard)
		if r.bad == nil && len(r.list) == 0 {
			t.Errorf("%q: neither taken nor refused", b)
		}
		for _, x := range r.list {
			if x.t.Before(noon.Add(-standard.age)) || x.t.After(noon.Add(standard.ahead)) || len(x.values) == 0 || len(x.values) > maxValues {
				t.Errorf("%q: %+v", b, x)
			}
			for _, v := range x.values {
				if v.Value-v.Value != 0 || v.Metric == "" || !utf8.ValidString(v.Metric) {
					t.Errorf("%q: %+v", b, v)
				}
			}
		}
	})
}

func FuzzReports(f *testing.F) {
	for _, s := range []string{
		`{"id":"a","t":1795435200000,"percent":45,"quantity":120,"workers":3,"note":"x","photos":[],"reason":"weather","by":"sun"}`,
		`{"id":"a","t":"2026-11-23T12:00:00Z","building":"b3","items":[{"code":"B.1-1","result":"fail","deduct":2,"value":1,"note":"","photos":[]}]}`,
		`{"t":1,"record":"progress","why":"typo"}`, `{"items":[[],{}]}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, fault := decodeProgress(b); fault == nil {
			if !site.ValidID(p.ID) || p.Percent < 0 || p.Percent > 100 || p.Quantity < 0 || !(p.HasPercent || p.HasQty) || p.T.Before(firstReport) {
				t.Errorf("%q: %+v", b, p)
			}
		}
		if c, fault := decodeCheck(b); fault == nil && (!site.ValidID(c.ID) || len(c.Items) == 0 || len(c.Items) > maxItems) {
			t.Errorf("%q: %+v", b, c)
		}
		if w, fault := decodeWithdrawal(b); fault == nil && (w.why == "" || w.record != "progress" && w.record != "check") {
			t.Errorf("%q: %+v", b, w)
		}
		if s, fault := decodeStatus(b); fault == nil && s != "online" && s != "offline" {
			t.Errorf("%q: %q", b, s)
		}
	})
}

func FuzzTopic(f *testing.F) {
	for _, s := range []string{"topout/v1/p/readings/d", "topout/v1/p/progress/A%2F1", "a//b", "/", "a.b/c.", "./.", "//"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, topic string) {
		if a, fault := parseTopic(topic); fault == nil && (!site.ValidID(a.project) || a.name == "") {
			t.Errorf("%q: %+v", topic, a)
		}
		if len(clip(topic)) > 130 || !utf8.ValidString(clip(topic)) {
			t.Errorf("clip(%q) = %q", topic, clip(topic))
		}
		if topic == "" || strings.ContainsAny(topic, " \t\n\r\f\x7f\x00+#") {
			return // no topic at the broker
		}
		if back := topicOf(subjectOf(topic)); back != topic {
			t.Errorf("%q is subject %q, which is topic %q", topic, subjectOf(topic), back)
		}
	})
}

func FuzzRecord(f *testing.F) {
	f.Add(appendRecord(nil, []*entry{{Message: site.Message{Door: site.DoorAPI, Topic: "t", Payload: []byte("p"), By: "b", Arrived: noon}, ticket: 7, retake: "r",
		away: &refusal{code: "c", device: "d", params: map[string]string{"k": "v"}}}}))
	f.Add([]byte{recordVersion, 0})
	f.Add([]byte{recordVersion, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, b []byte) {
		entries, err := readRecord(b)
		if err != nil {
			return
		}
		for i := range entries {
			if entries[i].Door == "" {
				t.Errorf("%x: an entry without a door", b)
			}
		}
	})
}

func FuzzBrokerURL(f *testing.F) {
	for _, s := range []string{"mqtt://h", "mqtts://u:p@h:8883", "ws://h/path", "wss://[::1]", "http://h", "mqtt://"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, err := brokerURL(s)
		if err == nil && (u.Port() == "" || u.Hostname() == "") {
			t.Errorf("%q: %s", s, u.Redacted())
		}
	})
}
