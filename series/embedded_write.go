package series

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"topout/site"
)

// sample is one number on its way into a table.
type sample struct {
	series int64
	t      int64
	v      float64
}

// Write stores points in transactions of at most MaxLines points.
func (e *Embedded) Write(ctx context.Context, points []site.Point) ([]PointError, error) {
	var refused []PointError
	for i := 0; i < len(points); i += MaxLines {
		part := points[i:min(i+MaxLines, len(points))]
		bad, err := e.writePart(ctx, part)
		if err != nil {
			return refused, &RetryError{Err: broken(err)}
		}
		for _, b := range bad {
			refused = append(refused, PointError{Index: i + b.Index, Err: b.Err})
		}
	}
	return refused, nil
}

func (e *Embedded) writePart(ctx context.Context, points []site.Point) ([]PointError, error) {
	tx, err := e.write.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer tx.Rollback()
	closed, err := closedBefore(ctx, tx)
	if err != nil {
		return nil, err
	}
	names := naming{store: e, tx: tx, fresh: map[string]int64{}}
	defer names.close()
	var refused []PointError
	var readings, others []sample
	for i, p := range points {
		why := check(p)
		isReading := p.Measurement == Reading
		if why == nil && isReading && p.Time.UnixNano() < closed {
			why = site.Errorf(site.Invalid, "series.too_old", "t", "time", p.Time.UTC().Format(time.RFC3339))
		}
		if why != nil {
			refused = append(refused, PointError{Index: i, Err: why})
			continue
		}
		into := &others
		if isReading {
			into = &readings
		}
		if *into, err = names.appendSamples(ctx, *into, p); err != nil {
			return nil, err
		}
	}
	if err := writeReadings(ctx, tx, sorted(readings)); err != nil {
		return nil, err
	}
	if err := insert(ctx, tx, "other", sorted(others)); err != nil {
		return nil, err
	}
	if err := tx.Commit(); err != nil {
		return nil, err
	}
	names.keep()
	return refused, nil
}

// naming finds the ids of series within a transaction; new ones are known to the
// store only when that is committed.
type naming struct {
	store *Embedded
	tx    *sql.Tx
	fresh map[string]int64
	find  *sql.Stmt
}

func (n *naming) close() {
	if n.find != nil {
		_ = n.find.Close()
	}
}

func (n *naming) keep() {
	n.store.mu.Lock()
	defer n.store.mu.Unlock()
	const most = 100_000 // far more than a site has
	if len(n.store.ids) > most {
		clear(n.store.ids)
	}
	for name, id := range n.fresh {
		n.store.ids[name] = id
	}
}

// appendSamples adds the numbers of a point.
func (n *naming) appendSamples(ctx context.Context, all []sample, p site.Point) ([]sample, error) {
	key, t := seriesKey(p), p.Time.UnixNano()
	for _, f := range p.Fields {
		v, ok := number(f.Value)
		if !ok {
			continue
		}
		id, err := n.id(ctx, key, f.Key)
		if err != nil {
			return nil, err
		}
		all = append(all, sample{id, t, v})
	}
	return all, nil
}

func (n *naming) id(ctx context.Context, key, field string) (int64, error) {
	name := key + " " + field // a bare space ends a key in line protocol
	n.store.mu.Lock()
	id, ok := n.store.ids[name]
	n.store.mu.Unlock()
	if ok {
		return id, nil
	}
	if id, ok := n.fresh[name]; ok {
		return id, nil
	}
	if n.find == nil {
		var err error
		// The update changes nothing; it makes the row come back when it is there.
		n.find, err = n.tx.PrepareContext(ctx, `INSERT INTO series (key, field) VALUES ($1, $2) ON CONFLICT (key, field) DO UPDATE SET field = excluded.field RETURNING id`)
		if err != nil {
			return 0, err
		}
	}
	if err := n.find.QueryRowContext(ctx, key, field).Scan(&id); err != nil {
		return 0, err
	}
	n.fresh[name] = id
	return id, nil
}

func number(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case int64:
		return float64(v), true
	case bool:
		if v {
			return 1, true
		}
		return 0, true
	}
	return 0, false
}

