package ingest

import (
	"context"
	"time"
)

const (
	batchEntries = 5_000   // messages of one transaction, or of one write
	batchBytes   = 4 << 20 // of their payloads: some ten thousand readings in arrays
)

// work is an item with what is in it.
type work struct {
	item
	entries []entry
	damaged error
}

// gatherer makes batches of what a cursor is handed. When little comes, it is
// passed on at once; when much comes, at most once in pace.
type gatherer struct {
	in   <-chan item
	pace time.Duration
	last time.Time // when the batch before was passed on
	held *work
}

// next waits for something and gives it with what else has come.
func (g *gatherer) next(ctx context.Context) ([]work, error) {
	var (
		batch       []work
		count, size int
		urgent      bool // somebody waits for the outcome
	)
	add := func(w work) bool {
		n, bytes := len(w.entries), len(w.data)
		if len(batch) > 0 && (count+n > batchEntries || size+bytes > batchBytes) {
			g.held = &w
			return false
		}
		batch, count, size = append(batch, w), count+n, size+bytes
		for i := range w.entries {
			urgent = urgent || w.entries[i].ticket != 0
		}
		return count < batchEntries
	}
	if g.held != nil {
		w := *g.held
		g.held = nil
		add(w)
	} else {
		select {
		case it := <-g.in:
			add(open(it))
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	due := time.NewTimer(max(0, g.pace-time.Since(g.last)))
	defer due.Stop()
	for more := true; more; {
		select {
		case it := <-g.in:
			more = add(open(it))
			continue
		default:
		}
		if urgent {
			break
		}
		select {
		case it := <-g.in:
			more = add(open(it))
		case <-due.C:
			more = false
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	g.last = time.Now()
	return batch, nil
}

func open(it item) work {
	entries, err := it.entries()
	return work{item: it, entries: entries, damaged: err}
}

// applied tells the streams that a cursor is done with a batch.
func applied(batch []work) {
	newest := make(map[*source]*work, 2)
	items := make(map[*source]int, 2)
	for i := range batch {
		newest[batch[i].source] = &batch[i]
		items[batch[i].source]++
	}
	for source, w := range newest {
		source.sweeper.note(source.cursor, items[source], mark{w.seq, w.msg})
	}
}

// sleep waits, or not when ctx ends first.
func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
