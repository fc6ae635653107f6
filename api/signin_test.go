package api_test

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"topout/site"
	"topout/store"
)

func personOf(s *testSite, login string) (p site.Person, err error) {
	err = s.store.View(context.Background(), func(tx *store.Tx) error {
		p, err = tx.Person(login)
		return err
	})
	return p, err
}

// signIn signs in by password and gives the session's cookie.
func (s *testSite) signIn(login, password string) *http.Cookie {
	s.t.Helper()
	a := s.request("", "POST", "/sessions", map[string]any{"login": login, "password": password}).want(201)
	return cookieOf(a)
}

func cookieOf(a answer) *http.Cookie {
	a.t.Helper()
	cookies := (&http.Response{Header: a.header}).Cookies()
	if len(cookies) != 1 {
		a.t.Fatalf("%d cookies", len(cookies))
	}
	return cookies[0]
}

func with(c *http.Cookie) func(*http.Request) {
	return func(r *http.Request) { r.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value}) }
}

func TestSession(t *testing.T) {
	s := newSite(t, siteOptions{})
	a := s.request("", "POST", "/sessions", map[string]any{"login": "owner", "password": password}).want(201)
	if got := a.object(); got["login"] != "owner" || got["name"] != "OWNER" {
		t.Errorf("answer %v", got)
	}
	c := cookieOf(a)
	if c.Name != "topout_session" || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Secure || c.Path != "/" || c.MaxAge != 30*24*3600 {
		t.Errorf("cookie %+v", c)
	}
	s.request("", "GET", "/me", nil, with(c)).want(200)
	out := s.request("", "DELETE", "/sessions", nil, with(c)).want(204)
	if c := cookieOf(out); c.MaxAge >= 0 || c.Value != "" {
		t.Errorf("the cookie stays: %+v", c)
	}
	s.request("", "GET", "/me", nil, with(c)).problem(401, "api.sign_in", "")
	s.request("", "DELETE", "/sessions", nil).want(204) // nobody signed in: nothing to do
	if got := s.get("", "/me").header.Get("WWW-Authenticate"); got != "Bearer" {
		t.Errorf("WWW-Authenticate %q", got)
	}
}

func TestSessionSlides(t *testing.T) {
	s := newSite(t, siteOptions{secure: true})
	c := s.signIn("owner", password)
	if !c.Secure {
		t.Error("the cookie is not Secure behind HTTPS")
	}
	for range 3 { // each use moves the end on
		s.clock.add(20 * 24 * time.Hour)
		a := s.request("", "GET", "/me", nil, with(c)).want(200)
		if again := cookieOf(a); again.Value != c.Value || again.MaxAge != 30*24*3600 {
			t.Errorf("renewed cookie %+v", again)
		}
	}
	s.clock.add(30*24*time.Hour + time.Second)
	s.request("", "GET", "/me", nil, with(c)).problem(401, "api.sign_in", "")
}

func TestWrongCredentials(t *testing.T) {
	s := newSite(t, siteOptions{})
	wrong := func(login, pw string) problem {
		return s.request("", "POST", "/sessions", map[string]any{"login": login, "password": pw}).problem(401, "api.wrong_login", "")
	}
	known, unknown := wrong("owner", "not-it"), wrong("nobody", "not-it")
	if known.Detail != unknown.Detail {
		t.Error("the answer tells which log-ins there are")
	}
	s.request("admin", "PATCH", "/people/viewer", map[string]any{"disabled": true}).want(200)
	wrong("viewer", password)
	s.request("viewer", "GET", "/me", nil).problem(401, "api.wrong_credentials", "")
	for _, header := range []string{"Bearer", "Bearer x", "Basic b3duZXI6eA==", "Bearer " + strings.Repeat("x", 5000)} {
		s.request("", "GET", "/me", nil, func(r *http.Request) { r.Header.Set("Authorization", header) }).want(401)
	}
}

