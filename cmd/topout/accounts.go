package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"topout/app"
	"topout/site"
)

// admin opens the records for one command.
func (c *console) admin(do func(*app.Admin) error) error {
	a, err := app.OpenAdmin(c.ctx, c.settings)
	if err != nil {
		return err
	}
	defer a.Close()
	return do(a)
}

type userCmd struct {
	Add     userAddCmd     `cmd:"" help:"Makes an account; prints its password, once."`
	List    userListCmd    `cmd:"" help:"Lists the accounts."`
	Passwd  userPasswdCmd  `cmd:"" help:"Gives an account a new password; prints it, once."`
	Disable userDisableCmd `cmd:"" help:"Ends an account's rights and live connections."`
}

type userAddCmd struct {
	Login   string `arg:""`
	Name    string `required:"" help:"The person's name."`
	Role    string `required:"" enum:"admin,owner,supervisor,safety,viewer" help:"admin, owner, supervisor, safety or viewer."`
	Project string `help:"Give the role in this project only."`
	Mail    string `help:"Address for notices."`
}

func (cmd userAddCmd) Run(c *console) error {
	return c.admin(func(a *app.Admin) error {
		password, err := a.AddUser(c.ctx, cmd.Login, cmd.Name, cmd.Mail, site.Role(cmd.Role), cmd.Project)
		if err != nil {
			return err
		}
		// JSON with and without --json: scripts read it.
		return c.printJSON(map[string]string{"login": cmd.Login, "password": password})
	})
}

type userListCmd struct{}

func (userListCmd) Run(c *console) error {
	return c.admin(func(a *app.Admin) error {
		people, err := a.Users(c.ctx)
		if err != nil {
			return err
		}
		type row struct {
			Login    string               `json:"login"`
			Name     string               `json:"name"`
			Mail     string               `json:"mail"`
			Disabled bool                 `json:"disabled"`
			Roles    map[string]site.Role `json:"roles"`
		}
		items, rows := []row{}, [][]string(nil)
		for _, p := range people {
			items = append(items, row{p.Login, p.Name, p.Mail, p.Disabled, p.Roles})
			var roles []string
			for project, role := range p.Roles {
				roles = append(roles, project+":"+string(role))
			}
			slices.Sort(roles)
			state := "active"
			if p.Disabled {
				state = "disabled"
			}
			rows = append(rows, []string{p.Login, p.Name, strings.Join(roles, " "), state})
		}
		return c.list(items, []string{"LOGIN", "NAME", "ROLES", "STATE"}, rows)
	})
}

type userPasswdCmd struct {
	Login string `arg:""`
}

func (cmd userPasswdCmd) Run(c *console) error {
	return c.admin(func(a *app.Admin) error {
		password, err := a.SetPassword(c.ctx, cmd.Login, "")
		if err != nil {
			return err
		}
		return c.printJSON(map[string]string{"login": cmd.Login, "password": password})
	})
}

type userDisableCmd struct {
	Login string `arg:""`
}

func (cmd userDisableCmd) Run(c *console) error {
	return c.admin(func(a *app.Admin) error {
		if err := a.DisableUser(c.ctx, cmd.Login); err != nil {
			return err
		}
		return c.print(map[string]any{"login": cmd.Login, "disabled": true}, func() { fmt.Fprintf(c.out, "%s is disabled.\n", cmd.Login) })
	})
}

type projectCmd struct {
	Add  projectAddCmd  `cmd:"" help:"Makes a project."`
	List projectListCmd `cmd:"" help:"Lists the projects."`
}

type projectAddCmd struct {
	ID   string `arg:""`
	Name string `required:"" help:"Its name."`
	Zone string `default:"Asia/Shanghai" help:"Its time zone."`
}

func (cmd projectAddCmd) Run(c *console) error {
	return c.admin(func(a *app.Admin) error {
		p, err := a.AddProject(c.ctx, cmd.ID, cmd.Name, cmd.Zone)
		if err != nil {
			return err
		}
		return c.print(map[string]string{"id": p.ID, "name": p.Name, "zone": p.Zone}, func() { fmt.Fprintf(c.out, "Project %s is there.\n", p.ID) })
	})
}

type projectListCmd struct{}

func (projectListCmd) Run(c *console) error {
	return c.admin(func(a *app.Admin) error {
		projects, err := a.Projects(c.ctx)
		if err != nil {
			return err
		}
		items, rows := []map[string]string{}, [][]string(nil)
		for _, p := range projects {
			items = append(items, map[string]string{"id": p.ID, "name": p.Name, "zone": p.Zone, "phase": string(p.Phase)})
			rows = append(rows, []string{p.ID, p.Name, p.Zone, string(p.Phase)})
		}
		return c.list(items, []string{"ID", "NAME", "ZONE", "PHASE"}, rows)
	})
}

