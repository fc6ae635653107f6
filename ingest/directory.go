package ingest

import (
	"context"
	"sync/atomic"

	"topout/site"
)

// directory remembers devices and projects between batches, so that a reading
// needs no look-up. A cursor has its own and calls refresh before each batch;
// what changed since then counts from the next.
type directory struct {
	ledger   Ledger
	local    *atomic.Int64 // grows when this process changed the records
	seen     [2]int64
	devices  map[string]known[site.Device]
	projects map[string]known[site.Project]
	topics   map[string]parsed
	names    names
}

// known is a record, or that there is none.
type known[T any] struct {
	value T
	ok    bool
}

type parsed struct {
	address address
	fault   *site.Error
}

// maxKnown bounds each part of the directory: unknown names are remembered too.
const maxKnown = 10_000

func newDirectory(ledger Ledger, local *atomic.Int64) *directory {
	return &directory{
		ledger: ledger, local: local, seen: [2]int64{-1, -1},
		devices:  make(map[string]known[site.Device]),
		projects: make(map[string]known[site.Project]),
		topics:   make(map[string]parsed),
		names:    make(names),
	}
}

// refresh forgets what is no longer certain. It must not run inside a
// transaction.
func (d *directory) refresh(ctx context.Context) error {
	local := d.local.Load()
	version, err := d.ledger.DataVersion(ctx)
	if err != nil {
		return err
	}
	if now := [2]int64{local, version}; now != d.seen {
		clear(d.devices)
		clear(d.projects)
		d.seen = now
	}
	return nil
}

func lookUp[T any](m map[string]known[T], id string, get func(string) (T, error)) (T, bool, error) {
	if k, hit := m[id]; hit {
		return k.value, k.ok, nil
	}
	v, err := get(id)
	if err != nil && !site.IsKind(err, site.NotFound) {
		return v, false, err
	}
	if len(m) >= maxKnown {
		clear(m)
	}
	m[id] = known[T]{v, err == nil}
	return v, err == nil, nil
}

func (d *directory) device(tx Tx, id string) (site.Device, bool, error) {
	return lookUp(d.devices, id, tx.Device)
}

func (d *directory) project(tx Tx, id string) (site.Project, bool, error) {
	return lookUp(d.projects, id, tx.Project)
}

// parse remembers the topics of devices, which repeat for ever.
func (d *directory) parse(topic string) (address, *site.Error) {
	if p, hit := d.topics[topic]; hit {
		return p.address, p.fault
	}
	a, fault := parseTopic(topic)
	if fault == nil && (a.kind == kindReadings || a.kind == kindStatus) {
		if len(d.topics) >= maxKnown {
			clear(d.topics)
		}
		d.topics[topic] = parsed{a, nil}
	}
	return a, fault
}
