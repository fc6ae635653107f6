package ingest

import (
	"slices"
	"testing"

	"topout/site"
)

func TestPermissions(t *testing.T) {
	who := func(roles map[string]site.Role) *site.Person { return &site.Person{Login: "x", Roles: roles} }
	for _, c := range []struct {
		name                       string
		id                         Identity
		allow, deny, subscribe, no []string
	}{
		{"device", Identity{Device: &site.Device{ID: "d", Project: "p"}}, []string{"topout.v1.p.readings.d", "topout.v1.p.status.d"}, nil, nil, nil},
		{"a device whose id is a wildcard", Identity{Device: &site.Device{ID: "*", Project: "p"}}, nil, []string{">"}, nil, nil},
		{"nobody", Identity{}, nil, []string{">"}, nil, nil},
		{"supervisor of one", Identity{Person: who(map[string]site.Role{"p": site.RoleSupervisor})},
			[]string{"topout.v1.p.progress.*", "topout.v1.p.checks.*"}, nil, []string{"topout.v1.p.alerts", "topout.v1.p.alerts.>"}, nil},
		{"safety of all, viewer of one", Identity{Person: who(map[string]site.Role{"*": site.RoleSafety, "p": site.RoleViewer})},
			[]string{"topout.v1.*.checks.*"}, []string{"topout.v1.p.checks.*"}, []string{"topout.v1.*.alerts", "topout.v1.*.alerts.>", "topout.v1.p.alerts", "topout.v1.p.alerts.>"}, nil},
		{"admin", Identity{Person: who(map[string]site.Role{"*": site.RoleAdmin})},
			[]string{"topout.v1.*.progress.*", "topout.v1.*.checks.*"}, nil, []string{"topout.v1.*.alerts", "topout.v1.*.alerts.>"}, nil},
		{"disabled", Identity{Person: &site.Person{Disabled: true, Roles: map[string]site.Role{"p": site.RoleSupervisor}}}, nil, []string{">"}, nil, nil},
	} {
		p := permissions(c.id)
		subscribe := p.Subscribe.Allow[:len(p.Subscribe.Allow)-2] // nats-server's own come last
		if !slices.Equal(p.Publish.Allow, c.allow) || !slices.Equal(p.Publish.Deny, c.deny) || !slices.Equal(subscribe, c.subscribe) || !slices.Equal(p.Subscribe.Deny, c.no) {
			t.Errorf("%s: %+v %+v", c.name, p.Publish, p.Subscribe)
		}
	}
}