func TestLoginThrottle(t *testing.T) {
	s := newSite(t, siteOptions{})
	try := func(login, pw string) answer {
		return s.request("", "POST", "/sessions", map[string]any{"login": login, "password": pw})
	}
	for range 10 {
		try("owner", "not-it").want(401)
	}
	a := try("owner", password)
	a.problem(429, "api.too_many_logins", "")
	if wait, err := strconv.Atoi(a.header.Get("Retry-After")); err != nil || wait != 600 {
		t.Errorf("Retry-After %q", a.header.Get("Retry-After"))
	}
	try("safety", password).want(201) // others are not held back
	s.clock.add(10*time.Minute + time.Second)
	try("owner", password).want(201)
	for range 9 { // what was right cleared the count
		try("owner", "not-it").want(401)
	}
	try("owner", password).want(201)

	for i := range 60 { // one address, many names
		a = try("name"+strconv.Itoa(i), "not-it")
		if a.status == 429 {
			break
		}
	}
	a.problem(429, "api.too_many_logins", "")
	s.request("owner", "GET", "/me", nil).want(200) // sessions and tokens go on
}

// TestThrottleAtOnce holds that many attempts at the same time are not more.
func TestThrottleAtOnce(t *testing.T) {
	s := newSite(t, siteOptions{})
	var mu sync.Mutex
	got := map[int]int{}
	var group sync.WaitGroup
	for range 30 {
		group.Go(func() {
			a := s.request("", "POST", "/sessions", map[string]any{"login": "owner", "password": "not-it"})
			mu.Lock()
			defer mu.Unlock()
			got[a.status]++
		})
	}
	group.Wait()
	if got[401] != 10 || got[429] != 20 {
		t.Errorf("answers %v, want 10 looked at and 20 turned away", got)
	}
}

func TestPasswords(t *testing.T) {
	s := newSite(t, siteOptions{})
	here, there := s.signIn("owner", password), s.signIn("owner", password)
	change := func(old, next string) answer {
		return s.request("", "POST", "/me/password", map[string]any{"old": old, "new": next}, with(here))
	}
	change("not-it", "battery-staple").problem(422, "api.wrong_password", "old")
	change(password, "short").problem(422, "api.wrong_length", "new")
	change(password, "battery-staple").want(204)
	s.request("", "GET", "/me", nil, with(here)).want(200)
	s.request("", "GET", "/me", nil, with(there)).want(401)
	s.signIn("owner", "battery-staple")

	var made struct{ Login, Password string }
	s.request("admin", "POST", "/people/owner/password", nil).want(200).into(&made)
	if made.Login != "owner" || len(made.Password) < 12 {
		t.Errorf("made %+v", made)
	}
	s.request("", "GET", "/me", nil, with(here)).want(401)
	s.signIn("owner", made.Password)
}

