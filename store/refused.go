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

// RefusedPage gives a page of refused messages, newest first.
func (t *Tx) RefusedPage(q site.RefusedQuery) ([]site.Refused, string, error) {
	var w where
	w.andIs("project", q.Project)
	return page(t, pageQuery[site.Refused]{
		columns: refusedColumns, where: w, time: "t", limit: q.Limit, cursor: q.Cursor, scan: scanRefused,
		at: func(r *site.Refused) (time.Time, string) { return r.T, r.ID },
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

// RefusedOf gives the refused messages of a device that were not taken since, oldest first.
func (t *Tx) RefusedOf(device string) ([]site.Refused, error) {
	return all(t, scanRefused, refusedColumns+` WHERE device = $1 AND taken_at IS NULL ORDER BY t, id`, device)
}

func scanRefused(row scanner, r *site.Refused) error {
	return row.Scan(&r.ID, msTo{&r.T}, &r.Door, &r.Project, &r.Device, &r.Topic, &r.Code, jsonTo{&r.Params}, &r.Payload, msTo{&r.TakenAt})
}

func unknownRefused(id string) *site.Error {
	return site.Errorf(site.NotFound, "store.unknown_refused", "", "id", id)
}
