// Command topout tells everyone on a building site, every day, whether the
// building will be delivered on time and whether people are safe while it is built.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	_ "time/tzdata" // zones also where the machine has none

	"github.com/alecthomas/kong"

	"topout/app"
	"topout/internal/text"
	"topout/site"
)

// Set by the linker.
var version, commit = "dev", "unknown"

// Exit codes.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

type cli struct {
	app.Settings

	JSON bool `name:"json" help:"Print JSON on stdout and nothing else."`

	Serve     serveCmd     `cmd:"" help:"Everything in one process."`
	Simulate  simulateCmd  `cmd:"" help:"Plays the demo site's devices and supervisors as real MQTT clients."`
	Plan      planCmd      `cmd:"" help:"Plans: import and check."`
	User      userCmd      `cmd:"" help:"Accounts."`
	Project   projectCmd   `cmd:"" help:"Projects."`
	Device    deviceCmd    `cmd:"" help:"Device credentials."`
	Token     tokenCmd     `cmd:"" help:"API tokens."`
	Checklist checklistCmd `cmd:"" help:"Check forms: list, validate, score, summary."`
	Config    configCmd    `cmd:"" help:"The effective settings, secrets redacted."`
	Backup    backupCmd    `cmd:"" help:"A consistent copy of the records while running."`
	Restore   restoreCmd   `cmd:"" help:"Puts a backup into an empty data folder."`
	Job       jobCmd       `cmd:"" help:"The cron jobs."`
	Notice    noticeCmd    `cmd:"" help:"Notices."`
	Version   versionCmd   `cmd:"" help:"Version and commit."`
}

// console is what a command works with.
type console struct {
	ctx      context.Context
	settings app.Settings
	json     bool
	in       io.Reader
	out      io.Writer
	errs     io.Writer
	log      *slog.Logger
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, in io.Reader, out, errs io.Writer) int {
	var c cli
	c.Unread = app.SecretsFromFiles(os.Getenv, os.Setenv)
	parser, err := kong.New(&c, kong.Name("topout"), kong.Description("Delivered on time? Safe while it is built? Topout tells, every day."),
		kong.Writers(out, errs), kong.UsageOnError(), kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true}))
	if err != nil {
		return report(errs, err)
	}
	exited, exitCode := false, 0
	parser.Exit = func(code int) { exited, exitCode = true, code }
	command, err := parser.Parse(args)
	if exited { // --help
		return exitCode
	}
	if err != nil {
		fmt.Fprintf(errs, "topout: %v. See topout --help.\n", err)
		return exitUsage
	}
	log := slog.New(slog.NewTextHandler(errs, &slog.HandlerOptions{Level: slog.LevelInfo}))
	con := &console{ctx: ctx, settings: c.Settings, json: c.JSON, in: in, out: out, errs: errs, log: log}
	for _, name := range c.UnknownVariables(os.Environ()) {
		log.Warn("this variable is no setting of Topout and is ignored; topout serve --help lists them", "name", name)
	}
	if err := command.Run(con); err != nil {
		return report(errs, err)
	}
	return exitDone
}

// usageError is wrong usage that is found after parsing.
type usageError struct{ error }

// report prints an error, one line each, and gives the exit code.
func report(w io.Writer, err error) int {
	var problems app.Problems
	if errors.As(err, &problems) {
		for _, p := range problems {
			fmt.Fprintln(w, "topout:", p)
		}
		return exitUsage
	}
	for _, line := range describe(err) {
		fmt.Fprintln(w, "topout:", line)
	}
	var usage usageError
	if errors.As(err, &usage) {
		return exitUsage
	}
	return exitFailed
}

// describe is the text of an error for the operator.
func describe(err error) []string {
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) {
		var lines []string
		for _, e := range joined.Unwrap() {
			lines = append(lines, describe(e)...)
		}
		return lines
	}
	if e := site.AsError(err); e != nil {
		if catalogue, cerr := text.New(); cerr == nil {
			line := catalogue.Say(text.English, e.Code, e.Params)
			if e.Field != "" {
				line = e.Field + ": " + line
			}
			if e.Cause != nil {
				line += " (" + e.Cause.Error() + ")"
			}
			return []string{line}
		}
	}
	return strings.Split(err.Error(), "\n")
}
