package ingest

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"topout/checklist"
	"topout/site"
)

// maxTopic bounds the topic that is kept of a refused message; none that could be
// taken is longer.
const maxTopic = 1024

// verdict is what became of one message.
type verdict struct {
	kind    string      // of topic, for the counters
	fault   *site.Error // why it, or a part of it, was refused; nil: taken
	partial bool        // readings: others of the message were taken
	repeat  bool        // a report whose id is known
}

// applier applies messages within a transaction. It holds what a batch adds up to,
// so that plain readings cost no statement each: the newest values and signs of
// life are written once at the end.
type applier struct {
	tx      Tx
	dir     *directory
	authors *authors // nil: nobody is known
	forms   *checklist.Library
	lim     limits
	now     func() time.Time

	seen map[string]*site.DeviceSeen
	last map[string]map[string]site.LastValue
}

func newApplier(tx Tx, dir *directory, known *authors, o *Options) *applier {
	return &applier{
		tx: tx, dir: dir, authors: known, forms: o.Forms, lim: o.limits(), now: o.Now,
		seen: make(map[string]*site.DeviceSeen),
		last: make(map[string]map[string]site.LastValue),
	}
}

// apply takes one message or records why not. An error is trouble that is not the
// message's, or not certainly.
func (a *applier) apply(e *entry) (v verdict, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic while applying: %v", r)
		}
	}()
	var addr address
	addr, v.fault = a.dir.parse(e.Topic)
	if v.kind = addr.kind; v.kind == "" {
		v.kind = kindOther
	}
	switch {
	case e.away != nil:
		v.fault = &site.Error{Kind: site.Forbidden, Code: e.away.code, Params: e.away.params}
	case v.fault == nil:
		err = a.take(e, addr, &v)
	}
	if err != nil {
		return v, err
	}
	if v.fault != nil && e.retake == "" {
		return v, a.refuse(e, v.fault)
	}
	if v.fault == nil && e.retake != "" {
		err = a.tx.MarkTaken(e.retake, a.now())
	}
	return v, err
}

// refuse keeps a message with the reason.
func (a *applier) refuse(e *entry, fault *site.Error) error {
	addr, _ := parseTopic(e.Topic)
	r := site.Refused{
		T: e.Arrived, Door: e.Door, Project: addr.project,
		Topic: e.Topic, Code: fault.Code, Params: fault.Params, Payload: e.Payload,
	}
	switch {
	case e.away != nil:
		r.Device = e.away.device
	case e.By != "":
		r.Device = e.By
	case addr.kind == kindReadings || addr.kind == kindStatus:
		r.Device = addr.name
	}
	if len(r.Topic) > maxTopic {
		r.Topic = clip(r.Topic)
	}
	if len(e.Payload) > maxPayload {
		r.Payload = nil
	}
	_, err := a.tx.Refuse(r)
	return err
}

// take applies a message; what is wrong with the message goes to v.fault.
func (a *applier) take(e *entry, addr address, v *verdict) error {
	if addr.kind == kindAlerts {
		return nil // our own, come back
	}
	if len(e.Payload) > maxPayload {
		v.fault = tooLarge(len(e.Payload))
		return nil
	}
	if addr.kind == kindWithdrawals && e.Door != site.DoorAPI {
		v.fault = site.Errorf(site.Invalid, "ingest.bad_topic", "topic", "topic", clip(e.Topic))
		return nil
	}
	_, ok, err := a.dir.project(a.tx, addr.project)
	if err != nil {
		return err
	}
	if !ok {
		v.fault = site.Errorf(site.NotFound, "ingest.unknown_project", "", "project", addr.project)
		return nil
	}
	switch addr.kind {
	case kindReadings:
		return a.readings(e, addr, v)
	case kindStatus:
		return a.status(e, addr, v)
	case kindProgress:
		return a.progress(e, addr, v)
	case kindChecks:
		return a.check(e, addr, v)
	}
	return a.withdrawal(e, addr, v)
}

// sender finds the device of a topic and whether it may send there.
func (d *directory) sender(tx Tx, e *entry, addr address) (site.Device, *site.Error, error) {
	device, ok, err := d.device(tx, addr.name)
	switch {
	case err != nil:
		return device, nil, err
	case !ok:
		return device, site.Errorf(site.NotFound, "ingest.unknown_device", "", "device", addr.name), nil
	case device.Project != addr.project:
		return device, site.Errorf(site.Forbidden, "ingest.foreign_project", "", "device", addr.name, "project", addr.project), nil
	case !device.RevokedAt.IsZero() && e.Arrived.Truncate(time.Millisecond).After(device.RevokedAt): // records keep milliseconds
		return device, site.Errorf(site.Forbidden, "ingest.revoked_device", "", "device", addr.name), nil
	}
	return device, nil, nil
}

