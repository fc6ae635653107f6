package api_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"topout/api/auth"
	"topout/site"
	"topout/store"
)

func TestDevices(t *testing.T) {
	s := newSite(t, siteOptions{})
	var made struct {
		ID, Secret string
		Taken      int
	}
	body := map[string]any{"id": "crane-1", "kind": "tower_crane", "name": "1#塔吊", "place": "图书馆南", "building": "b3"}
	s.request("admin", "POST", "/projects/wenyuan/devices", body).want(201).into(&made)
	if made.ID != "crane-1" || len(made.Secret) < 40 {
		t.Errorf("made %+v", made)
	}
	s.request("admin", "POST", "/projects/other/devices", body).problem(409, "api.device_exists", "id")
	s.reading("crane-1", s.clock.now().Add(-time.Minute), "moment_percent", 95)
	list := s.get("viewer", "/projects/wenyuan/devices").want(200)
	golden(t, "devices", list.body)
	if strings.Contains(string(list.body), made.Secret) {
		t.Error("the list tells the secret")
	}
	s.clock.add(24 * time.Hour)
	if d := s.get("viewer", "/projects/wenyuan/devices").items()[0]; d["silent"] != true {
		t.Errorf("after a day without a word: %v", d)
	}
	d := s.request("admin", "PATCH", "/projects/wenyuan/devices/crane-1", map[string]any{"place": "图书馆北", "silent_after_seconds": 172800.0}).want(200).object()
	if d["place"] != "图书馆北" || d["name"] != "1#塔吊" || d["silent"] != false {
		t.Errorf("changed: %v", d)
	}

	signIn := func(secret string) error {
		return s.store.View(context.Background(), func(tx *store.Tx) error {
			_, err := auth.SignInDevice(tx, "crane-1", secret)
			return err
		})
	}
	if err := signIn(made.Secret); err != nil {
		t.Error(err)
	}
	old := made.Secret
	s.request("admin", "POST", "/projects/wenyuan/devices/crane-1/secret", nil).want(200).into(&made)
	if err := signIn(old); !site.IsKind(err, site.Unauthenticated) {
		t.Errorf("the old secret: %v", err)
	}
	if err := signIn(made.Secret); err != nil {
		t.Errorf("the new secret: %v", err)
	}
	s.request("admin", "DELETE", "/projects/wenyuan/devices/crane-1", nil).want(204)
	s.request("admin", "DELETE", "/projects/wenyuan/devices/crane-1", nil).want(204)
	if err := signIn(made.Secret); !site.IsKind(err, site.Unauthenticated) {
		t.Errorf("revoked: %v", err)
	}
	s.request("admin", "POST", "/projects/wenyuan/devices/crane-1/secret", nil).problem(409, "api.device_revoked", "id")
	if got := strings.Join(s.broker.seen(), ","); got != "device crane-1,device crane-1,device crane-1" {
		t.Errorf("cut off: %s", got)
	}
	if s.broker.stale == 0 {
		t.Error("nobody was told that devices changed")
	}
}

