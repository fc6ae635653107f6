package series

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"topout/site"
)

// snapshot runs fn on one state of the file, whatever is written meanwhile.
func (e *Embedded) snapshot(ctx context.Context, fn func(tx *sql.Tx) error) error {
	tx, err := e.read.BeginTx(ctx, nil)
	if err != nil {
		return broken(err)
	}
	defer tx.Rollback()
	if err := fn(tx); err != nil {
		return broken(err)
	}
	return nil
}

// seriesID finds the series of a metric; false when nothing was ever stored of it.
func seriesID(ctx context.Context, db querier, q site.SeriesQuery) (int64, bool, error) {
	var id int64
	err := db.QueryRowContext(ctx, "SELECT id FROM series WHERE key = $1 AND field = $2", readingKey(q.Project, q.Device), q.Metric).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, false, nil
	}
	return id, err == nil, err
}

// Last gives the newest value of each metric.
func (e *Embedded) Last(ctx context.Context, project, device string) ([]site.LastValue, error) {
	byMetric := map[string]site.LastValue{}
	err := e.snapshot(ctx, func(tx *sql.Tx) error {
		metrics, err := metricsOf(ctx, tx, readingKey(project, device))
		if err != nil {
			return err
		}
		tables, err := months(ctx, tx, span{0, maxTime.UnixNano()})
		if err != nil {
			return err
		}
		slices.Reverse(tables)
		for metric, id := range metrics {
			for _, table := range tables {
				var t int64
				var v float64
				err := tx.QueryRowContext(ctx, "SELECT t, v FROM "+table+" WHERE series = $1 ORDER BY t DESC LIMIT 1", id).Scan(&t, &v)
				if errors.Is(err, sql.ErrNoRows) {
					continue
				}
				if err != nil {
					return err
				}
				byMetric[metric] = site.LastValue{Metric: metric, T: time.Unix(0, t).UTC(), Value: v}
				break
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return sortedLast(byMetric), nil
}

func metricsOf(ctx context.Context, db querier, key string) (map[string]int64, error) {
	rows, err := db.QueryContext(ctx, "SELECT field, id FROM series WHERE key = $1", key)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	metrics := map[string]int64{}
	for rows.Next() {
		var metric string
		var id int64
		if err := rows.Scan(&metric, &id); err != nil {
			return nil, err
		}
		metrics[metric] = id
	}
	return metrics, rows.Err()
}

// Raw gives readings as they came.
func (e *Embedded) Raw(ctx context.Context, q site.SeriesQuery) ([]site.Sample, error) {
	s := spanOf(q)
	limit := q.Limit
	if limit <= 0 {
		limit = -1 // SQLite's word for none
	}
	var all []site.Sample // newest first, until the end
	err := e.snapshot(ctx, func(tx *sql.Tx) error {
		id, ok, err := seriesID(ctx, tx, q)
		if err != nil || !ok {
			return err
		}
		tables, err := months(ctx, tx, s)
		if err != nil {
			return err
		}
		slices.Reverse(tables)
		for _, table := range tables {
			if limit > 0 && len(all) >= limit {
				break
			}
			if all, err = appendRaw(ctx, tx, all, table, id, s, limit-len(all)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.Reverse(all)
	return all, nil
}

func appendRaw(ctx context.Context, db querier, all []site.Sample, table string, id int64, s span, limit int) ([]site.Sample, error) {
	rows, err := db.QueryContext(ctx, "SELECT t, v FROM "+table+" WHERE series = $1 AND t >= $2 AND t < $3 ORDER BY t DESC LIMIT $4", id, s.from, s.to, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var t int64
		var v float64
		if err := rows.Scan(&t, &v); err != nil {
			return nil, err
		}
		all = append(all, site.Sample{T: time.Unix(0, t).UTC(), Value: v})
	}
	return all, rows.Err()
}

// Windows summarises readings. Windows of whole hours are made from the
// roll-ups, which are up to date at any time, but for hours that the range cuts;
// others from the raw readings, while these are there.
func (e *Embedded) Windows(ctx context.Context, q site.SeriesQuery) ([]site.Window, error) {
	if err := checkWindow(q); err != nil {
		return nil, err
	}
	var all []site.Window
	err := e.snapshot(ctx, func(tx *sql.Tx) error {
		id, ok, err := seriesID(ctx, tx, q)
		if err != nil || !ok {
			return err
		}
		all, err = windowsOf(q, spanOf(q), func(part span) ([]site.Window, error) {
			w := windows{every: int64(q.Every)}
			err := readWindows(ctx, tx, &w, id, part)
			return w.all, err
		})
		return err
	})
	return all, err
}

func readWindows(ctx context.Context, db querier, w *windows, id int64, s span) error {
	rolled, err := rolledPart(ctx, db, s, w.every)
	if err != nil {
		return err
	}
	if err := rawWindows(ctx, db, w, id, span{s.from, rolled.from}); err != nil {
		return err
	}
	if err := hourlyWindows(ctx, db, w, id, rolled); err != nil {
		return err
	}
	return rawWindows(ctx, db, w, id, span{rolled.to, s.to})
}

// rolledPart is the part of s that is to be read from the roll-ups; an empty
// one stands at the start of s.
func rolledPart(ctx context.Context, db querier, s span, every int64) (span, error) {
	none := span{s.from, s.from}
	if every < hour {
		return none, nil
	}
	part := s.hours()
	if every%hour != 0 {
		closed, err := closedBefore(ctx, db)
		if err != nil {
			return none, err
		}
		part.to = min(part.to, closed)
	}
	if part.empty() {
		return none, nil
	}
	return part, nil
}

func rawWindows(ctx context.Context, db querier, w *windows, id int64, s span) error {
	if s.empty() {
		return nil
	}
	tables, err := months(ctx, db, s)
	if err != nil {
		return err
	}
	for _, table := range tables {
		err := addSummaries(ctx, db, w, fmt.Sprintf(`SELECT t / $1 * $1 AS w, count(*), sum(v), min(v), max(v)
			FROM %s WHERE series = $2 AND t >= $3 AND t < $4 GROUP BY w ORDER BY w`, table), w.every, id, s.from, s.to)
		if err != nil {
			return err
		}
	}
	return nil
}

func hourlyWindows(ctx context.Context, db querier, w *windows, id int64, s span) error {
	if s.empty() {
		return nil
	}
	return addSummaries(ctx, db, w, `SELECT hour * $1, count, sum, min, max FROM hourly
		WHERE series = $2 AND hour >= $3 AND hour < $4 ORDER BY hour`, hour, id, s.from/hour, s.to/hour)
}

func addSummaries(ctx context.Context, db querier, w *windows, query string, args ...any) error {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var s summary
		if err := rows.Scan(&s.t, &s.count, &s.sum, &s.min, &s.max); err != nil {
			return err
		}
		w.add(s)
	}
	return rows.Err()
}
