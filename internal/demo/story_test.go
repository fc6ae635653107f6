package demo_test

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"topout/internal/demo"
	"topout/schedule"
	"topout/site"
)

func story(t testing.TB, now time.Time) *demo.Story {
	t.Helper()
	s, err := demo.NewStory(now)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestThePlanIsWhole(t *testing.T) {
	s := story(t, noon)
	plan := s.Plan()
	for _, p := range schedule.Problems(plan) {
		t.Errorf("%s: %s %v", p.Task, p.Code, p.Params)
	}
	if len(plan.Buildings) != 11 {
		t.Errorf("%d units", len(plan.Buildings))
	}
	code := regexp.MustCompile(`^(0[1-9]|10)(-\d\d)?$`)
	outdoors := regexp.MustCompile(`^室外$`)
	tasks, milestones := 0, 0
	for _, k := range plan.Tasks {
		if k.Building != "" && !slices.ContainsFunc(plan.Buildings, func(b site.Building) bool { return b.ID == k.Building }) {
			t.Errorf("%s stands in %q, which there is not", k.ID, k.Building)
		}
		if k.Milestone {
			milestones++
			continue
		}
		tasks++
		if k.Trade == "" || k.Weight <= 0 || k.Duration <= 0 || k.Name == "" {
			t.Errorf("%s lacks trade, weight, duration or name: %+v", k.ID, k)
		}
		if strings.HasPrefix(k.ID, "B") && !code.MatchString(k.Code) && !outdoors.MatchString(k.Code) {
			t.Errorf("%s has the code %q", k.ID, k.Code)
		}
	}
	if tasks < 140 || tasks > 170 || milestones < 20 {
		t.Errorf("%d tasks, %d milestones", tasks, milestones)
	}
	types := map[site.LinkType]int{}
	for _, l := range plan.Links {
		types[l.Type]++
	}
	if types[site.StartToStart] == 0 || types[site.FinishToFinish] == 0 {
		t.Errorf("%v", types)
	}
	base, err := schedule.Approve(plan, s.Calendar())
	if err != nil {
		t.Fatal(err)
	}
	// The hand-over is the last of all, and waits for every unit.
	for _, b := range base.Tasks {
		if b.Finish > base.Delivery {
			t.Errorf("%s ends after the hand-over", b.Task)
		}
	}
	waits := map[string]bool{plan.Delivery: true}
	for range plan.Tasks {
		for _, l := range plan.Links {
			waits[l.Pred] = waits[l.Pred] || waits[l.Succ]
		}
	}
	for _, k := range plan.Tasks {
		if k.Milestone && strings.HasSuffix(k.ID, "_990") && !waits[k.ID] {
			t.Errorf("the hand-over does not wait for %s", k.ID)
		}
	}
}

// Whatever the day, the site stands where domain experts know it: topped out
// but for the library's south part, fit-out begun, backfill done.
func TestTheStoryLooksLikeToday(t *testing.T) {
	first := time.Date(2024, time.June, 1, 0, 0, 0, 0, time.UTC)
	rapid.Check(t, func(rt *rapid.T) {
		now := first.Add(time.Duration(rapid.Int64Range(0, int64(5*365*24*time.Hour)).Draw(rt, "now")))
		s, err := demo.NewStory(now)
		if err != nil {
			rt.Fatal(err)
		}
		for n := 1; n <= 8; n++ {
			if id := "B" + strconv.Itoa(n) + "_280"; s.Done(id, now) != 100 {
				rt.Errorf("%s is not topped out on %s", id, now)
			}
		}
		if p := s.Done("B9_225", now); p < 50 || p > 60 {
			rt.Errorf("the roof formwork is at %v %% on %s", p, now)
		}
		for id, want := range map[string]float64{"B9_215": 100, "B9_230": 0, "A_030": 100, "A_040": 100, "B11_110": 100, "B11_120": 100, "B4_610": 0, "B11_520": 0, "A_160": 0} {
			if p := s.Done(id, now); p != want {
				rt.Errorf("%s is at %v %% on %s, want %v", id, p, now, want)
			}
		}
		if p := s.Done("B1_320", now); p <= 0 || p >= 100 {
			rt.Errorf("fit-out of the primary school is at %v %%", p)
		}
		day := site.DayOf(now, s.Project().Location())
		for d := day - 7; d <= day+7; d++ {
			for _, off := range s.Project().Calendar.Off {
				if d >= off.From && d <= off.To {
					rt.Errorf("winter stop on %s, looked at on %s", d, day)
				}
			}
		}
		if start := s.Plan().Start; start > day-200 || start < day-330 {
			rt.Errorf("works began on %s, today is %s", start, day)
		}
		// A story that was kept is the same story.
		kept, err := demo.StoryOf(s.Project(), s.Plan().Start)
		if err != nil {
			rt.Fatal(err)
		}
		for _, id := range []string{"B9_225", "B1_320", "B2_710"} {
			if a, b := s.Done(id, now), kept.Done(id, now); a != b {
				rt.Errorf("%s: %v, and as kept %v", id, a, b)
			}
		}
	})
}

// Work never goes back, and what was late has a reason that one can read.
func TestWorkGoesOn(t *testing.T) {
	s := story(t, noon)
	for _, k := range s.Plan().Tasks {
		last := 0.0
		for day := -300; day <= 60; day += 3 {
			p := s.Done(k.ID, noon.AddDate(0, 0, day))
			if p < last || p > 100 {
				t.Fatalf("%s: %v %% after %v %%", k.ID, p, last)
			}
			last = p
		}
	}
}

func TestWeather(t *testing.T) {
	if _, err := demo.EmbeddedWeather(); err != nil {
		t.Fatal(err)
	}
	head := "\"No\",\"year\",\"month\",\"day\",\"hour\",\"PM10\",\"TEMP\",\"RAIN\",\"wd\",\"WSPM\"\n"
	if _, err := demo.ReadWeather(strings.NewReader(head + "1,2013,3,1,0,4,-0.7,0,\"NNW\",4.4\n2,2013,3,1,1,NA,NA,NA,NA,NA\n")); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"", "a,b\n", head, head + "1,2013,13,1,0,4,1,0,N,1\n", head + "1,2013,3,1,0,4,x,0,N,1\n", head + "1,2013,3\n", head + "1,2013,3,1,0,4,NaN,0,N,1\n"} {
		if _, err := demo.ReadWeather(strings.NewReader(bad)); site.AsError(err) == nil {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func FuzzReadWeather(f *testing.F) {
	f.Add("month,day,hour,TEMP,WSPM,PM10\n1,1,0,3,2,80\n")
	f.Add("month,day,hour,TEMP,WSPM\n2,29,23,NA,NA\n")
	s := story(f, noon)
	f.Fuzz(func(t *testing.T, text string) {
		w, err := demo.ReadWeather(strings.NewReader(text))
		if err != nil {
			if site.AsError(err) == nil {
				t.Fatalf("%v is no *site.Error", err)
			}
			return
		}
		for m := range script(t, demo.ScriptOptions{Story: s, Weather: w, From: noon, To: noon.Add(20 * time.Minute), Every: 10 * time.Minute, ReportEvery: time.Hour}) {
			if len(m.Payload) == 0 {
				t.Fatal("an empty message")
			}
		}
	})
}
