package store

import (
	"errors"
	"testing"
	"time"

	"topout/site"
)

func testDevices(t *testing.T, s *Store) {
	d := site.Device{
		ID: "dust-1", Project: "wenyuan", Kind: "dust", Name: "扬尘", Place: "东门", Building: "b1", Silent: 10 * time.Minute, CreatedAt: noon,
	}
	update(t, s, func(tx *Tx) error { return tx.CreateDevice(d, []byte("h1")) })
	wantError(t, s.Update(t.Context(), func(tx *Tx) error { return tx.CreateDevice(d, []byte("h")) }), site.Conflict, "store.device_exists")
	wantError(t, s.Update(t.Context(), func(tx *Tx) error {
		return tx.CreateDevice(site.Device{ID: "x", Project: "none"}, []byte("h"))
	}), site.NotFound, "store.unknown_project")

	seen := noon.Add(time.Minute)
	update(t, s, func(tx *Tx) error {
		return errors.Join(
			tx.TouchDevices([]site.DeviceSeen{
				{ID: "dust-1", At: seen, Status: "online", StatusAt: seen},
				{ID: "dust-1", At: seen.Add(-time.Second)},
				{ID: "dust-1", Status: "offline", StatusAt: seen.Add(-time.Second)},
				{ID: "none", At: seen},
			}),
			tx.SaveLast("dust-1", []site.LastValue{{Metric: "pm25", T: noon, Value: 30}, {Metric: "pm10", T: noon, Value: 92.5}}),
			tx.SaveLast("crane-1", []site.LastValue{{Metric: "wind_speed", T: noon, Value: 3}}),
		)
	})
	d.LastSeen, d.Status, d.StatusAt = seen, "online", seen
	d.Last = []site.LastValue{{Metric: "pm10", T: noon, Value: 92.5}, {Metric: "pm25", T: noon, Value: 30}}
	get := func() site.Device {
		return read(t, s, func(tx *Tx) (site.Device, error) { return tx.Device("dust-1") })
	}
	same(t, "device", get(), d)
	crane := site.Device{ID: "crane-1", Project: "wenyuan", Kind: "tower_crane", CreatedAt: noon, Last: []site.LastValue{{Metric: "wind_speed", T: noon, Value: 3}}}
	for _, project := range []string{"", "wenyuan"} {
		same(t, "devices of "+project, read(t, s, func(tx *Tx) ([]site.Device, error) { return tx.Devices(project) }), []site.Device{crane, d})
	}
	same(t, "no devices", read(t, s, func(tx *Tx) ([]site.Device, error) { return tx.Devices("plant") }), nil)
	wantError(t, s.Update(t.Context(), func(tx *Tx) error { return tx.SaveLast("none", d.Last) }), site.NotFound, "store.unknown_device")

	d.Kind, d.Name, d.Place, d.Building, d.Silent = "weather", "气象", "西门", "b2", time.Hour
	update(t, s, func(tx *Tx) error {
		return errors.Join(tx.UpdateDevice(d), tx.SetDeviceSecret("dust-1", []byte("h2")), tx.RevokeDevice("dust-1", noon), tx.RevokeDevice("dust-1", seen))
	})
	d.RevokedAt = noon
	same(t, "changed device", get(), d)
	update(t, s, func(tx *Tx) error {
		got, hash, err := tx.DeviceAuth("dust-1")
		want := d
		want.Last = nil
		same(t, "device that signs in", got, want)
		same(t, "hash", string(hash), "h2")
		return err
	})
	wantError(t, s.Update(t.Context(), func(tx *Tx) error { return tx.RevokeDevice("none", noon) }), site.NotFound, "store.unknown_device")
}