type deviceCmd struct {
	Add    deviceAddCmd    `cmd:"" help:"Registers a device; prints its secret, once."`
	List   deviceListCmd   `cmd:"" help:"Lists the devices."`
	Revoke deviceRevokeCmd `cmd:"" help:"Ends a device's rights and its live connection."`
}

type deviceAddCmd struct {
	ID       string `arg:""`
	Project  string `required:"" help:"Its project."`
	Kind     string `required:"" help:"Its kind, e.g. tower_crane, dust, formwork, distribution_box."`
	Name     string `help:"Its name."`
	Place    string `help:"Where it stands."`
	Building string `help:"Id of its building."`
}

func (cmd deviceAddCmd) Run(c *console) error {
	return c.admin(func(a *app.Admin) error {
		secret, err := a.AddDevice(c.ctx, site.Device{ID: cmd.ID, Project: cmd.Project, Kind: cmd.Kind, Name: cmd.Name, Place: cmd.Place, Building: cmd.Building})
		if err != nil {
			return err
		}
		return c.printJSON(map[string]string{"id": cmd.ID, "secret": secret})
	})
}

type deviceListCmd struct{}

func (deviceListCmd) Run(c *console) error {
	return c.admin(func(a *app.Admin) error {
		devices, err := a.Devices(c.ctx)
		if err != nil {
			return err
		}
		type row struct {
			ID       string     `json:"id"`
			Project  string     `json:"project"`
			Kind     string     `json:"kind"`
			Name     string     `json:"name"`
			LastSeen *time.Time `json:"last_seen"`
			Revoked  bool       `json:"revoked"`
		}
		items, rows := []row{}, [][]string(nil)
		for _, d := range devices {
			r := row{ID: d.ID, Project: d.Project, Kind: d.Kind, Name: d.Name, Revoked: !d.RevokedAt.IsZero()}
			seen, state := "never", "valid"
			if !d.LastSeen.IsZero() {
				r.LastSeen, seen = &d.LastSeen, d.LastSeen.Format(time.RFC3339)
			}
			if r.Revoked {
				state = "revoked"
			}
			items = append(items, r)
			rows = append(rows, []string{d.ID, d.Project, d.Kind, d.Name, seen, state})
		}
		return c.list(items, []string{"ID", "PROJECT", "KIND", "NAME", "LAST SEEN", "STATE"}, rows)
	})
}

type deviceRevokeCmd struct {
	ID string `arg:""`
}

func (cmd deviceRevokeCmd) Run(c *console) error {
	return c.admin(func(a *app.Admin) error {
		if err := a.RevokeDevice(c.ctx, cmd.ID); err != nil {
			return err
		}
		return c.print(map[string]any{"id": cmd.ID, "revoked": true}, func() { fmt.Fprintf(c.out, "%s is revoked.\n", cmd.ID) })
	})
}

type tokenCmd struct {
	Add    tokenAddCmd    `cmd:"" help:"Makes an API token; prints it, once."`
	List   tokenListCmd   `cmd:"" help:"Lists the tokens."`
	Revoke tokenRevokeCmd `cmd:"" help:"Ends a token."`
}

type tokenAddCmd struct {
	Login string `arg:""`
}

func (cmd tokenAddCmd) Run(c *console) error {
	return c.admin(func(a *app.Admin) error {
		id, token, err := a.AddToken(c.ctx, cmd.Login)
		if err != nil {
			return err
		}
		return c.printJSON(map[string]string{"id": id, "token": token})
	})
}

type tokenListCmd struct{}

func (tokenListCmd) Run(c *console) error {
	return c.admin(func(a *app.Admin) error {
		tokens, err := a.Tokens(c.ctx)
		if err != nil {
			return err
		}
		items, rows := []map[string]any{}, [][]string(nil)
		for _, t := range tokens {
			state := "valid"
			if !t.RevokedAt.IsZero() {
				state = "revoked"
			}
			items = append(items, map[string]any{"id": t.ID, "login": t.Login, "created_at": t.CreatedAt, "revoked": state == "revoked"})
			rows = append(rows, []string{t.ID, t.Login, t.CreatedAt.Format(time.RFC3339), state})
		}
		return c.list(items, []string{"ID", "LOGIN", "CREATED", "STATE"}, rows)
	})
}

type tokenRevokeCmd struct {
	ID string `arg:""`
}

func (cmd tokenRevokeCmd) Run(c *console) error {
	return c.admin(func(a *app.Admin) error {
		if err := a.RevokeToken(c.ctx, cmd.ID); err != nil {
			return err
		}
		return c.print(map[string]any{"id": cmd.ID, "revoked": true}, func() { fmt.Fprintf(c.out, "Token %s is revoked.\n", cmd.ID) })
	})
}
