package checklist

import (
	"math"
	"slices"
	"strconv"

	"topout/site"
)

// Scheme is a summary table: the weights that tables' scores are summed with.
type Scheme struct {
	ID     string       `json:"id"`
	Source string       `json:"source"`
	Note   string       `json:"note,omitempty"`
	Items  []SchemeItem `json:"items"`
}

// SchemeItem is one line of a summary table.
type SchemeItem struct {
	Item   string   `json:"item"`
	Weight float64  `json:"weight"`
	Forms  []string `json:"forms"` // the tables that count here
}

// TableScore is the score of one table, 0 to 100.
type TableScore struct {
	Form  string  `json:"form"`
	Score float64 `json:"score"`
}

// SummaryItem is one line of a site's summary.
type SummaryItem struct {
	Item   string  `json:"item"`
	Score  float64 `json:"score"` // mean of its tables
	Weight float64 `json:"weight"`
	Got    float64 `json:"got"` // score × weight / 100
}

// Summary is the verdict on a site.
type Summary struct {
	Total float64       `json:"total"` // 0 to 100, not rounded
	Grade string        `json:"grade"`
	Items []SummaryItem `json:"items"` // those that were checked, in the scheme's order
}

// Summarise sums the tables of one site after JGJ 59-2011, clause 4.0.3: an item
// gets score × weight / 100; scaffolds, hoists, and tower cranes with lifting are
// the mean of their tables, and so is a table that stands more than once; missing
// items: got / possible × 100. One table at 0 makes the site 不合格.
func Summarise(scheme Scheme, scores []TableScore) (Summary, error) {
	if len(scores) == 0 {
		return Summary{}, site.Errorf(site.Invalid, "checklist.no_scores", "scores")
	}
	anyZero := false
	for n, s := range scores {
		at := "scores[" + strconv.Itoa(n) + "]."
		known := slices.ContainsFunc(scheme.Items, func(i SchemeItem) bool { return slices.Contains(i.Forms, s.Form) })
		if !known {
			return Summary{}, site.Errorf(site.Invalid, "checklist.not_in_summary", at+"form", "form", s.Form)
		}
		if math.IsNaN(s.Score) || s.Score < 0 || s.Score > 100 {
			return Summary{}, site.Errorf(site.Invalid, "checklist.bad_score", at+"score", "form", s.Form)
		}
		anyZero = anyZero || s.Score == 0
	}
	var sum Summary
	var weighted, weights float64
	for _, item := range scheme.Items {
		total, n := 0.0, 0
		for _, s := range scores {
			if slices.Contains(item.Forms, s.Form) {
				total += s.Score
				n++
			}
		}
		if n == 0 {
			continue
		}
		mean := total / float64(n)
		sum.Items = append(sum.Items, SummaryItem{Item: item.Item, Score: mean, Weight: item.Weight, Got: mean * item.Weight / 100})
		weighted += mean * item.Weight
		weights += item.Weight
	}
	sum.Total = math.Min(weighted/weights, 100)
	sum.Grade = GradeOf(sum.Total, anyZero)
	return sum, nil
}
