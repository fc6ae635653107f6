package planfile

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/simplifiedchinese"

	"topout/site"
)

// xerText writes tables as P6 does: `NAME: a b | 1 2 | 3 4`, one a line, ~ for an empty field,
// ^ for a space.
func xerText(tables ...string) string {
	var b strings.Builder
	b.WriteString("ERMHDR\t8.4\t2026-01-01\tProject\tadmin\r\n")
	for _, table := range tables {
		name, rest, _ := strings.Cut(table, ": ")
		fmt.Fprintf(&b, "%%T\t%s\r\n", name)
		for i, row := range strings.Split(rest, " | ") {
			mark := "%R"
			if i == 0 {
				mark = "%F"
			}
			fields := strings.Fields(row)
			for j := range fields {
				fields[j] = strings.NewReplacer("~", "", "^", " ").Replace(fields[j])
			}
			b.WriteString(mark + "\t" + strings.Join(fields, "\t") + "\r\n")
		}
	}
	return b.String() + "%E\r\n"
}

const sixDays = "(0||CalendarData()((0||DaysOfWeek()(" +
	"(0||1()())(0||2()((0||0(s|08:00|f|12:00)())(0||1(s|13:00|f|17:00)())))(0||3()((0||0(s|08:00|f|16:00)())))(0||4()())(0||5()())(0||6()())(0||7()((0||0(f|00:00|s|22:00)()))))" +
	")(0||Exceptions()((0||0(d|46290)())(0||1(d|46291)((0||0(s|09:00|f|10:00)())))))))"

