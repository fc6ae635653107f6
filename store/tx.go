package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"topout/site"
)

// Tx is one transaction. It is for one goroutine, and only until the function
// that it was given to returns. After a method has failed, but for NotFound, the
// function should return the error: not every database lets a transaction go on.
type Tx struct {
	ctx   context.Context
	tx    *sql.Tx
	store *Store
	hot   map[string]*sql.Stmt // prepared on the connection; nil for readers
	bound map[string]*sql.Stmt // those of hot that this transaction has used
}

// hotStatements are the statements of the path that each message takes.
func hotStatements() []string {
	return []string{
		sqlSaveLast, sqlSeen, sqlStatus, sqlDevice, sqlLastOf,
		sqlSaveProgress, sqlTask, sqlProject,
		sqlRuleState, sqlSaveRuleState, sqlOpenIssue,
		sqlRefuse, sqlAddChange, sqlCursor, sqlSetCursor,
	}
}

func prepare(ctx context.Context, db *sql.DB, queries []string) (map[string]*sql.Stmt, error) {
	stmts := make(map[string]*sql.Stmt, len(queries))
	for _, query := range queries {
		stmt, err := db.PrepareContext(ctx, query) //nolint:sqlclosecheck // Store.Close does
		if err != nil {
			return stmts, fmt.Errorf("prepare %q: %w", query, err)
		}
		stmts[query] = stmt
	}
	return stmts, nil
}

// stmt is the prepared statement of a hot query, nil for the others.
func (t *Tx) stmt(query string) *sql.Stmt {
	if s, ok := t.bound[query]; ok {
		return s
	}
	s, ok := t.hot[query]
	if !ok {
		return nil
	}
	if t.bound == nil {
		t.bound = make(map[string]*sql.Stmt, len(t.hot))
	}
	t.bound[query] = t.tx.StmtContext(t.ctx, s)
	return t.bound[query]
}

// exec runs a statement and gives the number of rows that it changed.
func (t *Tx) exec(query string, args ...any) (int64, error) {
	var res sql.Result
	var err error
	if s := t.stmt(query); s != nil { //nolint:sqlclosecheck // the transaction does
		res, err = s.ExecContext(t.ctx, args...)
	} else {
		res, err = t.tx.ExecContext(t.ctx, query, args...)
	}
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

func (t *Tx) query(query string, args ...any) (*sql.Rows, error) {
	if s := t.stmt(query); s != nil { //nolint:sqlclosecheck // the transaction does
		return s.QueryContext(t.ctx, args...)
	}
	return t.tx.QueryContext(t.ctx, query, args...)
}

func (t *Tx) row(query string, args ...any) *sql.Row {
	if s := t.stmt(query); s != nil { //nolint:sqlclosecheck // the transaction does
		return s.QueryRowContext(t.ctx, args...)
	}
	return t.tx.QueryRowContext(t.ctx, query, args...)
}

// change runs a statement that must change a row; missing is the error when it did not.
func (t *Tx) change(missing *site.Error, query string, args ...any) error {
	n, err := t.exec(query, args...)
	if err == nil && n == 0 {
		return missing
	}
	return err
}

// scanner is a row, of *sql.Row or *sql.Rows.
type scanner interface{ Scan(dest ...any) error }

// one reads the row of a query; missing is the error when there is none.
func one[T any](t *Tx, missing *site.Error, scan func(scanner, *T) error, query string, args ...any) (T, error) {
	v, ok, err := maybe(t, scan, query, args...)
	if err == nil && !ok {
		return v, missing
	}
	return v, err
}

// single reads the single value of a query that always has one.
func single[T any](t *Tx, query string, args ...any) (v T, err error) {
	err = t.row(query, args...).Scan(&v)
	return v, err
}

// maybe reads the row of a query, if there is one.
func maybe[T any](t *Tx, scan func(scanner, *T) error, query string, args ...any) (T, bool, error) {
	var v T
	err := scan(t.row(query, args...), &v)
	if errors.Is(err, sql.ErrNoRows) {
		var none T
		return none, false, nil
	}
	return v, err == nil, err
}

// all reads the rows of a query.
func all[T any](t *Tx, scan func(scanner, *T) error, query string, args ...any) ([]T, error) {
	list, _, err := until(t, nil, scan, query, args...)
	return list, err
}

// until reads the rows of a query until full, if given, says of a row that it
// was enough; then stopped is true and there may be more.
func until[T any](t *Tx, full func(*T) bool, scan func(scanner, *T) error, query string, args ...any) (list []T, stopped bool, err error) {
	rows, err := t.query(query, args...)
	if err != nil {
		return nil, false, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var v T
		if err := scan(rows, &v); err != nil {
			return nil, false, err
		}
		list = append(list, v)
		if full != nil && full(&v) {
			return list, true, nil
		}
	}
	return list, false, rows.Err()
}

// value scans a single column.
func value[T any](row scanner, v *T) error { return row.Scan(v) }

// ms is a time as it is kept.
func ms(t time.Time) int64 { return t.UnixMilli() }

// optMs is a time that may be zero, which is kept as NULL.
func optMs(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMilli()
}

// msTo scans a time; NULL is the zero time.
type msTo struct{ t *time.Time }

// Scan takes what the driver read.
func (m msTo) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*m.t = time.Time{}
	case int64:
		*m.t = time.UnixMilli(v).UTC()
	default:
		return fmt.Errorf("a time cannot be %T", src)
	}
	return nil
}

// jsonOf keeps a list or a map as JSON text.
type jsonOf struct{ v any }

// Value gives it to the driver.
func (j jsonOf) Value() (driver.Value, error) {
	b, err := json.Marshal(j.v)
	return string(b), err
}

// jsonTo scans JSON text into what v points to.
type jsonTo struct{ v any }

// Scan takes what the driver read.
func (j jsonTo) Scan(src any) error {
	switch v := src.(type) {
	case string:
		return json.Unmarshal([]byte(v), j.v)
	case []byte:
		return json.Unmarshal(v, j.v)
	}
	return fmt.Errorf("JSON cannot be %T", src)
}

// optional is a value that is kept as NULL unless has is set.
func optional(v float64, has bool) any {
	if !has {
		return nil
	}
	return v
}
