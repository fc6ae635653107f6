package series_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"topout/internal/testserver"
	"topout/internal/text"
	"topout/series"
	"topout/site"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// kept is a store that the contract holds for.
type kept struct {
	name string
	open func(t testing.TB) series.Store
}

var all = []kept{
	{"embedded", func(t testing.TB) series.Store { return openEmbedded(t, filepath.Join(t.TempDir(), "a b#?.db")) }},
	{"influx1", func(t testing.TB) series.Store { return openInflux(t, testserver.Influx1(t)) }},
	{"influx2", func(t testing.TB) series.Store { return openInflux(t, testserver.Influx2(t)) }},
}

func openEmbedded(t testing.TB, path string) *series.Embedded {
	t.Helper()
	s, err := series.OpenEmbedded(context.Background(), path, series.EmbeddedOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func optionsOf(in *testserver.Influx) series.InfluxOptions {
	return series.InfluxOptions{URL: in.URL, Token: in.Token, Org: in.Org, Bucket: in.Bucket}
}

func openInflux(t testing.TB, in *testserver.Influx) *series.Influx {
	t.Helper()
	s, err := series.OpenInflux(optionsOf(in))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// TestContract holds every store to the same behaviour.
func TestContract(t *testing.T) {
	cases := []struct {
		name string
		run  func(t *testing.T, s series.Store)
	}{
		{"nothing there", nothingThere},
		{"a repeat changes nothing and a correction replaces", repeatAndCorrection},
		{"out of order", outOfOrder},
		{"one instant is kept to the nanosecond", nanoseconds},
		{"last is by source time", lastValue},
		{"windows start at the epoch", boundaries},
		{"windows are those of a naive count", windowsProperty},
		{"raw keeps the newest", rawLimit},
		{"hostile names", hostileNames},
		{"what cannot be stored is refused alone", refusedAlone},
		{"other measurements are taken", otherMeasurements},
		{"many points", manyPoints},
		{"an ended context", endedContext},
		{"retention", retention},
		{"retention keeps long windows as they were", retentionProperty},
	}
	for _, store := range all {
		t.Run(store.name, func(t *testing.T) {
			s := store.open(t)
			if err := s.Check(t.Context()); err != nil {
				t.Fatal(err)
			}
			for _, c := range cases {
				t.Run(c.name, func(t *testing.T) { c.run(t, s) })
			}
		})
	}
}

var devices atomic.Int64

// newDevice is a device that nobody has written to.
func newDevice() string { return fmt.Sprintf("device-%d", devices.Add(1)) }

// monday is the start of an hour some days ago, whole in months and weeks.
var monday = time.Now().UTC().AddDate(0, 0, -20).Truncate(7 * 24 * time.Hour)

func reading(device string, t time.Time, values ...site.MetricValue) site.Point {
	p := site.Point{Measurement: series.Reading, Tags: []site.Tag{{Key: "device", Value: device}, {Key: "project", Value: "wenyuan"}}, Time: t}
	for _, v := range values {
		p.Fields = append(p.Fields, site.Field{Key: v.Metric, Value: v.Value})
	}
	return p
}

func pm10(device string, t time.Time, v float64) site.Point {
	return reading(device, t, site.MetricValue{Metric: "pm10", Value: v})
}

func query(device string, from, to time.Time, every time.Duration) site.SeriesQuery {
	return site.SeriesQuery{Project: "wenyuan", Device: device, Metric: "pm10", From: from, To: to, Every: every}
}

func mustWrite(t rapid.TB, s series.Store, points ...site.Point) {
	t.Helper()
	refused, err := s.Write(context.Background(), points)
	if err != nil {
		t.Fatal(err)
	}
	if len(refused) > 0 {
		t.Fatalf("refused point %d: %v", refused[0].Index, refused[0].Err)
	}
}

func mustRaw(t rapid.TB, s series.Store, q site.SeriesQuery) []site.Sample {
	t.Helper()
	got, err := s.Raw(context.Background(), q)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func mustWindows(t rapid.TB, s series.Store, q site.SeriesQuery) []site.Window {
	t.Helper()
	got, err := s.Windows(context.Background(), q)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func wantRaw(t *testing.T, s series.Store, device string, want ...site.Sample) {
	t.Helper()
	got := mustRaw(t, s, query(device, time.Time{}, time.Time{}, 0))
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("raw:\n got %v\nwant %v", got, want)
	}
}

func nothingThere(t *testing.T, s series.Store) {
	device := newDevice()
	wantRaw(t, s, device)
	if got := mustWindows(t, s, query(device, monday, monday.Add(time.Hour), time.Minute)); len(got) != 0 {
		t.Error(got)
	}
	if got := mustWindows(t, s, query(device, monday, monday, time.Hour)); len(got) != 0 {
		t.Error("an empty range:", got)
	}
	if got := mustRaw(t, s, query(device, monday, monday.Add(-time.Hour), 0)); len(got) != 0 {
		t.Error("a range turned around:", got)
	}
	last, err := s.Last(t.Context(), "wenyuan", device)
	if err != nil || len(last) != 0 {
		t.Error(last, err)
	}
	if _, err := s.Windows(t.Context(), query(device, monday, monday.Add(time.Hour), 0)); !site.IsKind(err, site.Invalid) {
		t.Error("a window of no length:", err)
	}
	mustWrite(t, s)
}

func repeatAndCorrection(t *testing.T, s series.Store) {
	device := newDevice()
	one, two := pm10(device, monday, 1), pm10(device, monday.Add(time.Minute), 2)
	mustWrite(t, s, one, two)
	mustWrite(t, s, one, two, two)
	wantRaw(t, s, device, site.Sample{T: one.Time, Value: 1}, site.Sample{T: two.Time, Value: 2})
	q := query(device, monday, monday.Add(24*time.Hour), time.Hour)
	want := site.Window{T: monday, Min: 1, Mean: 1.5, Max: 2, Count: 2}
	if got := mustWindows(t, s, q); len(got) != 1 || got[0] != want {
		t.Errorf("after a repeat: %v", got)
	}
	mustWrite(t, s, pm10(device, monday, 11))
	mustWrite(t, s, pm10(device, two.Time, 5), pm10(device, two.Time, 7)) // the later of two stands
	want = site.Window{T: monday, Min: 7, Mean: 9, Max: 11, Count: 2}
	if got := mustWindows(t, s, q); len(got) != 1 || got[0] != want {
		t.Errorf("after a correction: %v", got)
	}
	wantRaw(t, s, device, site.Sample{T: one.Time, Value: 11}, site.Sample{T: two.Time, Value: 7})
	// Another metric of the same instant leaves the first as it is.
	mustWrite(t, s, reading(device, monday, site.MetricValue{Metric: "pm25", Value: 3}))
	wantRaw(t, s, device, site.Sample{T: one.Time, Value: 11}, site.Sample{T: two.Time, Value: 7})
}

func outOfOrder(t *testing.T, s series.Store) {
	device := newDevice()
	var want []site.Sample
	for i := range 6 {
		want = append(want, site.Sample{T: monday.Add(time.Duration(i) * 20 * time.Minute), Value: float64(i)})
	}
	for _, i := range []int{3, 1, 5, 0, 4, 2} {
		mustWrite(t, s, pm10(device, want[i].T, want[i].Value))
	}
	wantRaw(t, s, device, want...)
	got := mustWindows(t, s, query(device, monday, monday.Add(2*time.Hour), time.Hour))
	if len(got) != 2 || got[0] != (site.Window{T: monday, Min: 0, Mean: 1, Max: 2, Count: 3}) ||
		got[1] != (site.Window{T: monday.Add(time.Hour), Min: 3, Mean: 4, Max: 5, Count: 3}) {
		t.Errorf("windows: %v", got)
	}
}

func nanoseconds(t *testing.T, s series.Store) {
	device := newDevice()
	a, b := monday.Add(1), monday.Add(2)
	mustWrite(t, s, pm10(device, b, 2), pm10(device, a, 1))
	wantRaw(t, s, device, site.Sample{T: a, Value: 1}, site.Sample{T: b, Value: 2})
	q := query(device, a, b, 0) // To is not in the range
	if got := mustRaw(t, s, q); len(got) != 1 || got[0].Value != 1 {
		t.Error(got)
	}
}

func lastValue(t *testing.T, s series.Store) {
	device := newDevice()
	old, now := monday.AddDate(0, -2, 0), monday.Add(time.Hour)
	mustWrite(t, s,
		reading(device, now, site.MetricValue{Metric: "pm10", Value: 9}),
		reading(device, old, site.MetricValue{Metric: "pm10", Value: 1}, site.MetricValue{Metric: "noise", Value: 60}),
	)
	mustWrite(t, s, pm10(device, monday, 5)) // late
	mustWrite(t, s, pm10(newDevice(), now.Add(time.Hour), 77))
	got, err := s.Last(t.Context(), "wenyuan", device)
	if err != nil {
		t.Fatal(err)
	}
	want := []site.LastValue{{Metric: "noise", T: old, Value: 60}, {Metric: "pm10", T: now, Value: 9}}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got, err := s.Last(t.Context(), "other-project", device); err != nil || len(got) != 0 {
		t.Error("another project's:", got, err)
	}
	// A little ahead of the clock is still the newest.
	ahead := time.Now().Add(9 * time.Minute).UTC().Truncate(time.Second)
	mustWrite(t, s, pm10(device, ahead, 10))
	if got, err := s.Last(t.Context(), "wenyuan", device); err != nil || len(got) != 2 || got[1].Value != 10 {
		t.Error("ahead of the clock:", got, err)
	}
}

func boundaries(t *testing.T, s series.Store) {
	device := newDevice()
	start := monday.Add(7 * time.Minute)
	mustWrite(t, s, pm10(device, start, 1), pm10(device, monday.Add(10*time.Minute-1), 2),
		pm10(device, monday.Add(10*time.Minute), 3), pm10(device, monday.Add(20*time.Minute), 4))
	got := mustWindows(t, s, query(device, start, monday.Add(20*time.Minute), 10*time.Minute))
	want := []site.Window{
		{T: monday, Min: 1, Mean: 1.5, Max: 2, Count: 2},
		{T: monday.Add(10 * time.Minute), Min: 3, Mean: 3, Max: 3, Count: 1},
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
	q := query(device, start, monday.Add(time.Hour), 10*time.Minute)
	q.Limit = 1
	if got := mustWindows(t, s, q); len(got) != 1 || got[0].Min != 4 {
		t.Errorf("the newest one: %v", got)
	}
	// A window of a year starts at a multiple of 8,760 hours, not on a date.
	year := 8760 * time.Hour
	got = mustWindows(t, s, query(device, time.Time{}, time.Time{}, year))
	if len(got) != 1 || got[0].T.UnixNano()%int64(year) != 0 || got[0].Count != 4 {
		t.Errorf("a year: %v", got)
	}
}

// naive summarises samples in the plainest way.
func naive(samples map[int64]float64, q site.SeriesQuery) []site.Window {
	every := int64(q.Every)
	sums := map[int64]*site.Window{}
	for t, v := range samples {
		if t < q.From.UnixNano() || t >= q.To.UnixNano() {
			continue
		}
		at := t / every * every
		w := sums[at]
		if w == nil {
			w = &site.Window{T: time.Unix(0, at).UTC(), Min: v, Max: v}
			sums[at] = w
		}
		w.Min, w.Max = math.Min(w.Min, v), math.Max(w.Max, v)
		w.Mean += v // the sum until the end
		w.Count++
	}
	var all []site.Window
	for at := q.From.UnixNano() / every * every; at < q.To.UnixNano(); at += every {
		if w := sums[at]; w != nil {
			w.Mean /= float64(w.Count)
			all = append(all, *w)
		}
	}
	return all
}

func sameWindows(t rapid.TB, what string, got, want []site.Window) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s:\n got %v\nwant %v", what, got, want)
	}
	for i, g := range got {
		w := want[i]
		if !g.T.Equal(w.T) || g.Min != w.Min || g.Max != w.Max || g.Count != w.Count || math.Abs(g.Mean-w.Mean) > 1e-9*(1+math.Abs(w.Mean)) {
			t.Fatalf("%s, window %d:\n got %v\nwant %v", what, i, g, w)
		}
	}
}

func windowsProperty(t *testing.T, s series.Store) {
	values := rapid.Float64Range(-1e6, 1e6)
	rapid.Check(t, func(t *rapid.T) {
		device := newDevice()
		length := rapid.SampledFrom([]time.Duration{time.Minute, 3 * time.Hour, 50 * time.Hour, 40 * 24 * time.Hour}).Draw(t, "length")
		start := monday.Add(time.Duration(rapid.Int64Range(-int64(length), int64(length)).Draw(t, "start")))
		instant := rapid.Custom(func(t *rapid.T) int64 {
			at := start.UnixNano() + rapid.Int64Range(0, int64(length)).Draw(t, "t")
			unit := rapid.SampledFrom([]time.Duration{1, time.Second, time.Minute, time.Hour}).Draw(t, "unit")
			return at - at%int64(unit)
		})
		want := map[int64]float64{}
		for range rapid.IntRange(1, 4).Draw(t, "batches") {
			var batch []site.Point
			for range rapid.IntRange(0, 30).Draw(t, "points") {
				at, v := instant.Draw(t, "at"), values.Draw(t, "v")
				batch = append(batch, pm10(device, time.Unix(0, at), v))
				want[at] = v
			}
			mustWrite(t, s, batch...)
		}
		q := query(device, time.Unix(0, instant.Draw(t, "from")), time.Unix(0, instant.Draw(t, "to")), 0)
		if q.To.Before(q.From) {
			q.From, q.To = q.To, q.From
		}
		q.Every = rapid.SampledFrom([]time.Duration{length/20 + 1, time.Hour, 90 * time.Minute, 24 * time.Hour, 8760 * time.Hour}).Draw(t, "every")
		all := naive(want, q)
		sameWindows(t, fmt.Sprintf("%v", q), mustWindows(t, s, q), all)
		q.Limit = rapid.IntRange(1, 12).Draw(t, "limit")
		sameWindows(t, fmt.Sprintf("%v, the newest %d", q, q.Limit), mustWindows(t, s, q), all[max(0, len(all)-q.Limit):])
	})
}

func rawLimit(t *testing.T, s series.Store) {
	device := newDevice()
	var points []site.Point
	for i := range 400 {
		points = append(points, pm10(device, monday.Add(time.Duration(i)*3*time.Hour-60*24*time.Hour), float64(i)))
	}
	mustWrite(t, s, points...)
	for _, limit := range []int{1, 7, 399, 400, 1000} {
		q := query(device, time.Time{}, time.Time{}, 0)
		q.Limit = limit
		got := mustRaw(t, s, q)
		if len(got) != min(limit, 400) || got[len(got)-1].Value != 399 || got[0].Value != float64(400-len(got)) {
			t.Errorf("limit %d: %d samples", limit, len(got))
		}
	}
	q := query(device, points[10].Time, points[20].Time, 0)
	q.Limit = 3
	if got := mustRaw(t, s, q); len(got) != 3 || got[0].Value != 17 || got[2].Value != 19 {
		t.Errorf("a part: %v", got)
	}
}

func hostileNames(t *testing.T, s series.Store) {
	names := []string{
		"with space", "comma,", "equals=", `quote"`, "'", "文源 学校，塔吊=1", "a\\b", "${x}", `") |> yield() //`, "#", "100%", "%s",
		"_field", "_value", "_time", "_measurement", "device", "project", "raw; DROP TABLE series", "i", "1i", "true", "é\u2028x", "time ", " ",
	}
	for i, name := range names {
		p := reading(name, monday.Add(time.Duration(i)*time.Second), site.MetricValue{Metric: name, Value: float64(i)})
		p.Tags[1].Value = name
		mustWrite(t, s, p)
		q := site.SeriesQuery{Project: name, Device: name, Metric: name}
		got := mustRaw(t, s, q)
		if len(got) != 1 || got[0] != (site.Sample{T: p.Time.UTC(), Value: float64(i)}) {
			t.Errorf("%q: raw %v", name, got)
		}
		q.Every = time.Minute
		if got := mustWindows(t, s, q); len(got) != 1 || got[0].Count != 1 {
			t.Errorf("%q: windows %v", name, got)
		}
		if got, err := s.Last(t.Context(), name, name); err != nil || len(got) != 1 || got[0].Metric != name {
			t.Errorf("%q: last %v %v", name, got, err)
		}
	}
	for _, name := range []string{"line\nbreak", "ends in \\", `a\,b`, "\x00", "\xff", "\r"} { // what is never stored can be asked for
		q := site.SeriesQuery{Project: name, Device: name, Metric: name, Every: time.Hour}
		if got := mustRaw(t, s, q); len(got) != 0 {
			t.Errorf("%q: %v", name, got)
		}
		mustWindows(t, s, q)
	}
}

func refusedAlone(t *testing.T, s series.Store) {
	device := newDevice()
	catalogue, err := text.New()
	if err != nil {
		t.Fatal(err)
	}
	good := func(i int) site.Point { return pm10(device, monday.Add(time.Duration(i)*time.Second), float64(i)) }
	bad := map[string][]site.Point{
		"series.not_a_measurement": {
			pm10(device, monday, math.NaN()), pm10(device, monday, math.Inf(1)), pm10(device, monday, math.Inf(-1)), pm10(device, monday, math.MaxFloat64),
			{Measurement: "reading", Fields: []site.Field{{Key: "pm10", Value: 1}}, Time: monday},
		},
		"series.bad_name": {
			reading("line\nbreak", monday, site.MetricValue{Metric: "pm10", Value: 1}),
			reading("ends in \\", monday, site.MetricValue{Metric: "pm10", Value: 1}),
			reading("\xff", monday, site.MetricValue{Metric: "pm10", Value: 1}),
			reading(device, monday, site.MetricValue{Metric: "pm10\n", Value: 1}),
			reading(device, monday, site.MetricValue{Metric: "", Value: 1}),
			reading(device, monday, site.MetricValue{Metric: "time", Value: 1}),
			{Fields: []site.Field{{Key: "x", Value: 1.0}}, Time: monday},
		},
		"series.bad_time":  {pm10(device, time.Time{}, 1), pm10(device, time.Unix(0, -1), 1), pm10(device, monday.AddDate(300, 0, 0), 1)},
		"series.no_values": {reading(device, monday)},
	}
	var batch []site.Point
	want := map[int]string{}
	for code, points := range bad {
		for _, p := range points {
			want[len(batch)] = code
			batch = append(batch, p, good(len(batch)))
		}
	}
	refused, err := s.Write(t.Context(), batch)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range refused {
		if want[r.Index] != r.Err.Code {
			t.Errorf("point %d: refused with %s, want %s", r.Index, r.Err.Code, want[r.Index])
		}
		delete(want, r.Index)
		for _, lang := range []text.Lang{text.Chinese, text.English} {
			if said := catalogue.Say(lang, r.Err.Code, r.Err.Params); said == r.Err.Code || strings.Contains(said, "<no value>") {
				t.Errorf("%s in %s: %q", r.Err.Code, lang, said)
			}
		}
	}
	for i, code := range want {
		t.Errorf("point %d was not refused: %s", i, code)
	}
	if got := mustRaw(t, s, query(device, time.Time{}, time.Time{}, 0)); len(got) != len(batch)/2 {
		t.Errorf("%d of %d good points are there", len(got), len(batch)/2)
	}
}

func otherMeasurements(t *testing.T, s series.Store) {
	progress := site.Point{
		Measurement: "progress",
		Tags:        []site.Tag{{Key: "building", Value: ""}, {Key: "project", Value: "wenyuan"}, {Key: "task", Value: "A 1,2=3"}},
		Fields: []site.Field{
			{Key: "by", Value: "o\"neill \\"}, {Key: "id", Value: "line\nbreak 张三"}, {Key: "percent", Value: 45.0}, {Key: "workers", Value: 3.0},
			{Key: "withdrawn", Value: true},
		},
		Time: monday,
	}
	check := site.Point{
		Measurement: "check",
		Tags:        []site.Tag{{Key: "building", Value: "b3"}, {Key: "checklist", Value: "jgj59-b1"}, {Key: "project", Value: "wenyuan"}},
		Fields:      []site.Field{{Key: "failed_items", Value: int64(2)}, {Key: "passed", Value: false}, {Key: "score", Value: 81.5}},
		Time:        monday,
	}
	mustWrite(t, s, progress, check)
	mustWrite(t, s, progress, check)
}

func manyPoints(t *testing.T, s series.Store) {
	device := newDevice()
	n := 2*series.MaxLines + 1
	points := make([]site.Point, n)
	for i := range points {
		points[i] = pm10(device, monday.Add(time.Duration(i)*time.Second), float64(i))
	}
	points[series.MaxLines] = pm10(device, monday, math.NaN())
	refused, err := s.Write(t.Context(), points)
	if err != nil || len(refused) != 1 || refused[0].Index != series.MaxLines {
		t.Fatal(refused, err)
	}
	got := mustWindows(t, s, query(device, monday, monday.Add(24*time.Hour), 24*time.Hour))
	if len(got) != 1 || got[0].Count != int64(n-1) || got[0].Max != float64(n-1) {
		t.Error(got)
	}
}

func endedContext(t *testing.T, s series.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	device := newDevice()
	_, err := s.Write(ctx, []site.Point{pm10(device, monday, 1)})
	var retry *series.RetryError
	if !errors.As(err, &retry) || !errors.Is(err, context.Canceled) {
		t.Errorf("write: %v", err)
	}
	if _, err := s.Raw(ctx, query(device, time.Time{}, time.Time{}, 0)); !errors.Is(err, context.Canceled) {
		t.Errorf("raw: %v", err)
	}
	if err := s.Check(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("check: %v", err)
	}
	wantRaw(t, s, device)
}
