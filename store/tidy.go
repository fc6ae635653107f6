package store

import (
	"errors"
	"time"
)

// How long what serves no record is kept.
const (
	keepChanges  = 7 * 24 * time.Hour // a screen that was away longer loads anew
	keepFailures = 24 * time.Hour
)

// Tidy removes what nobody asks for any more: expired sessions, old failed
// sign-ins and old entries of the event stream. Records are never removed.
func (t *Tx) Tidy(now time.Time) error {
	_, err := t.exec(`DELETE FROM sessions WHERE expires_at <= $1`, ms(now))
	_, err2 := t.exec(`DELETE FROM login_failures WHERE at < $1`, ms(now.Add(-keepFailures)))
	_, err3 := t.exec(`DELETE FROM changes WHERE at < $1`, ms(now.Add(-keepChanges)))
	return errors.Join(err, err2, err3)
}

// PruneRefused removes the refused messages with T before a time and gives their number.
func (t *Tx) PruneRefused(before time.Time) (int64, error) {
	return t.exec(`DELETE FROM refused WHERE t < $1`, ms(before))
}
