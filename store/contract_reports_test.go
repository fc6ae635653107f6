package store

import (
	"testing"
	"time"

	"topout/site"
)

func testProgress(t *testing.T, s *Store) {
	workers := 12.0
	p := site.Progress{
		ID: "r1", Project: "wenyuan", Task: "T2", T: noon, Arrived: noon.Add(time.Minute), Percent: 45, HasPercent: true, Quantity: 60.5, HasQty: true,
		Workers: &workers, Note: "模板到场", Reason: site.ReasonMaterial, Photos: []string{"ab", "cd"}, By: "li", Door: site.DoorAPI,
	}
	save := func(p site.Progress) (isNew bool) {
		update(t, s, func(tx *Tx) (err error) { isNew, err = tx.SaveProgress(p); return err })
		return isNew
	}
	get := func(id string) site.Progress {
		return read(t, s, func(tx *Tx) (site.Progress, error) { return tx.ProgressByID("wenyuan", id) })
	}
	if !save(p) {
		t.Error("a new report is not new")
	}
	same(t, "report", get("r1"), p)
	again := p
	again.Percent, again.Note = 99, "other"
	if save(again) {
		t.Error("a repeat is new")
	}
	same(t, "report after a repeat", get("r1"), p)

	elsewhere := p
	elsewhere.Project = "plant"
	if !save(elsewhere) {
		t.Error("another project's id is not free")
	}
	clockless := site.Progress{ID: "r2", Project: "wenyuan", Task: "T1", T: time.UnixMilli(0).UTC(), Arrived: noon, Door: site.DoorMQTT}
	save(clockless)
	same(t, "report of a wrong clock", get("r2"), clockless)

	withdraw := func(record, id string) (changed bool, err error) {
		err = s.Update(t.Context(), func(tx *Tx) (err error) {
			changed, err = tx.Withdraw("wenyuan", record, id, site.Withdrawal{By: "li", Why: "wrong task", At: noon})
			return err
		})
		return changed, err
	}
	later := p
	later.ID, later.T = "r3", noon.Add(time.Hour)
	save(later)
	of := func(until time.Time) []site.Progress {
		return read(t, s, func(tx *Tx) ([]site.Progress, error) { return tx.ProgressOf("wenyuan", until) })
	}
	same(t, "reports", of(time.Time{}), []site.Progress{clockless, p, later})
	same(t, "reports until noon", of(noon), []site.Progress{clockless, p})
	if changed, err := withdraw("progress", "r1"); !changed || err != nil {
		t.Errorf("withdrawal: %v, %v", changed, err)
	}
	if changed, err := withdraw("progress", "r1"); changed || err != nil {
		t.Errorf("second withdrawal: %v, %v", changed, err)
	}
	p.Withdrawn = &site.Withdrawal{By: "li", Why: "wrong task", At: noon}
	same(t, "withdrawn report", get("r1"), p)
	same(t, "reports that count", of(time.Time{}), []site.Progress{clockless, later})
	_, err := withdraw("progress", "none")
	wantError(t, err, site.NotFound, "store.unknown_progress")
	_, err = withdraw("check", "r1")
	wantError(t, err, site.NotFound, "store.unknown_check")
	_, err = withdraw("photo", "r1")
	wantError(t, err, site.Invalid, "store.not_withdrawable")

	list := read(t, s, func(tx *Tx) ([]site.Progress, error) {
		list, next, err := tx.ProgressPage(site.ReportQuery{Project: "wenyuan", Task: "T2", From: noon, To: noon.Add(time.Hour)})
		if next != "" {
			t.Errorf("a next page after the last: %q", next)
		}
		return list, err
	})
	same(t, "page", list, []site.Progress{p})
	wantError(t, s.Update(t.Context(), func(tx *Tx) error {
		_, err := tx.SaveProgress(site.Progress{ID: "x", Project: "none"})
		return err
	}), site.NotFound, "store.unknown_project")
}

