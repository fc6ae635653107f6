package api_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"topout/site"
)

// endpoints lists every operation with the roles that may call it; none named
// means everybody who is a member. {n} becomes a fresh number.
var endpoints = []struct {
	method, path string
	body         any
	roles        string // of wenyuan; "*": whoever signed in
}{
	{"GET", "/me", nil, "*"},
	{"PATCH", "/me", map[string]any{}, "*"},
	{"POST", "/me/password", map[string]any{"old": "wrong-horse", "new": "battery-staple"}, "*"},
	{"GET", "/projects", nil, "*"},
	{"GET", "/tokens", nil, "*"},
	{"POST", "/tokens", map[string]any{}, "*"},
	{"POST", "/projects", map[string]any{"id": "p{n}", "name": "新"}, "admin"},
	{"GET", "/people", nil, "admin"},
	{"POST", "/people", map[string]any{"login": "l{n}", "name": "新", "role": "viewer"}, "admin"},
	{"PATCH", "/people/viewer", map[string]any{"name": "VIEWER"}, "admin"},
	{"POST", "/people/viewer/password", nil, "admin"},
	{"GET", "/refused", nil, "admin"},
	{"POST", "/refused/nothing/take", nil, "admin"},
	{"POST", "/notices/test", nil, "admin"},
	{"GET", "/notices/status", nil, "admin"},
	{"GET", "/people?project=wenyuan", nil, ""},
	{"GET", "/projects/wenyuan", nil, ""},
	{"GET", "/projects/wenyuan/plan", nil, ""},
	{"GET", "/projects/wenyuan/progress", nil, ""},
	{"GET", "/projects/wenyuan/checklists", nil, ""},
	{"GET", "/projects/wenyuan/checks", nil, ""},
	{"GET", "/projects/wenyuan/today", nil, ""},
	{"GET", "/projects/wenyuan/timeline", nil, ""},
	{"GET", "/projects/wenyuan/curve", nil, ""},
	{"GET", "/projects/wenyuan/trend", nil, ""},
	{"GET", "/projects/wenyuan/readings?device=crane-1&metric=load", nil, ""},
	{"GET", "/projects/wenyuan/issues", nil, ""},
	{"GET", "/projects/wenyuan/devices", nil, ""},
	{"GET", "/projects/wenyuan/rules", nil, ""},
	{"PATCH", "/projects/wenyuan", map[string]any{"grade": "优先落地"}, "admin owner"},
	{"PUT", "/projects/wenyuan/plan", plan(), "admin owner"},
	{"POST", "/projects/wenyuan/baselines", map[string]any{"name": "二"}, "admin owner"},
	{"PUT", "/projects/wenyuan/progress/r{n}", map[string]any{"task": "A1", "t": "2026-11-23T01:00:00Z", "percent": 5}, "admin supervisor"},
	{"PUT", "/projects/wenyuan/checks/c{n}", map[string]any{"checklist": "daily-safety", "t": "2026-11-23T01:00:00Z", "items": []any{map[string]any{"code": "DS-1", "result": "pass"}}}, "admin supervisor safety"},
	{"POST", "/projects/wenyuan/issues", map[string]any{"title": "临边无护栏"}, "admin owner supervisor safety"},
	{"POST", "/projects/wenyuan/issues/none/moves", map[string]any{"to": "assessed"}, "admin owner supervisor safety"},
	{"PUT", "/projects/wenyuan/rules/dust/pm10", map[string]any{"hysteresis": 5}, "admin safety"},
	{"DELETE", "/projects/wenyuan/rules/dust/pm10", nil, "admin safety"},
	{"POST", "/projects/wenyuan/devices", map[string]any{"id": "d{n}", "kind": "dust"}, "admin"},
	{"PATCH", "/projects/wenyuan/devices/crane-1", map[string]any{"place": "东"}, "admin"},
	{"POST", "/projects/wenyuan/devices/crane-1/secret", nil, "admin"},
	{"GET", "/projects/wenyuan/refused", nil, "admin"},
	{"DELETE", "/projects/wenyuan/devices/crane-1", nil, "admin"},
}

func TestRights(t *testing.T) {
	s := newSite(t, siteOptions{}).withPlan()
	s.request("admin", "POST", "/projects/wenyuan/devices", map[string]any{"id": "crane-1", "kind": "tower_crane"}).want(201)
	n := 0
	for _, e := range endpoints {
		for _, who := range append([]string{""}, people...) {
			n++
			fresh := func(x string) string { return strings.ReplaceAll(x, "{n}", fmt.Sprint(n)) }
			a := s.request(who, e.method, fresh(e.path), freshBody(e.body, fresh))
			got := verdict(a)
			inProject := strings.Contains(e.path, "wenyuan")
			want := "refused"
			switch {
			case who == "":
				want = "unknown"
			case inProject && who == "stranger":
				want = "hidden"
			case e.roles == "*" || slices.Contains(strings.Fields(e.roles), who) || e.roles == "" && inProject:
				want = "let in"
			}
			if got != want {
				t.Errorf("%s %s as %q: %s (%d %s), want %s", e.method, e.path, who, got, a.status, a.body, want)
			}
			if a.status >= 500 {
				t.Errorf("%s %s as %q: %d %s", e.method, e.path, who, a.status, a.body)
			}
		}
	}
}

