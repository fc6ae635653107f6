package store

import (
	"fmt"
	"time"

	"topout/site"
)

// SaveSession keeps a new session.
func (t *Tx) SaveSession(s site.Session) error {
	_, err := t.exec(`INSERT INTO sessions (hash, login, created_at, expires_at) VALUES ($1, $2, $3, $4)`,
		s.Hash[:], s.Login, ms(s.Created), ms(s.Expires))
	return constraint(err, nil, unknownPerson(s.Login))
}

// SessionByHash gives a session, also an expired one.
func (t *Tx) SessionByHash(hash [32]byte) (site.Session, error) {
	return one(t, site.Errorf(site.NotFound, "store.unknown_session", ""), func(row scanner, s *site.Session) error {
		return row.Scan(hashTo{&s.Hash}, &s.Login, msTo{&s.Created}, msTo{&s.Expires})
	}, `SELECT hash, login, created_at, expires_at FROM sessions WHERE hash = $1`, hash[:])
}

// DeleteSession ends a session; it is no error when there is none.
func (t *Tx) DeleteSession(hash [32]byte) error {
	_, err := t.exec(`DELETE FROM sessions WHERE hash = $1`, hash[:])
	return err
}

// DeleteSessions ends all sessions of a person.
func (t *Tx) DeleteSessions(login string) error {
	_, err := t.exec(`DELETE FROM sessions WHERE login = $1`, login)
	return err
}

const tokenColumns = `SELECT id, login, hash, created_at, revoked_at FROM tokens`

// SaveToken keeps a new API token.
func (t *Tx) SaveToken(k site.Token) error {
	_, err := t.exec(`INSERT INTO tokens (id, login, hash, created_at, revoked_at) VALUES ($1, $2, $3, $4, $5)`,
		k.ID, k.Login, k.Hash[:], ms(k.CreatedAt), optMs(k.RevokedAt))
	return constraint(err, site.Errorf(site.Conflict, "store.token_exists", "id", "id", k.ID), unknownPerson(k.Login))
}

// TokenByHash gives a token that is not revoked.
func (t *Tx) TokenByHash(hash [32]byte) (site.Token, error) {
	return one(t, site.Errorf(site.NotFound, "store.unknown_token", ""), scanToken,
		tokenColumns+` WHERE hash = $1 AND revoked_at IS NULL`, hash[:])
}

// Tokens gives a person's tokens, or everybody's when login is empty, newest
// first, revoked ones too.
func (t *Tx) Tokens(login string) ([]site.Token, error) {
	var w where
	w.andIs("login", login)
	return all(t, scanToken, tokenColumns+w.String()+` ORDER BY created_at DESC, id DESC`, w.args...)
}

// RevokeToken ends a token; the first time given stands.
func (t *Tx) RevokeToken(id string, at time.Time) error {
	return t.change(site.Errorf(site.NotFound, "store.unknown_token", ""),
		`UPDATE tokens SET revoked_at = COALESCE(revoked_at, $2) WHERE id = $1`, id, ms(at))
}

func scanToken(row scanner, k *site.Token) error {
	return row.Scan(&k.ID, &k.Login, hashTo{&k.Hash}, msTo{&k.CreatedAt}, msTo{&k.RevokedAt})
}

// hashTo scans a hash.
type hashTo struct{ hash *[32]byte }

// Scan takes what the driver read.
func (h hashTo) Scan(src any) error {
	b, ok := src.([]byte)
	if !ok || len(b) != len(h.hash) {
		return fmt.Errorf("a hash cannot be %T of %d bytes", src, len(b))
	}
	copy(h.hash[:], b)
	return nil
}

// LoginFailures counts the failed attempts of a key (a login, an address) from
// since on.
func (t *Tx) LoginFailures(key string, since time.Time) (int, error) {
	return single[int](t, `SELECT COUNT(*) FROM login_failures WHERE key = $1 AND at >= $2`, key, ms(since))
}

// AddLoginFailure notes a failed attempt.
func (t *Tx) AddLoginFailure(key string, at time.Time) error {
	_, err := t.exec(`INSERT INTO login_failures (key, at) VALUES ($1, $2)`, key, ms(at))
	return err
}

// ClearLoginFailures forgets the failed attempts of a key.
func (t *Tx) ClearLoginFailures(key string) error {
	_, err := t.exec(`DELETE FROM login_failures WHERE key = $1`, key)
	return err
}