func testChecks(t *testing.T, s *Store) {
	deduct, value := 2.5, 12.0
	c := site.Check{
		ID: "c1", Project: "wenyuan", Checklist: "jgj59-b1", Version: 3, Building: "b3", T: noon, Arrived: noon.Add(time.Second),
		Items: []site.CheckItem{
			{Code: "B.1-1", Result: site.Fail, Deduct: &deduct, Value: &value, Note: "护栏", Photos: []string{"ab"}},
			{Code: "B.1-2", Result: site.NA},
		},
		By: "li", Door: site.DoorMQTT, Score: 66.666666666666667, Grade: "不合格", Failed: 1, Issues: []string{"i1"},
	}
	save := func(c site.Check) (isNew bool) {
		update(t, s, func(tx *Tx) (err error) { isNew, err = tx.SaveCheck(c); return err })
		return isNew
	}
	get := func() site.Check {
		return read(t, s, func(tx *Tx) (site.Check, error) { return tx.CheckByID("wenyuan", "c1") })
	}
	if !save(c) {
		t.Error("a new check is not new")
	}
	again := c
	again.Score, again.Passed = 100, true
	if save(again) {
		t.Error("a repeat is new")
	}
	same(t, "check", get(), c)
	c.Issues = []string{"i1", "i2"}
	update(t, s, func(tx *Tx) error { return tx.SetCheckIssues("wenyuan", "c1", c.Issues) })
	same(t, "check with issues", get(), c)

	since := func(from, to time.Time) bool {
		return read(t, s, func(tx *Tx) (bool, error) { return tx.CheckSince("wenyuan", "jgj59-b1", from, to) })
	}
	if !since(noon, noon.Add(time.Second)) || since(noon.Add(-time.Hour), noon) || since(noon.Add(1), noon.Add(time.Hour)) != true {
		// times are kept to the millisecond, so a nanosecond later is the same time
		t.Error("CheckSince is not [from, to)")
	}
	other := c
	other.ID, other.Building, other.T = "c2", "b1", noon.Add(-time.Hour)
	save(other)
	list := read(t, s, func(tx *Tx) ([]site.Check, error) {
		list, _, err := tx.ChecksPage(site.ReportQuery{Project: "wenyuan", Building: "b3", Checklist: "jgj59-b1"})
		return list, err
	})
	same(t, "page", list, []site.Check{c})

	update(t, s, func(tx *Tx) error {
		_, err := tx.Withdraw("wenyuan", "check", "c1", site.Withdrawal{By: "li", Why: "twice", At: noon})
		return err
	})
	if since(noon, noon.Add(time.Second)) {
		t.Error("a withdrawn check counts")
	}
	c.Withdrawn = &site.Withdrawal{By: "li", Why: "twice", At: noon}
	same(t, "withdrawn check", get(), c)
}

func testRefused(t *testing.T, s *Store) {
	rs := []site.Refused{
		{T: noon, Door: site.DoorMQTT, Project: "wenyuan", Device: "dust-9", Topic: "topout/v1/wenyuan/readings/dust-9", Code: "ingest.unknown_device", Params: map[string]string{"device": "dust-9"}, Payload: []byte{0xff, 0}},
		{T: noon.Add(-time.Second), Door: site.DoorBroker, Project: "wenyuan", Device: "dust-9", Topic: "x", Code: "c", Payload: []byte("{}")},
		{T: noon, Door: site.DoorMQTT, Topic: "nonsense", Code: "ingest.foreign_topic"},
	}
	for i := range rs {
		update(t, s, func(tx *Tx) (err error) { rs[i].ID, err = tx.Refuse(rs[i]); return err })
	}
	pageOf := func(project string) []site.Refused {
		return read(t, s, func(tx *Tx) ([]site.Refused, error) {
			list, _, err := tx.RefusedPage(site.RefusedQuery{Project: project})
			return list, err
		})
	}
	same(t, "all", pageOf(""), []site.Refused{rs[2], rs[0], rs[1]})
	same(t, "of the project", pageOf("wenyuan"), rs[:2])
	of := func() []site.Refused {
		return read(t, s, func(tx *Tx) ([]site.Refused, error) { return tx.RefusedOf("dust-9") })
	}
	same(t, "of the device", of(), []site.Refused{rs[1], rs[0]})
	update(t, s, func(tx *Tx) error { return tx.MarkTaken(rs[1].ID, noon) })
	update(t, s, func(tx *Tx) error { return tx.MarkTaken(rs[1].ID, noon.Add(time.Hour)) })
	rs[1].TakenAt = noon
	same(t, "taken", read(t, s, func(tx *Tx) (site.Refused, error) { return tx.RefusedByID(rs[1].ID) }), rs[1])
	same(t, "still refused", of(), rs[:1])
	wantError(t, s.Update(t.Context(), func(tx *Tx) error { return tx.MarkTaken("none", noon) }), site.NotFound, "store.unknown_refused")
}
