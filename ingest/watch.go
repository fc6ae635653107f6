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
	for n := 0; ; n++ {
		select {
		case <-t.C:
		case <-ctx.Done():
			return
		}
		i.space.look()
		i.look(ctx, n)
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

// probeEvery is how many looks apart a journal that seems well is asked.
const probeEvery = 10

// look asks the journal how it does: nobody sends to one that is down, and to an
// idle one neither.
func (i *Ingest) look(ctx context.Context, n int) {
	if i.health.journal.ok() && n%probeEvery != 0 {
		return
	}
	err := i.journal.probe(ctx)
	switch {
	case ctx.Err() != nil:
	case err == nil:
		i.health.journal.well()
	case i.health.journal.ill(err):
		i.opts.Log.Error("the journal cannot be reached", "err", err)
	}
}
