package app

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"topout/api/auth"
	"topout/site"
	"topout/store"
)

// Admin changes accounts, projects and devices in a data folder, beside a server
// that runs on it or not. What it changes counts from the next message or
// connection on; whoever is cut off loses live connections within a second.
type Admin struct {
	store *store.Store
	now   func() time.Time
}

// OpenAdmin opens the records of a data folder.
func OpenAdmin(ctx context.Context, s Settings) (*Admin, error) {
	records, err := openStore(ctx, s)
	if err != nil {
		return nil, err
	}
	return &Admin{store: records, now: time.Now}, nil
}

func openStore(ctx context.Context, s Settings) (*store.Store, error) {
	if err := makeFolder(s.Data); err != nil {
		return nil, err
	}
	return store.Open(ctx, store.Options{Path: filepath.Join(s.Data, recordsFile)})
}

// Close gives the records back.
func (a *Admin) Close() error { return a.store.Close() }

// AddProject makes a project; an empty zone is Asia/Shanghai.
func (a *Admin) AddProject(ctx context.Context, id, name, zone string) (site.Project, error) {
	if !site.ValidID(id) {
		return site.Project{}, errors.New("a project's id is 1 to 64 of A-Z, a-z, 0-9, _ and -: choose another")
	}
	p := site.NewProject(id, name, zone, a.now().UTC())
	if _, err := time.LoadLocation(p.Zone); err != nil {
		return site.Project{}, fmt.Errorf("there is no time zone %q: use a name like Asia/Shanghai", zone)
	}
	return p, a.store.Update(ctx, func(tx *store.Tx) error { return tx.CreateProject(p) })
}

// Projects lists all projects.
func (a *Admin) Projects(ctx context.Context) (list []site.Project, err error) {
	err = a.store.View(ctx, func(tx *store.Tx) error { list, err = tx.Projects(); return err })
	return list, err
}

// AddUser makes an account with a random password, which it returns, once. An
// empty project gives the role in all projects.
func (a *Admin) AddUser(ctx context.Context, login, name, mail string, role site.Role, project string) (password string, err error) {
	if !site.ValidID(login) {
		return "", errors.New("a log-in is 1 to 64 of A-Z, a-z, 0-9, _ and -: choose another")
	}
	password = newPassword()
	hash, err := auth.HashPassword(password)
	if err != nil {
		return "", err
	}
	if project == "" {
		project = site.AllProjects
	}
	return password, a.store.Update(ctx, func(tx *store.Tx) error {
		if project != site.AllProjects {
			if _, err := tx.Project(project); err != nil {
				return err
			}
		}
		person := site.Person{Login: login, Name: name, Mail: mail, CreatedAt: a.now().UTC()}
		if err := tx.CreatePerson(person, hash); err != nil {
			return err
		}
		return tx.SetRole(login, project, role)
	})
}

// newPassword is short enough to be typed and has 100 bits.
func newPassword() string { return strings.ToLower(auth.NewSecret()[:20]) }

// Users lists all accounts.
func (a *Admin) Users(ctx context.Context) (list []site.Person, err error) {
	err = a.store.View(ctx, func(tx *store.Tx) error { list, err = tx.People(); return err })
	return list, err
}

// SetPassword gives an account a new password and ends its sessions. An empty
// password makes a random one; the password that counts is returned.
func (a *Admin) SetPassword(ctx context.Context, login, password string) (string, error) {
	if password == "" {
		password = newPassword()
	}
	hash, err := auth.HashPassword(password)
	if err != nil {
		return "", err
	}
	return password, a.store.Update(ctx, func(tx *store.Tx) error {
		if err := tx.SetPassword(login, hash); err != nil {
			return err
		}
		if err := tx.DeleteSessions(login); err != nil {
			return err
		}
		return a.cutOff(tx, site.AccessPerson+login)
	})
}

// DisableUser ends an account's rights, sessions and live connections.
func (a *Admin) DisableUser(ctx context.Context, login string) error {
	return a.store.Update(ctx, func(tx *store.Tx) error {
		p, err := tx.Person(login)
		if err != nil {
			return err
		}
		p.Disabled = true
		if err := tx.UpdatePerson(p); err != nil {
			return err
		}
		if err := tx.DeleteSessions(login); err != nil {
			return err
		}
		return a.cutOff(tx, site.AccessPerson+login)
	})
}

// cutOff makes the running server end the live connections of whom ref names.
func (a *Admin) cutOff(tx *store.Tx, ref string) error {
	_, err := tx.AddChange(site.Change{Kind: site.ChangeAccess, Ref: ref, At: a.now().UTC()})
	return err
}

// AddToken makes an API token and returns its id and the token, once.
func (a *Admin) AddToken(ctx context.Context, login string) (id, token string, err error) {
	id, token = ulid.Make().String(), auth.NewSecret()
	return id, token, a.store.Update(ctx, func(tx *store.Tx) error {
		if _, err := tx.Person(login); err != nil {
			return err
		}
		return tx.SaveToken(site.Token{ID: id, Login: login, Hash: auth.HashSecret(token), CreatedAt: a.now().UTC()})
	})
}

// Tokens lists the tokens of all accounts; the tokens themselves are not kept.
func (a *Admin) Tokens(ctx context.Context) (list []site.Token, err error) {
	err = a.store.View(ctx, func(tx *store.Tx) error { list, err = tx.Tokens(""); return err })
	return list, err
}

// RevokeToken ends a token and the live connections of its owner.
func (a *Admin) RevokeToken(ctx context.Context, id string) error {
	return a.store.Update(ctx, func(tx *store.Tx) error {
		tokens, err := tx.Tokens("")
		if err != nil {
			return err
		}
		if err := tx.RevokeToken(id, a.now().UTC()); err != nil {
			return err
		}
		for _, t := range tokens {
			if t.ID == id {
				return a.cutOff(tx, site.AccessPerson+t.Login)
			}
		}
		return nil
	})
}

// AddDevice registers a device and returns its secret, once.
func (a *Admin) AddDevice(ctx context.Context, d site.Device) (secret string, err error) {
	if !site.ValidID(d.ID) {
		return "", errors.New("a device's id is 1 to 64 of A-Z, a-z, 0-9, _ and -: choose another")
	}
	if !site.ValidID(d.Kind) {
		return "", errors.New("a device's kind is 1 to 64 of A-Z, a-z, 0-9, _ and -, e.g. tower_crane")
	}
	secret = auth.NewSecret()
	hash := auth.HashSecret(secret)
	d.CreatedAt = a.now().UTC()
	return secret, a.store.Update(ctx, func(tx *store.Tx) error {
		if _, err := tx.Project(d.Project); err != nil {
			return err
		}
		return tx.CreateDevice(d, hash[:])
	})
}

// Devices lists the devices of all projects.
func (a *Admin) Devices(ctx context.Context) (list []site.Device, err error) {
	err = a.store.View(ctx, func(tx *store.Tx) error { list, err = tx.Devices(""); return err })
	return list, err
}

// RevokeDevice ends a device's rights and its live connection.
func (a *Admin) RevokeDevice(ctx context.Context, id string) error {
	return a.store.Update(ctx, func(tx *store.Tx) error {
		if err := tx.RevokeDevice(id, a.now().UTC()); err != nil {
			return err
		}
		return a.cutOff(tx, site.AccessDevice+id)
	})
}