func (a *applier) readings(e *entry, addr address, v *verdict) error {
	device, fault, err := a.dir.sender(a.tx, e, addr)
	if v.fault = fault; fault != nil || err != nil {
		return err
	}
	decoded := decodeReadings(a.dir.names, e.Payload, e.Arrived, a.lim)
	v.fault, v.partial = decoded.bad, len(decoded.list) > 0
	if v.partial {
		a.touch(device.ID, e.Arrived)
	}
	for _, r := range decoded.list {
		a.keepLast(device.ID, r)
		err := a.tx.ReadingTaken(device, site.Reading{Project: addr.project, Device: device.ID, T: r.t, Values: r.values}, e.Arrived)
		if err != nil {
			return err
		}
	}
	return nil
}

// touch notes a sign of life of a device.
func (a *applier) touch(device string, at time.Time) *site.DeviceSeen {
	s := a.seen[device]
	if s == nil {
		s = &site.DeviceSeen{ID: device}
		a.seen[device] = s
	}
	if at.After(s.At) {
		s.At = at
	}
	return s
}

// keepLast keeps the newest value of each metric; of the same instant the later.
func (a *applier) keepLast(device string, r reading) {
	m := a.last[device]
	if m == nil {
		m = make(map[string]site.LastValue, len(r.values))
		a.last[device] = m
	}
	for _, x := range r.values {
		if old, ok := m[x.Metric]; !ok || !r.t.Before(old.T) {
			m[x.Metric] = site.LastValue{Metric: x.Metric, T: r.t, Value: x.Value}
		}
	}
}

func (a *applier) status(e *entry, addr address, v *verdict) error {
	device, fault, err := a.dir.sender(a.tx, e, addr)
	if v.fault = fault; fault != nil || err != nil {
		return err
	}
	if len(e.Payload) == 0 {
		return nil // a retained status is being cleared
	}
	status, fault := decodeStatus(e.Payload)
	if v.fault = fault; fault != nil {
		return nil
	}
	before := ""
	s := a.seen[device.ID]
	if s != nil {
		before = s.Status
	}
	if before == "" {
		fresh, err := a.tx.Device(device.ID)
		if err != nil {
			return err
		}
		before = fresh.Status
	}
	if e.retained {
		// The broker's copy of what was published some time before is no sign of
		// life, and news only when it was missed.
		if before == status {
			return nil
		}
		s = a.touch(device.ID, time.Time{})
	} else {
		s = a.touch(device.ID, e.Arrived)
	}
	s.Status, s.StatusAt = status, e.Arrived
	if err := a.tx.StatusTaken(device, status, e.Arrived); err != nil || before == status {
		return err
	}
	return a.tell(site.ChangeDevice, addr.project, device.ID, e.Arrived, map[string]any{"status": status})
}

// reporter checks who made a report. A door that knows it says so, and so does the
// embedded broker; else it is what the report claims, which must be a person who
// may do it there.
func (a *applier) reporter(e *entry, project, claimed string, action site.Action) (string, *site.Error, error) {
	if e.By != "" {
		return e.By, nil, nil
	}
	if e.Door == site.DoorMQTT {
		if by := a.authors.of(e.Topic, e.Payload, e.Arrived); by != "" {
			return by, nil, nil
		}
	}
	if claimed == "" {
		return "", nil, nil
	}
	p, err := a.tx.Person(claimed)
	if err != nil && !site.IsKind(err, site.NotFound) {
		return "", nil, err
	}
	if err != nil || !p.Can(action, project) {
		return "", refuse("ingest.unknown_person", "by", "login", clip(claimed)), nil
	}
	return claimed, nil, nil
}

func (a *applier) progress(e *entry, addr address, v *verdict) error {
	p, fault := decodeProgress(e.Payload)
	if v.fault = fault; fault != nil {
		return nil
	}
	task, err := a.tx.Task(addr.project, addr.name)
	if site.IsKind(err, site.NotFound) {
		v.fault = site.Errorf(site.NotFound, "ingest.unknown_task", "task", "task", clip(addr.name))
		return nil
	}
	if err != nil {
		return err
	}
	if p.By, v.fault, err = a.reporter(e, addr.project, p.By, site.ActReport); v.fault != nil || err != nil {
		return err
	}
	p.Project, p.Task, p.Door, p.Arrived = addr.project, addr.name, e.Door, e.Arrived
	if p.HasQty && !p.HasPercent && task.Quantity > 0 {
		p.Percent, p.HasPercent = min(100, p.Quantity/task.Quantity*100), true
	}
	isNew, err := a.tx.SaveProgress(p)
	if v.repeat = !isNew; err != nil || !isNew {
		return err
	}
	if err := a.tx.ProgressTaken(p); err != nil {
		return err
	}
	return a.tell(site.ChangeProgress, p.Project, p.ID, p.Arrived, map[string]any{"task": p.Task, "percent": p.Percent})
}