func TestAccounts(t *testing.T) {
	s := newSite(t, siteOptions{})
	body := map[string]any{"login": "li.gong", "name": "李工", "role": "supervisor", "project": "wenyuan", "mail": "li@example.org"}
	var made struct{ Login, Password string }
	s.request("admin", "POST", "/people", body).want(201).into(&made)
	s.request("admin", "POST", "/people", body).problem(409, "api.login_taken", "login")
	c := s.signIn(made.Login, made.Password)
	me := s.request("", "GET", "/me", nil, with(c)).want(200).object()
	if me["admin"] != false || me["roles"].(map[string]any)["wenyuan"] != "supervisor" || me["lang"] != "zh-CN" || me["mail_from"] != "warning" {
		t.Errorf("me %v", me)
	}
	me = s.request("", "PATCH", "/me", map[string]any{"lang": "en", "mail_from": "critical", "mail": ""}, with(c)).want(200).object()
	if me["lang"] != "en" || me["mail"] != "" || me["name"] != "李工" {
		t.Errorf("me %v", me)
	}
	s.request("", "PATCH", "/me", map[string]any{"mail": "a@b.org, c@d.org"}, with(c)).problem(422, "api.bad_mail", "mail")
	s.request("", "PATCH", "/me", map[string]any{"mail": "a@b.org\r\nBcc: x@y.org"}, with(c)).problem(422, "api.bad_mail", "mail")
	s.request("admin", "POST", "/people", map[string]any{"login": "x", "name": "X", "role": "boss"}).problem(422, "api.not_one_of", "role")
	s.request("admin", "POST", "/people", map[string]any{"login": "x", "name": "X", "role": "viewer", "project": "nowhere"}).problem(422, "api.no_project", "project")
	s.request("admin", "PATCH", "/people/nobody", map[string]any{"name": "X"}).problem(404, "store.unknown_person", "")

	members := s.get("viewer", "/people?project=wenyuan").want(200).items()
	var logins []string
	for _, m := range members {
		logins = append(logins, m["login"].(string))
		if m["mail"] != nil || m["roles"] != nil {
			t.Errorf("a member sees too much: %v", m)
		}
	}
	if got := strings.Join(logins, " "); got != "admin li.gong owner safety supervisor viewer" {
		t.Errorf("members %s", got)
	}
	s.request("admin", "PATCH", "/people/li.gong", map[string]any{"roles": map[string]any{"wenyuan": "", "other": "safety"}}).want(200)
	s.request("", "GET", "/projects/wenyuan", nil, with(c)).want(404)
	s.request("", "GET", "/projects/other", nil, with(c)).want(200)
}

func TestTokens(t *testing.T) {
	s := newSite(t, siteOptions{})
	var made struct{ ID, Token string }
	s.request("owner", "POST", "/tokens", map[string]any{}).want(201).into(&made)
	s.tokens["by token"] = made.Token
	s.get("by token", "/me").want(200)
	s.request("owner", "POST", "/tokens", map[string]any{"login": "safety"}).problem(403, "api.forbidden", "login")
	s.request("admin", "POST", "/tokens", map[string]any{"login": "nobody"}).problem(422, "api.no_person", "login")
	s.request("safety", "DELETE", "/tokens/"+made.ID, nil).problem(404, "api.no_token", "id")
	s.request("owner", "DELETE", "/tokens/"+made.ID, nil).want(204)
	s.get("by token", "/me").problem(401, "api.wrong_credentials", "")
	if got := len(s.get("owner", "/tokens").items()); got != 2 {
		t.Errorf("%d tokens of mine, want 2", got)
	}
	if got := len(s.get("admin", "/tokens").items()); got != len(people)+1 {
		t.Errorf("%d tokens of all", got)
	}
}

// TestNoSecretEchoes sends secrets where they can go wrong and looks for them in
// every answer and in the log.
func TestNoSecretEchoes(t *testing.T) {
	s := newSite(t, siteOptions{})
	const secret = "hunter2-hunter2"
	for _, body := range []any{
		map[string]any{"login": "owner", "password": secret},
		map[string]any{"login": "owner", "password": []string{secret}},
		map[string]any{"login": map[string]any{"x": secret}, "password": secret},
		map[string]any{"password": secret},
		map[string]any{"login": secret + "\x00", "password": secret + strings.Repeat("x", 300)},
		`{"login":"owner","password":"` + secret,
		`["` + secret + `"]`,
	} {
		a := s.request("", "POST", "/sessions", body)
		if a.status < 400 || strings.Contains(string(a.body), secret) {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
	a := s.request("admin", "POST", "/people", map[string]any{"login": "x!", "name": 5, "role": "viewer", "password": secret})
	if strings.Contains(string(a.body), secret) {
		t.Errorf("echo: %s", a.body)
	}
	if strings.Contains(s.log.String(), secret) {
		t.Errorf("in the log: %s", s.log.String())
	}
	for login, token := range s.tokens {
		if strings.Contains(s.log.String(), token) {
			t.Errorf("%s's token is in the log", login)
		}
	}
}
