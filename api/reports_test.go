package api_test

import (
	"strings"
	"sync"
	"testing"
	"time"
)

func report(id, task string, percent float64) (string, map[string]any) {
	return "/projects/wenyuan/progress/" + id, map[string]any{"task": task, "t": "2026-11-23T01:00:00Z", "percent": percent}
}

func TestProgress(t *testing.T) {
	s := newSite(t, siteOptions{}).withPlan()
	path, body := report("r1", "A1", 45)
	body["workers"], body["note"], body["reason"], body["later"] = 12, "浇筑完成", "weather", "unknown fields pass"
	first := s.request("supervisor", "PUT", path, body).want(201)
	golden(t, "progress", first.body)
	body["percent"] = 99
	again := s.request("supervisor", "PUT", path, body).want(200)
	if string(again.body) != string(first.body) {
		t.Errorf("a repeat answers %s, first was %s", again.body, first.body)
	}
	// A task's id is the planner's own; quantities become percent.
	s.request("supervisor", "PUT", "/projects/wenyuan/progress/r2", map[string]any{"task": "A/3 装修", "t": s.clock.now().UnixMilli(), "percent": 1.5}).want(201)
	q := s.request("supervisor", "PUT", "/projects/wenyuan/progress/r3", map[string]any{"task": "A2", "t": s.clock.now().UnixMilli(), "quantity": 100, "id": "r3"}).want(201).object()
	if q["quantity"] != 100.0 || q["percent"] != 25.0 {
		t.Errorf("by quantity: %v", q)
	}
	list := s.get("viewer", "/projects/wenyuan/progress?limit=2").want(200)
	var page struct {
		Items []map[string]any
		Next  string
	}
	list.into(&page)
	if len(page.Items) != 2 || page.Next == "" {
		t.Fatalf("page %s", list.body)
	}
	rest := s.get("viewer", "/projects/wenyuan/progress?limit=2&cursor="+page.Next).items()
	if len(rest) != 1 || rest[0]["id"] != "r1" {
		t.Errorf("second page %v", rest)
	}
	if got := s.get("viewer", "/projects/wenyuan/progress?task=A1&from=2026-11-23&to=2026-11-23").items(); len(got) != 1 {
		t.Errorf("of A1 on the day: %v", got)
	}
	if got := s.get("viewer", "/projects/wenyuan/progress?to=2026-11-22").items(); len(got) != 0 {
		t.Errorf("before the day: %v", got)
	}
}

func TestProgressRefused(t *testing.T) {
	s := newSite(t, siteOptions{}).withPlan()
	put := func(body map[string]any) answer {
		return s.request("supervisor", "PUT", "/projects/wenyuan/progress/r1", body)
	}
	put(map[string]any{"task": "A1", "percent": 5}).problem(422, "api.required", "t")
	put(map[string]any{"t": "2026-11-23T01:00:00Z", "percent": 5}).problem(422, "api.required", "task")
	put(map[string]any{"task": "A1", "t": "2026-11-23T01:00:00Z"}).problem(422, "ingest.no_progress", "percent")
	put(map[string]any{"task": "A1", "t": "2026-11-23T01:00:00Z", "percent": 101}).problem(422, "api.out_of_range", "percent")
	put(map[string]any{"task": "A1", "t": "half past", "percent": 1}).problem(422, "api.wrong_type", "t")
	put(map[string]any{"task": "A1", "t": "2026-11-23T01:00:00Z", "percent": 1, "id": "r2"}).problem(422, "api.other_id", "id")
	put(map[string]any{"task": "A1", "t": "2026-11-23T01:00:00Z", "percent": 1, "photos": []string{"x"}}).problem(422, "api.wrong_format", "photos[0]")
	var p problem
	put(map[string]any{"task": "nix", "t": "2026-11-23T01:00:00Z", "percent": 1}).want(422).into(&p)
	if p.Code != "ingest.unknown_task" {
		t.Errorf("unknown task: %+v", p)
	}
	if got := len(s.get("viewer", "/projects/wenyuan/progress").items()); got != 0 {
		t.Errorf("%d reports were kept", got)
	}
}