// TestTakeRefused registers an unknown device and has its messages taken after all.
func TestTakeRefused(t *testing.T) {
	s := newSite(t, siteOptions{})
	send := func(device, payload string) {
		t.Helper()
		_, err := s.ingest.Accept(context.Background(), site.Message{
			Door: site.DoorBroker, Topic: "topout/v1/wenyuan/readings/" + device, Payload: []byte(payload), Arrived: s.clock.now(),
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	t1 := s.clock.now().Add(-time.Hour).Format(time.RFC3339)
	send("box-7", `{"t":"`+t1+`","values":{"leakage":12}}`)
	send("box-7", `{"t":"`+t1+`","values":{"leakage":"much"}}`)
	send("box-8", "\xff\xfe")
	refused := s.get("admin", "/projects/wenyuan/refused").want(200).items()
	if len(refused) != 3 {
		t.Fatalf("refused %v", refused)
	}
	first := refused[2]
	if first["code"] != "ingest.unknown_device" || first["device"] != "box-7" || first["topic"] != "topout/v1/wenyuan/readings/box-7" ||
		first["door"] != "broker" || !strings.Contains(first["payload"].(string), "leakage") || !strings.Contains(first["reason"].(string), "box-7") {
		t.Errorf("refused %v", first)
	}
	if b := refused[0]; b["payload_encoding"] != "base64" || b["payload"] != "//4=" {
		t.Errorf("bytes: %v", b)
	}
	var again problem
	s.request("admin", "POST", "/refused/"+refused[0]["id"].(string)+"/take", nil).want(422).into(&again)
	if !strings.HasPrefix(again.Code, "ingest.") {
		t.Errorf("refused again: %+v", again)
	}
	var made struct{ Taken int }
	s.request("admin", "POST", "/projects/wenyuan/devices", map[string]any{"id": "box-7", "kind": "distribution_box", "take_refused": true}).want(201).into(&made)
	if made.Taken != 1 {
		t.Errorf("%d taken, want the one that can be read", made.Taken)
	}
	rows := s.get("viewer", "/projects/wenyuan/readings?device=box-7&metric=leakage").items()
	if len(rows) != 1 || rows[0]["value"] != 12.0 {
		t.Errorf("readings %v", rows)
	}
	for _, r := range s.get("admin", "/refused").want(200).items() {
		if taken := r["taken_at"] != nil; taken != (r["id"] == first["id"]) {
			t.Errorf("taken: %v", r)
		}
	}
	id := first["id"].(string)
	s.request("admin", "POST", "/refused/"+id+"/take", nil).want(200)
	s.request("admin", "POST", "/refused/none/take", nil).problem(404, "store.unknown_refused", "")
}

func TestRules(t *testing.T) {
	s := newSite(t, siteOptions{})
	find := func(kind, metric string) map[string]any {
		t.Helper()
		for _, r := range s.get("viewer", "/projects/wenyuan/rules").want(200).items() {
			if r["kind"] == kind && r["metric"] == metric {
				return r
			}
		}
		return nil
	}
	builtin := find("tower_crane", "moment_percent")
	if builtin["default"] != true || builtin["source"] == "" || len(builtin["levels"].([]any)) != 2 {
		t.Fatalf("built in: %v", builtin)
	}
	own := s.request("safety", "PUT", "/projects/wenyuan/rules/tower_crane/moment_percent", map[string]any{
		"levels": []any{map[string]any{"severity": "warning", "limit": 80}, map[string]any{"severity": "critical", "limit": 95}}, "source": "项目部规定",
	}).want(200).object()
	if own["default"] != false || own["hysteresis"] != builtin["hysteresis"] || own["unit"] != "%" {
		t.Errorf("own rule %v", own)
	}
	if got := find("tower_crane", "moment_percent"); got["source"] != "项目部规定" {
		t.Errorf("in force: %v", got)
	}
	s.request("safety", "PUT", "/projects/wenyuan/rules/gas_meter/methane", map[string]any{"levels": []any{map[string]any{"severity": "critical", "limit": 1}}}).want(200)
	bad := s.request("safety", "PUT", "/projects/wenyuan/rules/dust/pm10", map[string]any{
		"levels": []any{map[string]any{"severity": "critical", "limit": 90}, map[string]any{"severity": "warning", "limit": 100}},
	})
	bad.problem(422, "alerts.rule_order", "levels[1].severity")
	s.request("safety", "DELETE", "/projects/wenyuan/rules/tower_crane/moment_percent", nil).want(204)
	if got := find("tower_crane", "moment_percent"); got["default"] != true {
		t.Errorf("back to the built-in: %v", got)
	}
}

func TestIssues(t *testing.T) {
	s := newSite(t, siteOptions{}).withPlan()
	open := s.request("supervisor", "POST", "/projects/wenyuan/issues", map[string]any{
		"title": "楼梯间临边无护栏", "severity": "critical", "building": "b3", "note": "三层", "assignee": "supervisor",
	}).want(201)
	golden(t, "issue", open.body)
	id := open.object()["id"].(string)
	move := func(who, to string, more map[string]any) answer {
		body := map[string]any{"to": to}
		for k, v := range more {
			body[k] = v
		}
		return s.request(who, "POST", "/projects/wenyuan/issues/"+id+"/moves", body)
	}
	move("viewer", "assessed", nil).problem(403, "api.forbidden", "")
	move("supervisor", "assigned", nil).problem(422, "alerts.assignee_needed", "assignee")
	move("supervisor", "in_hand", nil).want(201)
	move("supervisor", "reported", map[string]any{"note": "已装好护栏", "photos": []string{strings.Repeat("ab", 32)}}).want(201)
	move("supervisor", "closed", map[string]any{"note": "好了"}).problem(403, "alerts.not_allowed", "")
	move("safety", "closed", nil).problem(422, "alerts.evidence_needed", "note")
	closed := move("safety", "closed", map[string]any{"note": "复查合格"}).want(201).object()
	if moves := closed["moves"].([]any); closed["state"] != "closed" || closed["closed_at"] == nil || len(moves) != 4 || moves[3].(map[string]any)["by"] != "safety" {
		t.Errorf("closed: %v", closed)
	}
	move("supervisor", "assessed", nil).problem(409, "alerts.move_not_allowed", "to")
	move("safety", "closed", map[string]any{"due": "0001-02-03T00:00:00Z", "note": "x"}).problem(422, "api.bad_time", "due")
	for query, want := range map[string]int{"": 1, "?open=true": 0, "?open=false": 1, "?severity=critical": 1, "?kind=slip": 0, "?assignee=supervisor": 1, "?open=": 1} {
		if got := len(s.get("viewer", "/projects/wenyuan/issues"+query).want(200).items()); got != want {
			t.Errorf("issues%s: %d, want %d", query, got, want)
		}
	}
	s.get("viewer", "/projects/wenyuan/issues/none").problem(404, "store.unknown_issue", "")
	// A failed check opens one whose title is in the reader's language.
	check := map[string]any{"checklist": "daily-safety", "t": "2026-11-23T01:00:00Z", "items": []any{map[string]any{"code": "DS-1", "result": "fail"}}}
	s.request("safety", "PUT", "/projects/wenyuan/checks/c1", check).want(201)
	if i := s.get("viewer", "/projects/wenyuan/issues?kind=check_failed").items()[0]; !strings.Contains(i["title"].(string), "helmet") {
		t.Errorf("title %v", i["title"])
	}
}

func TestNotices(t *testing.T) {
	s := newSite(t, siteOptions{})
	got := s.request("admin", "POST", "/notices/test", nil).want(200).items()
	if len(got) != 2 || got[0]["ok"] != true || got[1]["ok"] != false || got[1]["error"] == "" || strings.HasPrefix(got[1]["error"].(string), "alerts.") {
		t.Errorf("test: %v", got)
	}
	if st := s.get("admin", "/notices/status").want(200).object(); st["pending"] != 2.0 {
		t.Errorf("status %v", st)
	}
}
