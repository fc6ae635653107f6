package api

import (
	"context"
	"net/http"
	"net/mail"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/oklog/ulid/v2"

	"topout/api/auth"
	"topout/site"
)

func (s *Server) addTokens() {
	const tag = "sign-in"
	add(s, operation{method: http.MethodGet, path: "/tokens", id: "tokens", summary: "API tokens: mine, an administrator's: all", tag: tag}, s.tokens)
	add(s, operation{
		method: http.MethodPost, path: "/tokens", id: "add-token", summary: "Make an API token, told once", tag: tag,
		body: true, answers: []int{http.StatusCreated},
	}, s.addToken)
	add(s, operation{
		method: http.MethodDelete, path: "/tokens/{id}", id: "revoke-token", summary: "Revoke an API token", tag: tag,
		answers: []int{http.StatusNoContent},
	}, s.revokeToken)
}

type tokenView struct {
	ID        string     `json:"id"`
	Login     string     `json:"login"`
	CreatedAt time.Time  `json:"created_at"`
	RevokedAt *time.Time `json:"revoked_at"`
}

// tokens lists all of an administrator's site, else the caller's own.
func (s *Server) tokens(ctx context.Context, c *caller, _ *nothing) (*found[list[tokenView]], error) {
	kept, err := s.tokensFor(ctx, c)
	if err != nil {
		return nil, err
	}
	return listOf(kept, "", func(t site.Token) tokenView {
		return tokenView{t.ID, t.Login, at(t.CreatedAt), utc(t.RevokedAt)}
	}), nil
}

func (s *Server) tokensFor(ctx context.Context, c *caller) (kept []site.Token, err error) {
	login := c.person.Login
	if c.person.Can(site.ActAccounts, site.AllProjects) {
		login = ""
	}
	err = s.records.View(ctx, func(tx Tx) error {
		kept, err = tx.Tokens(login)
		return err
	})
	return kept, err
}

type tokenRequest struct {
	Login string `json:"login,omitempty" pattern:"^[A-Za-z0-9_.@-]{1,64}$" doc:"whose; absent: mine. Others' are for administrators."`
}

type newToken struct {
	ID    string `json:"id"`
	Token string `json:"token"`
}

func (s *Server) addToken(ctx context.Context, c *caller, in *struct{ Body tokenRequest }) (*found[newToken], error) {
	login := in.Body.Login
	if login == "" {
		login = c.person.Login
	}
	if login != c.person.Login && !c.person.Can(site.ActAccounts, site.AllProjects) {
		return nil, site.Errorf(site.Forbidden, "api.forbidden", "login")
	}
	secret := auth.NewSecret()
	token := site.Token{ID: ulid.Make().String(), Login: login, Hash: auth.HashSecret(secret), CreatedAt: s.now()}
	err := s.records.Update(ctx, func(tx Tx) error {
		if _, err := tx.Person(login); err != nil {
			if site.IsKind(err, site.NotFound) {
				return site.Errorf(site.Invalid, "api.no_person", "login")
			}
			return err
		}
		return tx.SaveToken(token)
	})
	if err != nil {
		return nil, err
	}
	return &found[newToken]{newToken{token.ID, secret}}, nil
}

func (s *Server) revokeToken(ctx context.Context, c *caller, in *struct {
	ID string `path:"id" pattern:"^[A-Za-z0-9_-]{1,64}$"`
}) (*nothing, error) {
	kept, err := s.tokensFor(ctx, c)
	if err != nil {
		return nil, err
	}
	owner := ""
	for _, t := range kept {
		if t.ID == in.ID {
			owner = t.Login
		}
	}
	if owner == "" {
		return nil, site.Errorf(site.NotFound, "api.no_token", "id")
	}
	err = s.records.Update(ctx, func(tx Tx) error {
		if err := tx.RevokeToken(in.ID, s.now()); err != nil {
			return err
		}
		return s.accessChanged(tx, site.AccessPerson+owner)
	})
	return &nothing{}, s.afterAccess(ctx, err)
}

// accessChanged tells of a right given or taken, in the transaction that does it.
func (s *Server) accessChanged(tx Tx, ref string) error {
	_, err := tx.AddChange(site.Change{Kind: site.ChangeAccess, Ref: ref, At: s.now()})
	return err
}

// afterAccess cuts live connections before the answer goes out.
func (s *Server) afterAccess(ctx context.Context, err error) error {
	if err != nil {
		return err
	}
	return s.feed.catchUp(ctx)
}

// mailAddress is an address, or empty for none.
type mailAddress string

// Schema is that of a mail address, for the OpenAPI document.
func (mailAddress) Schema(huma.Registry) *huma.Schema {
	s := textSchema(254)
	s.Description = "mail address; empty: no mail"
	return s
}

// check refuses what is no single plain address: it becomes a header of a mail.
func (m mailAddress) check() error {
	if m == "" {
		return nil
	}
	a, err := mail.ParseAddress(string(m))
	if err != nil || a.Address != string(m) || strings.ContainsAny(string(m), " <>,\r\n\t") {
		return site.Errorf(site.Invalid, "api.bad_mail", "mail")
	}
	return nil
}

// roleOrNil is a role to give, or empty to take it away.
type roleOrNil site.Role

// Schema lists the roles and none.
func (roleOrNil) Schema(huma.Registry) *huma.Schema {
	s := &huma.Schema{Type: huma.TypeString, Enum: []any{""}}
	for _, r := range site.Roles {
		s.Enum = append(s.Enum, string(r))
	}
	return s
}
