package app

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
)

// Settings is how an instance is set up, from flags and TOPOUT_* variables.
// Secrets are redacted by Redacted; nothing else prints them.
type Settings struct {
	Data          string   `name:"data" env:"TOPOUT_DATA" default:"./data" help:"Data folder."`
	HTTP          string   `name:"http" env:"TOPOUT_HTTP" default:"127.0.0.1:8080" help:"Listen address of web and API."`
	MQTTListen    string   `name:"mqtt-listen" env:"TOPOUT_MQTT_LISTEN" default:"127.0.0.1:1883" help:"Listen address of the embedded broker; empty: off."`
	MQTTWSListen  string   `name:"mqtt-ws-listen" env:"TOPOUT_MQTT_WS_LISTEN" help:"Listen address of the embedded broker for MQTT over WebSocket; empty: off."`
	MQTTURL       []string `name:"mqtt-url" env:"TOPOUT_MQTT_URL" sep:"," secret:"url" help:"External broker(s): mqtt://, mqtts://, ws://, wss://."`
	InfluxURL     string   `name:"influx-url" env:"TOPOUT_INFLUX_URL" secret:"url" help:"InfluxDB 2 or 1.8; unset: the embedded series store."`
	InfluxToken   string   `name:"influx-token" env:"TOPOUT_INFLUX_TOKEN" secret:"all" help:"Its token; user:pass for 1.8."`
	InfluxOrg     string   `name:"influx-org" env:"TOPOUT_INFLUX_ORG" help:"Its organisation (2 only)."`
	InfluxBucket  string   `name:"influx-bucket" env:"TOPOUT_INFLUX_BUCKET" help:"Its bucket; db/rp for 1.8."`
	NATSURL       string   `name:"nats-url" env:"TOPOUT_NATS_URL" secret:"url" help:"NATS cluster with JetStream for the journal; unset: embedded."`
	DatabaseURL   string   `name:"database-url" env:"TOPOUT_DATABASE_URL" secret:"url" help:"postgres://…; unset: SQLite in the data folder."`
	PhotosURL     string   `name:"photos-url" env:"TOPOUT_PHOTOS_URL" secret:"url" help:"S3-compatible bucket; unset: a folder in the data folder."`
	SMTPURL       string   `name:"smtp-url" env:"TOPOUT_SMTP_URL" secret:"url" help:"smtp://user:pass@host:587 or smtps://…; unset: no mail."`
	MailFrom      string   `name:"mail-from" env:"TOPOUT_MAIL_FROM" help:"Sender of mail."`
	WebhookURL    string   `name:"webhook-url" env:"TOPOUT_WEBHOOK_URL" secret:"url" help:"Where notices go as CloudEvents."`
	WebhookSecret string   `name:"webhook-secret" env:"TOPOUT_WEBHOOK_SECRET" secret:"all" help:"Signs them (Standard Webhooks)."`
	RawDays       string   `name:"raw-days" env:"TOPOUT_RAW_DAYS" default:"400" help:"How many days raw readings stay."`
	TLSCert       string   `name:"tls-cert" env:"TOPOUT_TLS_CERT" help:"Certificate file (PEM) for HTTPS and MQTTS."`
	TLSKey        string   `name:"tls-key" env:"TOPOUT_TLS_KEY" help:"Its key file (PEM)."`
	PublicURL     string   `name:"public-url" env:"TOPOUT_PUBLIC_URL" help:"The URL that links in messages use."`
	AdminPassword string   `name:"admin-password" env:"TOPOUT_ADMIN_PASSWORD" secret:"all" help:"First start only: the password of admin; unset: a random one is printed once."`

	// Unread are the problems of SecretsFromFiles; Check names them with the others.
	Unread Problems `kong:"-"`
}

// Problems is every mistake in the settings at once, each with what to do.
type Problems []string

func (p Problems) Error() string { return strings.Join(p, "\n") }

// secretNames are the settings that may also be given as …_FILE.
var secretNames = []string{
	"TOPOUT_MQTT_URL", "TOPOUT_INFLUX_URL", "TOPOUT_INFLUX_TOKEN", "TOPOUT_NATS_URL", "TOPOUT_DATABASE_URL",
	"TOPOUT_PHOTOS_URL", "TOPOUT_SMTP_URL", "TOPOUT_WEBHOOK_URL", "TOPOUT_WEBHOOK_SECRET", "TOPOUT_ADMIN_PASSWORD",
}