func testPeople(t *testing.T, s *Store) {
	p := site.Person{
		Login: "wang", Name: "王工", Mail: "wang@example.org", MailFrom: site.Critical, Lang: "en", CreatedAt: noon,
		Roles: map[string]site.Role{"wenyuan": site.RoleSafety, site.AllProjects: site.RoleViewer},
	}
	update(t, s, func(tx *Tx) error { return tx.CreatePerson(p, "h1") })
	get := func() site.Person {
		return read(t, s, func(tx *Tx) (site.Person, error) { return tx.Person("wang") })
	}
	same(t, "person", get(), p)
	wantError(t, s.Update(t.Context(), func(tx *Tx) error { return tx.CreatePerson(p, "h") }), site.Conflict, "store.person_exists")
	p.Name, p.Mail, p.MailFrom, p.Lang, p.Disabled = "王", "", "", "", true
	update(t, s, func(tx *Tx) error {
		return errors.Join(tx.UpdatePerson(p), tx.SetPassword("wang", "h2"), tx.SetRole("wang", "wenyuan", ""), tx.SetRole("wang", "plant", site.RoleOwner))
	})
	p.Roles = map[string]site.Role{"plant": site.RoleOwner, site.AllProjects: site.RoleViewer}
	same(t, "changed person", get(), p)
	same(t, "hash", read(t, s, func(tx *Tx) (string, error) { return tx.PasswordHash("wang") }), "h2")
	people := read(t, s, (*Tx).People)
	if len(people) != 2 {
		t.Fatalf("%d people", len(people))
	}
	same(t, "in the list", people[1], p)
	for code, fn := range map[string]func(*Tx) error{
		"store.unknown_person":  func(tx *Tx) error { return tx.SetRole("none", "plant", site.RoleOwner) },
		"store.unknown_project": func(tx *Tx) error { return tx.SetRole("wang", "none", site.RoleOwner) },
	} {
		wantError(t, s.Update(t.Context(), fn), site.NotFound, code)
	}
	for _, fn := range []func(*Tx) error{
		func(tx *Tx) error { _, err := tx.Person("none"); return err },
		func(tx *Tx) error { _, err := tx.PasswordHash("none"); return err },
		func(tx *Tx) error { return tx.SetPassword("none", "h") },
		func(tx *Tx) error { return tx.UpdatePerson(site.Person{Login: "none"}) },
	} {
		wantError(t, s.Update(t.Context(), fn), site.NotFound, "store.unknown_person")
	}
}

func testAccess(t *testing.T, s *Store) {
	one, two := site.Session{Hash: [32]byte{1}, Login: "li", Created: noon, Expires: noon.Add(time.Hour)}, site.Session{Hash: [32]byte{2}, Login: "li", Created: noon, Expires: noon}
	update(t, s, func(tx *Tx) error { return errors.Join(tx.SaveSession(one), tx.SaveSession(two)) })
	same(t, "session", read(t, s, func(tx *Tx) (site.Session, error) { return tx.SessionByHash(one.Hash) }), one)
	gone := func(hash [32]byte) {
		t.Helper()
		wantError(t, s.View(t.Context(), func(tx *Tx) error { _, err := tx.SessionByHash(hash); return err }), site.NotFound, "store.unknown_session")
	}
	update(t, s, func(tx *Tx) error { return tx.DeleteSession(two.Hash) })
	gone(two.Hash)
	update(t, s, func(tx *Tx) error { return tx.DeleteSessions("li") })
	gone(one.Hash)
	wantError(t, s.Update(t.Context(), func(tx *Tx) error { return tx.SaveSession(site.Session{Login: "none"}) }), site.NotFound, "store.unknown_person")

	old, young := site.Token{ID: "k1", Login: "li", Hash: [32]byte{1}, CreatedAt: noon}, site.Token{ID: "k2", Login: "li", Hash: [32]byte{2}, CreatedAt: noon.Add(time.Second)}
	update(t, s, func(tx *Tx) error { return errors.Join(tx.SaveToken(old), tx.SaveToken(young)) })
	same(t, "token", read(t, s, func(tx *Tx) (site.Token, error) { return tx.TokenByHash(old.Hash) }), old)
	wantError(t, s.Update(t.Context(), func(tx *Tx) error { return tx.SaveToken(old) }), site.Conflict, "store.token_exists")
	update(t, s, func(tx *Tx) error { return tx.RevokeToken("k1", noon) })
	old.RevokedAt = noon
	for _, login := range []string{"", "li"} {
		same(t, "tokens", read(t, s, func(tx *Tx) ([]site.Token, error) { return tx.Tokens(login) }), []site.Token{young, old})
	}
	wantError(t, s.View(t.Context(), func(tx *Tx) error { _, err := tx.TokenByHash(old.Hash); return err }), site.NotFound, "store.unknown_token")
	wantError(t, s.Update(t.Context(), func(tx *Tx) error { return tx.RevokeToken("none", noon) }), site.NotFound, "store.unknown_token")

	update(t, s, func(tx *Tx) error {
		return errors.Join(tx.AddLoginFailure("li", noon), tx.AddLoginFailure("li", noon), tx.AddLoginFailure("li", noon.Add(-time.Hour)), tx.AddLoginFailure("wang", noon))
	})
	failures := func() int {
		return read(t, s, func(tx *Tx) (int, error) { return tx.LoginFailures("li", noon.Add(-time.Minute)) })
	}
	same(t, "failures", failures(), 2)
	update(t, s, func(tx *Tx) error { return tx.ClearLoginFailures("li") })
	same(t, "failures after success", failures(), 0)
}

