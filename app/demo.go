package app

import (
	"context"
	"crypto/tls"
	"net"
	"time"

	"topout/api/auth"
	"topout/internal/demo"
	"topout/site"
	"topout/store"
)

func demoLogins() (logins []string, password string) { return demo.Logins, demo.Password }

// seedDemo writes the Wenyuan school with its history, once.
func (a *App) seedDemo(ctx context.Context) error {
	start := time.Now()
	var away error
	fresh, err := demo.Seed(ctx, demo.SeedOptions{
		Update: func(ctx context.Context, fn func(demo.Records) error) error {
			return a.store.Update(ctx, func(tx *store.Tx) error { return fn(tx) })
		},
		Write: func(ctx context.Context, points []site.Point) error {
			// Without its series store the demo still has its records.
			if _, err := a.series.Write(ctx, points); err != nil && ctx.Err() == nil {
				away = err
			}
			return ctx.Err()
		},
		Hash: auth.HashPassword,
		Now:  a.opts.Now(),
		Seed: demoSeed,
	})
	if away != nil {
		a.log.Warn("the demo has no history of readings: the series store is away", "error", away)
	}
	if fresh && err == nil {
		a.log.Info("the demo is seeded", "project", demo.Project, "seconds", time.Since(start).Seconds())
	}
	return err
}

const demoSeed = 1

// playDemo plays the demo's devices and people live, as MQTT clients of the
// embedded broker, or of the external one when that is off.
func (a *App) playDemo(ctx context.Context) error {
	o := demo.PlayOptions{Seed: demoSeed, ClientID: "topout-demo-", Now: a.opts.Now, Log: a.log}
	switch {
	case a.ingest.MQTTAddr() != "":
		_, port, err := net.SplitHostPort(a.ingest.MQTTAddr())
		if err != nil {
			return err
		}
		o.URL = a.scheme("mqtt") + net.JoinHostPort("127.0.0.1", port)
		// Our own listener, over the loopback: its certificate names another host.
		o.TLS = &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12} //nolint:gosec // see above
	case len(a.settings.MQTTURL) > 0:
		o.URL = a.settings.MQTTURL[0]
	default:
		a.log.Warn("the demo's site stays still: there is no broker")
		return nil
	}
	var project site.Project
	var plan site.Plan
	err := a.store.View(ctx, func(tx *store.Tx) (err error) {
		if project, err = tx.Project(demo.Project); err != nil {
			return err
		}
		plan, err = tx.Plan(demo.Project)
		return err
	})
	if err != nil {
		return err
	}
	if o.Story, err = demo.StoryOf(project, plan.Start); err != nil {
		return err
	}
	if _, err := demo.Play(ctx, o); err != nil && ctx.Err() == nil {
		a.log.Error("the demo's site stopped", "error", err)
	}
	return nil
}
