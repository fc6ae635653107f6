package ingest

import (
	"slices"
	"strconv"
	"time"

	"topout/site"
)

// fields reads one JSON object whose members are of known types, and keeps the
// first fault with the path of its field.
type fields struct {
	scanner
	fault *site.Error
}

func (f *fields) fail(code, field string, pairs ...string) {
	f.fault = first(f.fault, refuse(code, field, pairs...))
}

func (f *fields) text(field string) string {
	s, ok := f.quoted()
	if !ok {
		f.fail("ingest.not_text", field)
	}
	return s
}

func (f *fields) note(field string) string {
	s := f.text(field)
	if !validNote(s) {
		f.fail("ingest.bad_text", field, "most", strconv.Itoa(maxText))
	}
	return s
}

func (f *fields) id(field string) string {
	s := f.text(field)
	if f.fault == nil && !site.ValidID(s) {
		f.fail("ingest.bad_id", field, "id", clip(s))
	}
	return s
}

// login reads the name of a person; empty is nobody.
func (f *fields) login(field string) string {
	s := f.text(field)
	if len(s) > maxTask || !validNote(s) {
		f.fail("ingest.unknown_person", field, "login", clip(s))
	}
	return s
}

// amount reads a number that is not negative.
func (f *fields) amount(field string) float64 {
	v := f.number(field)
	if v < 0 {
		f.fail("ingest.negative", field)
	}
	return v
}

func (f *fields) number(field string) float64 {
	v, code := f.float()
	if code != "" {
		f.fail(code, field)
	}
	return v
}

// reported reads the time of a person's report. A wrong clock is no reason to
// refuse it: the arrival is kept beside it.
func (f *fields) reported() time.Time {
	t, ok := f.instant()
	if !ok || t.Before(firstReport) || t.After(lastReport) {
		f.fail("ingest.bad_time", "t")
	}
	return t
}

func (f *fields) photos(field string) []string {
	if f.peek() != '[' {
		f.skip()
		f.fail("ingest.not_a_list", field)
		return nil
	}
	var out []string
	f.array(func(n int) bool {
		s, ok := f.quoted()
		switch {
		case !ok || !validHash(s):
			f.fail("ingest.bad_photo", field+at(n, ""))
		case len(out) >= maxPhotos:
			f.fail("ingest.too_many_photos", field, "most", strconv.Itoa(maxPhotos))
		case !slices.Contains(out, s):
			out = append(out, s)
		}
		return true
	})
	return out
}

// null passes over a null: an optional member that is null is absent.
func (f *fields) null() bool { return f.literal("null") }

// members reads the members of a lone object; it refuses anything else.
func (f *fields) members(b []byte, member func(name string)) {
	if f.fault = jsonPayload(b); f.fault != nil {
		return
	}
	f.b = b
	if f.peek() != '{' {
		f.fail("ingest.not_an_object", "")
		return
	}
	f.object(func(name []byte) bool {
		if !f.null() {
			member(string(name))
		}
		return true
	})
}

// decodeProgress reads the payload of a progress topic. Task, project, arrival
// and door are the caller's to fill in.
func decodeProgress(b []byte) (site.Progress, *site.Error) {
	var (
		p site.Progress
		f fields
	)
	f.members(b, func(name string) {
		switch name {
		case "id":
			p.ID = f.id("id")
		case "t":
			p.T = f.reported()
		case "percent":
			p.Percent, p.HasPercent = f.number("percent"), true
			if p.Percent < 0 || p.Percent > 100 {
				f.fail("ingest.percent", "percent")
			}
		case "quantity":
			p.Quantity, p.HasQty = f.amount("quantity"), true
		case "workers":
			v := f.amount("workers")
			p.Workers = &v
		case "note":
			p.Note = f.note("note")
		case "photos":
			p.Photos = f.photos("photos")
		case "reason":
			p.Reason = site.Reason(f.text("reason"))
			if p.Reason != "" && !slices.Contains(site.ReportedReasons, p.Reason) {
				f.fail("ingest.bad_reason", "reason", "reason", clip(string(p.Reason)))
			}
		case "by":
			p.By = f.login("by")
		default:
			f.skip()
		}
	})
	switch {
	case f.fault != nil:
	case p.ID == "":
		f.fail("ingest.missing", "id")
	case p.T.IsZero():
		f.fail("ingest.missing", "t")
	case !p.HasPercent && !p.HasQty:
		f.fail("ingest.no_progress", "percent")
	}
	return p, f.fault
}

