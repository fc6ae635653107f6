package testserver

import (
	"errors"
	"net/smtp"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestInflux1(t *testing.T) {
	in := Influx1(t)
	in.Stop()
	if answers(in.URL+"/ping") == nil || in.PID() != 0 {
		t.Fatal("still there after Stop")
	}
	in.Start()
	in.InfluxQL("SHOW MEASUREMENTS ON topout")
	in.Kill()
	in.Start()
}

func TestInflux2(t *testing.T) {
	in := Influx2(t)
	in.Stop()
	if answers(in.URL+"/health") == nil {
		t.Fatal("still there after Stop")
	}
	in.Start()
	if in.Token == "" {
		t.Fatal("no token")
	}
}

func TestMosquitto(t *testing.T) {
	b := Mosquitto(t, Options{Users: map[string]string{"crane-1": "secret", "gate": "x"}, Persistence: true, Extra: []string{"max_queued_messages 0"}})
	b.Stop()
	if listens(b.Addr) == nil {
		t.Fatal("still there after Stop")
	}
	b.Start()
}

func TestMailpit(t *testing.T) {
	m := Mailpit(t)
	mail := "From: a@example.com\r\nTo: b@example.com\r\nSubject: hello\r\n\r\nthe text\r\n"
	if err := smtp.SendMail(m.SMTP, nil, "a@example.com", []string{"b@example.com"}, []byte(mail)); err != nil {
		t.Fatal(err)
	}
	Eventually(t, 10*time.Second, "the mail", func() error {
		got, err := m.Messages()
		if err != nil {
			return err
		}
		if len(got) != 1 || got[0].Subject != "hello" || got[0].To[0].Address != "b@example.com" || got[0].Text == "" || got[0].Created.IsZero() {
			return errors.New("not as sent")
		}
		return nil
	})
}

// TestAbsent holds that a missing server skips a test, and fails it in CI.
func TestAbsent(t *testing.T) {
	t.Setenv("TOPOUT_TOOLS", t.TempDir())
	t.Setenv("PATH", t.TempDir())
	t.Setenv("CI", "")
	if got := outcome(t); got != "skip" {
		t.Errorf("where CI is not set: %s", got)
	}
	t.Setenv("CI", "true")
	if got := outcome(t); got != "fatal" {
		t.Errorf("where CI is true: %s", got)
	}
	own := filepath.Join(os.Getenv("TOPOUT_TOOLS"), "influxd1")
	if err := os.WriteFile(own, []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	if got := find(t, "make tools", "influxd1"); got != own {
		t.Errorf("found %s", got)
	}
}

// outcome says how find ends a test when the program is not there.
func outcome(t *testing.T) (how string) {
	t.Helper()
	defer func() { how, _ = recover().(string) }()
	find(recorder{t}, "make tools", "influxd1")
	return ""
}

type recorder struct{ testing.TB }

func (recorder) Fatal(...any) { panic("fatal") }
func (recorder) Skip(...any)  { panic("skip") }