// sorted orders samples by series and time; of two for the same instant the
// later one stands.
func sorted(all []sample) []sample {
	slices.SortStableFunc(all, func(a, b sample) int {
		return cmp.Or(cmp.Compare(a.series, b.series), cmp.Compare(a.t, b.t))
	})
	kept := all[:0]
	for i, s := range all {
		if i+1 < len(all) && all[i+1].series == s.series && all[i+1].t == s.t {
			continue
		}
		kept = append(kept, s)
	}
	return kept
}

// writeReadings stores sorted readings and brings the roll-ups of their hours up
// to date.
func writeReadings(ctx context.Context, tx *sql.Tx, all []sample) error {
	byMonth := map[string][]sample{}
	for _, part := range runs(all, func(a, b sample) bool { return a.series == b.series && monthOf(a.t) == monthOf(b.t) }) {
		month := monthOf(part[0].t)
		byMonth[month] = append(byMonth[month], part...)
	}
	for month, part := range byMonth {
		if _, err := tx.ExecContext(ctx, fmt.Sprintf(monthTable, month)); err != nil {
			return err
		}
		if err := insert(ctx, tx, month, part); err != nil {
			return err
		}
		if err := rollUpHours(ctx, tx, month, part); err != nil {
			return err
		}
	}
	return nil
}

// runs cuts sorted samples where two neighbours do not belong together.
func runs(all []sample, together func(a, b sample) bool) [][]sample {
	var parts [][]sample
	start := 0
	for i := range all {
		if i+1 == len(all) || !together(all[i], all[i+1]) {
			parts = append(parts, all[start:i+1])
			start = i + 1
		}
	}
	return parts
}

func insert(ctx context.Context, tx *sql.Tx, table string, all []sample) error {
	if len(all) == 0 {
		return nil
	}
	put, err := tx.PrepareContext(ctx, `INSERT INTO `+table+` (series, t, v) VALUES ($1, $2, $3)
		ON CONFLICT (series, t) DO UPDATE SET v = excluded.v WHERE v <> excluded.v`)
	if err != nil {
		return err
	}
	defer put.Close()
	for _, s := range all {
		if _, err := put.ExecContext(ctx, s.series, s.t, s.v); err != nil {
			return err
		}
	}
	return nil
}

// rollUpHours brings the hours of samples that were just stored up to date. What
// came after all that was there is added; an hour with late readings, repeats or
// corrections is computed again.
func rollUpHours(ctx context.Context, tx *sql.Tx, table string, all []sample) error {
	add, err := tx.PrepareContext(ctx, `
		INSERT INTO hourly (series, hour, count, sum, min, max, newest) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (series, hour) DO UPDATE SET count = count + excluded.count, sum = sum + excluded.sum,
			min = min(min, excluded.min), max = max(max, excluded.max), newest = excluded.newest
		WHERE newest < $8`)
	if err != nil {
		return err
	}
	defer add.Close()
	again, err := tx.PrepareContext(ctx, `
		INSERT OR REPLACE INTO hourly (series, hour, count, sum, min, max, newest)
		SELECT $1, $2, count(*), sum(v), min(v), max(v), max(t) FROM `+table+` WHERE series = $1 AND t >= $3 AND t < $4`)
	if err != nil {
		return err
	}
	defer again.Close()
	for _, part := range runs(all, func(a, b sample) bool { return a.series == b.series && a.t/hour == b.t/hour }) {
		of, first, last := summaryOf(part), part[0], part[len(part)-1]
		at := first.t / hour
		result, err := add.ExecContext(ctx, first.series, at, of.count, of.sum, of.min, of.max, last.t, first.t)
		if err != nil {
			return err
		}
		if changed, err := result.RowsAffected(); err != nil || changed > 0 {
			if err != nil {
				return err
			}
			continue
		}
		if _, err := again.ExecContext(ctx, first.series, at, at*hour, (at+1)*hour); err != nil {
			return err
		}
	}
	return nil
}

func summaryOf(all []sample) summary {
	s := summary{t: all[0].t}
	for _, one := range all {
		s.observe(one.v)
	}
	return s
}
