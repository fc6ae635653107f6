package alerts_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"topout/alerts"
	"topout/site"
	"topout/store"
)

// TestIssueFollowsReading holds, whatever a device sends and people do in between,
// that there is at most one open issue of its metric, that an issue which nobody
// closed has the severity in force, and that each change is told once.
func TestIssueFollowsReading(t *testing.T) {
	w := newWorks(t)
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		id := fmt.Sprintf("crane-p%d", n)
		w.update(func(tx *store.Tx) {
			w.must(tx.CreateDevice(site.Device{ID: id, Project: project, Kind: "tower_crane", CreatedAt: noon}, []byte("hash")))
		})
		d := w.device(id)
		closed := false // by a person, in the present trouble
		for range rapid.IntRange(1, 25).Draw(rt, "steps") {
			w.clock.add(time.Second)
			if rapid.IntRange(0, 5).Draw(rt, "step") == 0 {
				for _, i := range w.openOf(id) {
					_, err := w.move("safety", i.ID, site.Move{To: site.StateClosed, Note: "看过"})
					w.must(err)
					closed = true
				}
				continue
			}
			back := time.Duration(rapid.IntRange(0, 3).Draw(rt, "back")) * time.Second
			value := rapid.SampledFrom([]float64{50, 87, 89, 91, 97, 99, 101, 120}).Draw(rt, "value")
			before := w.state(id)
			w.batch(func(_ *store.Tx, b *alerts.Batch) {
				r := site.Reading{Project: project, Device: id, T: w.clock.now().Add(-back), Values: []site.MetricValue{{Metric: "moment_percent", Value: value}}}
				w.must(b.ReadingTaken(d, r, w.clock.now()))
			})
			level := w.state(id).Level
			if level == "" || level.Rank() > before.Level.Rank() {
				closed = false
			}
			open := w.openOf(id)
			switch {
			case len(open) > 1:
				rt.Fatalf("%d open issues", len(open))
			case level == "" && len(open) != 0:
				rt.Fatalf("%s is open while nothing is in force", open[0].Severity)
			case level != "" && !closed && (len(open) != 1 || open[0].Severity != level):
				rt.Fatalf("%s in force, open %+v", level, open)
			case closed && len(open) != 0:
				rt.Fatal("a closed issue came back without getting worse")
			}
		}
		w.toldOnce(rt, id)
	})
}

// toldOnce holds that each change of a device's issues is told once by webhook,
// and that what is told begins with opened and goes on as the issue did.
func (w *works) toldOnce(rt *rapid.T, device string) {
	w.must(w.store.View(w.t.Context(), func(tx *store.Tx) error {
		page, _, err := tx.IssuesPage(site.IssueQuery{Project: project, Device: device, Limit: site.MaxLimit})
		for _, i := range page {
			told, err := tx.NoticesOf(i.ID)
			w.must(err)
			severity := site.Severity("")
			closed := 0
			for _, n := range told {
				if n.Channel != alerts.ChannelWebhook {
					continue
				}
				var e alerts.Event
				w.must(json.Unmarshal(n.Payload, &e))
				if opened := n.Event == alerts.EventOpened; opened != (severity == "") {
					rt.Fatalf("%s after %q", n.Event, severity)
				}
				if n.Event == alerts.EventClosed {
					closed++
				} else if e.Data.Issue.Severity == severity {
					rt.Fatalf("%s twice", severity)
				}
				severity = e.Data.Issue.Severity
			}
			if !i.Open() != (closed == 1) || severity != i.Severity {
				rt.Fatalf("issue %+v, told %d times closed, last %s", i, closed, severity)
			}
		}
		return err
	}))
}

func (w *works) openOf(device string) (open []site.Issue) {
	yes := true
	w.must(w.store.View(w.t.Context(), func(tx *store.Tx) (err error) {
		open, _, err = tx.IssuesPage(site.IssueQuery{Project: project, Device: device, Open: &yes})
		return err
	}))
	return open
}

func (w *works) state(device string) (s site.RuleState) {
	w.must(w.store.View(w.t.Context(), func(tx *store.Tx) (err error) {
		s, _, err = tx.RuleState(device, "moment_percent")
		return err
	}))
	return s
}

// FuzzRule holds that whatever is sent as a rule is refused with a field and a
// code, or is a rule that reads back as the same.
func FuzzRule(f *testing.F) {
	for _, s := range []string{
		`{"levels":[{"severity":"warning","limit":85}]}`, `{"op":"<","levels":[]}`, `{"night":null}`, `{"night":{"from":"22:00","to":"06:00","levels":[]}}`,
		`{"hold_seconds":1e99}`, `null`, `[]`, `{"levels":[{"severity":"warning","limit":1e400}]}`, `{"of":"a","minus":"b"}`,
	} {
		f.Add("dust", "noise", s)
		f.Add("thing", "x", s)
	}
	rules, err := alerts.Builtin()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, kind, metric, raw string) {
		r, err := rules.Parse(kind, metric, []byte(raw))
		if err != nil {
			if e := site.AsError(err); e == nil || e.Kind != site.Invalid || !strings.HasPrefix(e.Code, "alerts.rule_") {
				t.Fatalf("error %v", err)
			}
			return
		}
		kept, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		again, err := rules.Parse(kind, metric, kept)
		if err != nil || !reflect.DeepEqual(again, r) {
			t.Fatalf("%s read back as %+v, %v", kept, again, err)
		}
	})
}
