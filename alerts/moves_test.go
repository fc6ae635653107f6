package alerts_test

import (
	"strings"
	"testing"
	"time"

	"topout/alerts"
	"topout/internal/text"
	"topout/site"
	"topout/store"
)

func (w *works) openByPerson(login string, n alerts.NewIssue) (i site.Issue, err error) {
	w.t.Helper()
	n.Project = project
	err = w.store.Update(w.t.Context(), func(tx *store.Tx) error {
		i, err = w.engine.OpenByPerson(tx, w.people[login], n)
		return err
	})
	return i, err
}

func (w *works) plan() {
	w.t.Helper()
	w.update(func(tx *store.Tx) {
		_, err := tx.SavePlan(site.Plan{
			Project: project, Buildings: []site.Building{{ID: "b3", Name: "图书馆"}},
			Tasks: []site.Task{{ID: "A12", Name: "屋面模板", Building: "b3", Duration: site.WorkDays(5)}},
		})
		w.must(err)
	})
}

func TestTheLoop(t *testing.T) {
	w := newWorks(t)
	w.plan()
	photo := strings.Repeat("ab", 32)
	i, err := w.openByPerson("foreman", alerts.NewIssue{
		Title: "模板支架材料未到", Kind: site.KindBlocking, Task: "A12", Building: "b3", StopWork: true, Reason: site.ReasonMaterial, Note: "还差两车", Photos: []string{photo},
	})
	w.must(err)
	if i.State != site.StateOpen || i.Severity != site.Warning || !i.Due.Equal(noon.Add(72*time.Hour)) || len(i.Moves) != 1 || i.OpenedBy != "foreman" {
		t.Fatalf("opened %+v", i)
	}
	if got := alerts.Title(w.texts, text.English, i); got != "模板支架材料未到" {
		t.Errorf("title %q", got)
	}
	if got := alerts.Detail(w.texts, text.Chinese, i); got != "原因：材料" {
		t.Errorf("detail %q", got)
	}
	due := noon.Add(5 * time.Hour)
	for _, m := range []struct {
		by string
		site.Move
		want string // code of the error; empty: done
	}{
		{"guest", site.Move{To: site.StateAssessed}, "alerts.not_allowed"},
		{"foreman", site.Move{To: "nonsense"}, "alerts.unknown_move"},
		{"foreman", site.Move{To: site.StateOpen}, "alerts.unknown_move"},
		{"foreman", site.Move{To: site.StateRejected}, "alerts.not_allowed"},
		{"safety", site.Move{To: site.StateRejected}, "alerts.move_not_allowed"},
		{"foreman", site.Move{To: site.StateAssessed}, ""},
		{"foreman", site.Move{To: site.StateAssigned}, "alerts.assignee_needed"},
		{"foreman", site.Move{To: site.StateAssigned, Assignee: "nobody"}, "alerts.unknown_assignee"},
		{"foreman", site.Move{To: site.StateAssigned, Assignee: "guest"}, "alerts.unknown_assignee"},
		{"safety", site.Move{To: site.StateAssigned, Assignee: "foreman", Due: due}, ""},
		{"foreman", site.Move{To: site.StateInHand, Note: strings.Repeat("长", 5000)}, "alerts.too_long"},
		{"foreman", site.Move{To: site.StateInHand, Photos: []string{"x"}}, "alerts.bad_photo"},
		{"foreman", site.Move{To: site.StateInHand}, ""},
		{"foreman", site.Move{To: site.StateReported, Note: "到货", Photos: []string{photo}}, ""},
		{"foreman", site.Move{To: site.StateClosed}, "alerts.not_allowed"},
		{"safety", site.Move{To: site.StateRejected, Note: "少一车"}, ""},
		{"foreman", site.Move{To: site.StateReported}, ""},
		{"safety", site.Move{To: site.StateClosed}, ""},
		{"safety", site.Move{To: site.StateClosed}, "alerts.move_not_allowed"},
		{"safety", site.Move{To: site.StateReopened}, ""},
		{"boss", site.Move{To: site.StateClosed}, ""},
	} {
		got, err := w.move(m.by, i.ID, m.Move)
		if m.want != "" {
			w.wantCode(err, m.want)
			continue
		}
		if err != nil || got.State != m.To {
			t.Fatalf("%s to %s: %v, state %s", m.by, m.To, err, got.State)
		}
		last := got.Moves[len(got.Moves)-1]
		if last.To != m.To || last.By != m.by || !last.At.Equal(w.clock.now()) || last.Note != m.Note {
			t.Errorf("kept %+v of %+v", last, m)
		}
		i = got
	}
	if i.Assignee != "foreman" || !i.Due.Equal(due) || i.ClosedAt.IsZero() {
		t.Errorf("in the end %+v", i)
	}
	if _, err := w.move("safety", "nothing", site.Move{To: site.StateAssessed}); !site.IsKind(err, site.NotFound) {
		t.Errorf("no issue: %v", err)
	}
}

