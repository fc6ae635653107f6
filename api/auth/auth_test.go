package auth

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"topout/site"
)

func TestPasswords(t *testing.T) {
	p, err := NewPasswords(1)
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	kept, err := p.Hash(ctx, "correct-horse")
	if err != nil || !strings.HasPrefix(kept, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Fatalf("kept %q, %v", kept, err)
	}
	other, err := HashPassword("correct-horse")
	if err != nil || other == kept {
		t.Error("two hashes of one password are the same: no salt")
	}
	for _, c := range []struct {
		kept, password string
		want           bool
	}{
		{kept, "correct-horse", true}, {other, "correct-horse", true}, {kept, "correct-horse ", false}, {kept, "", false},
		{"", "correct-horse", false}, {"", "", false}, {"nonsense", "x", false}, {"$argon2id$v=19$m=19456,t=2,p=1$$", "", false},
		{strings.Replace(kept, "m=19456", "m=99999999", 1), "correct-horse", false},
		{kept, strings.Repeat("x", MaxPassword+1), false},
	} {
		if got, err := p.Verify(ctx, c.kept, c.password); err != nil || got != c.want {
			t.Errorf("Verify(%.40q, %.20q) = %v, %v", c.kept, c.password, got, err)
		}
	}
	for password, code := range map[string]string{"short": "api.password_too_short", strings.Repeat("x", MaxPassword+1): "api.password_too_long"} {
		if _, err := p.Hash(ctx, password); site.AsError(err) == nil || site.AsError(err).Code != code {
			t.Errorf("Hash(%.10q): %v", password, err)
		}
	}
}

// TestPasswordsWait holds that hashing has a bounded number of places, and that who waits gives up with its context.
func TestPasswordsWait(t *testing.T) {
	p, err := NewPasswords(1)
	if err != nil {
		t.Fatal(err)
	}
	p.slots <- struct{}{} // somebody is at it
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if _, err := p.Verify(ctx, "", "x"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Verify: %v", err)
	}
	if _, err := p.Hash(ctx, "correct-horse"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Hash: %v", err)
	}
}

// TestUnknownTakesAsLong holds that an unknown name is no faster than a wrong password.
func TestUnknownTakesAsLong(t *testing.T) {
	p, err := NewPasswords(1)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := HashPassword("correct-horse")
	if err != nil {
		t.Fatal(err)
	}
	least := func(kept string) time.Duration {
		best := time.Hour
		for range 5 {
			began := time.Now()
			if _, err := p.Verify(context.Background(), kept, "not-it"); err != nil {
				t.Fatal(err)
			}
			best = min(best, time.Since(began))
		}
		return best
	}
	known, unknown := least(kept), least("")
	if unknown < known/3 || known < unknown/3 {
		t.Errorf("a known name takes %v, an unknown one %v", known, unknown)
	}
}

// lookup is a register of one device, one person and one token.
type lookup struct {
	device site.Device
	secret string
	token  site.Token
	person site.Person
	broken error
}

func (l lookup) DeviceAuth(id string) (site.Device, []byte, error) {
	if l.broken != nil || id != l.device.ID {
		return site.Device{}, nil, l.missing()
	}
	h := HashSecret(l.secret)
	return l.device, h[:], nil
}

func (l lookup) TokenByHash(hash [32]byte) (site.Token, error) {
	if l.broken != nil || hash != l.token.Hash {
		return site.Token{}, l.missing()
	}
	return l.token, nil
}

func (l lookup) Person(login string) (site.Person, error) {
	if l.broken != nil || login != l.person.Login {
		return site.Person{}, l.missing()
	}
	return l.person, nil
}

func (l lookup) missing() error {
	if l.broken != nil {
		return l.broken
	}
	return site.Errorf(site.NotFound, "x", "")
}

func TestSignIn(t *testing.T) {
	l := lookup{
		device: site.Device{ID: "crane-1"}, secret: NewSecret(),
		token: site.Token{Login: "owner", Hash: HashSecret("t0ken")}, person: site.Person{Login: "owner"},
	}
	verdict := func(err error) string {
		switch {
		case err == nil:
			return "in"
		case site.IsKind(err, site.Unauthenticated):
			return "out"
		}
		return "broken"
	}
	device := func(l lookup, id, secret string) string { _, err := SignInDevice(l, id, secret); return verdict(err) }
	token := func(l lookup, login, secret string) string {
		_, _, err := SignInToken(l, login, secret)
		return verdict(err)
	}
	revoked, disabled, broken := l, l, l
	revoked.device.RevokedAt, revoked.token.RevokedAt = time.Unix(1, 0), time.Unix(1, 0)
	disabled.person.Disabled = true
	broken.broken = errors.New("disk")
	for name, got := range map[string][2]string{
		"device":          {device(l, "crane-1", l.secret), "in"},
		"wrong secret":    {device(l, "crane-1", "x"), "out"},
		"empty secret":    {device(l, "crane-1", ""), "out"},
		"unknown device":  {device(l, "crane-2", l.secret), "out"},
		"revoked device":  {device(revoked, "crane-1", l.secret), "out"},
		"broken store":    {device(broken, "crane-1", l.secret), "broken"},
		"token":           {token(l, "", "t0ken"), "in"},
		"token and login": {token(l, "owner", "t0ken"), "in"},
		"other's login":   {token(l, "safety", "t0ken"), "out"},
		"wrong token":     {token(l, "owner", "token"), "out"},
		"revoked token":   {token(revoked, "owner", "t0ken"), "out"},
		"disabled person": {token(disabled, "owner", "t0ken"), "out"},
		"broken records":  {token(broken, "owner", "t0ken"), "broken"},
	} {
		if got[0] != got[1] {
			t.Errorf("%s: %s, want %s", name, got[0], got[1])
		}
	}
}
