package series_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	influxdb2 "github.com/influxdata/influxdb-client-go/v2"
	"github.com/influxdata/influxdb-client-go/v2/domain"

	"topout/internal/testserver"
	"topout/internal/text"
	"topout/series"
	"topout/site"
)

// servers are the two versions of InfluxDB.
var servers = map[string]func(testing.TB) *testserver.Influx{
	"influx1": func(t testing.TB) *testserver.Influx { return testserver.Influx1(t) },
	"influx2": testserver.Influx2,
}

// wantRetry holds that err tells to keep the points, with a code that both
// languages know.
func wantRetry(t *testing.T, err error, code string) *series.RetryError {
	t.Helper()
	var retry *series.RetryError
	if !errors.As(err, &retry) {
		t.Fatalf("not a RetryError: %v", err)
	}
	wantCode(t, err, code)
	return retry
}

func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	told := site.AsError(err)
	if told == nil || told.Code != code {
		t.Fatalf("got %v, want %s", err, code)
	}
	catalogue, err := text.New()
	if err != nil {
		t.Fatal(err)
	}
	for _, lang := range []text.Lang{text.Chinese, text.English} {
		if said := catalogue.Say(lang, code, told.Params); said == code || strings.Contains(said, "<no value>") {
			t.Errorf("%s in %s: %q", code, lang, said)
		}
	}
}

// TestOutage stops InfluxDB while points come in, once in order and once hard:
// whoever keeps what was not stored and writes it again loses nothing.
func TestOutage(t *testing.T) {
	for name, open := range servers {
		t.Run(name, func(t *testing.T) {
			in := open(t)
			s := openInflux(t, in)
			device := newDevice()
			var sent int
			feed := func(batches int) {
				t.Helper()
				for range batches {
					points := make([]site.Point, 500)
					for i := range points {
						points[i] = pm10(device, monday.Add(time.Duration(sent)*time.Second), float64(sent))
						sent++
					}
					testserver.Eventually(t, time.Minute, "the write", func() error {
						_, err := s.Write(t.Context(), points)
						return err
					})
				}
			}
			feed(3)
			for _, end := range []func(){in.Stop, in.Kill} {
				end()
				points := []site.Point{pm10(device, monday.Add(time.Duration(sent)*time.Second), 1)}
				refused, err := s.Write(t.Context(), points)
				wantRetry(t, err, "series.unreachable")
				if len(refused) > 0 {
					t.Error("refused while InfluxDB was away:", refused)
				}
				wantCode(t, s.Check(t.Context()), "series.unreachable")
				if _, err := s.Last(t.Context(), "wenyuan", device); !site.IsKind(err, site.Unavailable) {
					t.Error("last:", err)
				}
				back := make(chan struct{})
				go func() {
					defer close(back)
					in.Start()
				}()
				feed(3) // begins while it is still away
				<-back
				if err := s.Check(t.Context()); err != nil {
					t.Error(err)
				}
			}
			got := mustRaw(t, s, query(device, time.Time{}, time.Time{}, 0))
			if len(got) != sent {
				t.Fatalf("%d of %d points are there", len(got), sent)
			}
			for i, g := range got {
				if g.Value != float64(i) {
					t.Fatalf("point %d is %v", i, g)
				}
			}
		})
	}
}

// TestInflux runs what is InfluxDB's alone.
func TestInflux(t *testing.T) {
	for name, open := range servers {
		t.Run(name, func(t *testing.T) {
			in := open(t)
			t.Run("schema", func(t *testing.T) { schema(t, in) })
			t.Run("wrong settings", func(t *testing.T) { wrongSettings(t, in, name) })
			t.Run("bad lines", func(t *testing.T) { badLines(t, in) })
			t.Run("prune after a crash", func(t *testing.T) { pruneAfterCrash(t, in) })
			if name == "influx1" {
				t.Run("token in the URL", func(t *testing.T) { tokenInURL(t, in) })
			}
		})
	}
}

