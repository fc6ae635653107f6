package alerts_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"topout/alerts"
	"topout/checklist"
	"topout/internal/text"
	"topout/site"
	"topout/store"
)

func TestReadingOpensRaisesLowersAndCloses(t *testing.T) {
	w := newWorks(t)
	const key = "reading:crane-1:moment_percent"
	for _, step := range []struct {
		value float64
		want  []string
	}{
		{80, nil}, {92, []string{key + " warning open"}}, {93, []string{key + " warning open"}}, {105, []string{key + " critical open"}},
		{99, []string{key + " critical open"}}, {95, []string{key + " warning open"}}, {60, nil}, {91, []string{key + " warning open"}},
	} {
		w.clock.add(time.Second)
		w.reading("crane-1", "moment_percent", step.value)
		w.wantOpen(step.want...)
	}
	list := w.issues()
	if len(list) != 2 {
		t.Fatalf("%d issues, want the closed and the open one", len(list))
	}
	first := list[0]
	if got := w.title(first); got != "1# 塔吊 力矩 95%，超过限值 90%" {
		t.Errorf("title %q", got)
	}
	if got := alerts.Title(w.texts, text.English, list[1]); got != "1# 塔吊: moment 91%, limit 90%" {
		t.Errorf("title %q", got)
	}
	if len(first.Moves) != 1 || first.Moves[0].By != site.System || alerts.MoveNote(w.texts, text.Chinese, first.Moves[0]) != "已恢复正常：力矩 60%，限值 90%。" {
		t.Errorf("moves %+v: %s", first.Moves, alerts.MoveNote(w.texts, text.Chinese, first.Moves[0]))
	}
	// Raising made it due sooner; lowering gave no more time.
	if want := first.OpenedAt.Add(24*time.Hour + 2*time.Second); !first.Due.Equal(want) {
		t.Errorf("due %s, want %s", first.Due, want)
	}
}

// TestNoticesAreOnePerChangeAndRecipient holds who is told what of an issue that
// rises from warning to critical and ends.
func TestNoticesAreOnePerChangeAndRecipient(t *testing.T) {
	w := newWorks(t)
	for _, value := range []float64{92, 93, 105, 106, 95, 60, 59} {
		w.clock.add(time.Second)
		w.reading("crane-1", "moment_percent", value)
	}
	got := w.notices()
	want := []string{
		"opened webhook", "opened mqtt topout/v1/wenyuan/alerts/warning", "opened mail foreman@example.com", "opened mail safety@example.com",
		// The owner wants critical ones only, and hears how these end.
		"raised webhook", "raised mqtt topout/v1/wenyuan/alerts/critical", "raised mail boss@example.com", "raised mail foreman@example.com", "raised mail safety@example.com",
		// Who listens to critical alone hears that it no longer is.
		"lowered webhook", "lowered mqtt topout/v1/wenyuan/alerts/critical", "lowered mail boss@example.com", "lowered mail foreman@example.com", "lowered mail safety@example.com",
		"closed webhook", "closed mqtt topout/v1/wenyuan/alerts/warning", "closed mail boss@example.com", "closed mail foreman@example.com", "closed mail safety@example.com",
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("notices:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	w.must(w.store.View(t.Context(), func(tx *store.Tx) error {
		changes, err := tx.ChangesAfter(0, 100)
		if len(changes) != 4 {
			t.Errorf("%d changes for the screens, want 4", len(changes))
		}
		for _, c := range changes {
			if c.Kind != site.ChangeIssue || !json.Valid(c.Data) {
				t.Errorf("change %+v", c)
			}
		}
		return err
	}))
}

func TestLateRepeatedAndCorrectedReadings(t *testing.T) {
	w := newWorks(t)
	load := func(v float64) site.MetricValue { return site.MetricValue{Metric: "moment_percent", Value: v} }
	w.readingAt("crane-1", noon.Add(-301*time.Second), load(130))
	w.wantOpen()
	w.readingAt("crane-1", noon.Add(-300*time.Second), load(130))
	w.wantOpen("reading:crane-1:moment_percent critical open")
	before := len(w.notices())
	w.readingAt("crane-1", noon.Add(-300*time.Second), load(130))
	w.readingAt("crane-1", noon.Add(-400*time.Second), load(10))
	w.wantOpen("reading:crane-1:moment_percent critical open")
	if after := len(w.notices()); after != before {
		t.Errorf("%d notices after a repeat, %d before", after, before)
	}
	w.readingAt("crane-1", noon.Add(-300*time.Second), load(30))
	w.wantOpen()
}

