package api_test

import (
	"net/http"
	"strings"
	"testing"
)

func TestProblems(t *testing.T) {
	s := newSite(t, siteOptions{})
	s.get("", "/nothing/here").problem(404, "api.no_such_path", "")
	s.get("admin", "/projects/wenyuan/issues/a/b/c").problem(404, "api.no_such_path", "")
	a := s.request("admin", "PUT", "/me", nil)
	a.problem(405, "api.method_not_allowed", "")
	if allow := a.header.Get("Allow"); !strings.Contains(allow, "GET") || !strings.Contains(allow, "PATCH") {
		t.Errorf("Allow %q", allow)
	}
	post := func(body any, edit ...func(*http.Request)) answer {
		return s.request("admin", "POST", "/projects", body, edit...)
	}
	post(`{"id":`).problem(400, "api.bad_json", "")
	post(`{"id":"a","name":"b"} trailing`).problem(400, "api.bad_json", "")
	post("").problem(400, "api.bad_json", "")
	post([]byte("{\"id\":\"a\",\"name\":\"\xff\"}")).problem(400, "api.bad_text", "")
	post(`{"id":"a","name":"\u0000"}`).problem(422, "api.wrong_format", "name")
	post(`{"id":"a","name":"`+strings.Repeat("x", 1<<20)+`"}`).problem(413, "api.body_too_large", "")
	post(`{"id":"a"}`).problem(422, "api.required", "name")
	post(`{"id":"a b","name":"x"}`).problem(422, "api.wrong_format", "id")
	post(`{"id":"a","name":5}`).problem(422, "api.wrong_type", "name")
	post(`{"id":"a","name":"x","zone":"Mars/Olympus"}`).problem(422, "api.unknown_zone", "zone")
	post(`{"id":"a","name":"x","zone":"Local"}`).problem(422, "api.unknown_zone", "zone")
	post(`{"id":"a","name":"x"}`, func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }).problem(415, "api.content_type", "")
	post(`{"id":"fine","name":"x","later":{"unknown":[1]}}`).want(201) // unknown fields pass
	post(`{"id":"fine","name":"x"}`).problem(409, "api.project_exists", "id")
	s.get("admin", "/projects/wenyuan/issues?limit=1001").problem(422, "api.out_of_range", "limit")
	s.get("admin", "/projects/wenyuan/issues?limit=x").problem(422, "api.wrong_type", "limit")
	s.get("admin", "/projects/wenyuan/issues?cursor=zzz").problem(422, "store.bad_cursor", "cursor")
	s.get("admin", "/projects/wenyuan/issues?task=%00").problem(400, "api.bad_text", "")
	s.get("admin", "/projects/wenyuan/issues?task=%ff").problem(400, "api.bad_text", "")
	s.get("admin", "/projects/wenyuan/issues?task=%zz").problem(400, "api.bad_text", "")
	s.get("admin", "/projects/%00").want(400)
	s.get("admin", "/projects/wenyuan/progress?from=yesterday").problem(422, "api.wrong_type", "from")
	s.get("admin", "/projects/wenyuan/progress?from=0001-01-01").problem(422, "api.bad_time", "from")
	several := post(`{"id":"a b"}`).want(422)
	var p problem
	several.into(&p)
	if len(p.Errors) != 2 {
		t.Errorf("errors %+v", p.Errors)
	}
	if got := s.log.String(); strings.Contains(got, "level=ERROR") {
		t.Errorf("a client's mistake is logged as ours: %s", got)
	}
}

func TestLanguages(t *testing.T) {
	s := newSite(t, siteOptions{})
	in := func(lang string) string {
		a := s.request("viewer", "GET", "/nothing", nil, func(r *http.Request) {
			r.Header.Del("Accept-Language")
			if lang != "" {
				r.Header.Set("Accept-Language", lang)
			}
		})
		return a.problem(404, "api.no_such_path", "").Detail
	}
	if in("") != "该地址没有内容。" || in("en-GB") != "There is nothing at this address." || in("fr") != in("") {
		t.Errorf("%s, %s, %s", in(""), in("en-GB"), in("fr"))
	}
	// Without a header, a person's own language counts.
	s.request("viewer", "PATCH", "/me", map[string]any{"lang": "en"}).want(200)
	a := s.request("viewer", "POST", "/people", map[string]any{}, func(r *http.Request) { r.Header.Del("Accept-Language") })
	if got := a.problem(403, "api.forbidden", "").Detail; !strings.HasPrefix(got, "Your role") {
		t.Errorf("detail %q", got)
	}
}

func TestHeaders(t *testing.T) {
	s := newSite(t, siteOptions{})
	h := s.get("", "/nothing").header
	for name, want := range map[string]string{
		"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin", "Cache-Control": "no-store",
	} {
		if got := h.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if csp := h.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'self'") || strings.Contains(csp, "script-src") {
		t.Errorf("policy %q", csp)
	}
}

func TestCrossOrigin(t *testing.T) {
	s := newSite(t, siteOptions{})
	c := s.signIn("owner", password)
	from := func(edit func(*http.Request)) answer {
		return s.request("", "PATCH", "/me", map[string]any{"name": "Mallory"}, with(c), edit)
	}
	from(func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }).problem(403, "api.cross_origin", "")
	from(func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }).problem(403, "api.cross_origin", "")
	from(func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-origin") }).want(200)
}

func TestRate(t *testing.T) {
	s := newSite(t, siteOptions{rate: 100})
	for range 100 {
		s.get("viewer", "/me").want(200)
	}
	var a answer
	for range 200 {
		if a = s.get("viewer", "/me"); a.status != 200 {
			break
		}
	}
	a.problem(429, "api.too_many_requests", "")
	if a.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	s.get("owner", "/me").want(200) // another session has its own allowance
	s.clock.add(1e9)
	s.get("viewer", "/me").want(200)
}

func TestOutside(t *testing.T) {
	s := newSite(t, siteOptions{})
	s.get("", "//healthz").want(200)
	if got := s.get("", "//readyz").want(200).object(); got["status"] != "ok" || got["checks"].(map[string]any)["influxdb"].(map[string]any)["status"] != "ok" {
		t.Errorf("ready %v", got)
	}
	s.health.status.Store("degraded")
	s.get("", "//readyz").want(200)
	s.health.status.Store("down")
	s.get("", "//readyz").want(503)
	s.request("", "HEAD", "//healthz", nil).want(200)
	if a := s.request("viewer", "HEAD", "/me", nil).want(200); len(a.body) != 0 {
		t.Error("HEAD has a body")
	}
	metrics := string(s.get("", "//metrics").want(200).body)
	for _, want := range []string{`topout_http_requests_total{method="GET",route="/healthz",status="200"} 1`, "topout_http_event_streams 0"} {
		if !strings.Contains(metrics, want) {
			t.Errorf("metrics lack %s:\n%s", want, metrics)
		}
	}
	doc := s.get("", "/openapi.json").want(200)
	if v := doc.object()["openapi"]; v != "3.1.0" {
		t.Errorf("openapi %v", v)
	}
	s.request("", "GET", "/openapi.json", nil, func(r *http.Request) { r.Header.Set("If-None-Match", doc.header.Get("ETag")) }).want(304)
}