// TestSeriesAway holds that a report is safe, and seen, while the series is away.
func TestSeriesAway(t *testing.T) {
	s := newSite(t, siteOptions{}).withPlan()
	s.series.away.Store(true)
	path, body := report("r1", "A1", 45)
	first := s.request("supervisor", "PUT", path, body).want(202).object()
	if first["percent"] != 45.0 || first["arrived"] == nil {
		t.Errorf("answer %v", first)
	}
	s.request("supervisor", "PUT", path, body).want(200)
	s.series.away.Store(false)
}

// TestSameReportAtOnce holds that one of many equal reports is the first.
func TestSameReportAtOnce(t *testing.T) {
	s := newSite(t, siteOptions{}).withPlan()
	var mu sync.Mutex
	got := map[int]int{}
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			path, body := report("r1", "A1", 45)
			a := s.request("supervisor", "PUT", path, body)
			mu.Lock()
			defer mu.Unlock()
			got[a.status]++
		})
	}
	group.Wait()
	if got[201] != 1 || got[200] != 7 {
		t.Errorf("answers %v", got)
	}
}

func TestWithdraw(t *testing.T) {
	s := newSite(t, siteOptions{}).withPlan()
	path, body := report("r1", "A1", 45)
	s.request("supervisor", "PUT", path, body).want(201)
	why := map[string]any{"why": "填错了楼号"}
	s.request("safety", "POST", path+"/withdraw", why).problem(403, "api.not_the_author", "")
	s.request("viewer", "POST", path+"/withdraw", why).problem(403, "api.not_the_author", "")
	s.request("supervisor", "POST", path+"/withdraw", map[string]any{"why": ""}).problem(422, "api.wrong_length", "why")
	s.request("supervisor", "POST", "/projects/wenyuan/progress/none/withdraw", why).problem(404, "store.unknown_progress", "")
	a := s.request("supervisor", "POST", path+"/withdraw", why).want(200)
	golden(t, "withdrawn", a.body)
	again := s.request("admin", "POST", path+"/withdraw", map[string]any{"why": "noch einmal"}).want(200)
	if string(again.body) != string(a.body) {
		t.Errorf("withdrawn twice: %s", again.body)
	}
	if got := s.get("viewer", "/projects/wenyuan/progress").items(); len(got) != 1 || got[0]["withdrawn"] == nil {
		t.Errorf("kept and marked: %v", got)
	}
	check := map[string]any{"checklist": "daily-safety", "t": "2026-11-23T01:00:00Z", "items": []any{map[string]any{"code": "DS-1", "result": "pass"}}}
	s.request("safety", "PUT", "/projects/wenyuan/checks/c1", check).want(201)
	k := s.request("admin", "POST", "/projects/wenyuan/checks/c1/withdraw", why).want(200).object()
	if w := k["withdrawn"].(map[string]any); w["by"] != "admin" || w["why"] != "填错了楼号" {
		t.Errorf("withdrawn %v", w)
	}
}

func TestChecks(t *testing.T) {
	s := newSite(t, siteOptions{})
	body := map[string]any{
		"checklist": "jgj59-b1", "t": "2026-11-23T01:00:00Z", "building": "b3",
		"items": []any{
			map[string]any{"code": "B.1-1", "result": "fail", "deduct": 3, "note": "安全网缺失"},
			map[string]any{"code": "B.1-2", "result": "pass"},
		},
	}
	a := s.request("safety", "PUT", "/projects/wenyuan/checks/c1", body).want(201)
	golden(t, "check", a.body)
	if got := s.request("safety", "PUT", "/projects/wenyuan/checks/c1", body).want(200); string(got.body) != string(a.body) {
		t.Errorf("a repeat answers %s", got.body)
	}
	for query, want := range map[string]int{"": 1, "?building=b3": 1, "?building=b4": 0, "?checklist=jgj59-b1": 1, "?checklist=daily-safety": 0, "?from=2026-11-24": 0} {
		if got := len(s.get("viewer", "/projects/wenyuan/checks"+query).want(200).items()); got != want {
			t.Errorf("checks%s: %d, want %d", query, got, want)
		}
	}
	body["checklist"] = "no-such-form"
	var p problem
	s.request("safety", "PUT", "/projects/wenyuan/checks/c2", body).want(422).into(&p)
	if p.Code != "ingest.unknown_form" {
		t.Errorf("unknown form: %+v", p)
	}
	body["checklist"], body["items"] = "jgj59-b1", []any{map[string]any{"code": "B.1-99", "result": "pass"}}
	s.request("safety", "PUT", "/projects/wenyuan/checks/c2", body).want(422).into(&p)
	if !strings.HasPrefix(p.Code, "ingest.") && !strings.HasPrefix(p.Code, "checklist.") || p.Field == "" {
		t.Errorf("unknown item: %+v", p)
	}
	if got := len(s.get("viewer", "/projects/wenyuan/checklists").items()); got < 23 {
		t.Errorf("%d forms", got)
	}
}

