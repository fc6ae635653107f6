package store

import (
	"time"

	"topout/site"
)

const (
	sqlCursor    = `SELECT seq FROM cursors WHERE stream = $1`
	sqlSetCursor = `INSERT INTO cursors (stream, seq) VALUES ($1, $2) ON CONFLICT (stream) DO UPDATE SET seq = excluded.seq`
)

// JobRun gives when a job ran last, the zero time when it never did.
func (t *Tx) JobRun(name string) (time.Time, error) {
	at, _, err := maybe(t, func(row scanner, at *time.Time) error { return row.Scan(msTo{at}) },
		`SELECT at FROM job_runs WHERE name = $1`, name)
	return at, err
}

// SetJobRun notes the last run of a job, with its error or an empty one.
func (t *Tx) SetJobRun(name string, at time.Time, failure string) error {
	_, err := t.exec(`INSERT INTO job_runs (name, at, error) VALUES ($1, $2, $3)
		ON CONFLICT (name) DO UPDATE SET at = excluded.at, error = excluded.error`, name, ms(at), failure)
	return err
}

// Jobs gives the last run of each job that ever ran, by name.
func (t *Tx) Jobs() ([]site.JobRun, error) {
	return all(t, func(row scanner, j *site.JobRun) error { return row.Scan(&j.Name, msTo{&j.At}, &j.Error) },
		`SELECT name, at, error FROM job_runs ORDER BY name`)
}

// Cursor gives how far a stream of the journal is applied, 0 for not at all.
func (t *Tx) Cursor(stream string) (uint64, error) {
	seq, _, err := maybe(t, value[int64], sqlCursor, stream)
	return uint64(seq), err
}

// SetCursor notes how far a stream of the journal is applied.
func (t *Tx) SetCursor(stream string, seq uint64) error {
	_, err := t.exec(sqlSetCursor, stream, int64(seq))
	return err
}

// Setting gives a setting that is kept with the records, if it is there.
func (t *Tx) Setting(key string) (string, bool, error) {
	return maybe(t, value[string], `SELECT value FROM settings WHERE key = $1`, key)
}

// SetSetting keeps a setting.
func (t *Tx) SetSetting(key, value string) error {
	_, err := t.exec(`INSERT INTO settings (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value`, key, value)
	return err
}
