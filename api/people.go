package api

import (
	"context"
	"errors"
	"net/http"
	"sort"

	"topout/api/auth"
	"topout/site"
)

func (s *Server) addPeople() {
	const tag = "people"
	add(s, operation{method: http.MethodGet, path: "/me", id: "me", summary: "Who I am", tag: tag}, s.me)
	add(s, operation{method: http.MethodPatch, path: "/me", id: "change-me", summary: "Change my name, mail, language", tag: tag, body: true}, s.changeMe)
	add(s, operation{
		method: http.MethodPost, path: "/me/password", id: "change-my-password", summary: "Change my password", tag: tag,
		body: true, answers: []int{http.StatusNoContent},
	}, s.changeMyPassword)
	add(s, operation{method: http.MethodGet, path: "/people", id: "people", summary: "People, of one project or all", tag: tag, mayMiss: true}, s.people)
	add(s, operation{
		method: http.MethodPost, path: "/people", id: "add-person", summary: "Open an account", tag: tag,
		action: site.ActAccounts, body: true, answers: []int{http.StatusCreated}, conflict: true,
	}, s.addPerson)
	add(s, operation{
		method: http.MethodPatch, path: "/people/{login}", id: "change-person", summary: "Change an account, its roles, or disable it", tag: tag,
		action: site.ActAccounts, body: true, conflict: true,
	}, s.changePerson)
	add(s, operation{
		method: http.MethodPost, path: "/people/{login}/password", id: "reset-password", summary: "Give a new password", tag: tag,
		action: site.ActAccounts,
	}, s.resetPassword)
}

// meView is the caller's own account.
type meView struct {
	Login    string               `json:"login"`
	Name     string               `json:"name"`
	Mail     string               `json:"mail"`
	MailFrom site.Severity        `json:"mail_from" enum:"info,warning,critical"`
	Lang     string               `json:"lang" enum:"zh-CN,en"`
	Admin    bool                 `json:"admin"`
	Roles    map[string]site.Role `json:"roles" doc:"by project id, or * for all"`
}

func viewMe(p site.Person) *found[meView] {
	v := meView{p.Login, p.Name, p.Mail, p.MailFrom, p.Lang, p.Can(site.ActAccounts, site.AllProjects), p.Roles}
	if v.MailFrom == "" {
		v.MailFrom = site.Warning
	}
	if v.Lang == "" {
		v.Lang = "zh-CN"
	}
	if v.Roles == nil {
		v.Roles = map[string]site.Role{}
	}
	return &found[meView]{v}
}

func (s *Server) me(_ context.Context, c *caller, _ *nothing) (*found[meView], error) {
	return viewMe(c.person), nil
}

// personChange is what a person may change of an account. What is absent stays.
type personChange struct {
	Name     *line          `json:"name,omitempty"`
	Mail     *mailAddress   `json:"mail,omitempty"`
	MailFrom *site.Severity `json:"mail_from,omitempty" enum:"info,warning,critical"`
	Lang     *string        `json:"lang,omitempty" enum:"zh-CN,en"`
}

func (x personChange) apply(p *site.Person) error {
	if x.Name != nil {
		p.Name = string(*x.Name)
	}
	if x.Mail != nil {
		if err := x.Mail.check(); err != nil {
			return err
		}
		p.Mail = string(*x.Mail)
	}
	if x.MailFrom != nil {
		p.MailFrom = *x.MailFrom
	}
	if x.Lang != nil {
		p.Lang = *x.Lang
	}
	return nil
}

func (s *Server) changeMe(ctx context.Context, c *caller, in *struct{ Body personChange }) (*found[meView], error) {
	var p site.Person
	err := s.records.Update(ctx, func(tx Tx) error {
		var err error
		if p, err = tx.Person(c.person.Login); err != nil {
			return err
		}
		if err := in.Body.apply(&p); err != nil {
			return err
		}
		return tx.UpdatePerson(p)
	})
	if err != nil {
		return nil, err
	}
	return viewMe(p), nil
}

type newPassword struct {
	Old string `json:"old" maxLength:"200" format:"password"`
	New string `json:"new" minLength:"8" maxLength:"200" format:"password"`
}

