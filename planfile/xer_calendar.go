package planfile

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"topout/site"
)

// clndrNode is a node of Primavera's calendar data, which is nested like
//
//	(0||CalendarData()((0||DaysOfWeek()((0||2()((0||0(s|08:00|f|12:00)())))))))
//
// a name, attributes as key|value|…, and the nodes below.
type clndrNode struct {
	name     string
	attrs    map[string]string
	children []clndrNode
}

// clndrText reads nodes from text, which it consumes.
type clndrText struct{ rest string }

func (t *clndrText) eat(c byte) bool {
	t.rest = strings.TrimLeft(t.rest, " \t\r\n\x7f")
	if t.rest == "" || t.rest[0] != c {
		return false
	}
	t.rest = t.rest[1:]
	return true
}

// node reads `(id||name(attrs)(nodes))`.
func (t *clndrText) node(depth int) (n clndrNode, ok bool) {
	if depth > 20 || !t.eat('(') {
		return n, false
	}
	head := strings.IndexByte(t.rest, '(')
	if head < 0 {
		return n, false
	}
	_, n.name, _ = strings.Cut(t.rest[:head], "||")
	n.name = strings.TrimSpace(n.name)
	t.rest = t.rest[head+1:]
	end := strings.IndexByte(t.rest, ')')
	if end < 0 {
		return n, false
	}
	fields := strings.Split(t.rest[:end], "|")
	n.attrs = map[string]string{}
	for i := 0; i+1 < len(fields); i += 2 {
		n.attrs[strings.TrimSpace(fields[i])] = strings.TrimSpace(fields[i+1])
	}
	t.rest = t.rest[end+1:]
	if !t.eat('(') {
		return n, false
	}
	for !t.eat(')') {
		child, ok := t.node(depth + 1)
		if !ok {
			return n, false
		}
		n.children = append(n.children, child)
	}
	return n, t.eat(')')
}

// parseClndrData reads a calendar's week and exceptions; false when there is no week in it.
func parseClndrData(s string) (c site.PlanCalendar, ok bool) {
	text := clndrText{rest: s}
	root, ok := text.node(0)
	if !ok {
		return c, false
	}
	hasWeek := false
	for _, part := range root.children {
		switch part.name {
		case "DaysOfWeek":
			hasWeek = true
			for _, d := range part.children {
				if day, err := strconv.Atoi(d.name); err == nil && day >= 1 && day <= 7 {
					c.Week[day-1] = clndrShifts(d)
				}
			}
		case "Exceptions":
			for _, d := range part.children {
				// Days are counted from 30 December 1899, as in spreadsheets.
				n, err := strconv.Atoi(d.attrs["d"])
				if err != nil || n < 1 || n > 200000 {
					continue
				}
				day := site.NewDay(1899, time.December, 30) + site.Day(n)
				c.Days = append(c.Days, site.PlanDays{From: day, To: day, Shifts: clndrShifts(d)})
			}
		}
	}
	return c, hasWeek
}

// clndrShifts are the shifts of a day, in order, joined where they overlap.
func clndrShifts(d clndrNode) []site.Shift {
	var shifts []site.Shift
	for _, s := range d.children {
		from, ok1 := minuteOf(s.attrs["s"])
		to, ok2 := minuteOf(s.attrs["f"])
		if to == 0 {
			to = 1440
		}
		if ok1 && ok2 && from < to {
			shifts = append(shifts, site.Shift{From: from, To: to})
		}
	}
	return joinShifts(shifts)
}

// joinShifts puts shifts in order and makes one of those that overlap or touch.
func joinShifts(shifts []site.Shift) (joined []site.Shift) {
	slices.SortFunc(shifts, func(a, b site.Shift) int { return a.From - b.From })
	for _, s := range shifts {
		if last := len(joined) - 1; last >= 0 && s.From <= joined[last].To {
			joined[last].To = max(joined[last].To, s.To)
			continue
		}
		joined = append(joined, s)
	}
	return joined
}