func freshBody(body any, fresh func(string) string) any {
	m, ok := body.(map[string]any)
	if !ok {
		return body
	}
	out := map[string]any{}
	for k, v := range m {
		if text, ok := v.(string); ok {
			v = fresh(text)
		}
		out[k] = v
	}
	return out
}

// verdict says what became of the caller, not of the call.
func verdict(a answer) string {
	var p problem
	if a.status >= 400 {
		a.into(&p)
	}
	switch {
	case a.status == 401:
		return "unknown"
	case p.Code == "api.forbidden" || p.Code == "alerts.not_allowed":
		return "refused"
	case p.Code == "api.no_project":
		return "hidden"
	}
	return "let in"
}

// TestEveryEndpointHasRights holds the list above to the OpenAPI document.
func TestEveryEndpointHasRights(t *testing.T) {
	s := newSite(t, siteOptions{})
	var doc struct {
		Paths map[string]map[string]struct {
			Security  []any
			Responses map[string]any
		}
	}
	s.get("", "/openapi.json").want(200).into(&doc)
	open := []string{"/sessions"}                                                                                                                               // no rights needed
	elsewhere := []string{"/events", "/tokens/{id}", "/projects/{p}/issues/{id}", "/projects/{p}/progress/{id}/withdraw", "/projects/{p}/checks/{id}/withdraw"} // tests of their own
	for path, methods := range doc.Paths {
		for method, op := range methods {
			for _, status := range []string{"400", "403", "422", "429", "500", "503"} {
				if op.Responses[status] == nil {
					t.Errorf("%s %s does not document %s", method, path, status)
				}
			}
			if slices.Contains(open, path) {
				continue
			}
			if len(op.Security) != 2 || op.Responses["401"] == nil {
				t.Errorf("%s %s is open", method, path)
			}
			listed := slices.ContainsFunc(endpoints, func(e struct {
				method, path string
				body         any
				roles        string
			}) bool {
				return strings.EqualFold(e.method, method) && samePath(path, e.path)
			})
			if !listed && !slices.Contains(elsewhere, path) {
				t.Errorf("%s %s is in no test of rights", method, path)
			}
		}
	}
}

// samePath reports whether a path is one of a pattern's.
func samePath(pattern, path string) bool {
	path, _, _ = strings.Cut(path, "?")
	a, b := strings.Split(pattern, "/"), strings.Split(path, "/")
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] && !strings.HasPrefix(a[i], "{") {
			return false
		}
	}
	return true
}

// TestOtherProjects holds that records of one project cannot be reached by another's path.
func TestOtherProjects(t *testing.T) {
	s := newSite(t, siteOptions{}).withPlan()
	s.request("admin", "POST", "/projects/wenyuan/devices", map[string]any{"id": "crane-1", "kind": "tower_crane"}).want(201)
	var issue struct{ ID string }
	s.request("safety", "POST", "/projects/wenyuan/issues", map[string]any{"title": "坑边堆载"}).want(201).into(&issue)
	s.get("stranger", "/projects/other/issues/"+issue.ID).problem(404, "store.unknown_issue", "")
	s.get("stranger", "/projects/other/readings?device=crane-1&metric=load").problem(404, "api.no_device", "device")
	s.request("admin", "POST", "/projects/other/devices/crane-1/secret", nil).problem(404, "api.no_device", "id")
	s.get("stranger", "/projects/nowhere").problem(404, "api.no_project", "p")
	s.get("stranger", "/projects/wenyuan").problem(404, "api.no_project", "p")
	if got := len(s.get("stranger", "/projects").items()); got != 1 {
		t.Errorf("a stranger sees %d projects, want his own", got)
	}
	// A role in a project does not reach accounts, and cannot be raised by oneself.
	s.request("owner", "PATCH", "/people/owner", map[string]any{"roles": map[string]any{"*": "admin"}}).problem(403, "api.forbidden", "")
	s.request("admin", "PATCH", "/people/admin", map[string]any{"disabled": true}).problem(409, "api.own_account", "")
	s.request("admin", "PATCH", "/people/admin", map[string]any{"roles": map[string]any{"*": ""}}).problem(409, "api.own_account", "")
	if p := must(personOf(s, "admin")); p.Disabled || p.Roles["*"] != site.RoleAdmin {
		t.Errorf("the administrator locked himself out: %+v", p)
	}
}
