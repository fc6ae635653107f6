package api

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"topout/api/auth"
	"topout/site"
)

const cookieName = "topout_session"

// A session lasts this long after its last use; its end moves on at most once in sessionStep.
const (
	sessionLife = 30 * 24 * time.Hour
	sessionStep = time.Hour
)

// The login throttle: so many wrong attempts within the window, then none is
// looked at until the oldest is out of it.
const (
	loginWindow  = 10 * time.Minute
	loginTries   = 10 // of one login
	addressTries = 50 // from one address
	hashPatience = 5 * time.Second
)

func (s *Server) addSessions() {
	add(s, operation{
		method: http.MethodPost, path: "/sessions", id: "sign-in", summary: "Sign in with a password", tag: "sign-in",
		open: true, body: true, answers: []int{http.StatusCreated}, unauthenticated: true,
	}, s.signIn)
	add(s, operation{
		method: http.MethodDelete, path: "/sessions", id: "sign-out", summary: "Sign out", tag: "sign-in",
		open: true, answers: []int{http.StatusNoContent},
	}, s.signOut)
}

type credentials struct {
	Login    string `json:"login" maxLength:"200" minLength:"1" pattern:"^[^\\x00]*$"`
	Password string `json:"password" maxLength:"200" minLength:"1" format:"password"`
}

type signedIn struct {
	Login string `json:"login"`
	Name  string `json:"name"`
}

type cookieAnswer struct {
	SetCookie string `header:"Set-Cookie"`
	Body      signedIn
}

func (s *Server) signIn(ctx context.Context, _ *caller, in *struct{ Body credentials }) (*cookieAnswer, error) {
	r := requestOf(ctx)
	person, err := s.checkPassword(ctx, in.Body.Login, in.Body.Password, r.address)
	if err != nil {
		return nil, err
	}
	token := auth.NewSecret()
	now := s.now()
	session := site.Session{Hash: auth.HashSecret(token), Login: person.Login, Created: now, Expires: now.Add(sessionLife)}
	if err := s.records.Update(ctx, func(tx Tx) error { return tx.SaveSession(session) }); err != nil {
		return nil, err
	}
	s.metrics.logins.WithLabelValues("done").Inc()
	return &cookieAnswer{
		SetCookie: s.cookie(token, sessionLife, r.tls).String(),
		Body:      signedIn{person.Login, person.Name},
	}, nil
}

// checkPassword gives the person of a login and password. The attempt counts
// before it is looked at, so that many at once cannot pass the throttle, and an
// unknown login takes as long as a known one.
func (s *Server) checkPassword(ctx context.Context, login, password, addr string) (site.Person, error) {
	now := s.now()
	byLogin, byAddress := loginKey(login), "address "+addr
	var person site.Person
	var kept string
	err := s.records.Update(ctx, func(tx Tx) error {
		if err := throttled(tx, byLogin, loginTries, now); err != nil {
			return err
		}
		if err := throttled(tx, byAddress, addressTries, now); err != nil {
			return err
		}
		var err error
		if person, err = tx.Person(login); err == nil {
			kept, err = tx.PasswordHash(login)
		}
		if err != nil && !site.IsKind(err, site.NotFound) {
			return err
		}
		return tx.AddLoginFailure(byLogin, now)
	})
	if err != nil {
		if site.IsKind(err, site.TooMany) {
			s.metrics.logins.WithLabelValues("throttled").Inc()
		}
		return site.Person{}, err
	}
	right, err := s.verify(ctx, kept, password)
	if err != nil {
		return site.Person{}, err
	}
	if !right || person.Disabled {
		s.metrics.logins.WithLabelValues("wrong").Inc()
		err := s.records.Update(ctx, func(tx Tx) error { return tx.AddLoginFailure(byAddress, now) })
		return site.Person{}, errors.Join(err, site.Errorf(site.Unauthenticated, "api.wrong_login", ""))
	}
	return person, s.records.Update(ctx, func(tx Tx) error { return tx.ClearLoginFailures(byLogin) })
}

func loginKey(login string) string { return "login " + strings.ToLower(login) }

