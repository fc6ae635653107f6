package schedule

import (
	"fmt"
	"slices"
	"time"

	"topout/site"
)

// clock is local wall-clock time in minutes since 1970-01-01 00:00 of the
// calendar's zone. Working times are local, so the engine never needs the
// zone's offset: only the outermost functions meet time.Time.
type clock int64

const minutesADay = 1440

// day is the day that the minute before or at c belongs to.
func (c clock) day() site.Day { return site.Day(floorDiv(int64(c), minutesADay)) }

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b != 0 && (a < 0) != (b < 0) {
		q--
	}
	return q
}

func startOfDay(d site.Day) clock { return clock(int64(d) * minutesADay) }

// span is a shift: working minutes [from, to) of a day.
type span struct{ from, to int32 }

// hours are the shifts of one kind of day, in order.
type hours []span

func (h hours) total() int32 {
	var sum int32
	for _, s := range h {
		sum += s.to - s.from
	}
	return sum
}

// before is the working time in [00:00, minute).
func (h hours) before(minute int32) int32 {
	var sum int32
	for _, s := range h {
		if minute <= s.from {
			break
		}
		sum += min(minute, s.to) - s.from
	}
	return sum
}

// tableFirst and tableLast bound the days that holidays and exceptions can
// name; outside of them the plain week goes on for ever.
func tableBounds() (first, last site.Day) {
	return site.NewDay(1990, time.January, 1), site.NewDay(2070, time.January, 1)
}

// Calendar knows which minutes are worked. It is immutable, and safe for
// concurrent use.
//
// Its own measure of time is the offset: working minutes since the table's
// first day. An offset names two instants where a break lies: the end of the
// work before it (a finish) and the start of the work after it (a start).
type Calendar struct {
	loc   *time.Location
	first site.Day
	kinds []hours   // the different days that there are
	kind  []uint16  // per day of the table, index in kinds
	week  [7]uint16 // the plain week, by time.Weekday
	cum   []int32   // working minutes before each day of the table; one more at the end
	full  []int32   // working days before each day of the table; one more at the end
	hint  []int32   // per 480 working minutes, the day of the table in which they begin

	weekWork    int64
	dayWork     site.Work           // what a day of duration means
	names       map[site.Day]string // of holidays and the project's own days
	provisional map[int]bool        // years whose holidays are not published
	holidays    bool
}

// NewCalendar makes the calendar of a project: the working week, the holidays
// and make-up days of the country, and the project's own days, each stronger
// than the one before; of the project's own days the later in the list wins.
// Working hours are 08:00–12:00 and 13:00–17:00.
func NewCalendar(spec site.CalendarSpec, loc *time.Location) (*Calendar, error) {
	if loc == nil {
		loc = time.UTC
	}
	var sunday, saturday uint16 // kind 0 is a day off, kind 1 the standard day
	switch spec.DaysAWeek {
	case 5:
	case 0, 6:
		saturday = 1
	case 7:
		sunday, saturday = 1, 1
	default:
		return nil, site.Errorf(site.Invalid, "schedule.days_a_week", "calendar.days_a_week", "days", fmt.Sprint(spec.DaysAWeek))
	}
	c := &Calendar{
		loc:   loc,
		kinds: []hours{nil, {{8 * 60, 12 * 60}, {13 * 60, 17 * 60}}},
		week:  [7]uint16{sunday, 1, 1, 1, 1, 1, saturday},
		names: map[site.Day]string{},

		dayWork: site.WorkDay,
	}
	c.layWeek()
	switch spec.Holidays {
	case "":
	case "CN":
		if err := c.layChinese(); err != nil {
			return nil, err
		}
	default:
		return nil, site.Errorf(site.Invalid, "schedule.holidays", "calendar.holidays", "holidays", spec.Holidays)
	}
	for i, off := range spec.Off {
		if off.From.IsZero() || off.To < off.From {
			return nil, site.Errorf(site.Invalid, "schedule.day_off_span", fmt.Sprintf("calendar.off[%d]", i),
				"from", off.From.String(), "to", off.To.String())
		}
		kind := uint16(0)
		if off.Working {
			kind = 1
		}
		c.set(off.From, off.To, kind, off.Name)
	}
	c.sum()
	return c, nil
}

