package series

import (
	"context"
	"database/sql"
	"time"
)

// Prune drops the tables of the months that end before, and closes these months:
// what comes for them later is refused, since their roll-ups would no longer be
// of all readings. So raw readings stay up to a month longer than asked for.
func (e *Embedded) Prune(ctx context.Context, before time.Time) error {
	if err := e.prune(ctx, before); err != nil {
		return broken(err)
	}
	return nil
}

func (e *Embedded) prune(ctx context.Context, before time.Time) error {
	if before.Before(minTime) {
		return nil
	}
	year, month, _ := before.UTC().Date()
	kept := time.Date(year, month, 1, 0, 0, 0, 0, time.UTC).UnixNano()
	tx, err := e.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	closed, err := closedBefore(ctx, tx)
	if err != nil || kept <= closed {
		return err
	}
	tables, err := months(ctx, tx, span{0, kept})
	if err != nil {
		return err
	}
	for _, table := range tables {
		if _, err := tx.ExecContext(ctx, "DROP TABLE "+table); err != nil {
			return err
		}
	}
	if err := closeBefore(ctx, tx, kept); err != nil {
		return err
	}
	return tx.Commit()
}

func closeBefore(ctx context.Context, tx *sql.Tx, t int64) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO state (key, value) VALUES ('closed_before', $1)
		ON CONFLICT (key) DO UPDATE SET value = excluded.value`, t)
	return err
}