// throttled refuses when too many attempts of a key are in the window.
func throttled(tx Tx, key string, tries int, now time.Time) error {
	n, err := tx.LoginFailures(key, now.Add(-loginWindow))
	switch {
	case err != nil:
		return err
	case n >= tries:
		return &later{site.Errorf(site.TooMany, "api.too_many_logins", ""), loginWindow}
	case n == 0: // older ones count no more
		return tx.ClearLoginFailures(key)
	}
	return nil
}

// verify compares a password, and gives up when too many wait for their turn.
func (s *Server) verify(ctx context.Context, kept, password string) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, hashPatience)
	defer cancel()
	right, err := s.passwords.Verify(ctx, kept, password)
	if err != nil {
		return false, &later{&site.Error{Kind: site.Unavailable, Code: "api.busy", Cause: err}, hashPatience}
	}
	return right, nil
}

func (s *Server) hashPassword(ctx context.Context, password string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, hashPatience)
	defer cancel()
	kept, err := s.passwords.Hash(ctx, password)
	if err != nil && site.AsError(err) == nil {
		return "", &later{&site.Error{Kind: site.Unavailable, Code: "api.busy", Cause: err}, hashPatience}
	}
	return kept, err
}

type clearedCookie struct {
	SetCookie string `header:"Set-Cookie"`
}

func (s *Server) signOut(ctx context.Context, c *caller, _ *nothing) (*clearedCookie, error) {
	if c.session.Login != "" {
		err := s.records.Update(ctx, func(tx Tx) error { return tx.DeleteSession(c.session.Hash) })
		if err != nil {
			return nil, err
		}
		s.feed.recheck()
	}
	return &clearedCookie{s.cookie("", -time.Second, requestOf(ctx).tls).String()}, nil
}

func (s *Server) cookie(token string, life time.Duration, tls bool) *http.Cookie {
	return &http.Cookie{
		Name: cookieName, Value: token, Path: "/", MaxAge: int(life.Seconds()),
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: tls || s.secureCookies,
	}
}

// authenticate says who sends a request, by bearer token or by cookie.
func (s *Server) authenticate(ctx context.Context, r *http.Request) (*caller, error) {
	if header := r.Header.Get("Authorization"); header != "" {
		scheme, token, _ := strings.Cut(header, " ")
		if !strings.EqualFold(scheme, "Bearer") {
			return nil, unauthenticated()
		}
		c := &caller{}
		err := s.records.View(ctx, func(tx Tx) error {
			var err error
			var t site.Token
			c.person, t, err = auth.SignInToken(tx, "", strings.TrimSpace(token))
			c.token, c.tokenHash = t.ID, t.Hash
			return err
		})
		if err != nil {
			return nil, err
		}
		return c, nil
	}
	cookie, err := r.Cookie(cookieName)
	if err != nil {
		return nil, unauthenticated()
	}
	c := &caller{}
	hash := auth.HashSecret(cookie.Value)
	if err := s.records.View(ctx, func(tx Tx) error { return s.bySession(tx, hash, c) }); err != nil {
		return nil, err
	}
	return c, s.prolong(ctx, c, cookie.Value)
}

// bySession fills in the caller of a session.
func (s *Server) bySession(tx Tx, hash [32]byte, c *caller) error {
	session, err := tx.SessionByHash(hash)
	if err == nil && !s.now().Before(session.Expires) {
		return unauthenticated()
	}
	if err == nil {
		c.session = session
		c.person, err = tx.Person(session.Login)
	}
	if site.IsKind(err, site.NotFound) || err == nil && c.person.Disabled {
		return unauthenticated()
	}
	return err
}

// prolong moves the session's end on; the cookie goes out again with it.
func (s *Server) prolong(ctx context.Context, c *caller, token string) error {
	end := s.now().Add(sessionLife)
	if end.Sub(c.session.Expires) < sessionStep {
		return nil
	}
	c.session.Expires = end
	c.renewed = s.cookie(token, sessionLife, requestOf(ctx).tls).String()
	return s.records.Update(ctx, func(tx Tx) error {
		if _, err := tx.SessionByHash(c.session.Hash); err != nil {
			if site.IsKind(err, site.NotFound) { // signed out meanwhile
				return unauthenticated()
			}
			return err
		}
		if err := tx.DeleteSession(c.session.Hash); err != nil {
			return err
		}
		return tx.SaveSession(c.session)
	})
}

func unauthenticated() error { return site.Errorf(site.Unauthenticated, "api.sign_in", "") }
