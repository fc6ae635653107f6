package store

import (
	"time"

	"topout/site"
)

const deviceColumns = `SELECT id, project, kind, name, place, building, silent_ms, created_at, revoked_at, last_seen, status, status_at`

const (
	sqlDevice = deviceColumns + ` FROM devices WHERE id = $1`
	sqlLastOf = `SELECT metric, t, value FROM device_last WHERE device = $1 ORDER BY metric`
	sqlSeen   = `UPDATE devices SET last_seen = $2 WHERE id = $1 AND (last_seen IS NULL OR last_seen < $2)`
	sqlStatus = `UPDATE devices SET status = $2, status_at = $3 WHERE id = $1 AND (status_at IS NULL OR status_at <= $3)`

	sqlSaveLast = `INSERT INTO device_last (device, metric, t, value) VALUES ($1, $2, $3, $4)
		ON CONFLICT (device, metric) DO UPDATE SET t = excluded.t, value = excluded.value WHERE excluded.t >= device_last.t`
)

// CreateDevice registers a device with the hash of its secret; its id must be
// new over all projects, revoked devices included.
func (t *Tx) CreateDevice(d site.Device, secretHash []byte) error {
	_, err := t.exec(`INSERT INTO devices
		(id, project, kind, name, place, building, silent_ms, secret_hash, created_at, revoked_at, last_seen, status, status_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
		d.ID, d.Project, d.Kind, d.Name, d.Place, d.Building, d.Silent.Milliseconds(), secretHash,
		ms(d.CreatedAt), optMs(d.RevokedAt), optMs(d.LastSeen), d.Status, optMs(d.StatusAt))
	return constraint(err, site.Errorf(site.Conflict, "store.device_exists", "id", "id", d.ID), unknownProject(d.Project))
}

// Device gives a device, also a revoked one, with its last values.
func (t *Tx) Device(id string) (site.Device, error) {
	d, err := one(t, unknownDevice(id), scanDevice, sqlDevice, id)
	if err != nil {
		return d, err
	}
	d.Last, err = all(t, scanLast, sqlLastOf, id)
	return d, err
}

// DeviceAuth gives a device, without last values, and the hash of its secret.
func (t *Tx) DeviceAuth(id string) (site.Device, []byte, error) {
	type auth struct {
		device site.Device
		hash   []byte
	}
	a, err := one(t, unknownDevice(id), func(row scanner, a *auth) error {
		return scanDevice(also{row, []any{&a.hash}}, &a.device)
	}, deviceColumns+`, secret_hash FROM devices WHERE id = $1`, id)
	return a.device, a.hash, err
}

// Devices gives the devices of a project, or of all when it is empty, by id,
// with their last values.
func (t *Tx) Devices(project string) ([]site.Device, error) {
	var w where
	w.andIs("project", project)
	devices, err := all(t, scanDevice, deviceColumns+` FROM devices`+w.String()+` ORDER BY id`, w.args...)
	if err != nil {
		return nil, err
	}
	type last struct {
		device string
		site.LastValue
	}
	values, err := all(t, func(row scanner, l *last) error {
		return row.Scan(&l.device, &l.Metric, msTo{&l.T}, &l.Value)
	}, `SELECT device, metric, t, value FROM device_last
		JOIN devices ON devices.id = device`+w.String()+` ORDER BY device, metric`, w.args...)
	if err != nil {
		return nil, err
	}
	at := make(map[string]*site.Device, len(devices))
	for i := range devices {
		at[devices[i].ID] = &devices[i]
	}
	for _, v := range values {
		d := at[v.device]
		d.Last = append(d.Last, v.LastValue)
	}
	return devices, nil
}

// UpdateDevice changes a device's kind, name, place, building and time to silence.
func (t *Tx) UpdateDevice(d site.Device) error {
	return t.change(unknownDevice(d.ID), `UPDATE devices SET kind = $2, name = $3, place = $4, building = $5, silent_ms = $6 WHERE id = $1`,
		d.ID, d.Kind, d.Name, d.Place, d.Building, d.Silent.Milliseconds())
}

// SetDeviceSecret replaces the hash of a device's secret.
func (t *Tx) SetDeviceSecret(id string, hash []byte) error {
	return t.change(unknownDevice(id), `UPDATE devices SET secret_hash = $2 WHERE id = $1`, id, hash)
}

// RevokeDevice ends a device's right to send; the first time given stands.
func (t *Tx) RevokeDevice(id string, at time.Time) error {
	return t.change(unknownDevice(id), `UPDATE devices SET revoked_at = COALESCE(revoked_at, $2) WHERE id = $1`, id, ms(at))
}

// TouchDevices notes signs of life. An older one than is known changes nothing,
// and one of an unknown device is passed over.
func (t *Tx) TouchDevices(seen []site.DeviceSeen) error {
	for _, s := range seen {
		if !s.At.IsZero() {
			if _, err := t.exec(sqlSeen, s.ID, ms(s.At)); err != nil {
				return err
			}
		}
		if !s.StatusAt.IsZero() {
			if _, err := t.exec(sqlStatus, s.ID, s.Status, ms(s.StatusAt)); err != nil {
				return err
			}
		}
	}
	return nil
}

// SaveLast keeps the newest value by T of each metric; one with the same T
// replaces. A batch of readings should come here once a device.
func (t *Tx) SaveLast(device string, values []site.LastValue) error {
	for _, v := range values {
		if _, err := t.exec(sqlSaveLast, device, v.Metric, ms(v.T), v.Value); err != nil {
			return constraint(err, nil, unknownDevice(device))
		}
	}
	return nil
}

func scanDevice(row scanner, d *site.Device) error {
	var silent int64
	err := row.Scan(&d.ID, &d.Project, &d.Kind, &d.Name, &d.Place, &d.Building, &silent,
		msTo{&d.CreatedAt}, msTo{&d.RevokedAt}, msTo{&d.LastSeen}, &d.Status, msTo{&d.StatusAt})
	d.Silent = time.Duration(silent) * time.Millisecond
	return err
}

func scanLast(row scanner, l *site.LastValue) error {
	return row.Scan(&l.Metric, msTo{&l.T}, &l.Value)
}

// also is a row that has more columns than its reader asks for.
type also struct {
	scanner
	more []any
}

// Scan reads the reader's columns and then the further ones.
func (a also) Scan(dest ...any) error { return a.scanner.Scan(append(dest, a.more...)...) }

func unknownDevice(id string) *site.Error {
	return site.Errorf(site.NotFound, "store.unknown_device", "", "id", id)
}
