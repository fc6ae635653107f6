package demo

import (
	"fmt"
	"time"

	"topout/schedule"
	"topout/site"
)

// writeRecords writes all records, in one transaction.
func (s *seeder) writeRecords(r Records) error {
	if err := r.CreateProject(s.story.project); err != nil {
		return err
	}
	for _, step := range []func(Records) error{s.writePeople, s.writePlan, s.writeDevices, s.writeReports, s.writeRefused} {
		if err := step(r); err != nil {
			return err
		}
	}
	return nil
}

// writePeople makes the accounts; one that is there already stays as it is.
func (s *seeder) writePeople(r Records) error {
	hash, err := s.Hash(Password)
	if err != nil {
		return err
	}
	made := s.Now.UTC()
	for _, p := range s.story.cast.People {
		project := p.Project
		if project == "" {
			project = Project
		}
		switch _, err := r.Person(p.Login); {
		case err == nil:
			continue
		case !site.IsKind(err, site.NotFound):
			return err
		}
		err := r.CreatePerson(site.Person{
			Login: p.Login, Name: p.Name, Mail: p.Mail, CreatedAt: made, Roles: map[string]site.Role{project: p.Role},
		}, hash)
		if err != nil {
			return err
		}
		if p.Role != site.RoleSupervisor && p.Role != site.RoleSafety {
			continue
		}
		if err := r.SaveToken(site.Token{ID: "demo-" + p.Login, Login: p.Login, Hash: hashSecret(Token(p.Login)), CreatedAt: made}); err != nil {
			return err
		}
	}
	return nil
}

// writePlan writes the plan, its approved baseline, and a forecast of each week.
func (s *seeder) writePlan(r Records) error {
	start := s.story.start
	plan := s.story.plan
	plan.SavedAt, plan.SavedBy = start.Add(-20*24*time.Hour).UTC(), "owner"
	if _, err := r.SavePlan(plan); err != nil {
		return err
	}
	baseline, err := schedule.Approve(plan, s.story.calendar)
	if err != nil {
		return err
	}
	baseline.Name, baseline.ApprovedBy, baseline.ApprovedAt = "合同工期", "owner", start.Add(-14*24*time.Hour).UTC()
	if _, err := r.SaveBaseline(baseline); err != nil {
		return err
	}
	late := slips{since: make(map[string]time.Time)}
	for day := s.story.plan.Start + 7; day <= site.DayOf(s.Now, s.story.zone)-1; day += 7 {
		at := day.At(18*time.Hour+5*time.Minute, s.story.zone)
		outlook, err := schedule.Forecast(schedule.Input{
			Plan: plan, Baseline: &baseline, Calendar: s.story.calendar, Progress: s.progressUntil(at), At: at, Seed: s.Seed, Runs: 300,
		})
		if err != nil {
			return fmt.Errorf("forecast of %s: %w", day, err)
		}
		if _, err := r.SaveForecast(outlook.Run(Project)); err != nil {
			return err
		}
		late.follow(outlook)
	}
	s.issues = append(s.issues, s.slipIssues(late)...)
	return nil
}

func (s *seeder) progressUntil(at time.Time) []site.Progress {
	var list []site.Progress
	for _, p := range s.progress {
		if !p.T.After(at) {
			list = append(list, p)
		}
	}
	return list
}

// writeDevices registers the devices with what they said last.
func (s *seeder) writeDevices(r Records) error {
	var seen []site.DeviceSeen
	for _, d := range s.story.cast.Devices {
		hash := hashSecret(DeviceSecret(d.ID))
		err := r.CreateDevice(site.Device{
			ID: d.ID, Project: Project, Kind: d.Kind, Name: d.Name, Place: d.Place, Building: d.Building,
			CreatedAt: s.story.now.Add(-time.Duration(d.Since * 24 * float64(time.Hour))).UTC(),
		}, hash[:])
		if err != nil {
			return err
		}
		last, ok := s.last[d.ID]
		if !ok {
			continue
		}
		values := make([]site.LastValue, len(last.values))
		for i, v := range last.values {
			values[i] = site.LastValue{Metric: v.Metric, T: last.at, Value: v.Value}
		}
		if err := r.SaveLast(d.ID, values); err != nil {
			return err
		}
		mark := site.DeviceSeen{ID: d.ID, At: last.at, Status: "online", StatusAt: last.at}
		if d.Silent > 0 {
			mark.Status, mark.StatusAt = "offline", s.silentSince(d).Add(time.Minute)
		}
		seen = append(seen, mark)
	}
	return r.TouchDevices(seen)
}

func (s *seeder) writeReports(r Records) error {
	for _, p := range s.progress {
		if _, err := r.SaveProgress(p); err != nil {
			return err
		}
	}
	for _, c := range s.checks {
		if _, err := r.SaveCheck(c); err != nil {
			return err
		}
	}
	for _, i := range s.issues {
		moves := i.Moves
		i.Moves = nil
		if err := r.CreateIssue(i); err != nil {
			return err
		}
		for _, m := range moves {
			if err := r.AddMove(i.ID, m); err != nil {
				return err
			}
		}
	}
	return nil
}

// writeRefused keeps messages of a dust monitor that nobody has registered yet,
// for the administrator to find, and one of a device with a broken clock.
func (s *seeder) writeRefused(r Records) error {
	stranger := device{ID: "dust-3", Kind: "dust"}
	for n := range 5 {
		t := s.Now.Add(-time.Duration(5-n) * 7 * time.Minute).UTC().Truncate(time.Second)
		said := reading{T: t, Values: map[string]float64{}}
		for _, v := range s.signals.read(stranger, t) {
			said.Values[v.Metric] = v.Value
		}
		if _, err := r.Refuse(site.Refused{
			T: t, Door: site.DoorBroker, Project: Project, Device: stranger.ID, Topic: topic("readings", stranger.ID),
			Code: "ingest.unknown_device", Params: map[string]string{"device": stranger.ID}, Payload: encode(said),
		}); err != nil {
			return err
		}
	}
	return nil
}
