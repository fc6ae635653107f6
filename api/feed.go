package api

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"topout/site"
)

// Bounds of the feed.
const (
	feedKept  = 1024        // newest changes kept in memory
	feedPage  = 256         // changes read at a time
	feedPause = time.Second // between looks for what other processes wrote
)

// feed follows the changes in the records and lets any number of streams wait
// for more. Who was cut off is cut off when the change is seen, once.
type feed struct {
	records Records
	broker  Broker
	woken   chan struct{}

	reading sync.Mutex // one reads at a time

	mu      sync.Mutex
	started bool
	last    int64         // newest change seen
	kept    []site.Change // the newest ones, in order
	more    chan struct{} // closed when there is more, or somebody's rights changed
	access  int64         // counts changes of rights
	closed  bool
}

func newFeed(records Records, broker Broker) *feed {
	return &feed{records: records, broker: broker, woken: make(chan struct{}, 1), more: make(chan struct{})}
}

// wake makes run look now.
func (f *feed) wake() {
	select {
	case f.woken <- struct{}{}:
	default:
	}
}

// run looks for changes until ctx is done. A failed look is logged once per
// failure and repeated.
func (f *feed) run(ctx context.Context, log *slog.Logger) error {
	ticker := time.NewTicker(feedPause)
	defer ticker.Stop()
	failed := false
	for {
		err := f.catchUp(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil && !failed {
			log.ErrorContext(ctx, "changes cannot be read; trying again", "error", err)
		}
		failed = err != nil
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		case <-f.woken:
		}
	}
}

// catchUp reads all changes that are there. When it returns, whoever lost
// access by one of them has no connection left.
func (f *feed) catchUp(ctx context.Context) error {
	f.reading.Lock()
	defer f.reading.Unlock()
	if err := f.start(ctx); err != nil {
		return err
	}
	for {
		var page []site.Change
		err := f.records.View(ctx, func(tx Tx) error {
			var err error
			page, err = tx.ChangesAfter(f.lastSeen(), feedPage)
			return err
		})
		if err != nil || len(page) == 0 {
			return err
		}
		f.announce(page)
		f.keep(page)
	}
}

// start begins at the newest change: what was before is nobody's news.
func (f *feed) start(ctx context.Context) error {
	if f.started {
		return nil
	}
	return f.records.View(ctx, func(tx Tx) error {
		last, err := tx.LastChange()
		if err == nil {
			f.mu.Lock()
			f.started, f.last = true, last
			f.mu.Unlock()
		}
		return err
	})
}

func (f *feed) lastSeen() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.last
}

// announce tells the broker what concerns it, before any stream hears of it.
func (f *feed) announce(page []site.Change) {
	stale := false
	for _, c := range page {
		switch c.Kind {
		case site.ChangeAccess, site.ChangeDevice, site.ChangePlan:
			stale = true
		}
	}
	if stale {
		f.broker.Invalidate()
	}
	for _, c := range page {
		if c.Kind == site.ChangeAccess {
			f.kick(c.Ref)
		}
	}
}

func (f *feed) kick(ref string) {
	if login, ok := strings.CutPrefix(ref, site.AccessPerson); ok {
		f.broker.KickPerson(login)
	}
	if device, ok := strings.CutPrefix(ref, site.AccessDevice); ok {
		f.broker.KickDevice(device)
	}
}

func (f *feed) keep(page []site.Change) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range page {
		if c.Kind == site.ChangeAccess {
			f.access++
		}
	}
	f.kept = append(f.kept, page...)
	if over := len(f.kept) - feedKept; over > 0 {
		f.kept = append(f.kept[:0:0], f.kept[over:]...)
	}
	f.last = page[len(page)-1].ID
	f.signal()
}

// signal wakes all who wait; f.mu is held.
func (f *feed) signal() {
	close(f.more)
	f.more = make(chan struct{})
}

// recheck makes all streams look whether their person may still see them.
func (f *feed) recheck() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.access++
	if !f.closed {
		f.signal()
	}
}

// close ends all streams.
func (f *feed) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	f.signal()
}

// state is where a stream stands and what it waits for.
type state struct {
	last   int64
	access int64
	closed bool
	more   <-chan struct{}
}

func (f *feed) state() state {
	f.mu.Lock()
	defer f.mu.Unlock()
	return state{f.last, f.access, f.closed, f.more}
}

// after gives the changes after an id, at most feedPage, from memory when they
// are still there, else from the records.
func (f *feed) after(ctx context.Context, id int64) ([]site.Change, error) {
	f.mu.Lock()
	if len(f.kept) > 0 && id >= f.kept[0].ID-1 {
		from := 0
		for from < len(f.kept) && f.kept[from].ID <= id {
			from++
		}
		page := f.kept[from:min(len(f.kept), from+feedPage)]
		f.mu.Unlock()
		return page, nil
	}
	last := f.last
	f.mu.Unlock()
	if id >= last {
		return nil, nil
	}
	var page []site.Change
	err := f.records.View(ctx, func(tx Tx) error {
		var err error
		page, err = tx.ChangesAfter(id, feedPage)
		return err
	})
	return page, err
}