func testIssues(t *testing.T, s *Store) {
	i := site.Issue{
		ID: "i1", Project: "wenyuan", Key: "reading:crane-1:moment_percent", Kind: site.KindReading, Severity: site.Warning, State: site.StateOpen,
		Title: "alerts.above", Params: map[string]string{"value": "92"}, Text: "text", Task: "T2", Device: "crane-1", Building: "b1",
		Reason: site.ReasonPermit, StopWork: true, OpenedAt: noon, OpenedBy: site.System, UpdatedAt: noon, Due: noon.Add(24 * time.Hour), Assignee: "li",
	}
	create := func(i site.Issue) error {
		return s.Update(t.Context(), func(tx *Tx) error { return tx.CreateIssue(i) })
	}
	if err := create(i); err != nil {
		t.Fatal(err)
	}
	twin := i
	twin.ID = "i2"
	wantError(t, create(twin), site.Conflict, "store.issue_open")
	twin.Project = "plant"
	if err := create(twin); err != nil {
		t.Errorf("the same key in another project: %v", err)
	}
	get := func(id string) site.Issue {
		return read(t, s, func(tx *Tx) (site.Issue, error) { return tx.Issue("wenyuan", id) })
	}
	same(t, "issue", get("i1"), i)
	opened := func() bool {
		return read(t, s, func(tx *Tx) (bool, error) {
			got, ok, err := tx.OpenIssue("wenyuan", i.Key)
			if ok {
				same(t, "open issue", got, i)
			}
			return ok, err
		})
	}
	if !opened() {
		t.Error("the open issue is not found")
	}

	moves := []site.Move{
		{To: site.StateAssigned, By: "li", At: noon, Note: "now", Photos: []string{"ab"}, Assignee: "wang", Due: noon},
		{To: site.StateClosed, By: site.System, At: noon.Add(time.Minute), Title: "alerts.clear", Params: map[string]string{"value": "60"}},
	}
	i.State, i.Severity, i.ClosedAt, i.UpdatedAt, i.Assignee, i.Due = site.StateClosed, site.Critical, noon.Add(time.Minute), noon.Add(time.Minute), "wang", time.Time{}
	update(t, s, func(tx *Tx) error {
		return errors.Join(tx.AddMove("i1", moves[0]), tx.AddMove("i1", moves[1]), tx.UpdateIssue(i))
	})
	if opened() {
		t.Error("the closed issue is open")
	}
	i.Moves = moves
	same(t, "issue with moves", get("i1"), i)

	again := i
	again.ID, again.State, again.Moves, again.OpenedAt, again.ClosedAt = "i3", site.StateOpen, nil, noon.Add(time.Hour), time.Time{}
	if err := create(again); err != nil {
		t.Errorf("the key of a closed issue: %v", err)
	}
	reopened := i
	reopened.State = site.StateReopened
	wantError(t, s.Update(t.Context(), func(tx *Tx) error { return tx.UpdateIssue(reopened) }), site.Conflict, "store.issue_open")

	yes, no := true, false
	for what, c := range map[string]struct {
		q    site.IssueQuery
		want []site.Issue
	}{
		"all":       {site.IssueQuery{Project: "wenyuan"}, []site.Issue{again, i}},
		"open":      {site.IssueQuery{Project: "wenyuan", Open: &yes}, []site.Issue{again}},
		"closed":    {site.IssueQuery{Project: "wenyuan", Open: &no, Kind: site.KindReading, Severity: site.Critical, Task: "T2", Device: "crane-1", Assignee: "wang"}, []site.Issue{i}},
		"other":     {site.IssueQuery{Project: "wenyuan", Kind: site.KindSlip}, nil},
		"elsewhere": {site.IssueQuery{Project: "plant"}, []site.Issue{twin}},
	} {
		same(t, what, read(t, s, func(tx *Tx) ([]site.Issue, error) {
			list, _, err := tx.IssuesPage(c.q)
			return list, err
		}), c.want)
	}
	same(t, "open issues", read(t, s, func(tx *Tx) ([]site.Issue, error) { return tx.OpenIssues("wenyuan", "") }), []site.Issue{again})
	same(t, "open slips", read(t, s, func(tx *Tx) ([]site.Issue, error) { return tx.OpenIssues("wenyuan", site.KindSlip) }), nil)
	wantError(t, s.View(t.Context(), func(tx *Tx) error { _, err := tx.Issue("plant", "i1"); return err }), site.NotFound, "store.unknown_issue")
	wantError(t, s.Update(t.Context(), func(tx *Tx) error { return tx.AddMove("none", moves[0]) }), site.NotFound, "store.unknown_issue")
	wantError(t, s.Update(t.Context(), func(tx *Tx) error { return tx.UpdateIssue(site.Issue{ID: "none"}) }), site.NotFound, "store.unknown_issue")
}