// decodeCheck reads the payload of a checks topic, but for what only the form
// can tell: whether its items exist, and the score.
func decodeCheck(b []byte) (site.Check, *site.Error) {
	var (
		c site.Check
		f fields
	)
	f.members(b, func(name string) {
		switch name {
		case "id":
			c.ID = f.id("id")
		case "t":
			c.T = f.reported()
		case "building":
			if c.Building = f.text("building"); c.Building != "" && !validTask(c.Building) {
				f.fail("ingest.bad_id", "building", "id", clip(c.Building))
			}
		case "items":
			c.Items = f.items()
		case "by":
			c.By = f.login("by")
		default:
			f.skip()
		}
	})
	switch {
	case f.fault != nil:
	case c.ID == "":
		f.fail("ingest.missing", "id")
	case c.T.IsZero():
		f.fail("ingest.missing", "t")
	case len(c.Items) == 0:
		f.fail("ingest.missing", "items")
	}
	return c, f.fault
}

func (f *fields) items() []site.CheckItem {
	if f.peek() != '[' {
		f.skip()
		f.fail("ingest.not_a_list", "items")
		return nil
	}
	var out []site.CheckItem
	codes := map[string]bool{}
	f.array(func(n int) bool {
		path := "items" + at(n, "")
		if f.peek() != '{' {
			f.skip()
			f.fail("ingest.not_an_object", path)
			return true
		}
		if n >= maxItems {
			f.fail("ingest.too_many_items", "items", "most", strconv.Itoa(maxItems))
			return false
		}
		item := f.item(path + ".")
		if codes[item.Code] {
			f.fail("ingest.duplicate_item", path+".code", "code", clip(item.Code))
		}
		codes[item.Code] = true
		out = append(out, item)
		return true
	})
	return out
}

func (f *fields) item(path string) site.CheckItem {
	var item site.CheckItem
	f.object(func(name []byte) bool {
		if f.null() {
			return true
		}
		switch string(name) {
		case "code":
			item.Code = f.text(path + "code")
		case "result":
			item.Result = site.CheckResult(f.text(path + "result"))
		case "deduct":
			v := f.amount(path + "deduct")
			item.Deduct = &v
		case "value":
			v := f.number(path + "value")
			item.Value = &v
		case "note":
			item.Note = f.note(path + "note")
		case "photos":
			item.Photos = f.photos(path + "photos")
		default:
			f.skip()
		}
		return true
	})
	switch item.Result {
	case site.Pass, site.Fail, site.NA:
	case "":
		f.fail("ingest.missing", path+"result")
	default:
		f.fail("ingest.bad_result", path+"result", "result", clip(string(item.Result)))
	}
	if item.Code == "" {
		f.fail("ingest.missing", path+"code")
	}
	return item
}

// withdrawal is the payload of a withdrawals topic.
type withdrawal struct {
	record string // progress or check
	why    string
	t      time.Time
}

func decodeWithdrawal(b []byte) (withdrawal, *site.Error) {
	var (
		w withdrawal
		f fields
	)
	f.members(b, func(name string) {
		switch name {
		case "record":
			if w.record = f.text("record"); w.record != "progress" && w.record != "check" {
				f.fail("ingest.bad_record", "record")
			}
		case "why":
			w.why = f.note("why")
		case "t":
			w.t = f.reported()
		default:
			f.skip()
		}
	})
	switch {
	case f.fault != nil:
	case w.record == "":
		f.fail("ingest.missing", "record")
	case w.why == "":
		f.fail("ingest.missing", "why")
	case w.t.IsZero():
		f.fail("ingest.missing", "t")
	}
	return w, f.fault
}
