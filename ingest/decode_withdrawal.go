package ingest

import (
	"time"

	"topout/site"
)

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