// NewPlanCalendar makes a calendar that came with a plan.
func NewPlanCalendar(spec site.PlanCalendar, loc *time.Location) (*Calendar, error) {
	c := &Calendar{loc: loc, names: map[site.Day]string{}, dayWork: spec.DayWork}
	if c.dayWork <= 0 {
		c.dayWork = site.WorkDay
	}
	var err error
	kindOf := func(shifts []site.Shift) uint16 {
		h, bad := newHours(shifts)
		if bad {
			err = site.Errorf(site.Invalid, "schedule.calendar_hours", "calendars", "calendar", spec.Name)
		}
		for i, known := range c.kinds {
			if slices.Equal(known, h) {
				return uint16(i)
			}
		}
		c.kinds = append(c.kinds, h)
		return uint16(len(c.kinds) - 1)
	}
	for weekday, shifts := range spec.Week {
		c.week[weekday] = kindOf(shifts)
	}
	c.layWeek()
	for _, d := range spec.Days {
		c.set(d.From, d.To, kindOf(d.Shifts), d.Name)
	}
	if err != nil {
		return nil, err
	}
	if c.weekWork == 0 || len(c.kinds) > 1<<15 {
		return nil, site.Errorf(site.Invalid, "schedule.calendar_idle", "calendars", "calendar", spec.Name)
	}
	c.sum()
	return c, nil
}

// newHours takes shifts that are in order and apart; touching ones become one.
func newHours(shifts []site.Shift) (h hours, bad bool) {
	for _, s := range shifts {
		last := len(h) - 1
		switch {
		case s.From < 0 || s.To > minutesADay || s.From >= s.To || last >= 0 && int32(s.From) < h[last].to:
			return nil, true
		case last >= 0 && int32(s.From) == h[last].to:
			h[last].to = int32(s.To)
		default:
			h = append(h, span{int32(s.From), int32(s.To)})
		}
	}
	return h, false
}

// layWeek fills the table with the plain week.
func (c *Calendar) layWeek() {
	first, last := tableBounds()
	c.first = first
	c.kind = make([]uint16, last-first)
	weekday := int(first.Weekday())
	for i := range c.kind {
		c.kind[i] = c.week[(weekday+i)%7]
	}
	c.weekWork = 0
	for _, k := range c.week {
		c.weekWork += int64(c.kinds[k].total())
	}
}

// set gives the days from to to a kind; days outside of the table stay as they are.
func (c *Calendar) set(from, to site.Day, kind uint16, name string) {
	last := c.first + site.Day(len(c.kind)) - 1
	for d := max(from, c.first); d <= min(to, last); d++ {
		c.kind[d-c.first] = kind
		if name != "" {
			c.names[d] = name
		}
	}
}

// sum makes the tables that turn days into offsets and back.
func (c *Calendar) sum() {
	c.cum = make([]int32, len(c.kind)+1)
	c.full = make([]int32, len(c.kind)+1)
	for i, k := range c.kind {
		work := c.kinds[k].total()
		c.cum[i+1] = c.cum[i] + work
		c.full[i+1] = c.full[i] + min(work, 1)
	}
	total := c.cum[len(c.kind)]
	c.hint = make([]int32, total/int32(site.WorkDay)+1)
	day := int32(0)
	for q := range c.hint {
		for int(day) < len(c.kind)-1 && c.cum[day+1] <= int32(q)*int32(site.WorkDay) {
			day++
		}
		c.hint[q] = day
	}
}

// hoursOf are the shifts of the i-th day counted from the table's first.
func (c *Calendar) hoursOf(i int64) hours {
	if i >= 0 && i < int64(len(c.kind)) {
		return c.kinds[c.kind[i]]
	}
	weekday := (int64(c.first.Weekday()) + i) % 7
	if weekday < 0 {
		weekday += 7
	}
	return c.kinds[c.week[weekday]]
}

// before is the offset at the start of the i-th day.
func (c *Calendar) before(i int64) int64 {
	if i >= 0 && i < int64(len(c.cum)) {
		return int64(c.cum[i])
	}
	edge := int64(0)
	if i > 0 {
		edge = int64(len(c.kind))
	}
	weeks := floorDiv(i-edge, 7)
	sum := int64(c.cum[edge]) + weeks*c.weekWork
	for d := edge + weeks*7; d < i; d++ {
		sum += int64(c.hoursOf(d).total())
	}
	return sum
}

// offset is the working time of the calendar before t.
func (c *Calendar) offset(t clock) int64 {
	day := floorDiv(int64(t), minutesADay)
	i := day - int64(c.first)
	return c.before(i) + int64(c.hoursOf(i).before(int32(int64(t)-day*minutesADay)))
}

