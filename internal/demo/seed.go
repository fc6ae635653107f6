package demo

import (
	"context"
	"fmt"
	"time"

	"topout/checklist"
	"topout/site"
)

// Records is what Seed writes to, in one transaction. What is not there is a
// *site.Error of kind NotFound.
type Records interface {
	Accounts
	Plans
	History
	CreateDevice(d site.Device, secretHash []byte) error
	TouchDevices(seen []site.DeviceSeen) error
	SaveLast(device string, values []site.LastValue) error
}

// Accounts keeps people.
type Accounts interface {
	Person(login string) (site.Person, error)
	CreatePerson(p site.Person, passwordHash string) error
	SaveToken(k site.Token) error
}

// Plans keeps the project, its plan and forecasts.
type Plans interface {
	Project(id string) (site.Project, error)
	CreateProject(p site.Project) error
	SavePlan(p site.Plan) (revision int, err error)
	SaveBaseline(b site.Baseline) (revision int, err error)
	SaveForecast(f site.ForecastRun) (id int64, err error)
}

// History keeps what was reported and what came of it.
type History interface {
	SaveProgress(p site.Progress) (isNew bool, err error)
	SaveCheck(c site.Check) (isNew bool, err error)
	CreateIssue(i site.Issue) error
	AddMove(issue string, m site.Move) error
	Refuse(r site.Refused) (id string, err error)
}

// SeedOptions say where the demo is written.
type SeedOptions struct {
	// Update runs fn in one transaction; required.
	Update func(ctx context.Context, fn func(Records) error) error
	// Write keeps points of measured history; writing one again changes nothing. Required.
	Write func(ctx context.Context, points []site.Point) error
	// Hash makes what is kept of a password; required.
	Hash func(password string) (string, error)
	Now  time.Time // required
	Seed uint64    // of all chance
	Days int       // of readings; 0: 14
}

// Seed writes the Wenyuan school with a history that ends now. When the project
// is there already it changes nothing and gives false.
func Seed(ctx context.Context, o SeedOptions) (isNew bool, err error) {
	story, err := NewStory(o.Now)
	if err != nil {
		return false, err
	}
	s := &seeder{SeedOptions: o, story: story, dice: dice(mix(o.Seed))}
	if s.weather, err = EmbeddedWeather(); err != nil {
		return false, err
	}
	if s.forms, err = checklist.Embedded(); err != nil {
		return false, err
	}
	if s.Days == 0 {
		s.Days = 14
	}
	s.signals = signals{story: story, weather: s.weather, dice: s.dice}
	there := false
	if err := o.Update(ctx, func(r Records) error {
		_, err := r.Project(Project)
		there = err == nil
		if site.IsKind(err, site.NotFound) {
			return nil
		}
		return err
	}); err != nil || there {
		return false, err
	}
	// The points come first: should this end here, the next start does it all again.
	s.report()
	s.inspect()
	if err := s.openIssues(); err != nil {
		return false, err
	}
	if err := s.writePoints(ctx); err != nil {
		return false, fmt.Errorf("seed the readings: %w", err)
	}
	if err := o.Update(ctx, s.writeRecords); err != nil {
		return false, fmt.Errorf("seed the records: %w", err)
	}
	return true, nil
}

// seeder writes the demo.
type seeder struct {
	SeedOptions
	story    *Story
	weather  *Weather
	forms    *checklist.Library
	dice     dice
	signals  signals
	progress []site.Progress
	checks   []site.Check
	issues   []site.Issue
	last     map[string]lastSeen // by device
}
