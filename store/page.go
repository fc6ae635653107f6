package store

import (
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"topout/site"
)

// where collects the conditions of a query with their arguments.
type where struct {
	conds []string
	args  []any
}

// and adds a condition; each ? in it stands for the next argument.
func (w *where) and(cond string, args ...any) {
	for _, a := range args {
		w.args = append(w.args, a)
		cond = strings.Replace(cond, "?", "$"+strconv.Itoa(len(w.args)), 1)
	}
	w.conds = append(w.conds, cond)
}

// andIs adds a condition on a text column unless the text is empty.
func (w *where) andIs(column, text string) {
	if text != "" {
		w.and(column+" = ?", text)
	}
}

// andBetween adds from <= column < to; a zero time does not limit.
func (w *where) andBetween(column string, from, to time.Time) {
	if !from.IsZero() {
		w.and(column+" >= ?", ms(from))
	}
	if !to.IsZero() {
		w.and(column+" < ?", ms(to))
	}
}

// String is the WHERE clause, empty without conditions.
func (w *where) String() string {
	if len(w.conds) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(w.conds, " AND ")
}

// pageQuery describes one page of a list that is newest first by a time column and then by id.
type pageQuery[T any] struct {
	columns string // SELECT … FROM …
	where   where
	time    string // the time column
	limit   int
	cursor  string
	scan    func(scanner, *T) error
	at      func(*T) (time.Time, string)
	full    func(*T) bool // nil, or says that the page is large enough with this row
}

// page reads one page and the cursor of the next, which is empty at the end.
// A cursor names the last row given, so rows that come later do not shift it.
func page[T any](t *Tx, q pageQuery[T]) ([]T, string, error) {
	limit := pageLimit(q.limit)
	if q.cursor != "" {
		at, id, err := parseCursor(q.cursor)
		if err != nil {
			return nil, "", err
		}
		q.where.and("("+q.time+", id) < (?, ?)", at, id)
	}
	q.where.args = append(q.where.args, limit+1)
	query := q.columns + q.where.String() + " ORDER BY " + q.time + " DESC, id DESC LIMIT $" + strconv.Itoa(len(q.where.args))
	list, stopped, err := until(t, q.full, q.scan, query, q.where.args...)
	if err != nil || len(list) <= limit && !stopped {
		return list, "", err
	}
	list = list[:min(limit, len(list))]
	return list, makeCursor(q.at(&list[len(list)-1])), nil
}

func pageLimit(n int) int {
	if n <= 0 {
		return site.DefaultLimit
	}
	return min(n, site.MaxLimit)
}

func makeCursor(at time.Time, id string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(ms(at), 36) + " " + id))
}

func parseCursor(s string) (at int64, id string, err error) {
	b, err := base64.RawURLEncoding.DecodeString(s)
	t, id, ok := strings.Cut(string(b), " ")
	if err == nil && ok {
		at, err = strconv.ParseInt(t, 36, 64)
	}
	if err != nil || !ok {
		return 0, "", site.Errorf(site.Invalid, "store.bad_cursor", "cursor")
	}
	return at, id, nil
}