// TestManyInOneBatch holds that the batch's memory is the same as the store's.
func TestManyInOneBatch(t *testing.T) {
	w := newWorks(t)
	d := w.device("crane-1")
	w.batch(func(_ *store.Tx, b *alerts.Batch) {
		for i, v := range []float64{95, 105, 50, 95} {
			r := site.Reading{Project: project, Device: d.ID, T: noon.Add(time.Duration(i) * time.Second), Values: []site.MetricValue{{Metric: "moment_percent", Value: v}}}
			w.must(b.ReadingTaken(d, r, noon))
		}
	})
	w.wantOpen("reading:crane-1:moment_percent warning open")
	if n := len(w.issues()); n != 2 {
		t.Errorf("%d issues", n)
	}
	w.clock.add(10 * time.Second)
	w.reading("crane-1", "moment_percent", 20)
	w.wantOpen()
}

// TestBuiltinLimits holds what the built-in rules make of single readings.
func TestBuiltinLimits(t *testing.T) {
	type values map[string]float64
	w := newWorks(t)
	for n, c := range []struct {
		kind   string
		values values
		want   string // metric and severity of the issue; empty: none
	}{
		{"tower_crane", values{"moment_percent": 89.9}, ""},
		{"tower_crane", values{"moment_percent": 90}, "moment_percent warning"},
		{"tower_crane", values{"moment_percent": 100}, "moment_percent critical"},
		{"tower_crane", values{"wind_speed": 8.9}, ""},
		{"tower_crane", values{"wind_speed": 9}, "wind_speed info"},
		{"tower_crane", values{"wind_speed": 10.8}, "wind_speed warning"},
		{"tower_crane", values{"wind_speed": 12}, "wind_speed critical"},
		{"dust", values{"wind_speed": 12.1}, "wind_speed critical"},
		{"dust", values{"pm10": 900}, ""}, // not for a single value
		{"formwork", values{"settlement": -8}, "settlement critical"},
		{"formwork", values{"horizontal": 9.6}, "horizontal warning"},
		{"formwork", values{"tilt": 3.2}, "tilt warning"},
		{"distribution_box", values{"leakage": 30}, "leakage critical"},
		{"distribution_box", values{"smoke": 1}, "smoke critical"},
		{"mass_concrete", values{"core_temperature": 60, "surface_temperature": 35, "air_temperature": 20}, "core_surface_difference warning"},
		{"mass_concrete", values{"core_temperature": 60.1, "surface_temperature": 35, "air_temperature": 20}, "core_surface_difference critical"},
		{"mass_concrete", values{"core_temperature": 60}, ""}, // one alone makes no difference
		{"gate", values{"inside": 100000}, ""},
		{"thing", values{"whatever": 100000}, ""},
	} {
		id := fmt.Sprintf("device-%d", n)
		w.update(func(tx *store.Tx) {
			w.must(tx.CreateDevice(site.Device{ID: id, Project: project, Kind: c.kind, CreatedAt: noon}, []byte("hash")))
		})
		var list []site.MetricValue
		for m, v := range c.values {
			list = append(list, site.MetricValue{Metric: m, Value: v})
		}
		w.readingAt(id, noon, list...)
		got := ""
		for _, i := range w.issues() {
			if i.Device == id {
				got += i.Params["metric"] + " " + string(i.Severity)
			}
		}
		if got != c.want {
			t.Errorf("%s %v: %q, want %q", c.kind, c.values, got, c.want)
		}
	}
}

func TestNoiseByNight(t *testing.T) {
	w := newWorks(t)
	noise := func(local string, value float64) {
		at, err := time.ParseInLocation("2006-01-02 15:04", local, time.FixedZone("CST", 8*3600))
		w.must(err)
		w.clock.add(at.Sub(w.clock.now()))
		w.reading("dust-1", "noise", value)
	}
	noise("2026-11-23 21:40", 60)
	noise("2026-11-23 21:50", 60)
	w.wantOpen()
	noise("2026-11-23 22:00", 60) // by night the limit is 55, held for 5 minutes
	noise("2026-11-23 22:05", 60)
	w.wantOpen("reading:dust-1:noise warning open")
	noise("2026-11-24 06:00", 60)
	w.wantOpen()
}

