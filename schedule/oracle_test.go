package schedule

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"topout/site"
)

func mustCalendar(t testing.TB, spec site.CalendarSpec) *Calendar {
	t.Helper()
	c, err := NewCalendar(spec, shanghai(t))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func shanghai(t testing.TB) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

// TestLinkTypes holds the passes to the 36 worked cases of the R package
// criticalpath: no clamp at the project's start, late finishes capped at sinks.
func TestLinkTypes(t *testing.T) {
	b, err := os.ReadFile("testdata/link-types/link_types.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Cases []struct {
			Name       string
			Activities []struct {
				ID       string
				Duration float64
			}
			Links []struct {
				Pred, Succ, Type string
				Lag              float64
			}
			Duration float64 `json:"expected_duration"`
			Expected map[string]struct {
				ES float64 `json:"early_start"`
				EF float64 `json:"early_finish"`
				LS float64 `json:"late_start"`
				LF float64 `json:"late_finish"`
			}
		}
	}
	if err := json.Unmarshal(b, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Cases) != 36 {
		t.Fatalf("%d cases, want 36", len(file.Cases))
	}
	cal := mustCalendar(t, site.CalendarSpec{Holidays: "CN"})
	for _, c := range file.Cases {
		t.Run(c.Name, func(t *testing.T) {
			plan := site.Plan{Start: site.NewDay(2026, 9, 21)}
			for _, a := range c.Activities {
				plan.Tasks = append(plan.Tasks, site.Task{ID: a.ID, Duration: site.WorkDays(a.Duration)})
			}
			for _, l := range c.Links {
				plan.Links = append(plan.Links, site.Link{Pred: l.Pred, Succ: l.Succ, Type: site.LinkType(l.Type), Lag: site.WorkDays(l.Lag)})
			}
			r, _, err := Check(plan, CheckOptions{Calendar: cal, Unclamped: true})
			if err != nil {
				t.Fatal(err)
			}
			if r.DurationDays != c.Duration {
				t.Errorf("duration %g, want %g", r.DurationDays, c.Duration)
			}
			for _, got := range r.Tasks {
				want := c.Expected[got.ID]
				if got.ES != want.ES || got.EF != want.EF || got.LS != want.LS || got.LF != want.LF {
					t.Errorf("%s: es %g ef %g ls %g lf %g, want %+v", got.ID, got.ES, got.EF, got.LS, got.LF, want)
				}
			}
		})
	}
}

// TestPSPLIB holds the length of the critical path to the MPM-Time in the
// header of 48 networks of PSPLIB j30.
func TestPSPLIB(t *testing.T) {
	files, err := filepath.Glob("testdata/psplib-j30/*.sm")
	if err != nil || len(files) != 48 {
		t.Fatalf("%d files, want 48: %v", len(files), err)
	}
	cal := mustCalendar(t, site.CalendarSpec{DaysAWeek: 5})
	for _, name := range files {
		plan, want := readPSPLIB(t, name)
		r, _, err := Check(plan, CheckOptions{Calendar: cal})
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Tasks) != 32 || r.DurationDays != want {
			t.Errorf("%s: %d tasks take %g days, want 32 and %g", name, len(r.Tasks), r.DurationDays, want)
		}
	}
}

func readPSPLIB(t *testing.T, name string) (site.Plan, float64) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	plan := site.Plan{Start: site.NewDay(2026, 9, 21)}
	var mpm float64
	section := ""
	for lines := bufio.NewScanner(strings.NewReader(string(b))); lines.Scan(); {
		line := lines.Text()
		if strings.HasSuffix(line, ":") {
			section = line
			continue
		}
		var f [8]int
		n, _ := fmt.Sscan(line, &f[0], &f[1], &f[2], &f[3], &f[4], &f[5], &f[6], &f[7])
		switch {
		case section == "PROJECT INFORMATION:" && n == 6:
			mpm = float64(f[5])
		case section == "PRECEDENCE RELATIONS:" && n >= 3:
			for _, succ := range f[3:n] {
				plan.Links = append(plan.Links, site.Link{Pred: fmt.Sprint(f[0]), Succ: fmt.Sprint(succ), Type: site.FinishToStart})
			}
		case section == "REQUESTS/DURATIONS:" && n >= 3:
			plan.Tasks = append(plan.Tasks, site.Task{ID: fmt.Sprint(f[0]), Duration: site.WorkDays(float64(f[2]))})
		}
	}
	return plan, mpm
}