func (a *applier) check(e *entry, addr address, v *verdict) error {
	c, fault := decodeCheck(e.Payload)
	if v.fault = fault; fault != nil {
		return nil
	}
	form, ok := a.forms.Form(addr.name)
	if !ok {
		v.fault = site.Errorf(site.NotFound, "ingest.unknown_form", "checklist", "form", addr.name)
		return nil
	}
	result, err := checklist.Score(form, c.Items, checklist.Options{})
	if v.fault = site.AsError(err); v.fault != nil || err != nil {
		return nil
	}
	if c.By, v.fault, err = a.reporter(e, addr.project, c.By, site.ActCheck); v.fault != nil || err != nil {
		return err
	}
	c.Project, c.Checklist, c.Version, c.Door, c.Arrived = addr.project, form.ID, form.Version, e.Door, e.Arrived
	c.Score, c.Grade, c.Passed, c.Failed = result.Score, result.Grade, result.Passed, len(result.Failed)
	isNew, err := a.tx.SaveCheck(c)
	if v.repeat = !isNew; err != nil || !isNew {
		return err
	}
	issues, err := a.tx.CheckTaken(&c, form)
	if err != nil {
		return err
	}
	if len(issues) > 0 {
		if err := a.tx.SetCheckIssues(c.Project, c.ID, issues); err != nil {
			return err
		}
	}
	return a.tell(site.ChangeCheck, c.Project, c.ID, c.Arrived, map[string]any{"checklist": c.Checklist, "grade": c.Grade, "passed": c.Passed})
}

func (a *applier) withdrawal(e *entry, addr address, v *verdict) error {
	w, fault := decodeWithdrawal(e.Payload)
	if v.fault = fault; fault != nil {
		return nil
	}
	changed, err := a.tx.Withdraw(addr.project, w.record, addr.name, site.Withdrawal{By: e.By, Why: w.why, At: e.Arrived})
	if site.IsKind(err, site.NotFound) {
		v.fault = site.Errorf(site.NotFound, "ingest.unknown_record", "", "id", addr.name)
		return nil
	}
	if v.repeat = !changed; err != nil || !changed {
		return err
	}
	kind := site.ChangeProgress
	if w.record == "check" {
		kind = site.ChangeCheck
	}
	return a.tell(kind, addr.project, addr.name, e.Arrived, map[string]any{"withdrawn": true})
}

// tell adds a change for the screens.
func (a *applier) tell(kind site.ChangeKind, project, ref string, at time.Time, more map[string]any) error {
	more["project"], more["ref"], more["at"] = project, ref, at.UTC().Format(time.RFC3339Nano)
	data, err := json.Marshal(more)
	if err != nil {
		return err
	}
	_, err = a.tx.AddChange(site.Change{Project: project, Kind: kind, Ref: ref, At: at, Data: data})
	return err
}

// finish writes what the batch added up to.
func (a *applier) finish() error {
	if len(a.seen) > 0 {
		seen := make([]site.DeviceSeen, 0, len(a.seen))
		for _, s := range a.seen {
			seen = append(seen, *s)
		}
		if err := a.tx.TouchDevices(seen); err != nil {
			return err
		}
	}
	for device, values := range a.last {
		list := make([]site.LastValue, 0, len(values))
		for _, v := range values {
			list = append(list, v)
		}
		if err := a.tx.SaveLast(device, list); err != nil {
			return err
		}
	}
	return nil
}

// damaged is the refusal of a journal record that cannot be read.
func damaged(it *item) *entry {
	return &entry{
		Message: site.Message{Door: site.DoorAPI, Arrived: it.stored.UTC()},
		away: &refusal{code: "ingest.journal_damaged", params: map[string]string{
			"stream": it.source.label, "seq": strconv.FormatUint(it.seq, 10),
		}},
	}
}

// lasting reports whether an error says that the message cannot be applied, ever.
func lasting(err error) *site.Error {
	var e *site.Error
	if !errors.As(err, &e) {
		return nil
	}
	switch e.Kind {
	case site.Invalid, site.NotFound, site.Conflict, site.Forbidden, site.TooLarge:
		return e
	}
	return nil
}
