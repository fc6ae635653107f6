package planfile

import (
	"regexp"
	"strconv"
	"strings"

	"topout/site"
)

// link reads the predecessors of all tasks, when all ids are known.
func (f *csvFile) link() {
	known := make(map[string]bool, len(f.plan.Tasks))
	for _, t := range f.plan.Tasks {
		known[t.ID] = true
	}
	for i, t := range f.plan.Tasks {
		for _, token := range splitPredecessors(f.preds[i], known) {
			l := parsePredecessor(token, known)
			l.Succ = t.ID
			f.plan.Links = append(f.plan.Links, l)
		}
	}
}

// splitPredecessors parts a list at semicolons, and what no task is called at
// commas too.
func splitPredecessors(list string, known map[string]bool) []string {
	var tokens []string
	add := func(token string) {
		if token = strings.TrimSpace(token); token != "" {
			tokens = append(tokens, token)
		}
	}
	for token := range strings.FieldsFuncSeq(list, func(r rune) bool { return r == ';' || r == '；' }) {
		if !strings.Contains(token, ",") || known[parsePredecessor(token, known).Pred] {
			add(token)
			continue
		}
		for part := range strings.SplitSeq(token, ",") {
			add(part)
		}
	}
	return tokens
}

var (
	lagSuffix  = regexp.MustCompile(`(?i)\s*([+-])\s*(\d{1,9}(?:\.\d{1,9})?)\s*(?:d|days?|天)?$`)
	typeSuffix = regexp.MustCompile(`(?i)\s*(FS|SS|FF|SF)$`)
)

// parsePredecessor reads `A12`, `A12FS+3` or `A7SS-2`; without a type it is FS.
// Ids may themselves end like a type or a lag (`A-1`, `B2FS`): of the ways to
// read the token the one with the longest known id counts. When none is known,
// a lag is only taken off together with a type.
func parsePredecessor(token string, known map[string]bool) site.Link {
	token = strings.TrimSpace(token)
	whole := site.Link{Pred: token, Type: site.FinishToStart}
	if known[token] {
		return whole
	}
	withoutLag, lag := token, site.Work(0)
	if m := lagSuffix.FindStringSubmatchIndex(token); m != nil {
		days, _ := strconv.ParseFloat(token[m[4]:m[5]], 64)
		if token[m[2]] == '-' {
			days = -days
		}
		withoutLag, lag = token[:m[0]], site.WorkDays(days)
	}
	if known[withoutLag] {
		return site.Link{Pred: withoutLag, Type: site.FinishToStart, Lag: lag}
	}
	if m := typeSuffix.FindStringSubmatchIndex(withoutLag); m != nil && m[0] > 0 {
		return site.Link{Pred: withoutLag[:m[0]], Type: site.LinkType(strings.ToUpper(withoutLag[m[2]:m[3]])), Lag: lag}
	}
	return whole
}