func TestOwnRule(t *testing.T) {
	w := newWorks(t)
	w.update(func(tx *store.Tx) {
		w.must(tx.SaveRuleOverride(project, "tower_crane/moment_percent", []byte(`{"levels":[{"severity":"critical","limit":70}]}`)))
		w.must(tx.SaveRuleOverride(project, "thing/pressure", []byte(`{"op":"<","levels":[{"severity":"info","limit":2}],"unit":"bar"}`)))
		w.must(tx.SaveRuleOverride(project, "tower_crane/wind_speed", []byte(`{"levels":[]}`)))
		w.must(tx.SaveRuleOverride(project, "box/broken", []byte(`{`)))
	})
	w.reading("crane-1", "moment_percent", 75)
	w.clock.add(time.Second)
	w.reading("crane-1", "wind_speed", 40)
	w.clock.add(time.Second)
	w.reading("thing-1", "pressure", 1.5)
	w.wantOpen("reading:crane-1:moment_percent critical open", "reading:thing-1:pressure info open")
	if got := w.title(w.issues()[1]); got != "thing-1 pressure 1.5 bar，低于限值 2 bar" {
		t.Errorf("title %q", got)
	}
	w.must(w.store.View(t.Context(), func(tx *store.Tx) error {
		rules, err := w.engine.Rules(tx, project)
		for _, r := range rules {
			if own := slices.Contains([]string{"tower_crane/moment_percent", "thing/pressure", "tower_crane/wind_speed"}, r.Key()); r.Default == own {
				t.Errorf("%s: default %v", r.Key(), r.Default)
			}
			if r.Default && (r.Source == "" || r.SourceEn == "" || r.Basis == "" || r.Unit == "") {
				t.Errorf("%s has no source or unit", r.Key())
			}
		}
		return err
	}))
}

// TestRuleGone holds that an issue does not outlive the rule that it is about.
func TestRuleGone(t *testing.T) {
	w := newWorks(t)
	w.update(func(tx *store.Tx) {
		w.must(tx.SaveRuleOverride(project, "thing/pressure", []byte(`{"levels":[{"severity":"info","limit":2}]}`)))
	})
	w.reading("thing-1", "pressure", 5)
	w.wantOpen("reading:thing-1:pressure info open")
	w.update(func(tx *store.Tx) { w.must(tx.SaveRuleOverride(project, "thing/pressure", nil)) })
	w.job(alerts.JobSilence)
	w.wantOpen()
	w.update(func(tx *store.Tx) {
		w.must(tx.SaveRuleOverride(project, "thing/pressure", []byte(`{"levels":[{"severity":"info","limit":2}]}`)))
	})
	w.clock.add(time.Second)
	w.reading("thing-1", "pressure", 5)
	w.wantOpen("reading:thing-1:pressure info open")
}

// TestClosedByPerson holds that a person's word stands until things get worse or are over.
func TestClosedByPerson(t *testing.T) {
	w := newWorks(t)
	w.reading("crane-1", "moment_percent", 92)
	if _, err := w.move("safety", w.issues()[0].ID, site.Move{To: site.StateClosed}); err != nil {
		t.Fatal(err)
	}
	w.clock.add(time.Second)
	w.reading("crane-1", "moment_percent", 93)
	w.wantOpen()
	w.clock.add(time.Second)
	w.reading("crane-1", "moment_percent", 101)
	w.wantOpen("reading:crane-1:moment_percent critical open")
}

func TestFailedItems(t *testing.T) {
	w := newWorks(t)
	lib, err := checklist.Embedded()
	w.must(err)
	form, ok := lib.Form("temporary-power")
	if !ok {
		t.Fatal("no form temporary-power")
	}
	item := form.Items[0]
	check := func(id string, result site.CheckResult) (issues []string) {
		w.clock.add(time.Hour)
		c := site.Check{ID: id, Project: project, Checklist: form.ID, Building: "b3", T: w.clock.now(), By: "safety",
			Items: []site.CheckItem{{Code: item.Code, Result: result, Note: "见照片"}}}
		w.batch(func(_ *store.Tx, b *alerts.Batch) {
			issues, err = b.CheckTaken(&c, form)
			w.must(err)
		})
		return issues
	}
	first := check("c1", site.Fail)
	if len(first) != 1 {
		t.Fatalf("issues %v", first)
	}
	key := "check_failed:b3:temporary-power:" + item.Code
	severity := string(site.Warning)
	if item.Severity != "" {
		severity = string(item.Severity)
	}
	w.wantOpen(key + " " + severity + " open")
	if got := w.title(w.issues()[0]); got != form.Name+"：“"+item.Text+"”不合格" {
		t.Errorf("title %q", got)
	}
	if again := check("c2", site.Fail); !slices.Equal(again, first) {
		t.Errorf("a repeat failure gave %v, first %v", again, first)
	}
	if _, err := w.move("foreman", first[0], site.Move{To: site.StateReported, Note: "已整改"}); err != nil {
		t.Fatal(err)
	}
	check("c3", site.Pass)
	w.wantOpen(key + " " + severity + " reported") // only people close it
	check("c4", site.Fail)
	w.wantOpen(key + " " + severity + " rejected")
	if _, err := w.move("safety", first[0], site.Move{To: site.StateClosed, Note: "复查合格"}); err != nil {
		t.Fatal(err)
	}
	if next := check("c5", site.Fail); slices.Equal(next, first) {
		t.Error("a closed issue was renewed")
	}
	var kept site.Check
	kept.Project, kept.ID, kept.Issues = project, "c5", []string{w.issues()[1].ID}
	w.batch(func(_ *store.Tx, b *alerts.Batch) { w.must(b.CheckWithdrawn(kept)) })
	w.wantOpen()
}

