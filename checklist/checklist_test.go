package checklist_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"topout/checklist"
	"topout/internal/text"
	"topout/site"
)

// marks is the transcription that the JGJ 59 forms were made from.
type marks struct {
	Note           string             `json:"note"`
	SummaryWeights map[string]float64 `json:"summary_weights"`
	Tables         []struct {
		Table     string
		Name      string
		Guarantee []markedItem
		General   []markedItem
		Item      string  `json:"summary_item"`
		Weight    float64 `json:"summary_weight"`
	}
	Examples []struct {
		ID          string
		Weights     map[string]float64
		TableScores map[string][]json.RawMessage `json:"table_scores"`
		ItemScores  map[string]float64           `json:"item_scores"`
		Missing     map[string]float64
		Expected    map[string]any
	} `json:"worked_examples"`
}

type markedItem struct {
	Code string
	Item string
	Max  float64
}

func readMarks(t *testing.T) marks {
	t.Helper()
	data, err := os.ReadFile("testdata/jgj59_2011_marks.json")
	if err != nil {
		t.Fatal(err)
	}
	var m marks
	if err := json.Unmarshal(data, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func library(t testing.TB) *checklist.Library {
	t.Helper()
	lib, err := checklist.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	return lib
}

func form(t testing.TB, id string) checklist.Form {
	t.Helper()
	f, ok := library(t).Form(id)
	if !ok {
		t.Fatalf("no form %s", id)
	}
	return f
}

func TestFormsAreTheTranscribedTables(t *testing.T) {
	m := readMarks(t)
	if len(m.Tables) != 19 {
		t.Fatalf("%d tables", len(m.Tables))
	}
	for _, table := range m.Tables {
		f := form(t, "jgj59-"+strings.ToLower(strings.ReplaceAll(table.Table, ".", "")))
		want := append(append([]markedItem(nil), table.Guarantee...), table.General...)
		if len(f.Items) != len(want) {
			t.Fatalf("%s: %d items, want %d", f.ID, len(f.Items), len(want))
		}
		sum := 0.0
		for n, item := range f.Items {
			if item.Code != want[n].Code || item.Text != want[n].Item || item.Max != want[n].Max {
				t.Errorf("%s: item %+v, want %+v", f.ID, item, want[n])
			}
			if item.Guarantee != (n < len(table.Guarantee)) {
				t.Errorf("%s: guarantee flag of %s", f.ID, item.Code)
			}
			sum += item.Max
		}
		if sum != 100 {
			t.Errorf("%s: marks sum to %v", f.ID, sum)
		}
	}
	scheme := library(t).JGJ59()
	weights := 0.0
	for _, item := range scheme.Items {
		if m.SummaryWeights[item.Item] != item.Weight {
			t.Errorf("%s: weight %v, want %v", item.Item, item.Weight, m.SummaryWeights[item.Item])
		}
		weights += item.Weight
	}
	if weights != 100 || len(scheme.Items) != len(m.SummaryWeights) {
		t.Errorf("weights sum to %v over %d items", weights, len(scheme.Items))
	}
}

func TestEveryFormIsFitForUse(t *testing.T) {
	forms := library(t).Forms()
	if len(forms) != 23 {
		t.Errorf("%d forms", len(forms))
	}
	for _, f := range forms {
		if f.NameEn == "" {
			t.Errorf("%s has no English name", f.ID)
		}
		for _, item := range f.Items {
			if item.TextEn == "" {
				t.Errorf("%s %s has no English text", f.ID, item.Code)
			}
			limited := item.MinValue != nil || item.MaxValue != nil
			if limited && (item.Source == "" || item.Basis == "") {
				t.Errorf("%s %s: a limit without source or basis", f.ID, item.Code)
			}
		}
		if got, ok := library(t).Version(f.ID, f.Version); !ok || got.ID != f.ID {
			t.Errorf("%s: version %d is not found", f.ID, f.Version)
		}
	}
	first, last := forms[0].ID, forms[len(forms)-1].ID
	if first != "daily-safety" || last != "jgj59-b19" {
		t.Errorf("order from %s to %s", first, last)
	}
	if _, ok := library(t).Form("none"); ok {
		t.Error("found a form that there is not")
	}
}

// all answers every item of a form alike.
func all(f checklist.Form, r site.CheckResult) []site.CheckItem {
	items := make([]site.CheckItem, len(f.Items))
	for n, item := range f.Items {
		items[n] = site.CheckItem{Code: item.Code, Result: r}
	}
	return items
}

// with changes one answer.
func with(items []site.CheckItem, code string, r site.CheckResult, deduct float64) []site.CheckItem {
	for n := range items {
		if items[n].Code == code {
			items[n].Result = r
			items[n].Deduct = nil
			if deduct >= 0 {
				items[n].Deduct = &deduct
			}
		}
	}
	return items
}

func TestScore(t *testing.T) {
	b1, b13, b14, daily, height := form(t, "jgj59-b1"), form(t, "jgj59-b13"), form(t, "jgj59-b14"), form(t, "daily-safety"), form(t, "work-at-height")
	rail := func(m float64) []site.CheckItem {
		items := all(height, site.Pass)
		items[0].Value = &m
		return items
	}
	lowGuarantee := func(codes ...string) []site.CheckItem { // 4 of 10 marks off at each
		items := all(b1, site.Pass)
		for _, c := range codes {
			with(items, c, site.Fail, 4)
		}
		return items
	}
	perfect14 := all(b14, site.Pass)
	tests := []struct {
		name  string
		form  checklist.Form
		items []site.CheckItem
		opts  checklist.Options
		score float64
		grade string
		zero  checklist.Zero
	}{
		{name: "faultless", form: b1, items: all(b1, site.Pass), score: 100, grade: "优良"},
		{name: "a deduction", form: b1, items: with(all(b1, site.Pass), "B.1-7", site.Fail, 3), score: 97, grade: "优良"},
		{name: "capped at the item's marks", form: b1, items: with(all(b1, site.Pass), "B.1-7", site.Fail, 30), score: 90, grade: "优良"},
		{name: "fail without deduction takes all", form: b1, items: with(all(b1, site.Pass), "B.1-7", site.Fail, -1), score: 90, grade: "优良"},
		{name: "pass with a deduction", form: b1, items: with(all(b1, site.Pass), "B.1-1", site.Pass, 2), score: 98, grade: "优良"},
		{name: "guarantee item at 0", form: b1, items: with(all(b1, site.Pass), "B.1-1", site.Fail, 10), grade: "不合格", zero: checklist.ZeroGuaranteeItem},
		{name: "guarantee subtotal 40 stands", form: b1, items: lowGuarantee("B.1-1", "B.1-2", "B.1-3", "B.1-4", "B.1-5"), score: 80, grade: "优良"},
		{name: "guarantee subtotal below 40", form: b1, items: with(lowGuarantee("B.1-1", "B.1-2", "B.1-3", "B.1-4", "B.1-5"), "B.1-6", site.Fail, 1), grade: "不合格", zero: checklist.ZeroGuaranteeSubtotal},
		{name: "no split, an item at 0", form: b13, items: with(all(b13, site.Pass), "B.13-1", site.Fail, -1), score: 90, grade: "优良"},
		{name: "missing item", form: b14, items: with(with(all(b14, site.Pass), "B.14-1", site.NA, -1), "B.14-5", site.Fail, 9), score: 90, grade: "优良"},
		{name: "missing guarantee items, faultless", form: b14, items: with(with(with(perfect14, "B.14-2", site.NA, -1), "B.14-4", site.NA, -1), "B.14-7", site.Fail, 6), score: 54. / 60 * 100, grade: "优良"},
		{name: "not answered is missing", form: b1, items: []site.CheckItem{{Code: "B.1-1", Result: site.Pass}, {Code: "B.1-7", Result: site.Fail}}, score: 50, grade: "不合格"},
		{name: "99 edition's answer: 20 of 40 in guarantee items", form: b14, items: with(with(all(b14, site.Pass), "B.14-2", site.NA, -1), "B.14-4", site.Fail, 19), opts: checklist.Options{TwoThirds: true}, grade: "不合格", zero: checklist.ZeroGuaranteeSubtotal},
		{name: "two thirds reached", form: b14, items: with(with(all(b14, site.Pass), "B.14-1", site.NA, -1), "B.14-2", site.Fail, 15), opts: checklist.Options{TwoThirds: true}, score: 75. / 90 * 100, grade: "优良"},
		{name: "the same as the standard is written", form: b14, items: with(with(all(b14, site.Pass), "B.14-1", site.NA, -1), "B.14-2", site.Fail, 15), grade: "不合格", zero: checklist.ZeroGuaranteeSubtotal},
		{name: "合格 below 80", form: b13, items: with(with(all(b13, site.Pass), "B.13-1", site.Fail, -1), "B.13-2", site.Fail, 10.5), score: 80, grade: "优良"},
		{name: "合格", form: b13, items: with(with(with(all(b13, site.Pass), "B.13-1", site.Fail, -1), "B.13-2", site.Fail, -1), "B.13-3", site.Fail, 0.5), score: 79.5, grade: "合格"},
		{name: "share of passed items", form: daily, items: with(with(with(all(daily, site.Pass), "DS-1", site.NA, -1), "DS-2", site.NA, -1), "DS-4", site.Fail, 1), score: 90, grade: "优良"},
		{name: "rail high enough", form: height, items: rail(1.2), score: 100, grade: "优良"},
		{name: "rail too low, answered pass", form: height, items: rail(1.1), score: 13. / 14 * 100, grade: "优良"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := checklist.Score(tt.form, tt.items, tt.opts)
			if err != nil {
				t.Fatal(err)
			}
			if math.Abs(got.Score-tt.score) > 1e-9 || got.Grade != tt.grade || got.Zero != tt.zero {
				t.Errorf("got %v %s %q, want %v %s %q", got.Score, got.Grade, got.Zero, tt.score, tt.grade, tt.zero)
			}
			if got.Passed != (got.Grade != "不合格") {
				t.Error("passed and grade disagree")
			}
		})
	}
	got, err := checklist.Score(height, rail(1.1), checklist.Options{})
	if err != nil || len(got.Failed) != 1 || got.Failed[0] != "WH-1" {
		t.Errorf("failed: %v %v", got.Failed, err)
	}
}

func TestScoreWholeMarksStayWhole(t *testing.T) {
	b13 := form(t, "jgj59-b13")
	for off := range 101 {
		items := all(b13, site.Pass)
		rest := float64(off)
		for n := range items {
			d := math.Min(rest, 10)
			items[n].Result, items[n].Deduct = site.Fail, &d
			rest -= d
		}
		got, err := checklist.Score(b13, items, checklist.Options{})
		if err != nil || got.Score != float64(100-off) {
			t.Fatalf("%d off: %v %v", off, got.Score, err)
		}
	}
}

func TestScoreRefuses(t *testing.T) {
	b1 := form(t, "jgj59-b1")
	minus, nan := -1.0, math.NaN()
	tests := map[string][]site.CheckItem{
		"checklist.unknown_item":    {{Code: "B.2-1", Result: site.Pass}},
		"checklist.item_twice":      {{Code: "B.1-1", Result: site.Pass}, {Code: "B.1-1", Result: site.Pass}},
		"checklist.bad_result":      {{Code: "B.1-1", Result: "good"}},
		"checklist.bad_deduct":      {{Code: "B.1-1", Result: site.Fail, Deduct: &minus}},
		"checklist.bad_value":       {{Code: "B.1-1", Result: site.Pass, Value: &nan}},
		"checklist.nothing_checked": all(b1, site.NA),
	}
	cat, err := text.New()
	if err != nil {
		t.Fatal(err)
	}
	for code, items := range tests {
		_, err := checklist.Score(b1, items, checklist.Options{})
		e := site.AsError(err)
		if e == nil || e.Code != code || e.Kind != site.Invalid || e.Field == "" {
			t.Errorf("got %v, want %s", err, code)
			continue
		}
		for _, lang := range []text.Lang{text.Chinese, text.English} {
			if s := cat.Say(lang, e.Code, e.Params); s == code || strings.Contains(s, "no value") {
				t.Errorf("%s in %s: %q", code, lang, s)
			}
		}
	}
}

// Every table and every answer: the score keeps its range, and no deduction raises it.
func TestScoreProperties(t *testing.T) {
	forms := library(t).Forms()
	rapid.Check(t, func(t *rapid.T) {
		f := rapid.SampledFrom(forms).Draw(t, "form")
		opts := checklist.Options{TwoThirds: rapid.Bool().Draw(t, "two thirds")}
		var items []site.CheckItem
		for _, item := range f.Items {
			a := site.CheckItem{Code: item.Code, Result: rapid.SampledFrom([]site.CheckResult{site.Pass, site.Pass, site.Fail, site.NA}).Draw(t, "result")}
			if a.Result == site.Fail && item.Max > 0 {
				d := rapid.Float64Range(0, 1.5*item.Max).Draw(t, "deduct")
				a.Deduct = &d
			}
			items = append(items, a)
		}
		one, err := checklist.Score(f, items, opts)
		if err != nil {
			if site.AsError(err).Code == "checklist.nothing_checked" {
				return
			}
			t.Fatal(err)
		}
		if !(one.Score >= 0 && one.Score <= 100) {
			t.Fatalf("score %v", one.Score)
		}
		got, possible := 0.0, 0.0
		for _, s := range one.Items {
			if s.Got < 0 || s.Got > s.Max {
				t.Fatalf("%s got %v of %v", s.Code, s.Got, s.Max)
			}
			got, possible = got+s.Got, possible+s.Max
		}
		if one.Zero == "" && math.Abs(one.Score-got/possible*100) > 1e-9 {
			t.Fatalf("%v of %v is not %v", got, possible, one.Score)
		}
		// Leaving a missing item out instead of answering na changes nothing.
		var answered []site.CheckItem
		for _, a := range items {
			if a.Result != site.NA {
				answered = append(answered, a)
			}
		}
		if same, err := checklist.Score(f, answered, opts); err != nil || same.Score != one.Score {
			t.Fatalf("without its missing items %v, with them %v: %v", same.Score, one.Score, err)
		}
		// One more deduction.
		n := rapid.IntRange(0, len(items)-1).Draw(t, "worse")
		if items[n].Result == site.NA {
			return
		}
		more := 1.0
		if items[n].Deduct != nil {
			more += *items[n].Deduct
		}
		items[n].Result, items[n].Deduct = site.Fail, &more
		if worse, err := checklist.Score(f, items, opts); err != nil || worse.Score > one.Score {
			t.Fatalf("worse by 1 at %s: %v after %v, %v", items[n].Code, worse.Score, one.Score, err)
		}
	})
}

func TestSummariseWorkedExamples(t *testing.T) {
	for _, ex := range readMarks(t).Examples {
		t.Run(ex.ID, func(t *testing.T) {
			var scheme checklist.Scheme
			var scores []checklist.TableScore
			add := func(item string, weight float64, tables ...float64) {
				scheme.Items = append(scheme.Items, checklist.SchemeItem{Item: item, Weight: weight, Forms: []string{item}})
				for _, s := range tables {
					scores = append(scores, checklist.TableScore{Form: item, Score: s})
				}
			}
			for item, tables := range ex.TableScores {
				var got []float64
				for _, raw := range tables {
					got = append(got, tableScore(t, raw))
				}
				add(item, ex.Weights[item], got...)
			}
			// The second example gives what the items got of its 99 edition's weights.
			weights99 := map[string]float64{"文明施工": 20, "施工机具": 5}
			for item, got := range ex.ItemScores {
				w := weights99[item]
				if w == 0 {
					w = 10
				}
				add(item, w, got/w*100)
			}
			for item, w := range ex.Missing {
				add(item, w)
			}
			sum, err := checklist.Summarise(scheme, scores)
			if err != nil {
				t.Fatal(err)
			}
			total := 0.0
			for _, item := range sum.Items {
				if want, ok := ex.Expected[item.Item].(float64); ok && math.Abs(item.Got-want) > 1e-9 {
					t.Errorf("%s got %v, want %v", item.Item, item.Got, want)
				}
				total += item.Got
			}
			if want, ok := ex.Expected["sum"].(float64); ok && math.Abs(total-want) > 1e-9 {
				t.Errorf("sum %v, want %v", total, want)
			}
			if want := ex.Expected["total"].(float64); math.Abs(sum.Total-want) > 0.005 {
				t.Errorf("total %v, want %v", sum.Total, want)
			}
			if want, ok := ex.Expected["grade"].(string); ok && sum.Grade != want {
				t.Errorf("grade %s, want %s", sum.Grade, want)
			}
		})
	}
}

func tableScore(t *testing.T, raw json.RawMessage) float64 {
	var share struct {
		Got     float64
		Present float64 `json:"max_present"`
	}
	var score float64
	if json.Unmarshal(raw, &score) == nil {
		return score
	}
	if err := json.Unmarshal(raw, &share); err != nil {
		t.Fatal(err)
	}
	return share.Got * 100 / share.Present
}

func TestSummarise(t *testing.T) {
	scheme := library(t).JGJ59()
	var full []checklist.TableScore
	for n := 1; n <= 19; n++ {
		full = append(full, checklist.TableScore{Form: fmt.Sprintf("jgj59-b%d", n), Score: 85})
	}
	sum, err := checklist.Summarise(scheme, full)
	if err != nil || sum.Total != 85 || sum.Grade != "优良" || len(sum.Items) != 10 {
		t.Errorf("%+v %v", sum, err)
	}
	full[3].Score = 0 // one scaffold of eight
	if sum, err = checklist.Summarise(scheme, full); err != nil || sum.Grade != "不合格" || sum.Total < 80 {
		t.Errorf("a table at 0: %+v %v", sum, err)
	}
	two := []checklist.TableScore{{Form: "jgj59-b17", Score: 90}, {Form: "jgj59-b18", Score: 60}}
	sum, err = checklist.Summarise(scheme, two)
	if err != nil || len(sum.Items) != 1 || sum.Items[0].Score != 75 || sum.Items[0].Got != 7.5 || sum.Total != 75 || sum.Grade != "合格" {
		t.Errorf("mean and missing items: %+v %v", sum, err)
	}
	for code, scores := range map[string][]checklist.TableScore{
		"checklist.no_scores":      nil,
		"checklist.not_in_summary": {{Form: "daily-safety", Score: 90}},
		"checklist.bad_score":      {{Form: "jgj59-b1", Score: 101}},
	} {
		if _, err := checklist.Summarise(scheme, scores); site.AsError(err) == nil || site.AsError(err).Code != code {
			t.Errorf("got %v, want %s", err, code)
		}
	}
}

func TestParseNamesEveryProblem(t *testing.T) {
	_, err := checklist.Parse([]byte(`{"id":"a b","version":0,"name":"","source":"s","items":[
		{"code":"","text":"x","max":5},{"code":"q","text":"","min_value":3,"max_value":2},{"code":"q","text":"y","max":-1,"severity":"bad","basis":"hearsay"}]}`))
	var problems checklist.Problems
	if !errors.As(err, &problems) {
		t.Fatal(err)
	}
	want := []string{
		"checklist.bad_id id", "checklist.bad_version version", "checklist.empty name", "checklist.bad_code items[0].code",
		"checklist.empty items[1].text", "checklist.mixed_marks items[1].max", "checklist.limits_crossed items[1].min_value", "checklist.limit_without_unit items[1].unit",
		"checklist.bad_max items[2].max", "checklist.bad_severity items[2].severity", "checklist.bad_basis items[2].basis", "checklist.code_twice items[2].code",
	}
	var got []string
	for _, p := range problems {
		got = append(got, p.Code+" "+p.Field)
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for _, text := range []string{``, `[]`, `{"id":"a","maxvalue":1}`, `{} {}`} {
		if _, err := checklist.Parse([]byte(text)); site.AsError(err) == nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, form := range library(f).Forms()[:6] {
		data, err := json.Marshal(form)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(`{"id":"a","version":1,"name":"n","source":"s","items":[{"code":"1","text":"t","max":1e400}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		form, err := checklist.Parse(data)
		if err != nil {
			if site.AsError(err) == nil {
				t.Fatalf("%v is no *site.Error", err)
			}
			return
		}
		again, err := json.Marshal(form)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := checklist.Parse(again); err != nil {
			t.Fatalf("a valid form does not survive: %v", err)
		}
		res, err := checklist.Score(form, all(form, site.Pass), checklist.Options{})
		if err != nil || res.Score != 100 && math.Abs(res.Score-100) > 1e-9 {
			t.Fatalf("faultless: %v %v", res.Score, err)
		}
	})
}
