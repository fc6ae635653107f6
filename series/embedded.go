package series

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/influxdata/line-protocol/v2/lineprotocol"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"topout/site"
)

// EmbeddedOptions tunes an embedded store.
type EmbeddedOptions struct {
	Readers int // connections that read at a time; 0: 4
}

// Embedded is a store in one SQLite file, enough for one site: some ten readings
// a second, less than 1 GB a year. Another process may use the file at the same
// time.
//
// Readings are rows of (series, nanoseconds) in a table for each month, so that
// dropping a month costs next to nothing; hourly holds the summary of each of
// their hours, kept up to date by every write, and stays when a month goes. The
// numbers of other measurements (progress, check, forecast) are kept for ever in
// one table, as floats, a bool as 0 or 1; their texts are not kept here, the
// records have them.
type Embedded struct {
	path  string
	write *sql.DB // one connection
	read  *sql.DB

	mu  sync.Mutex
	ids map[string]int64 // of series, by key and field
}

const (
	schemaVersion = 1
	schema        = `
CREATE TABLE series (
	id    INTEGER PRIMARY KEY,
	key   TEXT NOT NULL, -- measurement and tags in line protocol
	field TEXT NOT NULL,
	UNIQUE (key, field)
);
CREATE TABLE hourly (
	series INTEGER NOT NULL,
	hour   INTEGER NOT NULL, -- hours since the epoch
	count  INTEGER NOT NULL,
	sum    REAL NOT NULL,
	min    REAL NOT NULL,
	max    REAL NOT NULL,
	newest INTEGER NOT NULL, -- nanoseconds of the newest reading in it
	PRIMARY KEY (series, hour)
) WITHOUT ROWID;
CREATE TABLE other (
	series INTEGER NOT NULL,
	t      INTEGER NOT NULL,
	v      REAL NOT NULL,
	PRIMARY KEY (series, t)
) WITHOUT ROWID;
CREATE TABLE state (
	key   TEXT PRIMARY KEY,
	value INTEGER NOT NULL
);
PRAGMA user_version = 1;`
	monthTable = `
CREATE TABLE IF NOT EXISTS %s (
	series INTEGER NOT NULL,
	t      INTEGER NOT NULL, -- nanoseconds since the epoch
	v      REAL NOT NULL,
	PRIMARY KEY (series, t)
) WITHOUT ROWID`
)

// OpenEmbedded opens the file at path and makes it when it is not there.
func OpenEmbedded(ctx context.Context, path string, opts EmbeddedOptions) (*Embedded, error) {
	if opts.Readers == 0 {
		opts.Readers = 4
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	write, err := sql.Open("sqlite", dsn(path, url.Values{"_txlock": {"immediate"}}))
	if err != nil {
		return nil, err
	}
	write.SetMaxOpenConns(1)
	if err := migrate(ctx, write); err != nil {
		return nil, errors.Join(err, write.Close())
	}
	read, err := sql.Open("sqlite", dsn(path, url.Values{"_query_only": {"1"}}))
	if err != nil {
		return nil, errors.Join(err, write.Close())
	}
	read.SetMaxOpenConns(opts.Readers)
	read.SetMaxIdleConns(opts.Readers)
	return &Embedded{path: path, write: write, read: read, ids: map[string]int64{}}, nil
}

// dsn names the file with its pragmas: set by Exec they would reach one
// connection of the pool only.
func dsn(path string, more url.Values) string {
	more["_pragma"] = []string{
		"busy_timeout(15000)", // the other process may write
		"journal_mode(WAL)",
		"synchronous(FULL)", // the journal forgets what was written here
		"journal_size_limit(67108864)",
		"cache_size(-16384)", // KiB
	}
	u := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: more.Encode()}
	return u.String()
}

func migrate(ctx context.Context, db *sql.DB) error {
	var library string
	if err := db.QueryRowContext(ctx, "SELECT sqlite_version()").Scan(&library); err != nil {
		return fmt.Errorf("open the series file: %w", err)
	}
	if !atLeast(library, 3, 51, 3) {
		return fmt.Errorf("SQLite %s loses data when its log is reset: 3.51.3 or newer is needed", library)
	}
	// A file that is set up is opened without a lock: the other process may write.
	if version, err := versionOf(ctx, db); err != nil || version != 0 {
		return err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("open the series file: %w", err)
	}
	defer tx.Rollback()
	if version, err := versionOf(ctx, tx); err != nil || version != 0 {
		return err
	}
	if _, err := tx.ExecContext(ctx, schema); err != nil {
		return fmt.Errorf("set up the series file: %w", err)
	}
	return tx.Commit()
}

