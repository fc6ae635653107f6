package ingest

import (
	"slices"

	"topout/site"
)

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