// wrongSettings holds that a mistake that people can put right never costs a
// point: it is kept, and they are told.
func wrongSettings(t *testing.T, in *testserver.Influx, name string) {
	for what, c := range map[string]struct {
		change func(o *series.InfluxOptions)
		code   string
		only   string
	}{
		"token":            {func(o *series.InfluxOptions) { o.Token = "some:body" }, "series.denied", ""},
		"no token":         {func(o *series.InfluxOptions) { o.Token = "" }, "series.denied", ""},
		"bucket":           {func(o *series.InfluxOptions) { o.Bucket = "nobody/knows" }, "series.no_bucket", ""},
		"retention policy": {func(o *series.InfluxOptions) { o.Bucket = "topout/nobody" }, "series.unexpected", "influx1"},
		"organisation":     {func(o *series.InfluxOptions) { o.Org = "nobody" }, "series.no_bucket", "influx2"},
		"no organisation":  {func(o *series.InfluxOptions) { o.Org = "" }, "series.unexpected", "influx2"},
	} {
		if c.only != "" && c.only != name {
			continue
		}
		opts := optionsOf(in)
		c.change(&opts)
		s, err := series.OpenInflux(opts)
		if err != nil {
			t.Fatal(what, err)
		}
		refused, err := s.Write(t.Context(), []site.Point{pm10("d", monday, 1), pm10("d", monday, 2)})
		wantRetry(t, err, c.code)
		if len(refused) > 0 {
			t.Errorf("%s: refused %v", what, refused)
		}
		if err := s.Check(t.Context()); err == nil && what != "retention policy" {
			t.Errorf("%s: Check finds nothing wrong", what)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// badLines holds that only the wrong lines of a batch are refused, wherever
// they stand.
func badLines(t *testing.T, in *testserver.Influx) {
	s := openInflux(t, in)
	// Somebody else has stored noise as a text: a number is a conflict.
	mustWrite(t, s, site.Point{
		Measurement: series.Reading, Time: monday,
		Tags:   []site.Tag{{Key: "device", Value: "d"}, {Key: "project", Value: "wenyuan"}},
		Fields: []site.Field{{Key: "noise", Value: "loud"}},
	})
	for _, bad := range [][]int{{0}, {999}, {0, 1, 500, 998, 999}, {123, 124, 125}} {
		device := newDevice()
		points := make([]site.Point, 1000)
		for i := range points {
			points[i] = pm10(device, monday.Add(time.Duration(i)*time.Second), float64(i))
		}
		for _, i := range bad {
			points[i].Fields[0].Key = "noise"
		}
		refused, err := s.Write(t.Context(), points)
		if err != nil {
			t.Fatal(err)
		}
		var got []int
		for _, r := range refused {
			got = append(got, r.Index)
			wantCode(t, r.Err, "series.refused")
			if !strings.Contains(r.Err.Params["reason"], "field type conflict") {
				t.Errorf("reason: %s", r.Err.Params["reason"])
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(bad) {
			t.Errorf("refused %v, want %v", got, bad)
		}
		if got := mustRaw(t, s, query(device, time.Time{}, time.Time{}, 0)); len(got) != len(points)-len(bad) {
			t.Errorf("%d of %d are there", len(got), len(points)-len(bad))
		}
	}
}

// TestBucketRetention holds that a point older than what the bucket keeps is
// refused with InfluxDB's reason and holds nothing back.
func TestBucketRetention(t *testing.T) {
	in := testserver.Influx2(t)
	client := influxdb2.NewClient(in.URL, in.Token)
	defer client.Close()
	org, err := client.OrganizationsAPI().FindOrganizationByName(t.Context(), in.Org)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.BucketsAPI().CreateBucketWithName(t.Context(), org, "short", domain.RetentionRule{EverySeconds: 30 * 24 * 3600}); err != nil {
		t.Fatal(err)
	}
	in.Bucket = "short"
	s := openInflux(t, in)
	old := pm10("d", time.Now().AddDate(-1, 0, 0), 1)
	refused, err := s.Write(t.Context(), []site.Point{old, pm10("d", monday, 2), old})
	if err != nil || len(refused) != 2 || refused[0].Index != 0 || refused[1].Index != 2 {
		t.Fatal(refused, err)
	}
	wantCode(t, refused[0].Err, "series.refused")
	wantRaw(t, s, "d", site.Sample{T: monday, Value: 2})
}

// TestTooLarge holds that a body over the server's limit is sent in parts, and a
// point over it is refused.
func TestTooLarge(t *testing.T) {
	in := testserver.Influx1(t, "INFLUXDB_HTTP_MAX_BODY_SIZE=2000")
	s := openInflux(t, in)
	points := make([]site.Point, 300)
	for i := range points {
		points[i] = pm10("d", monday.Add(time.Duration(i)*time.Second), float64(i))
	}
	points[77].Fields = append(points[77].Fields, site.Field{Key: "note", Value: strings.Repeat("x", 3000)})
	refused, err := s.Write(t.Context(), points)
	if err != nil || len(refused) != 1 || refused[0].Index != 77 {
		t.Fatal(refused, err)
	}
	wantCode(t, refused[0].Err, "series.too_large")
	if got := mustRaw(t, s, query("d", time.Time{}, time.Time{}, 0)); len(got) != 299 {
		t.Errorf("%d points are there", len(got))
	}
}

// TestOverload holds that Retry-After reaches the caller. InfluxDB itself says
// 429 and 503 only in its cloud, so something in front of it does here.
func TestOverload(t *testing.T) {
	status, after := 0, ""
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", after)
		w.WriteHeader(status)
	}))
	defer front.Close()
	s, err := series.OpenInflux(series.InfluxOptions{URL: front.URL, Token: "t", Org: "o", Bucket: "b"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, c := range []struct {
		status   int
		after    string
		code     string
		min, max time.Duration
	}{
		{429, "7", "series.busy", 7 * time.Second, 7 * time.Second},
		{503, time.Now().Add(time.Minute).UTC().Format(http.TimeFormat), "series.busy", 50 * time.Second, time.Minute},
		{503, time.Now().Add(-time.Minute).UTC().Format(http.TimeFormat), "series.busy", 0, 0},
		{503, "soon", "series.busy", 0, 0},
		{500, "", "series.unexpected", 0, 0},
		{502, "3", "series.unexpected", 3 * time.Second, 3 * time.Second},
		{302, "", "series.unexpected", 0, 0},
	} {
		status, after = c.status, c.after
		_, err := s.Write(t.Context(), []site.Point{pm10("d", monday, 1)})
		retry := wantRetry(t, err, c.code)
		if retry.After < c.min || retry.After > c.max {
			t.Errorf("%d with Retry-After %q: wait %s", c.status, c.after, retry.After)
		}
	}
}

// TestNoSecretInErrors holds that neither the token nor a password in the URL
// stands in any error, whatever a server answers.
func TestNoSecretInErrors(t *testing.T) {
	const secret = "s3cr3t+/=="
	echo := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusTeapot)
		_, _ = fmt.Fprint(w, r.Header.Get("Authorization"), r.URL)
	}))
	defer echo.Close()
	in := testserver.Influx2(t)
	host := strings.TrimPrefix(in.URL, "http://")
	for _, opts := range []series.InfluxOptions{
		{URL: echo.URL, Token: secret, Org: "o", Bucket: "b"},
		{URL: "http://127.0.0.1:1", Token: secret, Org: "o", Bucket: "b"},
		{URL: in.URL, Token: secret, Org: "o", Bucket: "b"},
		{URL: "http://user:" + secret[:6] + "@" + host, Org: "o", Bucket: "b"},
		{URL: "http://user:" + secret[:6] + "@127.0.0.1:1", Org: "o", Bucket: "b"},
	} {
		s, err := series.OpenInflux(opts)
		if err != nil {
			t.Fatal(err)
		}
		_, write := s.Write(t.Context(), []site.Point{pm10("d", monday, 1)})
		_, last := s.Last(t.Context(), "p", "d")
		_, windows := s.Windows(t.Context(), query("d", time.Time{}, time.Time{}, time.Hour))
		for what, err := range map[string]error{"write": write, "last": last, "windows": windows, "check": s.Check(t.Context()), "prune": s.Prune(t.Context(), monday)} {
			if err == nil {
				t.Errorf("%s: no error", what)
				continue
			}
			if said := fmt.Sprintf("%v %+v %#v", err, err, site.AsError(err)); strings.Contains(said, secret[:6]) {
				t.Errorf("%s: %s", what, said)
			}
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	for _, bad := range []string{"", "localhost:8086", "ftp://" + secret + "@host", "http://", "http://a b:" + secret + "@x y/"} {
		_, err := series.OpenInflux(series.InfluxOptions{URL: bad, Bucket: "b"})
		wantCode(t, err, "series.bad_url")
		if strings.Contains(err.Error(), secret) {
			t.Error(err)
		}
	}
	_, err := series.OpenInflux(series.InfluxOptions{URL: in.URL})
	wantCode(t, err, "series.no_bucket_set")
}

// tokenInURL signs in to InfluxDB 1.8 by its URL, as people are used to.
func tokenInURL(t *testing.T, in *testserver.Influx) {
	opts := optionsOf(in)
	opts.URL, opts.Token = strings.Replace(in.URL, "http://", "http://"+in.Token+"@", 1), ""
	s, err := series.OpenInflux(opts)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
	mustWrite(t, s, pm10("d", monday, 1))
}

// schema holds what stands in InfluxDB to the letter of the published schema:
// measurement, tags, fields and their types.
func schema(t *testing.T, in *testserver.Influx) {
	s := openInflux(t, in)
	mustWrite(t, s,
		reading("crane-1", monday, site.MetricValue{Metric: "load", Value: 3}),
		site.Point{
			Measurement: "check", Time: monday,
			Tags:   []site.Tag{{Key: "building", Value: "b3"}, {Key: "checklist", Value: "jgj59-b1"}, {Key: "project", Value: "wenyuan"}},
			Fields: []site.Field{{Key: "by", Value: "li"}, {Key: "failed_items", Value: int64(2)}, {Key: "passed", Value: true}, {Key: "score", Value: 81.0}},
		},
		site.Point{
			Measurement: "progress", Time: monday,
			Tags:   []site.Tag{{Key: "building", Value: ""}, {Key: "project", Value: "wenyuan"}, {Key: "task", Value: "A 1"}},
			Fields: []site.Field{{Key: "percent", Value: 45.0}},
		},
	)
	client := influxdb2.NewClient(in.URL, in.Token)
	defer client.Close()
	flux := fmt.Sprintf(`from(bucket: "%s") |> range(start: %s) |> drop(columns: ["_start", "_stop"])`, in.Bucket, monday.Format(time.RFC3339))
	result, err := client.QueryAPI(in.Org).Query(context.Background(), flux)
	if err != nil {
		t.Fatal(err)
	}
	defer result.Close()
	got := map[string]string{}
	for result.Next() {
		values := result.Record().Values()
		field := fmt.Sprint(values["_measurement"], ".", values["_field"])
		got[field] = fmt.Sprintf("%T %v", values["_value"], values["_value"])
		for _, internal := range []string{"_measurement", "_field", "_value", "_time", "result", "table"} {
			delete(values, internal)
		}
		got[field] += fmt.Sprint(" ", values)
	}
	want := map[string]string{
		"reading.load":       "float64 3 map[device:crane-1 project:wenyuan]",
		"check.by":           "string li map[building:b3 checklist:jgj59-b1 project:wenyuan]",
		"check.failed_items": "int64 2 map[building:b3 checklist:jgj59-b1 project:wenyuan]",
		"check.passed":       "bool true map[building:b3 checklist:jgj59-b1 project:wenyuan]",
		"check.score":        "float64 81 map[building:b3 checklist:jgj59-b1 project:wenyuan]",
		"progress.percent":   "float64 45 map[project:wenyuan task:A 1]",
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("\n got %v\nwant %v", got, want)
	}
}

// pruneAfterCrash ends a Prune between the roll-up and the deletion, with a
// part of the raw readings gone, and runs it again.
func pruneAfterCrash(t *testing.T, in *testserver.Influx) {
	s := openInflux(t, in)
	var points []site.Point
	samples := map[int64]float64{}
	for i := range 48 {
		at := monday.Add(time.Duration(i) * 10 * time.Minute)
		points = append(points, pm10("d", at, float64(i%7)))
		samples[at.UnixNano()] = float64(i % 7)
	}
	mustWrite(t, s, points...)
	q := query("d", monday, monday.Add(8*time.Hour), 2*time.Hour)
	want := naive(samples, q)
	if err := s.RollUp(t.Context(), monday, monday.Add(8*time.Hour)); err != nil {
		t.Fatal(err)
	}
	sameWindows(t, "rolled up and not deleted", mustWindows(t, s, q), want)
	if err := s.DeleteReadings(t.Context(), monday.Add(130*time.Minute)); err != nil {
		t.Fatal(err)
	}
	if err := s.Prune(t.Context(), monday.Add(8*time.Hour)); err != nil {
		t.Fatal(err)
	}
	sameWindows(t, "pruned again", mustWindows(t, s, q), want)
	wantRaw(t, s, "d")
}
