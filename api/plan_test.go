package api_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"testing"
	"time"
)

func TestPlan(t *testing.T) {
	s := newSite(t, siteOptions{})
	s.get("viewer", "/projects/wenyuan/plan").problem(404, "store.no_plan", "")
	s.get("viewer", "/projects/wenyuan/timeline").problem(404, "store.no_plan", "")
	if p := s.get("viewer", "/projects/wenyuan").want(200).object(); p["light"] != "grey" || p["slip_days"] != nil {
		t.Errorf("without a plan: %v", p)
	}
	a := s.request("owner", "PUT", "/projects/wenyuan/plan", plan()).want(200)
	golden(t, "plan", a.body)
	if got := s.get("viewer", "/projects/wenyuan/plan").want(200); string(got.body) != string(a.body) {
		t.Errorf("read: %s", got.body)
	}
	if len(s.jobs.ran) != 1 || s.jobs.ran[0] != "slips" {
		t.Errorf("jobs %v", s.jobs.ran)
	}
	// What was read can be written back, and is the next revision.
	second := s.request("owner", "PUT", "/projects/wenyuan/plan", a.body).want(200).object()
	if second["revision"] != 2.0 || len(second["baselines"].([]any)) != 1 {
		t.Errorf("second revision: %v", second)
	}
	b := s.request("owner", "POST", "/projects/wenyuan/baselines", map[string]any{"name": "赶工后"}).want(201).object()
	if b["revision"] != 2.0 || b["name"] != "赶工后" || b["approved_by"] != "owner" || b["delivery"] != "2026-12-25" {
		t.Errorf("baseline %v", b)
	}
}

func TestPlanRefused(t *testing.T) {
	s := newSite(t, siteOptions{})
	put := func(edit func(map[string]any)) answer {
		p := plan()
		edit(p)
		return s.request("owner", "PUT", "/projects/wenyuan/plan", p)
	}
	tasks := func(p map[string]any) []any { return p["tasks"].([]any) }
	put(func(p map[string]any) { tasks(p)[1].(map[string]any)["building"] = "b9" }).problem(422, "api.unknown_building", "tasks[1].building")
	put(func(p map[string]any) { delete(tasks(p)[2].(map[string]any), "duration_days") }).problem(422, "api.no_duration", "tasks[2].duration_days")
	put(func(p map[string]any) { tasks(p)[2].(map[string]any)["duration_days"] = -1 }).problem(422, "api.out_of_range", "tasks[2].duration_days")
	put(func(p map[string]any) { p["delivery"] = "nix" }).problem(422, "api.unknown_delivery", "delivery")
	put(func(p map[string]any) { p["tasks"] = []any{} }).problem(422, "api.wrong_length", "tasks")
	put(func(p map[string]any) { p["links"].([]any)[0].(map[string]any)["pred"] = "nix" }).problem(422, "schedule.unknown_predecessor", "links[0].pred")
	put(func(p map[string]any) { tasks(p)[1].(map[string]any)["id"] = "A1" }).want(422)
	loop := put(func(p map[string]any) {
		p["links"] = append(p["links"].([]any), map[string]any{"pred": "A2", "succ": "A1"})
	}).want(422).object()
	if loop["code"] != "schedule.loop" || loop["field"] == "" {
		t.Errorf("loop: %v", loop)
	}
	many := put(func(p map[string]any) {
		for _, l := range p["links"].([]any) {
			l.(map[string]any)["pred"] = "nix"
		}
	}).want(422).object()
	if errs := many["errors"].([]any); len(errs) != 3 {
		t.Errorf("all faults at once: %v", many)
	}
	s.get("viewer", "/projects/wenyuan/plan").problem(404, "store.no_plan", "")
}

// TestPlanByDates writes tasks that have dates and no duration, and reads them back so.
func TestPlanByDates(t *testing.T) {
	s := newSite(t, siteOptions{})
	a := s.request("owner", "PUT", "/projects/wenyuan/plan", map[string]any{"tasks": []any{
		map[string]any{"id": "x", "start": "2026-11-02", "finish": "2026-11-07"},
	}}).want(200)
	task := a.object()["tasks"].([]any)[0].(map[string]any)
	if task["duration_days"] != nil || task["milestone"] != false {
		t.Errorf("task %v", task)
	}
	again := s.request("owner", "PUT", "/projects/wenyuan/plan", a.body).want(200).object()
	if task := again["tasks"].([]any)[0].(map[string]any); task["milestone"] != false {
		t.Errorf("written back it became a milestone: %v", task)
	}
}