// SecretsFromFiles reads each NAME_FILE of the environment into NAME.
func SecretsFromFiles(getenv func(string) string, setenv func(string, string) error) (problems Problems) {
	for _, name := range secretNames {
		file := getenv(name + "_FILE")
		if file == "" {
			continue
		}
		if getenv(name) != "" {
			problems = append(problems, fmt.Sprintf("%s and %s_FILE are both set: unset one of them", name, name))
			continue
		}
		b, err := os.ReadFile(file)
		if err != nil {
			problems = append(problems, fmt.Sprintf("%s_FILE: %s cannot be read: check the path and its rights", name, file))
			continue
		}
		if err := setenv(name, strings.TrimSpace(string(b))); err != nil {
			problems = append(problems, fmt.Sprintf("%s_FILE: what %s holds is no setting: it may not have a NUL byte", name, file))
		}
	}
	return problems
}

// Check finds all mistakes of the settings at once; the error is Problems.
func (s Settings) Check() error {
	problems := slices.Clone(s.Unread)
	bad := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }

	if s.Data == "" {
		bad("TOPOUT_DATA is empty: name a folder")
	}
	checkListen := func(name, addr string, mayBeEmpty bool) {
		if addr == "" {
			if !mayBeEmpty {
				bad("%s is empty: give host:port, e.g. 127.0.0.1:8080", name)
			}
			return
		}
		_, port, err := net.SplitHostPort(addr)
		if err != nil {
			bad("%s is not host:port (%q): e.g. 0.0.0.0:8080, or :0 for any free port", name, addr)
		} else if _, err := strconv.ParseUint(port, 10, 16); err != nil {
			bad("%s has no valid port (%q): use 0 to 65535", name, port)
		}
	}
	checkListen("TOPOUT_HTTP", s.HTTP, false)
	checkListen("TOPOUT_MQTT_LISTEN", s.MQTTListen, true)
	checkListen("TOPOUT_MQTT_WS_LISTEN", s.MQTTWSListen, true)

	// A bad URL is described without its text: it may hold a password.
	checkURL := func(name, value string, schemes ...string) *url.URL {
		if value == "" {
			return nil
		}
		u, err := url.Parse(value)
		if err != nil {
			bad("%s is not a URL: give %s://host…", name, schemes[0])
			return nil
		}
		if !slices.Contains(schemes, u.Scheme) {
			bad("%s starts with %q: use %s", name, u.Scheme+"://", strings.Join(schemes, "://, ")+"://")
			return nil
		}
		if u.Hostname() == "" {
			bad("%s names no host: give %s://host…", name, u.Scheme)
			return nil
		}
		return u
	}
	for _, broker := range s.MQTTURL {
		checkURL("TOPOUT_MQTT_URL", broker, "mqtt", "mqtts", "tcp", "ssl", "ws", "wss")
	}
	checkURL("TOPOUT_INFLUX_URL", s.InfluxURL, "http", "https")
	if s.InfluxURL != "" {
		if s.InfluxBucket == "" {
			bad("TOPOUT_INFLUX_BUCKET is missing: name the bucket, or db/rp for InfluxDB 1.8")
		}
		if s.InfluxToken == "" {
			bad("TOPOUT_INFLUX_TOKEN is missing: a token that may read and write the bucket, or user:pass for InfluxDB 1.8")
		}
		if s.InfluxOrg == "" && !strings.Contains(s.InfluxBucket, "/") {
			bad("TOPOUT_INFLUX_ORG is missing: name the organisation of the bucket")
		}
	} else if s.InfluxToken != "" || s.InfluxBucket != "" || s.InfluxOrg != "" {
		bad("TOPOUT_INFLUX_URL is missing although other TOPOUT_INFLUX_ settings are there: give the URL, or unset them to use the embedded store")
	}
	checkURL("TOPOUT_NATS_URL", s.NATSURL, "nats", "tls")
	if s.DatabaseURL != "" {
		checkURL("TOPOUT_DATABASE_URL", s.DatabaseURL, "postgres", "postgresql")
		bad("TOPOUT_DATABASE_URL: this version keeps its records in SQLite only: unset it")
	}
	if s.PhotosURL != "" {
		bad("TOPOUT_PHOTOS_URL: this version takes no photos yet: unset it")
	}
	checkURL("TOPOUT_SMTP_URL", s.SMTPURL, "smtp", "smtps")
	if s.SMTPURL != "" && s.MailFrom == "" {
		bad("TOPOUT_MAIL_FROM is missing: the sender's address, e.g. topout@example.org")
	}
	if s.MailFrom != "" {
		if _, err := mail.ParseAddress(s.MailFrom); err != nil {
			bad("TOPOUT_MAIL_FROM is not a mail address: e.g. topout@example.org")
		}
	}
	checkURL("TOPOUT_WEBHOOK_URL", s.WebhookURL, "http", "https")
	if s.WebhookSecret != "" && s.WebhookURL == "" {
		bad("TOPOUT_WEBHOOK_URL is missing although TOPOUT_WEBHOOK_SECRET is set: give the URL, or unset the secret")
	}
	if days, err := strconv.Atoi(s.RawDays); err != nil || days < 1 {
		bad("TOPOUT_RAW_DAYS is %q: give a whole number of days, at least 1", s.RawDays)
	}
	switch {
	case (s.TLSCert == "") != (s.TLSKey == ""):
		bad("TOPOUT_TLS_CERT and TOPOUT_TLS_KEY go together: set both or none")
	case s.TLSCert != "":
		if _, err := tls.LoadX509KeyPair(s.TLSCert, s.TLSKey); err != nil {
			bad("TOPOUT_TLS_CERT and TOPOUT_TLS_KEY cannot be loaded (%v): give PEM files that belong together", err)
		}
	}
	checkURL("TOPOUT_PUBLIC_URL", s.PublicURL, "http", "https")
	if s.AdminPassword != "" && len([]rune(s.AdminPassword)) < 8 {
		bad("TOPOUT_ADMIN_PASSWORD is shorter than 8 characters: choose a longer one")
	}
	if len(problems) > 0 {
		return problems
	}
	return nil
}

