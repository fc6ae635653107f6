package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"topout/app"
)

type serveCmd struct {
	Demo bool `help:"Seed the Wenyuan school and play its site live."`
}

func (cmd serveCmd) Run(c *console) error {
	if err := c.settings.Check(); err != nil {
		return err
	}
	a, err := app.New(c.ctx, c.settings, app.Options{Demo: cmd.Demo, Version: version, Log: c.log})
	if err != nil {
		return err
	}
	started := func(at app.Addresses) {
		if c.json {
			_ = json.NewEncoder(c.out).Encode(at)
			return
		}
		c.welcome(at)
	}
	return errors.Join(a.Run(c.ctx, started))
}

// welcome prints where the server is; scripts read the lines "web URL", "mqtt
// URL" and "ready".
func (c *console) welcome(at app.Addresses) {
	fmt.Fprintf(c.out, "web %s\n", at.Web)
	if at.MQTT != "" {
		fmt.Fprintf(c.out, "mqtt %s\n", at.MQTT)
	}
	if at.WebSocket != "" {
		fmt.Fprintf(c.out, "mqtt-ws %s\n", at.WebSocket)
	}
	if at.AdminPassword != "" {
		fmt.Fprintf(c.out, "First start: sign in as admin with the password %s (shown once).\n", at.AdminPassword)
	}
	if len(at.Demo) > 0 {
		fmt.Fprintf(c.out, "Demo log-ins: %s. Password of each: %s\n", strings.Join(at.Demo, ", "), at.DemoPassword)
	}
	fmt.Fprintln(c.out, "ready")
}
