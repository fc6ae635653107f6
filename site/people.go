package site

import "time"

// Role is what a person may do in a project.
type Role string

// The roles.
const (
	RoleAdmin      Role = "admin"
	RoleOwner      Role = "owner"
	RoleSupervisor Role = "supervisor"
	RoleSafety     Role = "safety"
	RoleViewer     Role = "viewer"
)

// Roles lists all roles.
var Roles = []Role{RoleAdmin, RoleOwner, RoleSupervisor, RoleSafety, RoleViewer}

// AllProjects as a membership's project grants the role everywhere.
const AllProjects = "*"

// Person has an account.
type Person struct {
	Login     string
	Name      string
	Mail      string   // empty: no mail
	MailFrom  Severity // lowest severity mailed; empty: warning
	Lang      string   // zh-CN or en; empty: zh-CN
	Disabled  bool
	CreatedAt time.Time
	Roles     map[string]Role // by project id, or AllProjects
}

// Role is the person's role in a project, empty for none.
func (p Person) Role(project string) Role {
	if p.Roles[AllProjects] == RoleAdmin {
		return RoleAdmin
	}
	if r, ok := p.Roles[project]; ok {
		return r
	}
	return p.Roles[AllProjects]
}

// Action is something that a role allows or not.
type Action string

// The actions.
const (
	ActView     Action = "view"
	ActReport   Action = "report"   // progress
	ActCheck    Action = "check"    // inspections
	ActOpen     Action = "open"     // open an issue
	ActMove     Action = "move"     // assess, assign, take in hand, report back
	ActClose    Action = "close"    // close, reject, reopen an issue
	ActPlan     Action = "plan"     // plan, baselines, calendar, project settings
	ActRules    Action = "rules"    // limits
	ActDevices  Action = "devices"  // register, rotate, revoke
	ActRefused  Action = "refused"  // see and re-take refused messages
	ActAccounts Action = "accounts" // people, tokens, projects
)

var allowed = map[Role][]Action{
	RoleViewer:     {ActView},
	RoleSupervisor: {ActView, ActReport, ActCheck, ActOpen, ActMove},
	RoleSafety:     {ActView, ActCheck, ActOpen, ActMove, ActClose, ActRules},
	RoleOwner:      {ActView, ActOpen, ActMove, ActClose, ActPlan},
}

// Can is the one place where rights are decided. A project of AllProjects asks
// for a right that is not bound to a project.
func (p Person) Can(a Action, project string) bool {
	if p.Disabled {
		return false
	}
	role := p.Role(project)
	if role == RoleAdmin {
		return true
	}
	for _, x := range allowed[role] {
		if x == a {
			return true
		}
	}
	return false
}

// The Ref of a change of kind ChangeAccess is one of these and then the login or
// the device's id. Whoever takes a right away adds such a change in the same
// transaction; live connections are cut when it is seen.
const (
	AccessPerson = "person/"
	AccessDevice = "device/"
)

// Session is a signed-in browser; only the hash of its token is kept.
type Session struct {
	Hash    [32]byte
	Login   string
	Created time.Time
	Expires time.Time
}

// Token is an API token, also a person's password at the broker; only its hash is kept.
type Token struct {
	ID        string
	Login     string
	Hash      [32]byte
	CreatedAt time.Time
	RevokedAt time.Time
}
