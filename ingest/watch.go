package ingest

import (
	"context"
	"time"
)

// watchEvery is how often the disk, a failed journal, and the rights of those who
// are signed in are looked at.
const watchEvery = time.Second

func (i *Ingest) watch(ctx context.Context) {
	t := time.NewTicker(watchEvery)
	defer t.Stop()
	var seen [2]int64
	for {
		select {
		case <-t.C:
		case <-ctx.Done():
			return
		}
		i.space.look()
		// Nobody sends to a journal that is down, so it must be asked.
		if !i.health.journal.ok() && i.journal.probe(ctx) == nil {
			i.health.journal.well()
		}
		if i.embedded == nil {
			continue
		}
		version, err := i.opts.Ledger.DataVersion(ctx)
		if err != nil {
			continue // the records cursor tells of it
		}
		if now := [2]int64{i.local.Load(), version}; now != seen {
			i.embedded.review(ctx)
			seen = now
		}
	}
}
