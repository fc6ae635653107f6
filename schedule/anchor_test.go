package schedule

import (
	"testing"

	"topout/site"
)

func TestAnchored(t *testing.T) {
	today, given := site.NewDay(2026, 11, 24), site.NewDay(2026, 3, 2)
	for name, c := range map[string]struct {
		plan site.Plan
		want site.Day
	}{
		"no date at all":     {site.Plan{Tasks: []site.Task{{ID: "a", Duration: site.WorkDay}}}, today},
		"its own start":      {site.Plan{Start: given, Tasks: []site.Task{{ID: "a"}}}, given},
		"a task has a start": {site.Plan{Tasks: []site.Task{{ID: "a"}, {ID: "b", Start: given}}}, 0},
	} {
		if got := Anchored(c.plan, today).Start; got != c.want {
			t.Errorf("%s: start %s, want %s", name, got, c.want)
		}
	}
}