// versionOf is the version of the file's schema, 0 for a new file; one that this
// program does not know is an error.
func versionOf(ctx context.Context, db querier) (int, error) {
	var version int
	if err := db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return 0, fmt.Errorf("open the series file: %w", err)
	}
	if version > schemaVersion {
		return 0, site.Errorf(site.Conflict, "series.newer_file", "", "version", strconv.Itoa(version))
	}
	return version, nil
}

func atLeast(version string, want ...int) bool {
	parts := strings.Split(version, ".")
	for i, w := range want {
		if i >= len(parts) {
			return false
		}
		n, err := strconv.Atoi(parts[i])
		if err != nil || n < w {
			return false
		}
		if n > w {
			return true
		}
	}
	return true
}

// Check is nil when the file can be read.
func (e *Embedded) Check(ctx context.Context) error {
	if _, err := closedBefore(ctx, e.read); err != nil {
		return broken(err)
	}
	return nil
}

// Close closes the file.
func (e *Embedded) Close() error { return errors.Join(e.read.Close(), e.write.Close()) }

// Backup writes a consistent copy of the file to path, which must not be there,
// while others read and write.
func (e *Embedded) Backup(ctx context.Context, path string) error {
	db, err := sql.Open("sqlite", dsn(e.path, url.Values{}))
	if err != nil {
		return fmt.Errorf("copy the series file: %w", err)
	}
	if _, err := db.ExecContext(ctx, "VACUUM INTO $1", path); err != nil {
		return fmt.Errorf("copy the series file: %w", errors.Join(err, db.Close()))
	}
	return db.Close()
}

// broken is what people are told when SQLite fails, as on a full disk.
func broken(err error) *site.Error {
	e := site.Errorf(site.Unavailable, "series.file_unusable", "")
	e.Cause = err
	return e
}

// seriesKey is a point's measurement and tags in line protocol.
func seriesKey(p site.Point) string {
	var enc lineprotocol.Encoder
	enc.SetLax(true)
	startLine(&enc, p)
	return string(enc.Bytes())
}

// readingKey is the key of a device's readings.
func readingKey(project, device string) string {
	return seriesKey(site.Point{Measurement: Reading, Tags: []site.Tag{{Key: "device", Value: device}, {Key: "project", Value: project}}})
}

const monthPrefix = "raw_"

// monthOf is the table of an instant.
func monthOf(t int64) string { return monthPrefix + time.Unix(0, t).UTC().Format("200601") }

// monthSpan is the time that a table holds.
func monthSpan(table string) (span, error) {
	start, err := time.Parse("200601", strings.TrimPrefix(table, monthPrefix))
	if err != nil {
		return span{}, err
	}
	return span{start.UnixNano(), start.AddDate(0, 1, 0).UnixNano()}, nil
}

// querier is a database or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// months lists the tables that hold a part of s, in rising time.
func months(ctx context.Context, db querier, s span) ([]string, error) {
	rows, err := db.QueryContext(ctx, `SELECT name FROM sqlite_master WHERE type = 'table' AND name GLOB 'raw_[0-9]*' ORDER BY name`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var tables []string
	for rows.Next() {
		var table string
		if err := rows.Scan(&table); err != nil {
			return nil, err
		}
		holds, err := monthSpan(table)
		if err != nil {
			return nil, err
		}
		if holds.from < s.to && s.from < holds.to {
			tables = append(tables, table)
		}
	}
	return tables, rows.Err()
}

// closedBefore is the time before which raw readings are dropped and none is
// taken any more: its roll-ups are final.
func closedBefore(ctx context.Context, db querier) (int64, error) {
	var t int64
	err := db.QueryRowContext(ctx, "SELECT value FROM state WHERE key = 'closed_before'").Scan(&t)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return t, err
}
