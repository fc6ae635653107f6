// Command benchmark measures Topout beside Telegraf and beside a paho subscriber
// that only acknowledges, in one run: all read the same messages from a
// Mosquitto at QoS 1, each its own; Topout and Telegraf write into the same InfluxDB 2. It
// prints CPU time per message, the time to drain a backlog, and their ratios.
//
// It is run by make bench; see scripts/bench for what it needs.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

func main() {
	single := flag.Int("messages", 100_000, "messages of one reading, live")
	backlog := flag.Int("backlog", 200_000, "messages in the backlog")
	arrays := flag.Int("arrays", 2_000, "messages of 100 readings, live")
	rounds := flag.Int("rounds", 3, "rounds; the median is reported")
	topout := flag.String("topout", "bin/topout", "the binary")
	floor := flag.String("subscribe", "", "be the floor: only acknowledge what this broker sends")
	flag.Parse()
	if *floor != "" {
		if err := subscribe(*floor); err != nil {
			fmt.Fprintln(os.Stderr, "floor:", err)
			os.Exit(1)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *topout, load{single: *single, backlog: *backlog, arrays: *arrays}, *rounds); err != nil {
		fmt.Fprintln(os.Stderr, "benchmark:", err)
		os.Exit(1)
	}
}

type load struct{ single, backlog, arrays int }

// figure is what one subject needed for one load.
type figure struct {
	cpu  time.Duration // of the subject's process, per message
	wall time.Duration // from start to the last point in the store
}

func run(ctx context.Context, topout string, l load, rounds int) error {
	dir, err := os.MkdirTemp("", "topout-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	lab, err := newLab(ctx, dir, topout)
	if err != nil {
		return err
	}
	defer lab.close()

	cases := []struct {
		name     string
		messages int
		readings int // in each message
		backlog  bool
	}{
		{"live, one reading a message", l.single, 1, false},
		{"live, arrays of 100 readings", l.arrays, 100, false},
		{"backlog, one reading a message", l.backlog, 1, true},
	}
	results := make([]map[string][]figure, len(cases))
	for i := range results {
		results[i] = map[string][]figure{}
	}
	for round := range rounds {
		for i, c := range cases {
			for _, subject := range subjects {
				fmt.Fprintf(os.Stderr, "· round %d of %d: %s, %s\n", round+1, rounds, c.name, subject)
				f, err := lab.measure(ctx, subject, c.messages, c.readings, c.backlog)
				if err != nil {
					return fmt.Errorf("%s, %s: %w", c.name, subject, err)
				}
				results[i][subject] = append(results[i][subject], f)
			}
		}
	}

	w := tabwriter.NewWriter(os.Stdout, 2, 8, 2, ' ', 0)
	for i, c := range cases {
		fmt.Fprintf(w, "\n%s (%d messages, median of %d rounds)\n", c.name, c.messages, rounds)
		fmt.Fprintln(w, "\tCPU a message\tCPU a reading\ttime\tCPU / Telegraf's\tspeed / Telegraf's")
		telegraf := median(results[i]["telegraf"])
		for _, subject := range subjects {
			m := median(results[i][subject])
			speed := "-"
			if m.wall > 0 {
				speed = fmt.Sprintf("%.2f", telegraf.wall.Seconds()/m.wall.Seconds())
			}
			fmt.Fprintf(w, "%s\t%.1f µs\t%.2f µs\t%.1f s\t%.2f\t%s\n", subject, micros(m.cpu), micros(m.cpu)/float64(c.readings),
				m.wall.Seconds(), float64(m.cpu)/float64(telegraf.cpu), speed)
		}
	}
	fmt.Fprintln(w, "\n"+strings.TrimSpace(`
floor: a paho subscriber that only acknowledges. Topout keeps its journal on disk (fsync before
the acknowledgement). Aims: CPU at most 0.9 of Telegraf's, backlog drained 1.3 times as fast,
arrays of 100 at a fifth of Telegraf's CPU a reading.`))
	return w.Flush()
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

func median(fs []figure) figure {
	pick := func(value func(figure) time.Duration) time.Duration {
		var ds []time.Duration
		for _, f := range fs {
			ds = append(ds, value(f))
		}
		slices.Sort(ds)
		return ds[len(ds)/2]
	}
	return figure{cpu: pick(func(f figure) time.Duration { return f.cpu }), wall: pick(func(f figure) time.Duration { return f.wall })}
}
