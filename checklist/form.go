// Package checklist holds the forms that inspections are made by, as data, and
// the arithmetic that scores them. It is pure: the forms are embedded, nothing
// else is read, and no clock is looked at.
//
// The safety tables of JGJ 59-2011 are the forms jgj59-b1 to jgj59-b19; the
// others are forms of the site's daily life. Each form is versioned and names
// its source, and so does each limit in it.
package checklist

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"

	"topout/site"
)

// MaxItems bounds a form.
const MaxItems = 500

// Basis says how well a limit or item is founded.
type Basis string

// The bases. Only the first is the law of the form; all others are defaults.
const (
	BasisStandard   Basis = "standard"   // read in the standard's text
	BasisSecondary  Basis = "secondary"  // quoted by a secondary page
	BasisUnverified Basis = "unverified" // from memory, not looked up
	BasisPractice   Basis = "practice"   // usual practice, no norm
)

// Form is one version of a form. Either all of its items have marks, or none has.
type Form struct {
	ID      string `json:"id"`
	Version int    `json:"version"`
	Name    string `json:"name"`
	NameEn  string `json:"name_en,omitempty"`
	Source  string `json:"source"`
	Note    string `json:"note,omitempty"` // how the form came to be
	Items   []Item `json:"items"`
}

// Item is one line of a form.
type Item struct {
	Code   string `json:"code"`
	Text   string `json:"text"`
	TextEn string `json:"text_en,omitempty"`
	// Max is the item's full marks; 0 on every item of a form without marks.
	Max float64 `json:"max,omitempty"`
	// Guarantee marks 保证项目: with no marks left here the whole table has none.
	Guarantee bool `json:"guarantee,omitempty"`
	// Unit is that of the measured value; empty: nothing is measured.
	Unit string `json:"unit,omitempty"`
	// MinValue and MaxValue are the limits of the measured value, both allowed
	// themselves; nil: no limit on that side.
	MinValue *float64 `json:"min_value,omitempty"`
	MaxValue *float64 `json:"max_value,omitempty"`
	// Severity is how bad a failure is; empty: warning. Critical is 重大隐患.
	Severity site.Severity `json:"severity,omitempty"`
	Source   string        `json:"source,omitempty"`
	Basis    Basis         `json:"basis,omitempty"`
}

// Within reports whether a measured value keeps the item's limits.
func (i Item) Within(value float64) bool {
	if i.MinValue != nil && value < *i.MinValue {
		return false
	}
	return i.MaxValue == nil || value <= *i.MaxValue
}

// Fails reports whether an answer fails the item: it says so, or its measured value
// is outside the limits whatever it says.
func (i Item) Fails(a site.CheckItem) bool {
	return a.Result == site.Fail || a.Result == site.Pass && a.Value != nil && !i.Within(*a.Value)
}

// Item finds an item by its code.
func (f Form) Item(code string) (Item, bool) {
	for _, item := range f.Items {
		if item.Code == code {
			return item, true
		}
	}
	return Item{}, false
}

// Marked reports whether the form gives marks; one without is scored by the
// share of its items that passed.
func (f Form) Marked() bool { return len(f.Items) > 0 && f.Items[0].Max > 0 }

// Problems are all the faults of a form, in the order of its text.
type Problems []*site.Error

func (p Problems) Error() string {
	texts := make([]string, len(p))
	for i, e := range p {
		texts[i] = e.Error()
	}
	return strings.Join(texts, "; ")
}

// Unwrap gives the single faults to errors.As.
func (p Problems) Unwrap() []error {
	errs := make([]error, len(p))
	for i, e := range p {
		errs[i] = e
	}
	return errs
}

// Parse reads a form from JSON and validates it. The error is Problems, which
// name every fault with its field, or a single one when the text is no form at
// all. Unknown fields are faults: in a form they are misspelt limits.
func Parse(data []byte) (Form, error) {
	var f Form
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&f); err != nil {
		return Form{}, Problems{{Kind: site.Invalid, Code: "checklist.not_a_form", Params: map[string]string{"problem": err.Error()}, Cause: err}}
	}
	if dec.More() {
		return Form{}, Problems{site.Errorf(site.Invalid, "checklist.not_a_form", "", "problem", "more than one JSON value")}
	}
	if err := f.Validate(); err != nil {
		return Form{}, err
	}
	return f, nil
}

// Validate checks a form; the error is Problems, nil when there are none.
func (f Form) Validate() error {
	var all Problems
	add := func(code, field string, pairs ...string) {
		all = append(all, site.Errorf(site.Invalid, code, field, pairs...))
	}
	if !site.ValidID(f.ID) {
		add("checklist.bad_id", "id", "id", f.ID)
	}
	if f.Version < 1 {
		add("checklist.bad_version", "version")
	}
	if strings.TrimSpace(f.Name) == "" {
		add("checklist.empty", "name")
	}
	if strings.TrimSpace(f.Source) == "" {
		add("checklist.empty", "source")
	}
	if len(f.Items) == 0 || len(f.Items) > MaxItems {
		add("checklist.item_count", "items", "max", strconv.Itoa(MaxItems))
	}
	seen := make(map[string]bool, len(f.Items))
	for n, item := range f.Items {
		at := "items[" + strconv.Itoa(n) + "]."
		item.validate(at, f.Marked(), add)
		if seen[item.Code] {
			add("checklist.code_twice", at+"code", "code", item.Code)
		}
		seen[item.Code] = true
	}
	if len(all) == 0 {
		return nil
	}
	return all
}

func (i Item) validate(at string, marked bool, add func(code, field string, pairs ...string)) {
	if strings.TrimSpace(i.Code) == "" || len(i.Code) > 64 {
		add("checklist.bad_code", at+"code", "code", i.Code)
	}
	if strings.TrimSpace(i.Text) == "" {
		add("checklist.empty", at+"text")
	}
	switch {
	case math.IsNaN(i.Max) || i.Max < 0 || i.Max > 1000:
		add("checklist.bad_max", at+"max")
	case marked != (i.Max > 0):
		add("checklist.mixed_marks", at+"max")
	case i.Guarantee && !marked:
		add("checklist.guarantee_without_marks", at+"guarantee")
	}
	if i.MinValue != nil && i.MaxValue != nil && *i.MinValue > *i.MaxValue {
		add("checklist.limits_crossed", at+"min_value")
	}
	if (i.MinValue != nil || i.MaxValue != nil) && i.Unit == "" {
		add("checklist.limit_without_unit", at+"unit")
	}
	if i.Severity != "" && i.Severity.Rank() == 0 {
		add("checklist.bad_severity", at+"severity", "severity", string(i.Severity))
	}
	switch i.Basis {
	case "", BasisStandard, BasisSecondary, BasisUnverified, BasisPractice:
	default:
		add("checklist.bad_basis", at+"basis", "basis", string(i.Basis))
	}
}
