package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"topout/site"
)

// minSQLite is the oldest SQLite that does not lose data when the WAL is reset.
var minSQLite = [3]int{3, 51, 3}

// dsn is the data source name of a file. Pragmas stand in it because by Exec
// they would reach one connection of the pool only.
func dsn(path string, readOnly bool) string {
	q := url.Values{"_pragma": {
		"busy_timeout(15000)", // the command line writes beside the server
		"journal_mode(WAL)",
		"synchronous(FULL)", // a commit is on disk
		"foreign_keys(1)",
		"journal_size_limit(67108864)",
		"temp_store(MEMORY)",
	}}
	q.Set("_dqs", "0")
	q.Set("_txlock", "immediate") // not for read-only transactions
	if readOnly {
		q.Set("_query_only", "1")
	}
	u := url.URL{Scheme: "file", OmitHost: true, Path: filepath.ToSlash(path), RawQuery: q.Encode()}
	if !filepath.IsAbs(path) {
		u.Opaque, u.Path = (&url.URL{Path: filepath.ToSlash(path)}).EscapedPath(), ""
	}
	return u.String()
}

// createPrivate makes the file, and its folder, for this user only: password
// hashes are in it. SQLite gives its side files the same rights.
func createPrivate(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

// countingConnector counts the connections that were opened.
type countingConnector struct {
	driver.Connector
	opened atomic.Int64
}

func newCountingConnector(dsn string) (*countingConnector, error) {
	c, err := sqlite.NewConnector(dsn)
	if err != nil {
		return nil, err
	}
	return &countingConnector{Connector: c}, nil
}

// Connect opens a connection.
func (c *countingConnector) Connect(ctx context.Context) (driver.Conn, error) {
	c.opened.Add(1)
	return c.Connector.Connect(ctx)
}

func checkVersion(ctx context.Context, db *sql.DB) error {
	var text string
	if err := db.QueryRowContext(ctx, "SELECT sqlite_version()").Scan(&text); err != nil {
		return err
	}
	var v [3]int
	if _, err := fmt.Sscanf(text, "%d.%d.%d", &v[0], &v[1], &v[2]); err != nil {
		return fmt.Errorf("SQLite's version %q: %w", text, err)
	}
	for i := range v {
		if v[i] != minSQLite[i] {
			if v[i] < minSQLite[i] {
				return fmt.Errorf("SQLite %s is too old: %v or later is needed", text, minSQLite)
			}
			break
		}
	}
	return nil
}

// atPath turns the database's own troubles into errors that say what to do.
// Other errors, fn's own among them, pass as they are.
func (s *Store) atPath(err error) error {
	var e *sqlite.Error
	if err == nil || site.AsError(err) != nil || !errors.As(err, &e) {
		return err
	}
	var code string
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		code = "store.damaged"
	case sqlite3.SQLITE_FULL:
		code = "store.disk_full"
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		code = "store.busy"
	case sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM:
		code = "store.not_writable"
	case sqlite3.SQLITE_IOERR:
		code = "store.disk_error"
	default:
		return err
	}
	return unusable(code, s.path, err)
}

func unusable(code, path string, cause error) error {
	e := site.Errorf(site.Unavailable, code, "", "path", path)
	e.Cause = cause
	return e
}

// constraint gives the error that a broken constraint means: twice for a key
// that is taken, missing for a reference to nothing. nil means that it cannot happen.
func constraint(err error, twice, missing *site.Error) error {
	var e *sqlite.Error
	if err == nil || !errors.As(err, &e) {
		return err
	}
	switch {
	case twice != nil && (e.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE || e.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY):
		return twice
	case missing != nil && e.Code() == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
		return missing
	}
	return err
}
