package store

import "topout/site"

const personColumns = `SELECT login, name, mail, mail_from, lang, disabled, created_at FROM people`

// CreatePerson adds an account with its roles; the login must be new.
func (t *Tx) CreatePerson(p site.Person, passwordHash string) error {
	_, err := t.exec(`INSERT INTO people (login, name, mail, mail_from, lang, disabled, created_at, password_hash)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		p.Login, p.Name, p.Mail, p.MailFrom, p.Lang, p.Disabled, ms(p.CreatedAt), passwordHash)
	if err != nil {
		return constraint(err, site.Errorf(site.Conflict, "store.person_exists", "login", "login", p.Login), nil)
	}
	for project, role := range p.Roles {
		if err := t.SetRole(p.Login, project, role); err != nil {
			return err
		}
	}
	return nil
}

// Person gives an account with its roles, also a disabled one.
func (t *Tx) Person(login string) (site.Person, error) {
	p, err := one(t, unknownPerson(login), scanPerson, personColumns+` WHERE login = $1`, login)
	if err != nil {
		return p, err
	}
	roles, err := all(t, scanMembership, `SELECT login, project, role FROM memberships WHERE login = $1`, login)
	for _, m := range roles {
		p.Roles[m.project] = m.role
	}
	return p, err
}

// People gives all accounts by login.
func (t *Tx) People() ([]site.Person, error) {
	people, err := all(t, scanPerson, personColumns+` ORDER BY login`)
	if err != nil {
		return nil, err
	}
	roles, err := all(t, scanMembership, `SELECT login, project, role FROM memberships`)
	by := make(map[string]map[string]site.Role, len(people))
	for _, p := range people {
		by[p.Login] = p.Roles
	}
	for _, m := range roles {
		by[m.login][m.project] = m.role
	}
	return people, err
}

// UpdatePerson changes a person's name, mail, language and whether the account is disabled.
func (t *Tx) UpdatePerson(p site.Person) error {
	return t.change(unknownPerson(p.Login), `UPDATE people SET name = $2, mail = $3, mail_from = $4, lang = $5, disabled = $6 WHERE login = $1`,
		p.Login, p.Name, p.Mail, p.MailFrom, p.Lang, p.Disabled)
}

// PasswordHash gives the hash of a person's password.
func (t *Tx) PasswordHash(login string) (string, error) {
	return one(t, unknownPerson(login), value[string], `SELECT password_hash FROM people WHERE login = $1`, login)
}

// SetPassword replaces the hash of a person's password.
func (t *Tx) SetPassword(login, hash string) error {
	return t.change(unknownPerson(login), `UPDATE people SET password_hash = $2 WHERE login = $1`, login, hash)
}

// SetRole gives a person a role in a project, or in all by site.AllProjects;
// an empty role takes it away.
func (t *Tx) SetRole(login, project string, role site.Role) error {
	if role == "" {
		_, err := t.exec(`DELETE FROM memberships WHERE login = $1 AND project = $2`, login, project)
		return err
	}
	if project != site.AllProjects {
		if _, err := t.Project(project); err != nil {
			return err
		}
	}
	_, err := t.exec(`INSERT INTO memberships (login, project, role) VALUES ($1, $2, $3)
		ON CONFLICT (login, project) DO UPDATE SET role = excluded.role`, login, project, role)
	return constraint(err, nil, unknownPerson(login))
}

func scanPerson(row scanner, p *site.Person) error {
	p.Roles = map[string]site.Role{}
	return row.Scan(&p.Login, &p.Name, &p.Mail, &p.MailFrom, &p.Lang, &p.Disabled, msTo{&p.CreatedAt})
}

type membership struct {
	login, project string
	role           site.Role
}

func scanMembership(row scanner, m *membership) error {
	return row.Scan(&m.login, &m.project, &m.role)
}

func unknownPerson(login string) *site.Error {
	return site.Errorf(site.NotFound, "store.unknown_person", "", "login", login)
}