// TestCriticalNeedsAnother holds that who put a critical issue right does not close it.
func TestCriticalNeedsAnother(t *testing.T) {
	w := newWorks(t)
	i, err := w.openByPerson("safety", alerts.NewIssue{Title: "临边无防护", Severity: site.Critical})
	w.must(err)
	if !i.Due.Equal(noon.Add(24 * time.Hour)) {
		t.Errorf("due %s", i.Due)
	}
	_, err = w.move("safety", i.ID, site.Move{To: site.StateClosed, Note: "  "})
	w.wantCode(err, "alerts.evidence_needed")
	_, err = w.move("safety", i.ID, site.Move{To: site.StateInHand})
	w.must(err)
	_, err = w.move("safety", i.ID, site.Move{To: site.StateClosed, Note: "已装"})
	w.wantCode(err, "alerts.second_person")
	_, err = w.move("safety", i.ID, site.Move{To: site.StateReported, Note: "已装"})
	w.must(err)
	_, err = w.move("safety", i.ID, site.Move{To: site.StateClosed, Note: "已查"})
	w.wantCode(err, "alerts.second_person")
	closed, err := w.move("boss", i.ID, site.Move{To: site.StateClosed, Note: "已查"})
	w.must(err)
	if closed.Open() || closed.Assignee != "safety" {
		t.Errorf("closed %+v", closed)
	}
}

func TestOpenByPersonIsChecked(t *testing.T) {
	w := newWorks(t)
	w.plan()
	for _, c := range []struct {
		by string
		alerts.NewIssue
		code, field string
	}{
		{"guest", alerts.NewIssue{Title: "x"}, "alerts.not_allowed", ""},
		{"foreman", alerts.NewIssue{Title: " "}, "alerts.title_needed", "title"},
		{"foreman", alerts.NewIssue{Title: strings.Repeat("x", 201)}, "alerts.too_long", "title"},
		{"foreman", alerts.NewIssue{Title: "x", Kind: site.KindSlip}, "alerts.unknown_kind", "kind"},
		{"foreman", alerts.NewIssue{Title: "x", Severity: "bad"}, "alerts.rule_severity", "severity"},
		{"foreman", alerts.NewIssue{Title: "x", StopWork: true}, "alerts.task_needed", "task"},
		{"foreman", alerts.NewIssue{Title: "x", Task: "A99"}, "alerts.unknown_task", "task"},
		{"foreman", alerts.NewIssue{Title: "x", Building: "b9"}, "alerts.unknown_building", "building"},
		{"foreman", alerts.NewIssue{Title: "x", Device: "nothing"}, "alerts.unknown_device", "device"},
		{"foreman", alerts.NewIssue{Title: "x", Reason: site.ReasonPace}, "alerts.unknown_reason", "reason"},
		{"foreman", alerts.NewIssue{Title: "x", Photos: make([]string, 21)}, "alerts.too_many_photos", "photos"},
		{"foreman", alerts.NewIssue{Title: "x", Assignee: "nobody"}, "alerts.unknown_assignee", "assignee"},
	} {
		_, err := w.openByPerson(c.by, c.NewIssue)
		w.wantCode(err, c.code)
		if got := site.AsError(err).Field; got != c.field {
			t.Errorf("%s: field %q, want %q", c.code, got, c.field)
		}
	}
	if len(w.issues()) != 0 || len(w.notices()) != 0 {
		t.Error("something was kept of what was refused")
	}
}

// TestNobodyIsToldOfOwnMoves holds who gets mail of a person's moves.
func TestNobodyIsToldOfOwnMoves(t *testing.T) {
	w := newWorks(t)
	i, err := w.openByPerson("foreman", alerts.NewIssue{Title: "小事", Severity: site.Info})
	w.must(err)
	_, err = w.move("safety", i.ID, site.Move{To: site.StateAssigned, Assignee: "foreman"})
	w.must(err)
	want := "opened webhook\nopened mqtt topout/v1/wenyuan/alerts/info\n" + // nobody wants mail of notices alone
		"moved webhook\nmoved mqtt topout/v1/wenyuan/alerts/info\nmoved mail foreman@example.com"
	if got := strings.Join(w.notices(), "\n"); got != want {
		t.Errorf("notices:\n%s\nwant:\n%s", got, want)
	}
}

// TestReopenBesideTwin holds that one trouble is one open issue.
func TestReopenBesideTwin(t *testing.T) {
	w := newWorks(t)
	w.reading("crane-1", "moment_percent", 92)
	w.clock.add(time.Second)
	w.reading("crane-1", "moment_percent", 10)
	w.clock.add(time.Second)
	w.reading("crane-1", "moment_percent", 92)
	_, err := w.move("safety", w.issues()[0].ID, site.Move{To: site.StateReopened})
	w.wantCode(err, "alerts.twin_open")
}
