package store

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"time"

	"topout/site"
)

// batch is what a writing transaction keeps in memory until its end. Thousands
// of readings are applied in one transaction, but only the newest value and the
// final rule state of each device and metric have to be written.
type batch struct {
	last  map[string]map[string]site.LastValue // by device and metric
	rules map[ruleKey]ruleEntry
}

type ruleKey struct{ device, metric string }

type ruleEntry struct {
	state   site.RuleState
	changed bool
}

// errView is the mistake of writing in a View.
var errView = errors.New("store: a View cannot write")

func newBatch() *batch {
	return &batch{last: map[string]map[string]site.LastValue{}, rules: map[ruleKey]ruleEntry{}}
}

// keep notes a value unless a newer one is noted.
func (b *batch) keep(device string, v site.LastValue) {
	values := b.last[device]
	if values == nil {
		values = map[string]site.LastValue{}
		b.last[device] = values
	}
	v.T = kept(v.T)
	if old, ok := values[v.Metric]; !ok || !v.T.Before(old.T) {
		values[v.Metric] = v
	}
}

// overlay puts the values that are not written yet over those of d. b may be nil.
func (b *batch) overlay(d *site.Device) {
	if b == nil || len(b.last[d.ID]) == 0 {
		return
	}
	values := maps.Clone(b.last[d.ID])
	for _, old := range d.Last {
		if v, ok := values[old.Metric]; !ok || v.T.Before(old.T) {
			values[old.Metric] = old
		}
	}
	d.Last = slices.SortedFunc(maps.Values(values), func(x, y site.LastValue) int { return cmp.Compare(x.Metric, y.Metric) })
}

// flush writes what the batch holds, in the order of the keys.
func (t *Tx) flush() error {
	for _, device := range slices.Sorted(maps.Keys(t.batch.last)) {
		values := t.batch.last[device]
		for _, metric := range slices.Sorted(maps.Keys(values)) {
			v := values[metric]
			if _, err := t.exec(sqlSaveLast, device, metric, ms(v.T), v.Value); err != nil {
				return constraint(err, nil, unknownDevice(device))
			}
		}
	}
	keys := slices.SortedFunc(maps.Keys(t.batch.rules), func(a, b ruleKey) int {
		return cmp.Or(cmp.Compare(a.device, b.device), cmp.Compare(a.metric, b.metric))
	})
	for _, k := range keys {
		if e := t.batch.rules[k]; e.changed {
			s := e.state
			if _, err := t.exec(sqlSaveRuleState, s.Device, s.Metric, optMs(s.LastT), s.LastValue, s.Level, s.Pending, optMs(s.PendingSince)); err != nil {
				return err
			}
		}
	}
	return nil
}

// kept is a time as it will be read back: to the millisecond, in UTC.
func kept(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return time.UnixMilli(t.UnixMilli()).UTC()
}
