package api

import (
	"context"
	"net/http"
	"time"

	"topout/api/auth"
	"topout/site"
)

func (s *Server) addDevices() {
	const tag = "devices"
	add(s, operation{method: http.MethodGet, path: "/projects/{p}/devices", id: "devices", summary: "Devices with last seen and last values", tag: tag, action: site.ActView}, s.devices)
	add(s, operation{
		method: http.MethodPost, path: "/projects/{p}/devices", id: "add-device", summary: "Register a device; its secret is told once", tag: tag,
		action: site.ActDevices, body: true, answers: []int{http.StatusCreated}, conflict: true,
	}, s.addDevice)
	add(s, operation{method: http.MethodPatch, path: "/projects/{p}/devices/{id}", id: "change-device", summary: "Change a device", tag: tag, action: site.ActDevices, body: true}, s.changeDevice)
	add(s, operation{
		method: http.MethodPost, path: "/projects/{p}/devices/{id}/secret", id: "rotate-secret", tag: tag, action: site.ActDevices, conflict: true,
		summary: "Give a device a new secret; the old one and its connections end at once",
	}, s.rotateSecret)
	add(s, operation{
		method: http.MethodDelete, path: "/projects/{p}/devices/{id}", id: "revoke-device", summary: "Revoke a device; its connections end at once", tag: tag,
		action: site.ActDevices, answers: []int{http.StatusNoContent},
	}, s.revokeDevice)
}

type deviceView struct {
	ID          string     `json:"id"`
	Kind        string     `json:"kind"`
	Name        string     `json:"name"`
	Place       string     `json:"place"`
	Building    string     `json:"building"`
	Status      string     `json:"status" doc:"online, offline or empty"`
	StatusAt    *time.Time `json:"status_at"`
	LastSeen    *time.Time `json:"last_seen"`
	Silent      bool       `json:"silent"`
	SilentAfter float64    `json:"silent_after_seconds"`
	CreatedAt   time.Time  `json:"created_at"`
	RevokedAt   *time.Time `json:"revoked_at"`
	Last        []lastView `json:"last"`
}

type lastView struct {
	Metric string        `json:"metric"`
	Unit   string        `json:"unit"`
	T      time.Time     `json:"t"`
	Value  *float64      `json:"value"`
	Level  site.Severity `json:"level" enum:"info,warning,critical,"`
	Limits []limitView   `json:"limits"`
}

type limitView struct {
	Severity site.Severity `json:"severity"`
	Limit    float64       `json:"limit"`
	Op       string        `json:"op"`
}

// viewDevice adds to a device what its kind and the project's rules say.
func (s *Server) viewDevice(tx Tx, d site.Device, rules map[string]Rule) (deviceView, error) {
	after := s.rules.SilentAfter(d)
	v := deviceView{
		ID: d.ID, Kind: d.Kind, Name: d.Name, Place: d.Place, Building: d.Building, Status: d.Status, StatusAt: utc(d.StatusAt),
		LastSeen: utc(d.LastSeen), SilentAfter: after.Seconds(), CreatedAt: at(d.CreatedAt), RevokedAt: utc(d.RevokedAt), Last: []lastView{},
	}
	seen := d.LastSeen
	if seen.IsZero() {
		seen = d.CreatedAt
	}
	v.Silent = d.RevokedAt.IsZero() && after > 0 && s.now().Sub(seen) > after
	kind := s.rules.DeviceKind(d.Kind)
	for _, l := range d.Last {
		state, _, err := tx.RuleState(d.ID, l.Metric)
		if err != nil {
			return v, err
		}
		last := lastView{Metric: l.Metric, Unit: kind.Unit(l.Metric), T: at(l.T), Value: number(l.Value), Level: state.Level, Limits: []limitView{}}
		if r, ok := rules[d.Kind+"/"+l.Metric]; ok {
			for _, x := range r.Levels {
				last.Limits = append(last.Limits, limitView{x.Severity, x.Limit, r.Op})
			}
			if last.Unit == "" {
				last.Unit = r.Unit
			}
		}
		v.Last = append(v.Last, last)
	}
	return v, nil
}

func (s *Server) rulesByKey(tx Tx, project string) (map[string]Rule, error) {
	all, err := s.rules.Rules(tx, project)
	by := make(map[string]Rule, len(all))
	for _, r := range all {
		by[r.Kind+"/"+r.Metric] = r
	}
	return by, err
}