func TestTimeline(t *testing.T) {
	s := newSite(t, siteOptions{}).withPlan()
	path, body := report("r1", "A1", 45)
	s.request("supervisor", "PUT", path, body).want(201)
	first := s.get("viewer", "/projects/wenyuan/timeline").want(200)
	goldenShape(t, "timeline", first.body)
	goldenShape(t, "curve", s.get("viewer", "/projects/wenyuan/curve?as_of=2026-11-04").want(200).body)
	goldenShape(t, "project", s.get("viewer", "/projects/wenyuan").want(200).body)
	etag := first.header.Get("ETag")
	known := func(r *http.Request) { r.Header.Set("If-None-Match", etag) }
	if a := s.request("viewer", "GET", "/projects/wenyuan/timeline", nil, known).want(304); len(a.body) != 0 || a.header.Get("ETag") != etag {
		t.Errorf("304 with %d bytes, ETag %s", len(a.body), a.header.Get("ETag"))
	}
	s.clock.add(time.Hour) // the same day, nothing new
	s.request("admin", "POST", "/projects/wenyuan/devices", map[string]any{"id": "crane-1", "kind": "tower_crane"}).want(201)
	s.request("viewer", "GET", "/projects/wenyuan/timeline", nil, known).want(304)
	s.request("supervisor", "PUT", "/projects/wenyuan/progress/r2", map[string]any{"task": "A1", "t": s.clock.now().UnixMilli(), "percent": 60}).want(201)
	second := s.request("viewer", "GET", "/projects/wenyuan/timeline", nil, known).want(200)
	task := second.object()["buildings"].([]any)[0].(map[string]any)["tasks"].([]any)[0].(map[string]any)
	if task["percent"] != 60.0 {
		t.Errorf("after a report: %v", task)
	}
	etag = second.header.Get("ETag")
	s.clock.add(24 * time.Hour)
	s.request("viewer", "GET", "/projects/wenyuan/timeline", nil, known).want(200) // another day

	past := s.get("viewer", "/projects/wenyuan/timeline?as_of=2026-11-23T01:30:00Z").want(200).object()
	if past["as_of"] != "2026-11-23T01:30:00Z" || past["buildings"].([]any)[0].(map[string]any)["tasks"].([]any)[0].(map[string]any)["percent"] != 45.0 {
		t.Errorf("as of before the second report: %v", past["as_of"])
	}
	if day := s.get("viewer", "/projects/wenyuan/timeline?as_of=2026-11-20").want(200).object(); day["as_of"] != "2026-11-20" || day["data_date"] != "2026-11-20" || day["percent"] != 0.0 {
		t.Errorf("as of a day: %v %v", day["as_of"], day["percent"])
	}
	if ahead := s.get("viewer", "/projects/wenyuan/timeline?as_of=2030-01-01").want(200).object(); ahead["as_of"] != "2026-11-24" {
		t.Errorf("what is ahead is now: %v", ahead["as_of"])
	}
	s.get("viewer", "/projects/wenyuan/timeline?as_of=soon").problem(422, "api.wrong_type", "as_of")
}

func TestTimelineZipped(t *testing.T) {
	s := newSite(t, siteOptions{}).withPlan()
	plain := s.request("viewer", "GET", "/projects/wenyuan/timeline", nil, func(r *http.Request) { r.Header.Set("Accept-Encoding", "identity") }).want(200)
	zip := func(r *http.Request) { r.Header.Set("Accept-Encoding", "gzip") }
	zipped := s.request("viewer", "GET", "/projects/wenyuan/timeline", nil, zip).want(200)
	if zipped.header.Get("Content-Encoding") != "gzip" || zipped.header.Get("ETag") == plain.header.Get("ETag") {
		t.Fatalf("headers %v", zipped.header)
	}
	body := must(io.ReadAll(must(gzip.NewReader(bytes.NewReader(zipped.body)))))
	if string(body) != string(plain.body) {
		t.Error("zipped differs from plain")
	}
}

// TestStopWork holds that an issue that stops work shows as the cause of a slip and in the light.
func TestStopWork(t *testing.T) {
	s := newSite(t, siteOptions{}).withPlan()
	path, body := report("r1", "A1", 45)
	s.request("supervisor", "PUT", path, body).want(201)
	issue := s.request("safety", "POST", "/projects/wenyuan/issues", map[string]any{
		"title": "支模架立杆悬空", "severity": "critical", "kind": "blocking", "task": "A1", "stop_work": true,
	}).want(201).object()
	line := s.get("viewer", "/projects/wenyuan/timeline").want(200).object()
	found := false
	for _, c := range line["delivery"].(map[string]any)["cause"].([]any) {
		found = found || c.(map[string]any)["issue"] == issue["id"]
	}
	if !found {
		t.Errorf("cause %v", line["delivery"])
	}
	if p := s.get("viewer", "/projects/wenyuan").object(); p["light"] != "red" || p["light_why"] != "Work is stopped by 1 serious danger." {
		t.Errorf("light %v: %v", p["light"], p["light_why"])
	}
}

func TestProjectSettings(t *testing.T) {
	s := newSite(t, siteOptions{})
	patch := func(body map[string]any) answer { return s.request("owner", "PATCH", "/projects/wenyuan", body) }
	p := patch(map[string]any{
		"name": "文源学校二期", "phase": "in_production", "check_by": "17:30", "daily_checks": []string{"daily-safety", "temporary-power"},
		"calendar": map[string]any{"days_a_week": 7, "holidays": "", "off": []any{map[string]any{"from": "2026-12-15", "to": "2027-02-28", "name": "冬歇"}}},
	}).want(200).object()
	if p["check_by"] != "17:30" || p["phase"] != "in_production" || len(p["daily_checks"].([]any)) != 2 || p["calendar"].(map[string]any)["days_a_week"] != 7.0 {
		t.Errorf("project %v", p)
	}
	patch(map[string]any{"daily_checks": []string{"no-such-form"}}).problem(422, "api.unknown_form", "daily_checks[0]")
	patch(map[string]any{"check_by": "25:00"}).problem(422, "api.wrong_format", "check_by")
	patch(map[string]any{"calendar": map[string]any{"days_a_week": 4, "holidays": "CN"}}).problem(422, "api.out_of_range", "calendar.days_a_week")
	patch(map[string]any{"calendar": map[string]any{"days_a_week": 6, "holidays": "CN", "off": []any{map[string]any{"from": "2026-12-15", "to": "2026-12-14"}}}}).problem(422, "schedule.day_off_span", "calendar.off[0]")
}