func TestToday(t *testing.T) {
	s := newSite(t, siteOptions{}).withPlan()
	path, body := report("r1", "A1", 45)
	s.request("supervisor", "PUT", path, body).want(201)
	check := map[string]any{"checklist": "daily-safety", "t": "2026-11-23T01:00:00Z", "items": []any{map[string]any{"code": "DS-1", "result": "pass"}}}
	s.request("safety", "PUT", "/projects/wenyuan/checks/c1", check).want(201)
	goldenShape(t, "today", s.get("supervisor", "/projects/wenyuan/today").want(200).body)
	s.clock.add(-24 * time.Hour) // a Sunday
	day := s.get("supervisor", "/projects/wenyuan/today").want(200).object()
	if day["working"] != false || len(day["owed"].([]any)) != 0 {
		t.Errorf("a Sunday: %v", day)
	}
}

func TestReadings(t *testing.T) {
	s := newSite(t, siteOptions{})
	s.request("admin", "POST", "/projects/wenyuan/devices", map[string]any{"id": "dust-1", "kind": "dust"}).want(201)
	now := s.clock.now()
	for i := range 30 {
		s.reading("dust-1", now.Add(-time.Duration(30-i)*time.Minute), "pm10", float64(i))
	}
	rows := s.get("viewer", "/projects/wenyuan/readings?device=dust-1&metric=pm10").want(200).items()
	if len(rows) != 30 || rows[0]["value"] != 29.0 || rows[29]["value"] != 0.0 || rows[0]["count"] != nil {
		t.Fatalf("raw, newest first: %v", rows)
	}
	var page struct {
		Items []map[string]any
		Next  string
	}
	s.get("viewer", "/projects/wenyuan/readings?device=dust-1&metric=pm10&limit=20").into(&page)
	if len(page.Items) != 20 || page.Next == "" {
		t.Fatalf("page %v", page)
	}
	s.get("viewer", "/projects/wenyuan/readings?device=dust-1&metric=pm10&limit=20&cursor="+page.Next).into(&page)
	if len(page.Items) != 10 || page.Next != "" || page.Items[0]["value"] != 9.0 {
		t.Errorf("second page %v", page)
	}
	golden(t, "windows", s.get("viewer", "/projects/wenyuan/readings?device=dust-1&metric=pm10&every=10m&from=2026-11-23T01:30:00Z&to=2026-11-23T02:00:00Z").want(200).body)
	if got := s.get("viewer", "/projects/wenyuan/readings?device=dust-1&metric=pm10&every=8760h").items(); len(got) != 1 || got[0]["count"] != 30.0 {
		t.Errorf("a year: %v", got)
	}
	for _, every := range []string{"0s", "10x", "999999999h", "1ms"} {
		if a := s.get("viewer", "/projects/wenyuan/readings?device=dust-1&metric=pm10&every="+every); a.status != 422 {
			t.Errorf("every=%s: %d", every, a.status)
		}
	}
	s.get("viewer", "/projects/wenyuan/readings?device=dust-1").problem(422, "api.required", "metric")
	if got := s.get("viewer", "/projects/wenyuan/readings?device=dust-1&metric=noise").items(); len(got) != 0 {
		t.Errorf("nothing measured: %v", got)
	}
}