func (s *Server) devices(ctx context.Context, c *caller, in *struct {
	InProject
	Paged
}) (*found[list[deviceView]], error) {
	items, next := []deviceView{}, ""
	err := s.records.View(ctx, func(tx Tx) error {
		devices, err := tx.Devices(c.project.ID)
		if err != nil {
			return err
		}
		rules, err := s.rulesByKey(tx, c.project.ID)
		if err != nil {
			return err
		}
		for _, d := range devices { // by id: a cursor is the last id of the page before
			if d.ID <= in.Cursor {
				continue
			}
			if len(items) == in.Limit {
				next = items[len(items)-1].ID
				break
			}
			v, err := s.viewDevice(tx, d, rules)
			if err != nil {
				return err
			}
			items = append(items, v)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &found[list[deviceView]]{list[deviceView]{items, next}}, nil
}

type newDevice struct {
	ID          string `json:"id" pattern:"^[A-Za-z0-9_-]{1,64}$"`
	Kind        string `json:"kind" pattern:"^[A-Za-z0-9_-]{1,64}$" doc:"a known kind brings units, limits and when it is silent; any other is taken too"`
	Name        line   `json:"name,omitempty"`
	Place       line   `json:"place,omitempty"`
	Building    taskID `json:"building,omitempty"`
	SilentAfter whole  `json:"silent_after_seconds,omitempty" minimum:"0" maximum:"31536000" doc:"0: as its kind"`
	TakeRefused bool   `json:"take_refused,omitempty" doc:"take what it sent before it was known"`
}

// newSecret is a device's secret, told once.
type newSecret struct {
	ID     string `json:"id"`
	Secret string `json:"secret"`
	Taken  int    `json:"taken,omitempty" doc:"messages taken that were refused before"`
}

func (s *Server) addDevice(ctx context.Context, c *caller, in *struct {
	InProject
	Body newDevice
}) (*found[newSecret], error) {
	b := in.Body
	secret := auth.NewSecret()
	hash := auth.HashSecret(secret)
	d := site.Device{
		ID: b.ID, Project: c.project.ID, Kind: b.Kind, Name: string(b.Name), Place: string(b.Place), Building: string(b.Building),
		Silent: time.Duration(b.SilentAfter) * time.Second, CreatedAt: s.now(),
	}
	err := s.records.Update(ctx, func(tx Tx) error {
		if _, err := tx.Device(d.ID); err == nil {
			return site.Errorf(site.Conflict, "api.device_exists", "id")
		} else if !missing(err) {
			return err
		}
		if err := tx.CreateDevice(d, hash[:]); err != nil {
			return err
		}
		return s.deviceChanged(tx, d)
	})
	if err := s.afterAccess(ctx, err); err != nil {
		return nil, err
	}
	answer := newSecret{ID: d.ID, Secret: secret}
	if b.TakeRefused {
		answer.Taken = s.takeAllOf(ctx, c, d.ID)
	}
	return &found[newSecret]{answer}, nil
}

func (s *Server) deviceChanged(tx Tx, d site.Device) error {
	_, err := tx.AddChange(site.Change{Project: d.Project, Kind: site.ChangeDevice, Ref: d.ID, At: s.now()})
	return err
}

// deviceOf gives a device of the caller's project.
func deviceOf(tx Tx, c *caller, id string) (site.Device, error) {
	d, err := tx.Device(id)
	if missing(err) || err == nil && d.Project != c.project.ID {
		return d, site.Errorf(site.NotFound, "api.no_device", "id")
	}
	return d, err
}

type deviceChange struct {
	Kind        *string `json:"kind,omitempty" pattern:"^[A-Za-z0-9_-]{1,64}$"`
	Name        *line   `json:"name,omitempty"`
	Place       *line   `json:"place,omitempty"`
	Building    *taskID `json:"building,omitempty"`
	SilentAfter *whole  `json:"silent_after_seconds,omitempty" minimum:"0" maximum:"31536000" doc:"0: as its kind"`
}

func (x deviceChange) apply(d *site.Device) {
	if x.Kind != nil {
		d.Kind = *x.Kind
	}
	if x.Name != nil {
		d.Name = string(*x.Name)
	}
	if x.Place != nil {
		d.Place = string(*x.Place)
	}
	if x.Building != nil {
		d.Building = string(*x.Building)
	}
	if x.SilentAfter != nil {
		d.Silent = time.Duration(*x.SilentAfter) * time.Second
	}
}

func (s *Server) changeDevice(ctx context.Context, c *caller, in *struct {
	InRecord
	Body deviceChange
}) (*found[deviceView], error) {
	var v deviceView
	err := s.records.Update(ctx, func(tx Tx) error {
		d, err := deviceOf(tx, c, in.ID)
		if err != nil {
			return err
		}
		in.Body.apply(&d)
		if err := tx.UpdateDevice(d); err != nil {
			return err
		}
		rules, err := s.rulesByKey(tx, c.project.ID)
		if err != nil {
			return err
		}
		if v, err = s.viewDevice(tx, d, rules); err != nil {
			return err
		}
		return s.deviceChanged(tx, d)
	})
	if err := s.afterAccess(ctx, err); err != nil {
		return nil, err
	}
	return &found[deviceView]{v}, nil
}

func (s *Server) rotateSecret(ctx context.Context, c *caller, in *InRecord) (*found[newSecret], error) {
	secret := auth.NewSecret()
	hash := auth.HashSecret(secret)
	err := s.records.Update(ctx, func(tx Tx) error {
		d, err := deviceOf(tx, c, in.ID)
		if err != nil {
			return err
		}
		if !d.RevokedAt.IsZero() {
			return site.Errorf(site.Conflict, "api.device_revoked", "id")
		}
		if err := tx.SetDeviceSecret(in.ID, hash[:]); err != nil {
			return err
		}
		if err := s.accessChanged(tx, site.AccessDevice+in.ID); err != nil {
			return err
		}
		return s.deviceChanged(tx, d)
	})
	if err := s.afterAccess(ctx, err); err != nil {
		return nil, err
	}
	return &found[newSecret]{newSecret{ID: in.ID, Secret: secret}}, nil
}

func (s *Server) revokeDevice(ctx context.Context, c *caller, in *InRecord) (*nothing, error) {
	err := s.records.Update(ctx, func(tx Tx) error {
		d, err := deviceOf(tx, c, in.ID)
		if err != nil {
			return err
		}
		if err := tx.RevokeDevice(in.ID, s.now()); err != nil {
			return err
		}
		if err := s.accessChanged(tx, site.AccessDevice+in.ID); err != nil {
			return err
		}
		return s.deviceChanged(tx, d)
	})
	return &nothing{}, s.afterAccess(ctx, err)
}
