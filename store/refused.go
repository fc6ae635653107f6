package store

import (
	"time"

	"github.com/oklog/ulid/v2"

	"topout/site"
)

const refusedColumns = `SELECT id, t, door, project, device, topic, code, params, payload, taken_at FROM refused`

const sqlRefuse = `INSERT INTO refused (id, t, door, project, device, topic, code, params, payload, taken_at)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`

// Refuse keeps a message that was not taken, under an id that it makes.
func (t *Tx) Refuse(r site.Refused) (id string, err error) {
	made, err := ulid.New(ulid.Timestamp(t.store.now()), t.store.entropy)
	if err != nil {
		return "", err
	}
	id = made.String()
	_, err = t.exec(sqlRefuse, id, ms(r.T), r.Door, r.Project, r.Device, r.Topic, r.Code, jsonOf{r.Params}, r.Payload, optMs(r.TakenAt))
	return id, err
}

// Bounds of what is read of the refused messages at a time: each may be 1 MiB.
const (
	refusedPageBytes = 8 << 20
	refusedOfBytes   = 64 << 20
	refusedOfRows    = 10_000
)

// RefusedPage gives a page of refused messages, newest first. It is shorter than
// the limit when the payloads are large.
func (t *Tx) RefusedPage(q site.RefusedQuery) ([]site.Refused, string, error) {
	var w where
	w.andIs("project", q.Project)
	return page(t, pageQuery[site.Refused]{
		columns: refusedColumns, where: w, time: "t", limit: q.Limit, cursor: q.Cursor, scan: scanRefused,
		at:   func(r *site.Refused) (time.Time, string) { return r.T, r.ID },
		full: payloads(refusedPageBytes),
	})
}

// RefusedByID gives a refused message.
func (t *Tx) RefusedByID(id string) (site.Refused, error) {
	return one(t, unknownRefused(id), scanRefused, refusedColumns+` WHERE id = $1`, id)
}

// MarkTaken notes that a refused message was taken after all; the first time given stands.
func (t *Tx) MarkTaken(id string, at time.Time) error {
	return t.change(unknownRefused(id), `UPDATE refused SET taken_at = COALESCE(taken_at, $2) WHERE id = $1`, id, ms(at))
}

// RefusedOf gives the refused messages of a device that were not taken since,
// oldest first: the first 10,000 at most, or 64 MiB of them.
func (t *Tx) RefusedOf(device string) ([]site.Refused, error) {
	list, _, err := until(t, payloads(refusedOfBytes), scanRefused,
		refusedColumns+` WHERE device = $1 AND taken_at IS NULL ORDER BY t, id LIMIT $2`, device, refusedOfRows)
	return list, err
}

// payloads says when the payloads that it has seen exceed a number of bytes.
func payloads(limit int) func(*site.Refused) bool {
	seen := 0
	return func(r *site.Refused) bool {
		seen += len(r.Payload)
		return seen > limit
	}
}

func scanRefused(row scanner, r *site.Refused) error {
	return row.Scan(&r.ID, msTo{&r.T}, &r.Door, &r.Project, &r.Device, &r.Topic, &r.Code, jsonTo{&r.Params}, &r.Payload, msTo{&r.TakenAt})
}

func unknownRefused(id string) *site.Error {
	return site.Errorf(site.NotFound, "store.unknown_refused", "", "id", id)
}
