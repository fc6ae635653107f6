package ingest_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"topout/ingest"
	"topout/site"
)

// certificate makes a self-signed one for 127.0.0.1, and the roots that trust it.
func certificate(t *testing.T) (*tls.Config, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "topout"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(cert)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS12}, roots
}

func TestTLSAndWebSocket(t *testing.T) {
	conf, roots := certificate(t)
	for _, c := range []struct {
		name string
		tls  *tls.Config
	}{{"plain", nil}, {"tls", conf}} {
		t.Run(c.name, func(t *testing.T) {
			e := setup(t, func(o *ingest.Options) { o.ListenWS, o.TLS = "127.0.0.1:0", c.tls }).start()
			urls := []string{"tcp://" + e.MQTTAddr(), "ws://" + e.WebSocketAddr() + "/mqtt"}
			if c.tls != nil {
				urls = []string{"ssl://" + e.MQTTAddr(), "wss://" + e.WebSocketAddr() + "/mqtt"}
				if _, err := e.tryClient("d1", secretOf("d1")); err == nil {
					t.Error("a plain connection was let in")
				}
			}
			for n, url := range urls {
				client := e.client("d1", func(o *mqtt.ClientOptions) {
					o.Servers = nil
					o.AddBroker(url).SetTLSConfig(&tls.Config{RootCAs: roots}).SetClientID("c" + url[:3])
				})
				e.publish(client, readingsTopic("d1"), readingAt(time.Now().Add(time.Duration(n)*time.Millisecond), "x", 1))
				e.publish(client, "topout/v1/p1/readings/d2", readingAt(time.Now(), "x", 1))
			}
			e.eventually("two samples", func() bool { return len(e.samples("d1", "x")) == 2 })
			e.eventually("two refused, each with its sender", func() bool {
				r := e.refused()
				return len(r) == 2 && r[0].Device == "d1" && r[1].Device == "d1"
			})
			scheme := "ws://"
			if c.tls != nil {
				scheme = "wss://"
			}
			nc, err := nats.Connect(scheme+e.WebSocketAddr(), nats.UserInfo("d1", secretOf("d1")), nats.Secure(&tls.Config{RootCAs: roots}))
			if err == nil {
				nc.Close()
				t.Error("a device may speak NATS over WebSocket")
			}
		})
	}
}

// TestBehindABrokerWithTLS: our own embedded broker stands for the external one.
func TestBehindABrokerWithTLS(t *testing.T) {
	conf, roots := certificate(t)
	outer := setup(t, func(o *ingest.Options) { o.TLS, o.ListenWS = conf, "127.0.0.1:0" }).start()
	for _, url := range []string{"mqtts://" + outer.MQTTAddr(), "wss://" + outer.WebSocketAddr()} {
		e := setup(t, func(o *ingest.Options) {
			o.Listen, o.Brokers = "", []string{strings.Replace(url, "://", "://sun:"+secretOf("sun")+"@", 1)}
			o.BrokerTLS = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
		}).start()
		// sun may not subscribe to everything there, and that is told.
		e.eventually("the refused subscription is told", func() bool {
			return strings.Contains(e.log.String(), "refuses the subscription to topout/v1/#")
		})
		if h := e.Health()["broker"]; h.Status != ingest.StatusDegraded {
			t.Errorf("%+v", h)
		}
	}
}

// natsServer starts a NATS server with JetStream and gives its URL.
func natsServer(t *testing.T) string {
	t.Helper()
	srv, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true, Username: "u", Password: "s3cret"})
	if err != nil {
		t.Fatal(err)
	}
	srv.Start()
	t.Cleanup(func() { srv.Shutdown(); srv.WaitForShutdown() })
	if !srv.ReadyForConnections(10 * time.Second) {
		t.Fatal("NATS does not start")
	}
	return strings.Replace(srv.ClientURL(), "://", "://u:s3cret@", 1)
}