func TestKinds(t *testing.T) {
	w := newWorks(t)
	for _, k := range w.rules.DeviceKinds() {
		for _, m := range k.Metrics {
			for _, lang := range []text.Lang{text.Chinese, text.English} {
				if name := alerts.MetricName(w.texts, lang, m.Metric); name == "" || name == m.Metric && strings.Contains(name, "_") {
					t.Errorf("%s has no name in %s", m.Metric, lang)
				}
			}
		}
		if k.SilentAfter <= 0 {
			t.Errorf("%s is never silent", k.Kind)
		}
	}
	if d := w.rules.SilentAfter(site.Device{Kind: "thing"}); d != time.Hour {
		t.Errorf("another kind is silent after %s", d)
	}
	if d := w.rules.SilentAfter(site.Device{Kind: "gate", Silent: time.Minute}); d != time.Minute {
		t.Errorf("own time: %s", d)
	}
	if u := w.rules.DeviceKind("formwork").Unit("tilt"); u != "‰" {
		t.Errorf("unit %q", u)
	}
}

func TestRuleValidation(t *testing.T) {
	w := newWorks(t)
	for raw, want := range map[string]string{
		`{"levels":[{"severity":"warning","limit":85},{"severity":"critical","limit":95}],"hysteresis":1,"hold_seconds":10}`: "",
		`{"levels":[]}`:          "",
		`{"source":"现场专项方案"}`:    "",
		`{"levels":"x"}`:         "alerts.rule_unreadable ",
		`[]`:                     "alerts.rule_unreadable ",
		`{"op":"="}`:             "alerts.rule_op op",
		`{"hysteresis":-1}`:      "alerts.rule_hysteresis hysteresis",
		`{"hold_seconds":-1}`:    "alerts.rule_hold hold_seconds",
		`{"hold_seconds":90000}`: "alerts.rule_hold hold_seconds",
		`{"levels":[{"severity":"bad","limit":85}]}`:                                               "alerts.rule_severity levels[0].severity",
		`{"levels":[{"severity":"critical","limit":85},{"severity":"warning","limit":95}]}`:        "alerts.rule_order levels[1].severity",
		`{"levels":[{"severity":"warning","limit":95},{"severity":"critical","limit":90}]}`:        "alerts.rule_order levels[1].limit",
		`{"night":{"from":"25:00","to":"06:00","levels":[]}}`:                                      "alerts.rule_time night.from",
		`{"night":{"from":"22:00","to":"06:00","levels":[{"severity":"bad","limit":1}]}}`:          "alerts.rule_severity night.levels[0].severity",
		`{"op":"<","levels":[{"severity":"warning","limit":5},{"severity":"critical","limit":1}]}`: "",
	} {
		_, err := w.rules.Parse("tower_crane", "moment_percent", []byte(raw))
		if want == "" {
			if err != nil {
				t.Errorf("%s: %v", raw, err)
			}
			continue
		}
		code, field, _ := strings.Cut(want, " ")
		w.wantCode(err, code)
		if got := site.AsError(err).Field; got != field {
			t.Errorf("%s: field %q, want %q", raw, got, field)
		}
	}
	if _, err := w.rules.Parse("a/b", "x", []byte(`{}`)); err == nil {
		t.Error("a kind with a slash was taken")
	}
	own, err := w.rules.Parse("dust", "noise", []byte(`{"levels":[{"severity":"info","limit":65}],"night":null}`))
	if err != nil || own.Night != nil || own.Unit != "dB(A)" || own.HoldSeconds != 300 {
		t.Errorf("own rule %+v, %v", own, err)
	}
	// What is parsed does not write into the built-in rules.
	var builtin alerts.Rule
	rules, err := w.rules.With(nil)
	w.must(err)
	for _, r := range rules {
		if r.Key() == "dust/noise" {
			builtin = r
		}
	}
	if builtin.Night == nil || builtin.Levels[0].Limit != 70 {
		t.Errorf("the built-in rule is now %+v", builtin)
	}
}

// BenchmarkReading is the cost of judging one reading of a crane, two limits, in
// transactions of 100, without a change.
func BenchmarkReading(b *testing.B) {
	w := newWorks(b)
	d := w.device("crane-1")
	values := []site.MetricValue{{Metric: "moment_percent", Value: 50}, {Metric: "wind_speed", Value: 3}, {Metric: "load", Value: 2}}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		w.batch(func(_ *store.Tx, batch *alerts.Batch) {
			for range 100 {
				i++
				w.must(batch.ReadingTaken(d, site.Reading{Project: project, Device: d.ID, T: noon.Add(time.Duration(i) * time.Millisecond), Values: values}, noon))
			}
		})
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(i), "ns/reading")
}
