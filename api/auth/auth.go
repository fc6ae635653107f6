// Package auth keeps passwords and secrets: how they are made, kept and
// compared. It knows no database; callers hand it what they looked up.
package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"

	"topout/site"
)

// The cost of a password's hash: OWASP's second choice for argon2id, about
// 34 ms of one core here.
const (
	memoryKiB = 19 * 1024
	passes    = 2
	lanes     = 1
	saltBytes = 16
	keyBytes  = 32
)

// Lengths of a password, in bytes. The upper one bounds the work of hashing.
const (
	MinPassword = 8
	MaxPassword = 200
)

// Passwords hashes and verifies passwords, a limited number at a time because
// each takes 19 MiB. The zero value is not usable; call NewPasswords.
type Passwords struct {
	slots chan struct{}
	decoy string
}

// NewPasswords allows atATime hashes at once; 0 means 2.
func NewPasswords(atATime int) (*Passwords, error) {
	if atATime <= 0 {
		atATime = 2
	}
	decoy, err := hash(NewSecret())
	if err != nil {
		return nil, err
	}
	return &Passwords{slots: make(chan struct{}, atATime), decoy: decoy}, nil
}

// Hash gives the text to keep for a password, in the PHC format. It waits for
// its turn until ctx is done, and refuses passwords that are too short or long.
func (p *Passwords) Hash(ctx context.Context, password string) (string, error) {
	if err := CheckPassword(password); err != nil {
		return "", err
	}
	if err := p.enter(ctx); err != nil {
		return "", err
	}
	defer p.leave()
	return hash(password)
}

// Verify reports whether the password is the one that was kept. An empty kept
// takes as long as any other and is never right, so that a caller's answer for
// an unknown name takes as long as for a known one.
func (p *Passwords) Verify(ctx context.Context, kept, password string) (bool, error) {
	if err := p.enter(ctx); err != nil {
		return false, err
	}
	defer p.leave()
	known := kept != ""
	if !known {
		kept = p.decoy
	}
	if len(password) > MaxPassword {
		password, known = "", false
	}
	return matches(kept, password) && known, nil
}

func (p *Passwords) enter(ctx context.Context) error {
	select {
	case p.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *Passwords) leave() { <-p.slots }

// CheckPassword refuses what may not become a password.
func CheckPassword(password string) error {
	switch {
	case len(password) < MinPassword:
		return site.Errorf(site.Invalid, "api.password_too_short", "password", "min", fmt.Sprint(MinPassword))
	case len(password) > MaxPassword:
		return site.Errorf(site.Invalid, "api.password_too_long", "password", "max", fmt.Sprint(MaxPassword))
	}
	return nil
}

// HashPassword gives the text to keep for a password, for commands that hash
// one password and end.
func HashPassword(password string) (string, error) {
	if err := CheckPassword(password); err != nil {
		return "", err
	}
	return hash(password)
}

func hash(password string) (string, error) {
	salt := make([]byte, saltBytes)
	if _, err := rand.Read(salt); err != nil {
		return "", err
	}
	key := argon2.IDKey([]byte(password), salt, passes, memoryKiB, lanes, keyBytes)
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, memoryKiB, passes, lanes,
		b64.EncodeToString(salt), b64.EncodeToString(key)), nil
}

// matches compares in constant time. Costs beyond our own are refused: the
// kept text comes from the database, but a broken one must not take all memory.
func matches(kept, password string) bool {
	parts := strings.Split(kept, "$")
	if len(parts) != 6 || parts[1] != "argon2id" {
		return false
	}
	var version int
	var memory, time uint32
	var threads uint8
	if _, err := fmt.Sscanf(parts[2], "v=%d", &version); err != nil || version != argon2.Version {
		return false
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &memory, &time, &threads); err != nil {
		return false
	}
	if memory > 256*1024 || time == 0 || time > 16 || threads == 0 {
		return false
	}
	salt, err := base64.RawStdEncoding.DecodeString(parts[4])
	if err != nil {
		return false
	}
	key, err := base64.RawStdEncoding.DecodeString(parts[5])
	if err != nil || len(key) == 0 || len(key) > 128 {
		return false
	}
	got := argon2.IDKey([]byte(password), salt, time, memory, threads, uint32(len(key)))
	return subtle.ConstantTimeCompare(got, key) == 1
}

// NewSecret makes 32 random bytes as text: a session's token, an API token, a
// device's secret.
func NewSecret() string {
	b := make([]byte, 32)
	rand.Read(b) //nolint:errcheck // crypto/rand.Read never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

// HashSecret is what is kept of a secret. Secrets are random, so a fast hash is enough.
func HashSecret(secret string) [32]byte { return sha256.Sum256([]byte(secret)) }

// SameSecret compares a secret with the hash that was kept, in constant time.
func SameSecret(kept []byte, secret string) bool {
	h := HashSecret(secret)
	return subtle.ConstantTimeCompare(kept, h[:]) == 1
}

// Lookup is what signing in at the broker asks the records.
type Lookup interface {
	DeviceAuth(id string) (site.Device, []byte, error)
	TokenByHash(hash [32]byte) (site.Token, error)
	Person(login string) (site.Person, error)
}

// SignInDevice gives the device of an id and secret; an Unauthenticated error
// when they don't fit or the device is revoked.
func SignInDevice(records Lookup, id, secret string) (site.Device, error) {
	device, kept, err := records.DeviceAuth(id)
	if site.IsKind(err, site.NotFound) {
		return site.Device{}, wrong()
	}
	if err != nil {
		return site.Device{}, err
	}
	if !SameSecret(kept, secret) || !device.RevokedAt.IsZero() {
		return site.Device{}, wrong()
	}
	return device, nil
}

// SignInToken gives the person of an API token. A non-empty login must be the
// token's owner, as at the broker, where it is the user name.
func SignInToken(records Lookup, login, token string) (site.Person, site.Token, error) {
	kept, err := records.TokenByHash(HashSecret(token))
	if site.IsKind(err, site.NotFound) {
		return site.Person{}, site.Token{}, wrong()
	}
	if err != nil {
		return site.Person{}, site.Token{}, err
	}
	if login != "" && login != kept.Login || !kept.RevokedAt.IsZero() {
		return site.Person{}, site.Token{}, wrong()
	}
	person, err := records.Person(kept.Login)
	if site.IsKind(err, site.NotFound) || err == nil && person.Disabled {
		return site.Person{}, site.Token{}, wrong()
	}
	return person, kept, err
}

func wrong() error { return site.Errorf(site.Unauthenticated, "api.wrong_credentials", "") }
