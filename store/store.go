// Package store keeps the records: projects, plans, people, devices, reports,
// issues, notices and what was refused. It runs on SQLite through database/sql;
// the SQL text is written for PostgreSQL too.
//
// All reading and writing happens in a [Tx], given by [Store.View] or
// [Store.Update]. Times are kept to the millisecond and come back in UTC.
package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/oklog/ulid/v2"
)

// Options of a store.
type Options struct {
	Path string           // required: the database file; its folder is made when missing
	Now  func() time.Time // nil: time.Now; for the ids that the store makes
}

// Store is the records of one data folder. It is safe for concurrent use, by
// other processes on the same file too.
type Store struct {
	path      string
	now       func() time.Time
	connector *countingConnector // of the writer
	writer    *sql.DB            // one connection: SQLite has one writer
	readers   *sql.DB
	hot       map[string]*sql.Stmt   // prepared on the writer, by SQL text
	entropy   *ulid.MonotonicEntropy // used by the writer only, so by one goroutine at a time

	updating atomic.Bool  // an Update holds the write lock, so no other process writes
	version  atomic.Int64 // DataVersion as of when it got the lock
}

// Open opens the records and brings their tables up to this version. A file
// that a newer version wrote, or that is damaged, is refused with a *site.Error.
func Open(ctx context.Context, o Options) (_ *Store, err error) {
	if o.Path == "" {
		return nil, errors.New("store: Options.Path is required")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if err := createPrivate(o.Path); err != nil {
		return nil, unusable("store.not_writable", o.Path, err)
	}
	s := &Store{path: o.Path, now: o.Now, entropy: ulid.Monotonic(rand.Reader, 0)}
	defer func() {
		if err != nil {
			err = errors.Join(s.atPath(err), s.Close())
		}
	}()
	if s.connector, err = newCountingConnector(dsn(o.Path, false)); err != nil {
		return nil, err
	}
	s.writer = sql.OpenDB(s.connector)
	s.writer.SetMaxOpenConns(1)
	if err := checkVersion(ctx, s.writer); err != nil {
		return nil, err
	}
	if err := migrate(ctx, s.writer, o.Path); err != nil {
		return nil, err
	}
	if s.hot, err = prepare(ctx, s.writer, hotStatements()); err != nil {
		return nil, err
	}
	if s.readers, err = sql.Open("sqlite", dsn(o.Path, true)); err != nil {
		return nil, err
	}
	n := max(4, 2*runtime.NumCPU())
	s.readers.SetMaxOpenConns(n)
	s.readers.SetMaxIdleConns(n)
	return s, s.readers.PingContext(ctx)
}

// Close ends all connections; running transactions end first.
func (s *Store) Close() error {
	var errs []error
	for _, stmt := range s.hot {
		errs = append(errs, stmt.Close())
	}
	if s.readers != nil {
		errs = append(errs, s.readers.Close())
	}
	if s.writer != nil {
		errs = append(errs, s.writer.Close())
	}
	return errors.Join(errs...)
}

// View calls fn with a snapshot of the records, which later writes do not change.
func (s *Store) View(ctx context.Context, fn func(*Tx) error) error {
	sqlTx, err := s.readers.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return s.atPath(err)
	}
	defer func() { _ = sqlTx.Rollback() }() // nothing was written
	return s.atPath(fn(&Tx{ctx: ctx, tx: sqlTx, store: s}))
}

// Update calls fn with the only writing transaction. It is committed, to the
// disk, when fn returns nil and rolled back when fn returns an error or panics.
// fn must not call Update again: it would wait for itself.
func (s *Store) Update(ctx context.Context, fn func(*Tx) error) error {
	sqlTx, err := s.writer.BeginTx(ctx, nil)
	if err != nil {
		return s.atPath(err)
	}
	defer func() { _ = sqlTx.Rollback() }() // does nothing after Commit
	version, err := s.dataVersion(ctx, sqlTx)
	if err != nil {
		return s.atPath(err)
	}
	// A cancelled ctx rolls the transaction back between two statements. The
	// statements themselves are short: watching ctx in each costs a goroutine.
	tx := &Tx{ctx: context.WithoutCancel(ctx), tx: sqlTx, store: s, hot: s.hot}
	if err = s.holding(version, tx, fn); err == nil {
		err = sqlTx.Commit()
	}
	// The roll-back of a cancelled ctx may come first; it is the cancellation that counts.
	if errors.Is(err, sql.ErrTxDone) && ctx.Err() != nil {
		err = ctx.Err()
	}
	return s.atPath(err)
}

// holding calls fn and lets DataVersion know meanwhile.
func (s *Store) holding(version int64, tx *Tx, fn func(*Tx) error) error {
	s.version.Store(version)
	s.updating.Store(true)
	defer s.updating.Store(false)
	return fn(tx)
}

// DataVersion is a number that changes when another process has written to the
// records; this process's own writes do not change it. It does not wait for a
// running Update.
func (s *Store) DataVersion(ctx context.Context) (int64, error) {
	if s.updating.Load() {
		return s.version.Load(), nil
	}
	// Only the writer's connection leaves this process's writes out of its count.
	conn, err := s.writer.Conn(ctx)
	if err != nil {
		return 0, s.atPath(err)
	}
	defer func() { _ = conn.Close() }() // goes back to the pool
	version, err := s.dataVersion(ctx, conn)
	return version, s.atPath(err)
}

// dataVersion asks the writer's connection. SQLite counts by connection, so a
// new connection must make a new number.
func (s *Store) dataVersion(ctx context.Context, conn interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}) (v int64, err error) {
	err = conn.QueryRowContext(ctx, "PRAGMA data_version").Scan(&v)
	return s.connector.opened.Load()<<32 | v, err
}