// changeMyPassword keeps this session and ends the person's others.
func (s *Server) changeMyPassword(ctx context.Context, c *caller, in *struct{ Body newPassword }) (*nothing, error) {
	_, err := s.checkPassword(ctx, c.person.Login, in.Body.Old, requestOf(ctx).address)
	if site.IsKind(err, site.Unauthenticated) {
		return nil, site.Errorf(site.Invalid, "api.wrong_password", "old")
	}
	if err != nil {
		return nil, err
	}
	if err := auth.CheckPassword(in.Body.New); err != nil {
		return nil, site.Errorf(site.Invalid, site.AsError(err).Code, "new", "min", "8", "max", "200")
	}
	hash, err := s.hashPassword(ctx, in.Body.New)
	if err != nil {
		return nil, err
	}
	err = s.records.Update(ctx, func(tx Tx) error {
		if err := s.replacePassword(tx, c.person.Login, hash); err != nil {
			return err
		}
		if c.session.Login == "" {
			return nil
		}
		return tx.SaveSession(c.session)
	})
	return &nothing{}, s.afterAccess(ctx, err)
}

// replacePassword sets a password and ends all sessions that the old one opened.
func (s *Server) replacePassword(tx Tx, login, hash string) error {
	if err := tx.SetPassword(login, hash); err != nil {
		return err
	}
	if err := tx.DeleteSessions(login); err != nil {
		return err
	}
	return s.accessChanged(tx, site.AccessPerson+login)
}

// memberView is a person as other members see them; the rest is for administrators.
type memberView struct {
	Login    string               `json:"login"`
	Name     string               `json:"name"`
	Role     site.Role            `json:"role" doc:"in the project asked for; without one the role everywhere"`
	Mail     string               `json:"mail,omitempty"`
	Lang     string               `json:"lang,omitempty"`
	Disabled bool                 `json:"disabled,omitempty"`
	Roles    map[string]site.Role `json:"roles,omitempty"`
}

type peopleQuery struct {
	Project string `query:"project" pattern:"^[A-Za-z0-9_-]{0,64}$" doc:"only its members"`
}

func (s *Server) people(ctx context.Context, c *caller, in *peopleQuery) (*found[list[memberView]], error) {
	admin := c.person.Can(site.ActAccounts, site.AllProjects)
	scope := in.Project
	if scope == "" {
		if !admin {
			return nil, site.Errorf(site.Forbidden, "api.forbidden", "")
		}
		scope = site.AllProjects
	} else if !c.person.Can(site.ActView, scope) {
		return nil, site.Errorf(site.NotFound, "api.no_project", "project")
	}
	var all []site.Person
	err := s.records.View(ctx, func(tx Tx) error {
		if in.Project != "" {
			if _, err := tx.Project(in.Project); err != nil {
				return err
			}
		}
		var err error
		all, err = tx.People()
		return err
	})
	if err != nil {
		return nil, err
	}
	var members []memberView
	for _, p := range all {
		if in.Project != "" && (p.Role(scope) == "" || p.Disabled && !admin) {
			continue
		}
		members = append(members, viewMember(p, scope, admin))
	}
	sort.Slice(members, func(i, j int) bool { return members[i].Login < members[j].Login })
	return listOf(members, "", func(m memberView) memberView { return m }), nil
}

func viewMember(p site.Person, scope string, admin bool) memberView {
	v := memberView{Login: p.Login, Name: p.Name, Role: p.Role(scope)}
	if admin {
		v.Mail, v.Lang, v.Disabled, v.Roles = p.Mail, p.Lang, p.Disabled, p.Roles
	}
	return v
}

type newPerson struct {
	Login    string      `json:"login" pattern:"^[A-Za-z0-9_.@-]{1,64}$"`
	Name     line        `json:"name"`
	Role     site.Role   `json:"role" enum:"admin,owner,supervisor,safety,viewer"`
	Project  string      `json:"project,omitempty" pattern:"^([A-Za-z0-9_-]{1,64}|\\*)$" doc:"where the role holds; empty or *: everywhere"`
	Mail     mailAddress `json:"mail,omitempty"`
	Lang     string      `json:"lang,omitempty" enum:"zh-CN,en"`
	Password string      `json:"password,omitempty" minLength:"8" maxLength:"200" format:"password" doc:"absent: one is made"`
}

// newAccess is an account's password, told once.
type newAccess struct {
	Login    string `json:"login"`
	Password string `json:"password"`
}

