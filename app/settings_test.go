package app

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func good() Settings {
	return Settings{Data: "./data", HTTP: "127.0.0.1:0", MQTTListen: "127.0.0.1:1883", RawDays: "400"}
}

// TestAllMistakesAreNamedAtOnce changes good settings into bad ones and expects
// one problem for each, with the name of the setting.
func TestAllMistakesAreNamedAtOnce(t *testing.T) {
	if err := good().Check(); err != nil {
		t.Fatalf("good settings: %v", err)
	}
	mistakes := []struct {
		name string
		make func(*Settings)
	}{
		{"TOPOUT_DATA", func(s *Settings) { s.Data = "" }},
		{"TOPOUT_HTTP", func(s *Settings) { s.HTTP = "8080" }},
		{"TOPOUT_MQTT_LISTEN", func(s *Settings) { s.MQTTListen = "127.0.0.1:99999" }},
		{"TOPOUT_MQTT_URL", func(s *Settings) { s.MQTTURL = []string{"http://broker"} }},
		{"TOPOUT_INFLUX_URL", func(s *Settings) {
			s.InfluxURL, s.InfluxBucket, s.InfluxToken, s.InfluxOrg = "influx:8086", "b", "t", "o"
		}},
		{"TOPOUT_NATS_URL", func(s *Settings) { s.NATSURL = "redis://x" }},
		{"TOPOUT_DATABASE_URL", func(s *Settings) { s.DatabaseURL = "postgres://u:p@h/db" }},
		{"TOPOUT_SMTP_URL", func(s *Settings) { s.SMTPURL, s.MailFrom = "mail.example.org:587", "a@example.org" }},
		{"TOPOUT_WEBHOOK_URL", func(s *Settings) { s.WebhookURL = "ftp://x" }},
		{"TOPOUT_RAW_DAYS", func(s *Settings) { s.RawDays = "abc" }},
		{"TOPOUT_TLS_CERT", func(s *Settings) { s.TLSCert = "cert.pem" }},
		{"TOPOUT_PUBLIC_URL", func(s *Settings) { s.PublicURL = "site.example.org" }},
		{"TOPOUT_ADMIN_PASSWORD", func(s *Settings) { s.AdminPassword = "short" }},
	}
	all := good()
	for _, m := range mistakes {
		s := good()
		m.make(&s)
		m.make(&all)
		var problems Problems
		if err := s.Check(); !errors.As(err, &problems) || len(problems) != 1 || !strings.HasPrefix(problems[0], m.name) {
			t.Errorf("%s: got %v", m.name, err)
		}
	}
	var problems Problems
	if err := all.Check(); !errors.As(err, &problems) {
		t.Fatalf("all at once: %v", err)
	}
	if len(problems) != len(mistakes) {
		t.Errorf("%d mistakes, %d problems:\n%s", len(mistakes), len(problems), problems)
	}
}

func TestSettingsThatNeedEachOther(t *testing.T) {
	s := good()
	s.InfluxURL = "http://influx:8086"
	err := s.Check()
	for _, name := range []string{"TOPOUT_INFLUX_BUCKET", "TOPOUT_INFLUX_TOKEN", "TOPOUT_INFLUX_ORG"} {
		if err == nil || !strings.Contains(err.Error(), name+" is missing") {
			t.Errorf("%s is not asked for: %v", name, err)
		}
	}
	s.InfluxToken, s.InfluxBucket = "user:pass", "db/rp"
	if err := s.Check(); err != nil {
		t.Errorf("InfluxDB 1.8 needs no organisation: %v", err)
	}
}

// TestNoSecretIsShown puts a secret into every place that may hold one.
func TestNoSecretIsShown(t *testing.T) {
	const secret = "s3cr3t-hunter2"
	s := good()
	s.MQTTURL = []string{"mqtt://user:" + secret + "@broker:1883"}
	s.InfluxURL = "http://u:" + secret + "@influx:8086/?token=" + secret
	s.InfluxToken, s.WebhookSecret, s.AdminPassword = secret, secret, secret
	s.NATSURL = "nats://" + secret + "@nats:4222"
	s.DatabaseURL = "postgres://u:" + secret + "@db/topout"
	s.SMTPURL = "smtp://u:" + secret + "@mail:587"
	s.WebhookURL = "https://hooks.example.org/services/" + secret
	s.PhotosURL = "s3://" + secret + "@bucket"
	for _, x := range s.Redacted() {
		if strings.Contains(x.Value, secret) {
			t.Errorf("%s shows the secret: %s", x.Name, x.Value)
		}
	}
	s.SMTPURL, s.WebhookURL, s.InfluxURL = "bad\x7f://"+secret, "://"+secret, "gopher://"+secret
	if err := s.Check(); err == nil || strings.Contains(err.Error(), secret) {
		t.Errorf("the problems show the secret: %v", err)
	}
}

func TestSecretsFromFiles(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("from-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"TOPOUT_INFLUX_TOKEN_FILE": file}
	set := func(name, value string) error { env[name] = value; return nil }
	get := func(name string) string { return env[name] }
	if problems := SecretsFromFiles(get, set); len(problems) > 0 || env["TOPOUT_INFLUX_TOKEN"] != "from-file" {
		t.Errorf("token %q, problems %v", env["TOPOUT_INFLUX_TOKEN"], problems)
	}
	env["TOPOUT_SMTP_URL_FILE"] = filepath.Join(t.TempDir(), "none")
	s := good()
	s.RawDays = "0"
	s.Unread = SecretsFromFiles(get, set)
	var problems Problems
	if err := s.Check(); !errors.As(err, &problems) || len(problems) != 3 {
		t.Errorf("set twice, not readable and a bad number: got %v", err)
	}
}

func TestUnknownVariables(t *testing.T) {
	got := Settings{}.UnknownVariables([]string{"TOPOUT_DATA=x", "TOPOUT_INFLUXURL=x", "TOPOUT_SMTP_URL_FILE=x", "PATH=x"})
	if !slices.Equal(got, []string{"TOPOUT_INFLUXURL"}) {
		t.Errorf("got %v", got)
	}
}