func TestReadXER(t *testing.T) {
	text := xerText(
		"PROJECT: proj_id proj_short_name clndr_id plan_start_date last_recalc_date plan_end_date export_flag critical_drtn_hr_cnt | 1 SCHOOL 7 2026-09-01^08:00 2026-09-25^00:00 2026-12-31^17:00 Y 8",
		"CALENDAR: clndr_id clndr_name day_hr_cnt clndr_data | 7 Site 8 "+sixDays+" | 8 Night 10 "+sixDays,
		"SCHEDOPTIONS: proj_id sched_calendar_on_relationship_lag sched_progress_override | 1 rcal_Successor N",
		"PROJWBS: wbs_id proj_id proj_node_flag parent_wbs_id wbs_short_name wbs_name | 10 1 Y 9 S School | 11 1 N 10 LIB Library | 12 1 N 11 ROOF Roof | 13 1 N 10 DORM Dormitory",
		"TASK: task_id proj_id wbs_id clndr_id task_type status_code task_code task_name target_drtn_hr_cnt remain_drtn_hr_cnt act_start_date act_end_date cstr_type cstr_date complete_pct_type phys_complete_pct early_start_date early_end_date"+
			" | 100 1 12 7 TT_Task TK_NotStart A1000 Slab 16 16 ~ ~ CS_MSOA 2026-10-05^08:00 CP_Drtn 0 2026-10-05^08:00 2026-10-06^16:00"+
			" | 101 1 13 8 TT_Task TK_Active A1010 Walls 40 10 2026-09-02^08:00 ~ ~ ~ CP_Phys 60 ~ ~"+
			" | 102 1 13 7 TT_FinMile TK_NotStart M1 Done 0 0 ~ ~ ~ ~ CP_Drtn 0 ~ ~"+
			" | 103 1 13 7 TT_LOE TK_NotStart L1 Guard 0 0 ~ ~ ~ ~ CP_Drtn 0 ~ ~",
		"TASKPRED: task_id pred_task_id pred_type lag_hr_cnt | 102 100 PR_FS 0 | 102 101 PR_FF -4 | 103 100 PR_SS 0 | 102 999 PR_FS 0",
		"TASKRSRC: taskrsrc_id | 1 | 2",
	)
	f, err := ReadXER(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	p := f.Plan
	if f.Name != "SCHOOL" || p.Start.String() != "2026-09-01" || p.DataDate.String() != "2026-09-25T00:00" || p.FinishBy.String() != "2026-12-31T17:00" || p.CriticalFloat != 480 || p.Calendar != "7" {
		t.Errorf("%+v", p)
	}
	if want := []site.Building{{ID: "LIB", Name: "Library"}, {ID: "DORM", Name: "Dormitory", Position: 1}}; !reflect.DeepEqual(p.Buildings, want) {
		t.Errorf("%+v", p.Buildings)
	}
	if len(p.Tasks) != 3 {
		t.Fatalf("%d tasks", len(p.Tasks))
	}
	a, w, m := p.Tasks[0], p.Tasks[1], p.Tasks[2]
	if a.ID != "A1000" || a.Duration != 960 || a.Building != "LIB" || a.Logic.WBS != "LIB.ROOF" || a.Logic.Calendar != "" ||
		a.Logic.Bound.Type != site.StartNoEarlier || a.Logic.Bound.At.String() != "2026-10-05T08:00" || a.Start.String() != "2026-10-05" || a.Finish.String() != "2026-10-06" {
		t.Errorf("%+v", a)
	}
	if w.Duration != 2400 || w.Logic.Calendar != "8" || w.Logic.Remaining != 600 || w.Logic.ActualWork != 1800 || w.Logic.Percent != 60 || w.Logic.ActualStart.String() != "2026-09-02T08:00" {
		t.Errorf("%+v", w)
	}
	if !m.Milestone || m.Duration != 0 || m.Logic.AtStart {
		t.Errorf("%+v", m)
	}
	if want := []site.Link{{Pred: "A1000", Succ: "M1", Type: "FS"}, {Pred: "A1010", Succ: "M1", Type: "FF", Lag: -240}}; !reflect.DeepEqual(p.Links, want) {
		t.Errorf("%+v", p.Links)
	}
	var codes []string
	for _, problem := range f.Problems {
		codes = append(codes, strings.TrimPrefix(problem.Code, "planfile.")+" "+problem.Task)
	}
	if want := []string{"level_of_effort L1", "unknown_predecessor M1", "resources "}; !reflect.DeepEqual(codes, want) {
		t.Errorf("%v", codes)
	}
	c := p.Calendars[0]
	if c.DayWork != 480 || len(c.Week[0]) != 0 || len(c.Week[1]) != 2 || c.Week[2][0] != (site.Shift{From: 480, To: 960}) || c.Week[6][0] != (site.Shift{From: 1320, To: 1440}) {
		t.Errorf("%+v", c)
	}
	if len(c.Days) != 2 || c.Days[0].From.String() != "2026-09-25" || len(c.Days[0].Shifts) != 0 || c.Days[1].Shifts[0] != (site.Shift{From: 540, To: 600}) {
		t.Errorf("%+v", c.Days)
	}
}

func TestXEREncodings(t *testing.T) {
	text := func(name string) string {
		return xerText("PROJECT: proj_id proj_short_name | 1 P", "TASK: task_id proj_id task_type task_code task_name target_drtn_hr_cnt | 1 1 TT_Task A "+name+" 8")
	}
	encode := func(e interface{ String(string) (string, error) }, s string) string {
		out, err := e.String(s)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	for name, in := range map[string]string{
		"图书馆屋面混凝土":            encode(simplifiedchinese.GBK.NewEncoder(), text("图书馆屋面混凝土")),
		"Gründung für Träger": encode(charmap.Windows1252.NewEncoder(), text("Gründung^für^Träger")),
		"屋面":                  text("屋面"),
	} {
		f, err := ReadXER(strings.NewReader(in))
		if err != nil {
			t.Fatal(err)
		}
		if got := f.Plan.Tasks[0].Name; got != name {
			t.Errorf("%q, want %q", got, name)
		}
	}
}

func TestXERRefuses(t *testing.T) {
	for code, in := range map[string]string{
		"planfile.not_xer":    "id,duration_days\nA,1\n",
		"planfile.xer_fields": "ERMHDR\t8.4\n%T\tTASK\n%R\t1\n",
		"planfile.no_tasks":   xerText("PROJECT: proj_id | 1"),
	} {
		if _, err := ReadXER(strings.NewReader(in)); site.AsError(err) == nil || site.AsError(err).Code != code {
			t.Errorf("%v, want %s", err, code)
		}
	}
}

func FuzzReadXER(f *testing.F) {
	for _, name := range []string{"PredecessorCalendar.xer", "percent-complete-8.4.xer"} {
		b, err := os.ReadFile("testdata/xer/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(xerText("PROJECT: proj_id clndr_id | 1 7", "CALENDAR: clndr_id base_clndr_id clndr_data | 7 7 "+sixDays, "TASK: task_id proj_id task_code target_drtn_hr_cnt | 1 1 A 8")))
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := ReadXER(strings.NewReader(string(b)))
		if err == nil && len(file.Plan.Tasks) == 0 {
			t.Error("no tasks and no error")
		}
	})
}

func BenchmarkReadXER(b *testing.B) {
	var tasks, links strings.Builder
	tasks.WriteString("TASK: task_id proj_id clndr_id task_type status_code task_code task_name target_drtn_hr_cnt remain_drtn_hr_cnt early_start_date early_end_date")
	links.WriteString("TASKPRED: task_id pred_task_id pred_type lag_hr_cnt")
	for i := range 10000 {
		fmt.Fprintf(&tasks, " | %d 1 7 TT_Task TK_NotStart A%d Task 80 80 2026-10-05^08:00 2026-10-06^16:00", i, i)
		for k := 1; k <= 3 && i >= k; k++ {
			fmt.Fprintf(&links, " | %d %d PR_FS 8", i, i-k)
		}
	}
	text := xerText("PROJECT: proj_id clndr_id | 1 7", "CALENDAR: clndr_id clndr_data | 7 "+sixDays, tasks.String(), links.String())
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := ReadXER(strings.NewReader(text)); err != nil {
			b.Fatal(err)
		}
	}
}