// rawDays is RawDays as a number; Check has seen to it.
func (s Settings) rawDays() int {
	days, err := strconv.Atoi(s.RawDays)
	if err != nil {
		return 400
	}
	return days
}

// Setting is one effective setting, for showing.
type Setting struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Redacted lists the effective settings with every secret hidden.
func (s Settings) Redacted() []Setting {
	urls := make([]string, len(s.MQTTURL))
	for i, u := range s.MQTTURL {
		urls[i] = redactURL(u)
	}
	return []Setting{
		{"TOPOUT_DATA", s.Data},
		{"TOPOUT_HTTP", s.HTTP},
		{"TOPOUT_MQTT_LISTEN", s.MQTTListen},
		{"TOPOUT_MQTT_WS_LISTEN", s.MQTTWSListen},
		{"TOPOUT_MQTT_URL", strings.Join(urls, ",")},
		{"TOPOUT_INFLUX_URL", redactURL(s.InfluxURL)},
		{"TOPOUT_INFLUX_TOKEN", redact(s.InfluxToken)},
		{"TOPOUT_INFLUX_ORG", s.InfluxOrg},
		{"TOPOUT_INFLUX_BUCKET", s.InfluxBucket},
		{"TOPOUT_NATS_URL", redactURL(s.NATSURL)},
		{"TOPOUT_DATABASE_URL", redactURL(s.DatabaseURL)},
		{"TOPOUT_PHOTOS_URL", redactURL(s.PhotosURL)},
		{"TOPOUT_SMTP_URL", redactURL(s.SMTPURL)},
		{"TOPOUT_MAIL_FROM", s.MailFrom},
		{"TOPOUT_WEBHOOK_URL", redactURL(s.WebhookURL)},
		{"TOPOUT_WEBHOOK_SECRET", redact(s.WebhookSecret)},
		{"TOPOUT_RAW_DAYS", s.RawDays},
		{"TOPOUT_TLS_CERT", s.TLSCert},
		{"TOPOUT_TLS_KEY", s.TLSKey},
		{"TOPOUT_PUBLIC_URL", s.PublicURL},
		{"TOPOUT_ADMIN_PASSWORD", redact(s.AdminPassword)},
	}
}

// UnknownVariables lists TOPOUT_* names of the environment that no setting has:
// most likely a slip of the pen that would otherwise go unseen.
func (s Settings) UnknownVariables(environ []string) []string {
	known := map[string]bool{"TOPOUT_TOOLS": true, "TOPOUT_BIN": true} // of the Makefile
	for _, x := range s.Redacted() {
		known[x.Name] = true
	}
	for _, name := range secretNames {
		known[name+"_FILE"] = true
	}
	var unknown []string
	for _, kv := range environ {
		name, _, _ := strings.Cut(kv, "=")
		if strings.HasPrefix(name, "TOPOUT_") && !known[name] {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	return unknown
}

func redact(secret string) string {
	if secret == "" {
		return ""
	}
	return "***"
}

// redactURL hides the user part and the query of a URL, where secrets stand; a
// webhook's path often is a secret too and is hidden with them.
func redactURL(raw string) string {
	if raw == "" {
		return ""
	}
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return "***"
	}
	user := ""
	if u.User != nil {
		user = "***@"
	}
	rest := ""
	if len(u.Path) > 1 || u.RawQuery != "" {
		rest = "/***"
	}
	return u.Scheme + "://" + user + u.Host + rest
}

// IsProblems reports whether err lists mistakes of the settings.
func IsProblems(err error) bool {
	var p Problems
	return errors.As(err, &p)
}
