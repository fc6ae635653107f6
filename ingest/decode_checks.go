package ingest

import (
	"strconv"

	"topout/site"
)

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
