package store

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"topout/site"
)

// testPages: whatever the times, filters and page size, walking the pages gives
// every row exactly once, newest first, also while newer rows arrive.
func testPages(t *testing.T, s *Store) {
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		project := fmt.Sprintf("p%d", n)
		seconds := rapid.SliceOfN(rapid.IntRange(0, 3), 0, 12).Draw(rt, "seconds")
		limit := rapid.IntRange(1, 5).Draw(rt, "limit")
		update(t, s, func(tx *Tx) error {
			errs := []error{tx.CreateProject(site.Project{ID: project, CreatedAt: noon})}
			for i, sec := range seconds {
				_, err := tx.SaveProgress(site.Progress{ID: fmt.Sprintf("%s-%d", project, i), Project: project, T: noon.Add(time.Duration(sec) * time.Second)})
				errs = append(errs, err)
				errs = append(errs, tx.CreateIssue(site.Issue{ID: fmt.Sprintf("%s-%d", project, i), Project: project, OpenedAt: noon.Add(time.Duration(sec) * time.Second)}))
			}
			return errors.Join(errs...)
		})
		newer := noon
		type row struct {
			t  time.Time
			id string
		}
		walk := func(what string, pageOf func(tx *Tx, cursor string) ([]row, string, error)) {
			var got []row
			cursor := ""
			for i := 0; ; i++ {
				if i > 3*len(seconds)+3 {
					rt.Fatalf("%s: the pages do not end", what)
				}
				var rows []row
				var next string
				if err := s.View(t.Context(), func(tx *Tx) (err error) { rows, next, err = pageOf(tx, cursor); return err }); err != nil {
					rt.Fatal(err)
				}
				if len(rows) > limit || next != "" && len(rows) != limit {
					rt.Fatalf("%s: a page of %d, limit %d, next %q", what, len(rows), limit, next)
				}
				got = append(got, rows...)
				if cursor = next; cursor == "" {
					break
				}
				update(t, s, func(tx *Tx) error { // a newer row must not shift the pages
					newer = newer.Add(time.Hour)
					id := fmt.Sprintf("%s-%d", project, newer.Unix())
					_, err := tx.SaveProgress(site.Progress{ID: id, Project: project, T: newer})
					return errors.Join(err, tx.CreateIssue(site.Issue{ID: id, Project: project, OpenedAt: newer}))
				})
			}
			got = slices.DeleteFunc(got, func(r row) bool { return r.t.Sub(noon) >= time.Hour })
			if len(got) != len(seconds) {
				rt.Fatalf("%s: %d rows, want %d", what, len(got), len(seconds))
			}
			if !slices.IsSortedFunc(got, func(a, b row) int {
				if !a.t.Equal(b.t) {
					return b.t.Compare(a.t)
				}
				if a.id == b.id {
					rt.Fatalf("%s: %s twice", what, a.id)
				}
				if a.id > b.id {
					return -1
				}
				return 1
			}) {
				rt.Fatalf("%s: not newest first: %v", what, got)
			}
		}
		walk("progress", func(tx *Tx, cursor string) (rows []row, next string, err error) {
			list, next, err := tx.ProgressPage(site.ReportQuery{Project: project, Limit: limit, Cursor: cursor})
			for _, p := range list {
				rows = append(rows, row{p.T, p.ID})
			}
			return rows, next, err
		})
		walk("issues", func(tx *Tx, cursor string) (rows []row, next string, err error) {
			list, next, err := tx.IssuesPage(site.IssueQuery{Project: project, Limit: limit, Cursor: cursor})
			for _, i := range list {
				rows = append(rows, row{i.OpenedAt, i.ID})
			}
			return rows, next, err
		})
	})
	for _, cursor := range []string{"!", "bm9uc2Vuc2U", "LS0"} {
		wantError(t, s.View(t.Context(), func(tx *Tx) error {
			_, _, err := tx.ProgressPage(site.ReportQuery{Project: "wenyuan", Cursor: cursor})
			return err
		}), site.Invalid, "store.bad_cursor")
	}
}

// testLastValues: whatever the order and the batches in which readings come, the
// newest by source time is kept, and of those of one time the one that came last.
func testLastValues(t *testing.T, s *Store) {
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		device := fmt.Sprintf("d%d", n)
		update(t, s, func(tx *Tx) error {
			return tx.CreateDevice(site.Device{ID: device, Project: "wenyuan", CreatedAt: noon}, []byte("h"))
		})
		want := map[string]site.LastValue{}
		value := 0.0
		for range rapid.IntRange(1, 4).Draw(rt, "batches") {
			update(t, s, func(tx *Tx) error {
				for range rapid.IntRange(1, 6).Draw(rt, "readings") {
					value++
					v := site.LastValue{
						Metric: rapid.SampledFrom([]string{"a", "b"}).Draw(rt, "metric"),
						T:      noon.Add(time.Duration(rapid.IntRange(-3, 3).Draw(rt, "t")) * time.Millisecond),
						Value:  value,
					}
					if old, ok := want[v.Metric]; !ok || !v.T.Before(old.T) {
						want[v.Metric] = v
					}
					if err := tx.SaveLast(device, []site.LastValue{v}); err != nil {
						return err
					}
					if rapid.Bool().Draw(rt, "look") { // the transaction sees its own values
						d, err := tx.Device(device)
						if err != nil {
							return err
						}
						checkLast(rt, d.Last, want)
					}
				}
				return nil
			})
		}
		checkLast(rt, read(t, s, func(tx *Tx) (site.Device, error) { return tx.Device(device) }).Last, want)
	})
}

func checkLast(rt *rapid.T, got []site.LastValue, want map[string]site.LastValue) {
	if len(got) != len(want) {
		rt.Fatalf("%d last values, want %d", len(got), len(want))
	}
	for _, v := range got {
		if v != want[v.Metric] {
			rt.Fatalf("last value %+v, want %+v", v, want[v.Metric])
		}
	}
}

// testRepeats: any sequence of reports, with repeats under other contents, keeps
// the first of each id.
func testRepeats(t *testing.T, s *Store) {
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		project := fmt.Sprintf("r%d", n)
		update(t, s, func(tx *Tx) error { return tx.CreateProject(site.Project{ID: project, CreatedAt: noon}) })
		first := map[string]float64{}
		for _, id := range rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c"}), 1, 8).Draw(rt, "ids") {
			percent := float64(rapid.IntRange(0, 100).Draw(rt, "percent"))
			_, known := first[id]
			update(t, s, func(tx *Tx) error {
				isNew, err := tx.SaveProgress(site.Progress{ID: id, Project: project, T: noon, Percent: percent, HasPercent: true})
				if err != nil {
					return err
				}
				isNewCheck, err := tx.SaveCheck(site.Check{ID: id, Project: project, T: noon, Score: percent})
				if isNew == known || isNewCheck == known {
					rt.Fatalf("%s: new %v and %v, known %v", id, isNew, isNewCheck, known)
				}
				return err
			})
			if !known {
				first[id] = percent
			}
		}
		for id, percent := range first {
			p := read(t, s, func(tx *Tx) (site.Progress, error) { return tx.ProgressByID(project, id) })
			c := read(t, s, func(tx *Tx) (site.Check, error) { return tx.CheckByID(project, id) })
			if p.Percent != percent || c.Score != percent {
				rt.Fatalf("%s: %v and %v, want %v", id, p.Percent, c.Score, percent)
			}
		}
	})
}