// startAt is the instant at which the work after the offset begins.
func (c *Calendar) startAt(offset int64) clock {
	var i, rest int64
	end := int64(c.cum[len(c.kind)])
	switch {
	case offset >= 0 && offset < end:
		i = int64(c.hint[offset/int64(site.WorkDay)])
		for int64(c.cum[i+1]) <= offset {
			i++
		}
		rest = offset - int64(c.cum[i])
	default:
		edge := int64(0)
		if offset > 0 {
			edge = int64(len(c.kind))
		} else {
			end = 0
		}
		weeks := floorDiv(offset-end, c.weekWork)
		i = edge + weeks*7
		rest = offset - end - weeks*c.weekWork
		for today := int64(c.hoursOf(i).total()); rest >= today; today = int64(c.hoursOf(i).total()) {
			rest -= today
			i++
		}
	}
	for _, s := range c.hoursOf(i) {
		length := int64(s.to - s.from)
		if rest < length {
			return startOfDay(c.first+site.Day(i)) + clock(int64(s.from)+rest)
		}
		rest -= length
	}
	panic("schedule: calendar tables disagree")
}

// finishAt is the instant at which the work before the offset ends.
func (c *Calendar) finishAt(offset int64) clock { return c.startAt(offset-1) + 1 }

// startDay is the day on which the work after the offset begins.
func (c *Calendar) startDay(offset int64) site.Day { return c.startAt(offset).day() }

// finishDay is the day of the last working minute before the offset.
func (c *Calendar) finishDay(offset int64) site.Day { return c.startAt(offset - 1).day() }

// dayOffset is the working time before a day.
func (c *Calendar) dayOffset(d site.Day) int64 { return c.before(int64(d) - int64(c.first)) }

// clockOf is the local wall-clock time of an instant; seconds are dropped.
func (c *Calendar) clockOf(t time.Time) clock {
	t = t.In(c.loc)
	return startOfDay(site.DayOf(t, c.loc)) + clock(t.Hour()*60+t.Minute())
}

// timeOf is the instant of a local wall-clock time.
func (c *Calendar) timeOf(t clock) time.Time {
	d := t.day()
	return d.At(time.Duration(t-startOfDay(d))*time.Minute, c.loc)
}

// Location is the zone of the calendar's days.
func (c *Calendar) Location() *time.Location { return c.loc }

// Working reports whether there is work on a day.
func (c *Calendar) Working(d site.Day) bool {
	return c.hoursOf(int64(d)-int64(c.first)).total() > 0
}

// Next is the first working day at or after d.
func (c *Calendar) Next(d site.Day) site.Day { return c.startDay(c.dayOffset(d)) }

// Prev is the last working day at or before d.
func (c *Calendar) Prev(d site.Day) site.Day { return c.finishDay(c.dayOffset(d + 1)) }

// Shift is the n-th working day after d (before d for a negative n); for 0 the
// first working day at or after d.
func (c *Calendar) Shift(d site.Day, n int) site.Day {
	for ; n > 0; n-- {
		d = c.Next(d + 1)
	}
	for ; n < 0; n++ {
		d = c.Prev(d - 1)
	}
	return c.Next(d)
}

// Between counts the working days in (from, to]: by how many of them to lies
// behind from. It is negative when to is before from.
func (c *Calendar) Between(from, to site.Day) int {
	if to < from {
		return -c.Between(to, from)
	}
	return c.Count(from+1, to)
}

// Count is the number of working days from first to last, both included.
func (c *Calendar) Count(first, last site.Day) int {
	if last < first {
		return 0
	}
	end := c.first + site.Day(len(c.kind))
	if first >= c.first && last < end {
		return int(c.full[last+1-c.first] - c.full[first-c.first])
	}
	n := 0
	for d := first; d <= last; d++ {
		if c.Working(d) {
			n++
		}
	}
	return n
}

// Work is the working time between two instants, negative when b is before a.
func (c *Calendar) Work(a, b time.Time) site.Work {
	return site.Work(c.offset(c.clockOf(b)) - c.offset(c.clockOf(a)))
}

// Add is the instant after w more of working time; a finish, so the end of a
// working day rather than the start of the next.
func (c *Calendar) Add(t time.Time, w site.Work) time.Time {
	return c.timeOf(c.finishAt(c.offset(c.clockOf(t)) + int64(w)))
}

// Span is a run of days without work, both ends included.
type Span struct {
	From, To site.Day
	Name     string // of the holiday or of the project's own days; empty for the weekly rest
}

// NonWorking lists the days without work from first to last, neighbours of the
// same name joined.
func (c *Calendar) NonWorking(first, last site.Day) []Span {
	var spans []Span
	for d := first; d <= last; d++ {
		if c.Working(d) {
			continue
		}
		name := c.names[d]
		if n := len(spans); n > 0 && spans[n-1].To == d-1 && spans[n-1].Name == name {
			spans[n-1].To = d
			continue
		}
		spans = append(spans, Span{From: d, To: d, Name: name})
	}
	return spans
}

// Provisional reports whether the holidays of a year were not yet published
// when this program was made, so that only the days fixed by law are off and
// no day is made up.
func (c *Calendar) Provisional(year int) bool {
	return c.holidays && c.provisional[year]
}
