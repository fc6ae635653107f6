package main

import (
	"fmt"
	"time"

	"topout/app"
)

type configCmd struct{}

func (configCmd) Run(c *console) error {
	if err := c.settings.Check(); err != nil {
		return err
	}
	settings := c.settings.Redacted()
	byName := map[string]string{}
	for _, s := range settings {
		byName[s.Name] = s.Value
	}
	return c.print(byName, func() {
		for _, s := range settings {
			fmt.Fprintf(c.out, "%s=%s\n", s.Name, s.Value)
		}
	})
}

type versionCmd struct{}

func (versionCmd) Run(c *console) error {
	return c.print(map[string]string{"version": version, "commit": commit}, func() { fmt.Fprintf(c.out, "topout %s (%s)\n", version, commit) })
}

type jobCmd struct {
	List jobListCmd `cmd:"" help:"The jobs and their last runs."`
	Run  jobRunCmd  `cmd:"" help:"Runs one now."`
}

type jobListCmd struct{}

func (jobListCmd) Run(c *console) error {
	jobs, err := app.ListJobs(c.ctx, c.settings, c.log)
	if err != nil {
		return err
	}
	var rows [][]string
	for _, j := range jobs {
		last := "never"
		if j.LastRun != nil {
			last = j.LastRun.Format(time.RFC3339)
		}
		rows = append(rows, []string{j.Name, j.Schedule, last, j.Error})
	}
	return c.list(jobs, []string{"JOB", "SCHEDULE", "LAST RUN", "ERROR"}, rows)
}

type jobRunCmd struct {
	Name string `arg:"" help:"slips, checks_missed, silence, …"`
}

func (cmd jobRunCmd) Run(c *console) error {
	if err := c.settings.Check(); err != nil {
		return err
	}
	start := time.Now()
	if err := app.RunJob(c.ctx, c.settings, c.log, cmd.Name); err != nil {
		return err
	}
	return c.print(map[string]any{"job": cmd.Name, "done": true}, func() {
		fmt.Fprintf(c.out, "%s is done in %s.\n", cmd.Name, time.Since(start).Round(time.Millisecond))
	})
}

type noticeCmd struct {
	Test noticeTestCmd `cmd:"" help:"Sends a test notice by every channel that is set up."`
}

type noticeTestCmd struct {
	Mail string `help:"Address that gets the test mail."`
}

func (cmd noticeTestCmd) Run(c *console) error {
	if err := c.settings.Check(); err != nil {
		return err
	}
	results, failed, err := app.TestNotices(c.ctx, c.settings, c.log, cmd.Mail)
	if err != nil {
		return err
	}
	var rows [][]string
	for _, r := range results {
		state := "sent"
		if !r.OK {
			state = "failed"
		}
		rows = append(rows, []string{r.Channel, state, r.Error})
	}
	if err := c.list(results, []string{"CHANNEL", "RESULT", "WHY"}, rows); err != nil {
		return err
	}
	if failed {
		return fmt.Errorf("no test went out by a channel: its reason stands in the list above")
	}
	return nil
}

type backupCmd struct {
	Dir string `arg:"" help:"An empty or new folder."`
}

func (cmd backupCmd) Run(c *console) error {
	files, err := app.Backup(c.ctx, c.settings, cmd.Dir)
	if err != nil {
		return err
	}
	return c.print(map[string]any{"dir": cmd.Dir, "files": files}, func() { fmt.Fprintf(c.out, "%s holds a copy: %v\n", cmd.Dir, files) })
}

type restoreCmd struct {
	Dir string `arg:"" help:"A folder made by topout backup."`
}

func (cmd restoreCmd) Run(c *console) error {
	files, err := app.Restore(c.settings, cmd.Dir)
	if err != nil {
		return err
	}
	return c.print(map[string]any{"data": c.settings.Data, "files": files}, func() { fmt.Fprintf(c.out, "%s is restored: %v\n", c.settings.Data, files) })
}
