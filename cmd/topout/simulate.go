package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"topout/internal/demo"
)

type simulateCmd struct {
	URL     string  `name:"url" required:"" help:"The broker: mqtt://host:1883, with user:pass@ where it asks for them."`
	Speed   float64 `help:"How many times faster than life; 0: past days as fast as the broker takes them, live 1."`
	Seed    uint64  `default:"1" help:"The same seed plays the same messages."`
	Days    int     `help:"Play so many past days up to now; 0: live, until stopped."`
	Weather string  `help:"An hourly record (CSV of the Beijing Multi-Site Air-Quality data) instead of the built-in one." type:"existingfile"`
}

func (cmd simulateCmd) Run(c *console) error {
	o := demo.PlayOptions{URL: cmd.URL, Speed: cmd.Speed, Seed: cmd.Seed, Days: cmd.Days, Log: c.log}
	if cmd.Weather != "" {
		f, err := os.Open(cmd.Weather)
		if err != nil {
			return fmt.Errorf("%w: check the path", err)
		}
		defer f.Close()
		o.Weather = f
	}
	o.Progress = func(s demo.Stats) { progress(c.errs, s) }
	stats, err := demo.Play(c.ctx, o)
	fmt.Fprintln(c.errs)
	if err != nil {
		return err
	}
	return c.print(stats, func() {
		fmt.Fprintf(c.out, "%d messages in %.1f s by %d clients: %d readings, %d progress reports, %d checks; %d late, %d repeated, %d corrected, %d malformed.\n",
			stats.Sent, stats.Seconds, stats.Clients, stats.Readings, stats.Progress, stats.Checks, stats.Late, stats.Repeated, stats.Corrected, stats.Malformed)
	})
}

// progress shows on one line how far the play has come.
func progress(w io.Writer, s demo.Stats) {
	fmt.Fprintf(w, "\r%s: %d messages, %d late, %d repeated, %d malformed ", s.To.Format(time.DateTime), s.Sent, s.Late, s.Repeated, s.Malformed)
}
