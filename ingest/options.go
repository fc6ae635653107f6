package ingest

import (
	"crypto/tls"
	"errors"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"topout/checklist"
)

// Options says what to build.
type Options struct {
	Dir string // required: folder of the journal
	// Listen is the embedded broker's address, e.g. 127.0.0.1:1883; port 0 takes
	// any. Empty: no embedded broker.
	Listen string
	// ListenWS is the address for MQTT over WebSocket (path /mqtt); empty: none.
	ListenWS string
	// TLS serves both listeners with TLS; nil: plain.
	TLS *tls.Config
	// Brokers are external brokers: mqtt://, mqtts://, ws:// or wss:// with user and
	// password where needed. Topout subscribes at each of them.
	Brokers []string
	// BrokerTLS is for mqtts and wss; nil: the system's roots.
	BrokerTLS *tls.Config
	// ClientID is the name at external brokers. It must stay the same, and differ
	// between instances. Empty: a random one, kept in Dir.
	ClientID string
	// NATS is the URL of a NATS server or cluster (2.14 or newer, with JetStream)
	// for the journal; empty: embedded, in Dir. What is published at the embedded
	// broker stays in Dir in any case.
	NATS string

	Ledger Ledger             // required
	Series Series             // required
	Auth   Auth               // required with Listen
	Forms  *checklist.Library // required

	RawDays int           // readings older than this many days are refused; 0: 400
	Ahead   time.Duration // how far a reading may be ahead; 0: 10 minutes
	Wait    time.Duration // how long Accept waits for a message to be applied; 0: 2 s

	// WarnFree and StopFree are bytes free on the journal's disk: below the first
	// health says so, below the second nothing is taken until there is room again.
	// 0: 1 GiB and 128 MiB.
	WarnFree, StopFree uint64
	// Free tells the bytes free; nil: asks the file system of Dir.
	Free func() (uint64, error)

	// OnApplied is called after each transaction, to wake who waits for changes. It
	// must return at once; nil: nobody.
	OnApplied func()
	Log       *slog.Logger     // nil: none
	Now       func() time.Time // nil: time.Now
}

// complete checks the options and fills in what zero means.
func (o Options) complete() (*Options, error) {
	var problems []error
	need := func(ok bool, text string) {
		if !ok {
			problems = append(problems, errors.New("ingest: "+text))
		}
	}
	need(o.Dir != "", "Dir is required")
	need(o.Ledger != nil, "Ledger is required")
	need(o.Series != nil, "Series is required")
	need(o.Forms != nil, "Forms is required")
	need(o.Listen == "" || o.Auth != nil, "Auth is required with Listen")
	for _, b := range o.Brokers {
		if _, err := brokerURL(b); err != nil {
			problems = append(problems, err)
		}
	}
	if o.RawDays == 0 {
		o.RawDays = 400
	}
	if o.Ahead == 0 {
		o.Ahead = 10 * time.Minute
	}
	if o.Wait == 0 {
		o.Wait = 2 * time.Second
	}
	if o.WarnFree == 0 {
		o.WarnFree = 1 << 30
	}
	if o.StopFree == 0 {
		o.StopFree = 128 << 20
	}
	if o.Free == nil {
		o.Free = func() (uint64, error) { return freeBytes(o.Dir) }
	}
	if o.OnApplied == nil {
		o.OnApplied = func() {}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &o, errors.Join(problems...)
}

func (o *Options) limits() limits {
	return limits{age: time.Duration(o.RawDays) * 24 * time.Hour, ahead: o.Ahead}
}

// brokerURL reads the URL of an external broker into the form that paho takes.
// The error never has the URL: it may hold a password.
func brokerURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil {
		return nil, errors.New("ingest: the URL of an MQTT broker cannot be read")
	}
	var port string
	switch strings.ToLower(u.Scheme) {
	case "mqtt", "tcp":
		u.Scheme, port = "tcp", "1883"
	case "mqtts", "ssl", "tls":
		u.Scheme, port = "ssl", "8883"
	case "ws":
		u.Scheme, port = "ws", "80"
	case "wss":
		u.Scheme, port = "wss", "443"
	default:
		return nil, errors.New("ingest: the URL of an MQTT broker must begin with mqtt://, mqtts://, ws:// or wss://")
	}
	if u.Hostname() == "" {
		return nil, errors.New("ingest: the URL of an MQTT broker has no host")
	}
	if u.Port() == "" {
		u.Host += ":" + port
	}
	if strings.HasPrefix(u.Scheme, "ws") && (u.Path == "" || u.Path == "/") {
		u.Path = "/mqtt"
	}
	return u, nil
}
