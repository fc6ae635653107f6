package checklist

import (
	"math"
	"strconv"

	"topout/site"
)

// The grades of JGJ 59-2011, clause 5.0.2.
const (
	GradeGood      = "优良"
	GradePassed    = "合格"
	GradeNotPassed = "不合格"
)

// The grades' limits of the score, and the least guarantee subtotal (JGJ
// 59-2011, clauses 5.0.2 and 4.0.3).
const (
	goodFrom      = 80
	passedFrom    = 70
	guaranteeFrom = 40
)

// Options changes how a form is scored; the zero value is JGJ 59-2011 as written.
type Options struct {
	// TwoThirds changes the rule of the guarantee subtotal in a table with missing
	// guarantee items: got / possible below 2/3 makes the table 0, instead of a
	// subtotal below 40. It is taught for examinations but does not stand in the
	// standard, hence off by default.
	TwoThirds bool
}

// ItemScore is what one item of the form got. A missing item (缺项: answered
// "na", or not answered) has both 0.
type ItemScore struct {
	Code string  `json:"code"`
	Got  float64 `json:"got"`
	Max  float64 `json:"max"` // the marks that could be had
}

// Zero is why a table has no marks at all.
type Zero string

// The reasons of clause 4.0.3.
const (
	ZeroGuaranteeItem     Zero = "guarantee_item"     // a guarantee item got nothing
	ZeroGuaranteeSubtotal Zero = "guarantee_subtotal" // the guarantee items got too little
)

// Result is a scored check.
type Result struct {
	Score  float64     `json:"score"` // 0 to 100, not rounded
	Grade  string      `json:"grade"`
	Passed bool        `json:"passed"` // the grade is not 不合格
	Items  []ItemScore `json:"items"`  // every item of the form, in its order
	// Failed are the codes of the failed items, in the form's order: answered
	// "fail", or "pass" with a measured value outside the item's limits.
	Failed []string `json:"failed,omitempty"`
	// Zero says why a table of JGJ 59 has no marks at all.
	Zero Zero `json:"zero,omitempty"`
}

// Score scores the answers to a form after JGJ 59-2011, clause 4.0.3:
//
//   - an item's deduction is capped at its marks; a fail without deduction takes
//     them all, and so does a measured value outside the item's limits;
//   - a guarantee item without marks, or a guarantee subtotal below 40, makes the
//     table 0. Where missing items leave fewer than 40 marks to be had, the
//     subtotal's rule would void a faultless table, so it is not applied;
//   - missing items: got / possible × 100. An item that is not answered counts as
//     missing, like one answered "na"; a check in which nothing applies is an error.
//
// A form without marks is scored by the share of items that passed. The error is
// a *site.Error that names the field of the check.
func Score(form Form, answers []site.CheckItem, opts Options) (Result, error) {
	byCode, err := index(form, answers)
	if err != nil {
		return Result{}, err
	}
	res := Result{Items: make([]ItemScore, 0, len(form.Items))}
	var got, possible float64
	var guarantee subtotal
	for _, item := range form.Items {
		s, failed := scoreItem(item, byCode[item.Code])
		res.Items = append(res.Items, s)
		if failed {
			res.Failed = append(res.Failed, item.Code)
		}
		got += s.Got
		possible += s.Max
		if item.Guarantee {
			guarantee.add(item, s)
		}
	}
	if possible == 0 {
		return Result{}, site.Errorf(site.Invalid, "checklist.nothing_checked", "items", "form", form.ID)
	}
	if res.Zero = guarantee.zero(opts); res.Zero == "" {
		// Multiplied first, so that whole marks of a full table stay whole.
		res.Score = math.Min(got*100/possible, 100)
	}
	res.Grade = GradeOf(res.Score, false)
	res.Passed = res.Grade != GradeNotPassed
	return res, nil
}

// GradeOf is the grade of a score (JGJ 59-2011, clause 5.0.2); a table without
// any marks makes a site's grade 不合格 whatever its sum.
func GradeOf(score float64, anyZeroTable bool) string {
	switch {
	case anyZeroTable || score < passedFrom:
		return GradeNotPassed
	case score < goodFrom:
		return GradePassed
	}
	return GradeGood
}

// index checks the answers and finds them by code.
func index(form Form, answers []site.CheckItem) (map[string]*site.CheckItem, error) {
	byCode := make(map[string]*site.CheckItem, len(answers))
	for n := range answers {
		a := &answers[n]
		at := "items[" + strconv.Itoa(n) + "]."
		if _, known := form.Item(a.Code); !known {
			return nil, site.Errorf(site.Invalid, "checklist.unknown_item", at+"code", "code", a.Code, "form", form.ID)
		}
		if byCode[a.Code] != nil {
			return nil, site.Errorf(site.Invalid, "checklist.item_twice", at+"code", "code", a.Code)
		}
		switch a.Result {
		case site.Pass, site.Fail, site.NA:
		default:
			return nil, site.Errorf(site.Invalid, "checklist.bad_result", at+"result", "result", string(a.Result))
		}
		if a.Deduct != nil && (math.IsNaN(*a.Deduct) || *a.Deduct < 0) {
			return nil, site.Errorf(site.Invalid, "checklist.bad_deduct", at+"deduct", "code", a.Code)
		}
		if a.Value != nil && (math.IsNaN(*a.Value) || math.IsInf(*a.Value, 0)) {
			return nil, site.Errorf(site.Invalid, "checklist.bad_value", at+"value", "code", a.Code)
		}
		byCode[a.Code] = a
	}
	return byCode, nil
}

// scoreItem scores one item; a nil answer is a missing item. In a form without
// marks an item counts 1.
func scoreItem(item Item, a *site.CheckItem) (s ItemScore, failed bool) {
	if a == nil || a.Result == site.NA {
		return ItemScore{Code: item.Code}, false
	}
	failed = item.Fails(*a)
	full := item.Max
	if full == 0 {
		full = 1
	}
	deduct := 0.0
	switch {
	case failed && (item.Max == 0 || a.Deduct == nil || a.Result == site.Pass):
		deduct = full
	case item.Max > 0 && a.Deduct != nil:
		deduct = math.Min(*a.Deduct, full)
	}
	return ItemScore{Code: item.Code, Got: full - deduct, Max: full}, failed
}

// subtotal is that of the guarantee items.
type subtotal struct {
	got, possible float64
	missing       bool
	itemAtZero    bool
}

func (t *subtotal) add(item Item, s ItemScore) {
	t.got += s.Got
	t.possible += s.Max
	t.missing = t.missing || s.Max < item.Max
	t.itemAtZero = t.itemAtZero || s.Max > 0 && s.Got == 0
}

func (t subtotal) zero(opts Options) Zero {
	switch {
	case t.itemAtZero:
		return ZeroGuaranteeItem
	case t.missing && opts.TwoThirds:
		if t.got*3 < t.possible*2 {
			return ZeroGuaranteeSubtotal
		}
	case t.possible >= guaranteeFrom && t.got < guaranteeFrom:
		return ZeroGuaranteeSubtotal
	}
	return ""
}
