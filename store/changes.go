package store

import "topout/site"

const sqlAddChange = `INSERT INTO changes (project, kind, ref, at, data) VALUES ($1, $2, $3, $4, $5) RETURNING id`

// AddChange adds to the event stream and gives the entry's id, which grows.
func (t *Tx) AddChange(c site.Change) (int64, error) {
	return single[int64](t, sqlAddChange, c.Project, c.Kind, c.Ref, ms(c.At), c.Data)
}

// ChangesAfter gives the entries of the event stream after an id, in order.
func (t *Tx) ChangesAfter(id int64, limit int) ([]site.Change, error) {
	return all(t, func(row scanner, c *site.Change) error {
		return row.Scan(&c.ID, &c.Project, &c.Kind, &c.Ref, msTo{&c.At}, &c.Data)
	}, `SELECT id, project, kind, ref, at, data FROM changes WHERE id > $1 ORDER BY id LIMIT $2`, id, limit)
}

// LastChange gives the id of the newest entry of the event stream, 0 when there is none.
func (t *Tx) LastChange() (int64, error) {
	return single[int64](t, `SELECT COALESCE(MAX(id), 0) FROM changes`)
}