func (s *Server) addPerson(ctx context.Context, _ *caller, in *struct{ Body newPerson }) (*found[newAccess], error) {
	b := in.Body
	if err := b.Mail.check(); err != nil {
		return nil, err
	}
	if b.Password == "" {
		b.Password = auth.NewSecret()[:16]
	}
	if b.Project == "" {
		b.Project = site.AllProjects
	}
	hash, err := s.hashPassword(ctx, b.Password)
	if err != nil {
		return nil, err
	}
	err = s.records.Update(ctx, func(tx Tx) error {
		_, err := tx.Person(b.Login)
		if err == nil {
			return site.Errorf(site.Conflict, "api.login_taken", "login")
		}
		if !site.IsKind(err, site.NotFound) {
			return err
		}
		if err := needProject(tx, b.Project, "project"); err != nil {
			return err
		}
		p := site.Person{Login: b.Login, Name: string(b.Name), Mail: string(b.Mail), Lang: b.Lang, CreatedAt: s.now()}
		if err := tx.CreatePerson(p, hash); err != nil {
			return err
		}
		return tx.SetRole(b.Login, b.Project, b.Role)
	})
	if err != nil {
		return nil, err
	}
	return &found[newAccess]{newAccess{b.Login, b.Password}}, nil
}

// needProject refuses a role in a project that does not exist.
func needProject(tx Tx, project, field string) error {
	if project == site.AllProjects {
		return nil
	}
	_, err := tx.Project(project)
	if site.IsKind(err, site.NotFound) {
		return site.Errorf(site.Invalid, "api.no_project", field)
	}
	return err
}

type accountChange struct {
	Name     *line                `json:"name,omitempty"`
	Mail     *mailAddress         `json:"mail,omitempty"`
	MailFrom *site.Severity       `json:"mail_from,omitempty" enum:"info,warning,critical"`
	Lang     *string              `json:"lang,omitempty" enum:"zh-CN,en"`
	Disabled *bool                `json:"disabled,omitempty" doc:"true cuts the person off at once"`
	Roles    map[string]roleOrNil `json:"roles,omitempty" maxProperties:"1000" doc:"by project id, or *: the roles to set; an empty role takes it away. Others stay."`
}

func (s *Server) changePerson(ctx context.Context, c *caller, in *struct {
	Login string `path:"login" pattern:"^[A-Za-z0-9_.@-]{1,64}$"`
	Body  accountChange
}) (*found[memberView], error) {
	b := in.Body
	var p site.Person
	err := s.records.Update(ctx, func(tx Tx) error {
		var err error
		if p, err = tx.Person(in.Login); err != nil {
			return err
		}
		change := personChange{b.Name, b.Mail, b.MailFrom, b.Lang}
		if err := change.apply(&p); err != nil {
			return err
		}
		if b.Disabled != nil {
			p.Disabled = *b.Disabled
		}
		if err := tx.UpdatePerson(p); err != nil {
			return err
		}
		for project, role := range b.Roles {
			if !site.ValidID(project) && project != site.AllProjects {
				return site.Errorf(site.Invalid, "api.no_project", "roles")
			}
			if err := needProject(tx, project, "roles."+project); err != nil {
				return err
			}
			if err := tx.SetRole(in.Login, project, site.Role(role)); err != nil {
				return err
			}
		}
		if p.Disabled {
			if err := tx.DeleteSessions(in.Login); err != nil {
				return err
			}
		}
		if p, err = tx.Person(in.Login); err != nil {
			return err
		}
		if in.Login == c.person.Login && !p.Can(site.ActAccounts, site.AllProjects) {
			return site.Errorf(site.Conflict, "api.own_account", "")
		}
		if b.Disabled == nil && len(b.Roles) == 0 {
			return nil
		}
		return s.accessChanged(tx, site.AccessPerson+in.Login)
	})
	if err := s.afterAccess(ctx, err); err != nil {
		return nil, err
	}
	return &found[memberView]{viewMember(p, site.AllProjects, true)}, nil
}

func (s *Server) resetPassword(ctx context.Context, _ *caller, in *struct {
	Login string `path:"login" pattern:"^[A-Za-z0-9_.@-]{1,64}$"`
}) (*found[newAccess], error) {
	password := auth.NewSecret()[:16]
	hash, err := s.hashPassword(ctx, password)
	if err != nil {
		return nil, err
	}
	err = s.records.Update(ctx, func(tx Tx) error {
		if _, err := tx.Person(in.Login); err != nil {
			return err
		}
		return errors.Join(s.replacePassword(tx, in.Login, hash), tx.ClearLoginFailures(loginKey(in.Login)))
	})
	if err := s.afterAccess(ctx, err); err != nil {
		return nil, err
	}
	return &found[newAccess]{newAccess{in.Login, password}}, nil
}
