package planfile_test

import (
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"topout/planfile"
	"topout/schedule"
)

// TestMSPDIDates reads real files of MS Project and computes their networks: the
// dates and slacks are those that MS Project wrote.
func TestMSPDIDates(t *testing.T) {
	names, err := filepath.Glob("testdata/mspdi/*.xml")
	if err != nil || len(names) == 0 {
		t.Fatal("no files", err)
	}
	for _, name := range names {
		t.Run(filepath.Base(name), func(t *testing.T) {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			var want struct {
				Tasks []struct {
					UID, Summary                                   string
					Start, Finish                                  string
					EarlyStart, EarlyFinish, LateStart, LateFinish string
					TotalSlack, FreeSlack                          float64 // tenths of a minute
					Critical                                       string
				} `xml:"Tasks>Task"`
			}
			if err := xml.Unmarshal(b, &want); err != nil {
				t.Fatal(err)
			}
			file, err := planfile.ReadMSPDI(strings.NewReader(string(b)))
			if err != nil || len(file.Problems) > 0 {
				t.Fatal(file.Problems, err)
			}
			r, problems, err := schedule.Check(file.Plan, schedule.CheckOptions{})
			if err != nil || len(problems) > 0 {
				t.Fatal(problems, err)
			}
			got := map[string]schedule.TaskDates{}
			for _, d := range r.Tasks {
				got[d.ID] = d
			}
			n := 0
			for _, w := range want.Tasks {
				if w.Summary == "1" {
					continue
				}
				n++
				d, ok := got[w.UID]
				if !ok {
					t.Errorf("task %s is missing", w.UID)
					continue
				}
				for _, pair := range [][2]string{
					{d.Start.String(), w.Start}, {d.Finish.String(), endOfWork(t, w.Finish)},
					{d.EarlyStart.String(), w.EarlyStart}, {d.EarlyFinish.String(), endOfWork(t, w.EarlyFinish)},
					{d.LateStart.String(), w.LateStart}, {d.LateFinish.String(), endOfWork(t, w.LateFinish)},
				} {
					if pair[0]+":00" != pair[1] {
						t.Errorf("task %s: %s, MS Project says %s: %+v", w.UID, pair[0], pair[1], d)
					}
				}
				if d.TotalFloat*4800 != w.TotalSlack || d.FreeFloat*4800 != w.FreeSlack && w.FreeSlack >= 0 || d.Critical != (w.Critical == "1") {
					t.Errorf("task %s: floats %g and %g days, MS Project says %g and %g tenths of a minute", w.UID, d.TotalFloat, d.FreeFloat, w.TotalSlack, w.FreeSlack)
				}
			}
			if n != len(r.Tasks) {
				t.Errorf("%d tasks, want %d", len(r.Tasks), n)
			}
		})
	}
}

// endOfWork turns a finish that MS Project puts at the start of a day into the
// end of the work before it (Monday to Friday, to 17:00).
func endOfWork(t *testing.T, s string) string {
	at, err := time.Parse("2006-01-02T15:04:05", s)
	if err != nil {
		t.Fatal(err)
	}
	if at.Hour() != 8 {
		return s
	}
	at = at.AddDate(0, 0, -1)
	for at.Weekday() == time.Saturday || at.Weekday() == time.Sunday {
		at = at.AddDate(0, 0, -1)
	}
	return at.Format("2006-01-02T") + "17:00:00"
}

// TestXERDates computes Primavera's own files. What P6 wrote of the remaining
// work (restart_date, reend_date) is what the network must say.
func TestXERDates(t *testing.T) {
	read := func(name string) (planfile.File, map[string]schedule.TaskDates) {
		t.Helper()
		f, err := os.Open("testdata/xer/" + name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		file, err := planfile.ReadXER(f)
		if err != nil || len(file.Problems) > 0 {
			t.Fatal(file.Problems, err)
		}
		r, problems, err := schedule.Check(file.Plan, schedule.CheckOptions{})
		if err != nil || len(problems) > 0 {
			t.Fatal(problems, err)
		}
		dates := map[string]schedule.TaskDates{}
		for _, d := range r.Tasks {
			dates[d.ID] = d
		}
		return file, dates
	}
	_, dates := read("percent-complete-8.4.xer")
	for id, finish := range map[string]string{
		"A1000": "2015-07-13T16:00", "A1010": "2015-06-08T16:00", "A1020": "2015-03-30T16:00",
		"A1040": "2015-07-13T16:00", "A1050": "2015-07-13T16:00", "A1100": "2015-07-13T16:00",
	} {
		if d := dates[id]; d.EarlyStart.String() != "2015-02-24T08:00" || d.EarlyFinish.String() != finish {
			t.Errorf("%s: %s to %s, Primavera says 2015-02-24T08:00 to %s", id, d.EarlyStart, d.EarlyFinish, finish)
		}
	}
	file, dates := read("PredecessorCalendar.xer")
	if d := dates["A1000"]; d.Start.String() != "2019-06-10T08:00" || d.Finish.String() != "2019-06-12T17:00" || d.EarlyFinish.String() != "2019-10-02T00:00" || d.Critical {
		t.Errorf("a finished task: %+v", d)
	}
	if file.Name != "TEST PROJECT" || file.Plan.Calendar != "44739" {
		t.Errorf("%s, calendar %s", file.Name, file.Plan.Calendar)
	}
}
