package planfile

import (
	"math"

	"topout/site"
)

var mspLinkTypes = map[string]site.LinkType{
	"0": site.FinishToFinish, "1": site.FinishToStart, "2": site.StartToFinish, "3": site.StartToStart, "": site.FinishToStart,
}

// links takes the links, those of summaries for the tasks below them, as MS
// Project does: each task below waits, each finish below is waited for, and of
// the starts below the earliest.
func (m *mspdi) links() {
	plan := &m.file.Plan
	seen := map[site.Link]bool{}
	known := map[string]site.Task{}
	for _, t := range plan.Tasks {
		known[t.ID] = t
	}
	for _, t := range m.doc.Tasks {
		if set(t.IsNull) {
			continue
		}
		for _, l := range t.Links {
			typ, ok := mspLinkTypes[l.Type]
			switch pred, inFile := m.byUID[l.PredecessorUID]; {
			case !ok:
				m.problem(t, "planfile.link_type", "type", l.Type)
			case set(l.CrossProject):
				m.problem(t, "planfile.cross_project")
			case !inFile:
				m.problem(t, "planfile.unknown_predecessor", "predecessor", l.PredecessorUID)
			default:
				for _, p := range m.ends(pred, typ == site.StartToStart || typ == site.StartToFinish) {
					for _, s := range m.ends(m.byUID[t.UID], false) {
						link := site.Link{Pred: p, Succ: s, Type: typ}
						link.Lag, link.Elapsed = lagOf(l, known[p].Duration)
						if _, ok := known[p]; ok && p != s && known[s].ID != "" && !seen[link] {
							seen[link] = true
							plan.Links = append(plan.Links, link)
						}
					}
				}
			}
		}
	}
}

// ends are the tasks that a link to or from task i means: itself, or those below
// a summary; of these only the one that begins first when first is set.
func (m *mspdi) ends(i int, first bool) []string {
	t := m.doc.Tasks[i]
	if !set(t.Summary) {
		return []string{t.UID}
	}
	var below []string
	var begin site.Clock = math.MaxInt64
	var walk func(uid string)
	walk = func(uid string) {
		for _, c := range m.children[uid] {
			child := m.doc.Tasks[c]
			at := parseClock(child.Start)
			switch {
			case set(child.Summary):
				walk(child.UID)
			case child.Active == "0" || child.Active == "false":
			case !first:
				below = append(below, child.UID)
			case at < begin:
				below, begin = []string{child.UID}, at
			}
		}
	}
	walk(t.UID)
	return below
}

// lagOf gives a lag in minutes. LinkLag is in tenths of a minute, or a
// percentage of the predecessor's duration; LagFormat says which (32 added: estimated).
func lagOf(l mspLink, pred site.Work) (lag site.Work, elapsed bool) {
	format := l.LagFormat
	if format >= 35 {
		format -= 32
	}
	switch format {
	case 19, 20:
		return site.Work(math.Round(float64(pred) * l.LinkLag / 100)), format == 20
	case 4, 6, 8, 10, 12:
		elapsed = true
	}
	if math.Abs(l.LinkLag) > 1e12 {
		return 1 << 40, elapsed // schedule says that it is too long
	}
	return site.Work(math.Round(l.LinkLag / 10)), elapsed
}