func testRules(t *testing.T, s *Store) {
	st := site.RuleState{Device: "crane-1", Metric: "wind_speed", LastT: noon, LastValue: 12.5, Pending: site.Warning, PendingSince: noon}
	get := func(metric string) (site.RuleState, bool) {
		var ok bool
		st := read(t, s, func(tx *Tx) (st site.RuleState, err error) {
			st, ok, err = tx.RuleState("crane-1", metric)
			return st, err
		})
		return st, ok
	}
	update(t, s, func(tx *Tx) error { return tx.SaveRuleState(st) })
	got, _ := get("wind_speed")
	same(t, "state", got, st)
	st.Level, st.Pending, st.PendingSince = site.Warning, "", time.Time{}
	update(t, s, func(tx *Tx) error {
		if err := tx.SaveRuleState(st); err != nil {
			return err
		}
		got, _, err := tx.RuleState("crane-1", "wind_speed")
		same(t, "state within the transaction", got, st)
		return err
	})
	got, _ = get("wind_speed")
	same(t, "changed state", got, st)
	if _, ok := get("none"); ok {
		t.Error("a state of nothing")
	}

	update(t, s, func(tx *Tx) error {
		return errors.Join(tx.SaveRuleOverride("wenyuan", "dust/pm10", []byte(`{"limit":1}`)), tx.SaveRuleOverride("wenyuan", "dust/pm10", []byte(`{"limit":2}`)),
			tx.SaveRuleOverride("wenyuan", "dust/noise", []byte(`{}`)), tx.SaveRuleOverride("wenyuan", "dust/noise", nil))
	})
	same(t, "overrides", read(t, s, func(tx *Tx) (map[string][]byte, error) { return tx.RuleOverrides("wenyuan") }), map[string][]byte{"dust/pm10": []byte(`{"limit":2}`)})
	wantError(t, s.Update(t.Context(), func(tx *Tx) error { return tx.SaveRuleOverride("none", "a/b", []byte(`{}`)) }), site.NotFound, "store.unknown_project")
}

func testNotices(t *testing.T, s *Store) {
	n := site.Notice{
		ID: "n1", Project: "wenyuan", Issue: "i1", Event: "opened", Channel: "mail", Target: "li@example.org", Payload: []byte(`{}`), CreatedAt: noon,
		NextAt: noon.Add(time.Minute),
	}
	second := n
	second.ID, second.NextAt = "n2", noon
	changed := n
	changed.Event = "closed"
	update(t, s, func(tx *Tx) error {
		return errors.Join(tx.QueueNotice(n), tx.QueueNotice(second), tx.QueueNotice(changed))
	})
	due := func(at time.Time) []site.Notice {
		return read(t, s, func(tx *Tx) ([]site.Notice, error) { return tx.DueNotices(at, 10) })
	}
	same(t, "due at noon", due(noon), []site.Notice{second})
	same(t, "due later", due(noon.Add(time.Hour)), []site.Notice{second, n})
	second.SentAt, second.Tries = noon, 1
	n.Tries, n.LastError, n.NextAt = 2, "refused", noon.Add(time.Hour)
	update(t, s, func(tx *Tx) error { return errors.Join(tx.UpdateNotice(n), tx.UpdateNotice(second)) })
	same(t, "pending", read(t, s, (*Tx).PendingNotices), 1)
	same(t, "of the issue", read(t, s, func(tx *Tx) ([]site.Notice, error) { return tx.NoticesOf("i1") }), []site.Notice{n, second})
	same(t, "not due", due(noon.Add(time.Minute)), nil)
	wantError(t, s.Update(t.Context(), func(tx *Tx) error { return tx.UpdateNotice(site.Notice{ID: "none"}) }), site.NotFound, "store.unknown_notice")
}