// TestExternalNATS keeps the journal at a NATS server of its own.
func TestExternalNATS(t *testing.T) {
	url := natsServer(t)
	e := setup(t, func(o *ingest.Options) { o.NATS = url }).start()
	r := e.accept("topout/v1/p1/progress/A1", `{"id":"r1","t":1763600000000,"percent":5}`)
	if !r.Records || !r.Series {
		t.Errorf("%+v", r)
	}
	e.publish(e.client("d1"), readingsTopic("d1"), readingAt(time.Now(), "x", 1))
	e.eventually("a sample", func() bool { return len(e.samples("d1", "x")) == 1 })
	e.away.Store(true)
	e.accept("topout/v1/p1/progress/A1", `{"id":"r2","t":1763600000001,"percent":6}`)
	e.restart()
	e.away.Store(false)
	e.eventually("all is applied", func() bool { return e.Backlog() == 0 })
	stop(t, e.Ingest)

	e.opts.NATS = strings.Replace(url, "s3cret", "wrong-pass", 1)
	if in, err := ingest.Open(t.Context(), e.opts); err == nil {
		stop(t, in)
		t.Error("a wrong password was taken")
	} else if strings.Contains(err.Error(), "wrong-pass") {
		t.Errorf("the error shows the password: %v", err)
	}
}

func TestMetrics(t *testing.T) {
	e := setup(t).start()
	c := e.client("d1")
	e.publish(c, readingsTopic("d1"), readingAt(time.Now(), "x", 1))
	e.publish(c, readingsTopic("d1"), `{}`)
	e.accept("topout/v1/p1/progress/A1", `{"id":"r1","t":1763600000000,"percent":500}`)
	e.eventually("all is applied", func() bool { return e.Backlog() == 0 && len(e.refused()) == 1 && len(e.samples("d1", "x")) == 1 })
	registry := prometheus.NewPedanticRegistry()
	if err := registry.Register(e.Ingest); err != nil {
		t.Fatal(err)
	}
	want := `
# HELP topout_journal_backlog Records of the journal that a cursor has not applied yet.
# TYPE topout_journal_backlog gauge
topout_journal_backlog{cursor="records",stream="$MQTT_msgs"} 0
topout_journal_backlog{cursor="records",stream="TOPOUT_JOURNAL"} 0
topout_journal_backlog{cursor="series",stream="$MQTT_msgs"} 0
topout_journal_backlog{cursor="series",stream="TOPOUT_JOURNAL"} 0
# HELP topout_messages_total Messages that were applied or refused, by door and kind of topic.
# TYPE topout_messages_total counter
topout_messages_total{door="api",kind="progress"} 1
topout_messages_total{door="mqtt",kind="readings"} 2
# HELP topout_refused_total Messages that were refused, by door and reason.
# TYPE topout_refused_total counter
topout_refused_total{code="ingest.missing",door="mqtt"} 1
topout_refused_total{code="ingest.percent",door="api"} 1
`
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "topout_journal_backlog", "topout_messages_total", "topout_refused_total"); err != nil {
		t.Error(err)
	}
	if problems, err := testutil.GatherAndLint(registry); err != nil || len(problems) > 0 {
		t.Errorf("%v %v", problems, err)
	}
}

// TestJournalIsEmptied: what both cursors have applied leaves the disk.
func TestJournalIsEmptied(t *testing.T) {
	e := setup(t).start()
	c := e.client("d1")
	for n := range 50 {
		e.publish(c, readingsTopic("d1"), readingAt(time.Now().Add(time.Duration(n)*time.Millisecond), "x", 1))
		if _, err := e.Accept(t.Context(), site.Message{Door: site.DoorBroker, Topic: readingsTopic("d2"), Payload: []byte(readingAt(time.Now(), "x", 1))}); err != nil {
			t.Fatal(err)
		}
	}
	e.eventually("both streams are empty", func() bool {
		for _, n := range e.Stored(t.Context()) {
			if n != 0 {
				return false
			}
		}
		return true
	})
}
