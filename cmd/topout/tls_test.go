package main_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"topout/internal/testenv"
)

// TestTLS serves HTTPS, MQTTS and MQTT over WebSocket from one certificate.
func TestTLS(t *testing.T) {
	dir := t.TempDir()
	cert, key, roots := certificate(t, dir)
	p := testenv.Start(t, testenv.Options{Env: []string{"TOPOUT_TLS_CERT=" + cert, "TOPOUT_TLS_KEY=" + key, "TOPOUT_MQTT_WS_LISTEN=127.0.0.1:0"}})
	if !strings.HasPrefix(p.URL, "https://") {
		t.Fatalf("web is at %s", p.URL)
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}, Timeout: 10 * time.Second}
	res, err := client.Get(p.URL + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Errorf("readyz: %s", res.Status)
	}
	res, err = client.Post(p.URL+"/api/v1/sessions", "application/json", strings.NewReader(fmt.Sprintf(`{"login":"admin","password":%q}`, testenv.AdminPassword)))
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if cookies := res.Cookies(); len(cookies) != 1 || !cookies[0].Secure || !cookies[0].HttpOnly {
		t.Errorf("cookies: %v", cookies)
	}

	p.CLI("project", "add", "p1", "--name", "Sealed")
	secret := p.Secret("p1", "dust-1", "dust")
	for _, url := range []string{"mqtts://" + strings.TrimPrefix(p.MQTT, "tcp://"), p.WebSocket} {
		device := mqtt.NewClient(mqtt.NewClientOptions().AddBroker(url).SetClientID("dust-1").SetUsername("dust-1").SetPassword(secret).
			SetTLSConfig(&tls.Config{RootCAs: roots}))
		if token := device.Connect(); !token.WaitTimeout(10*time.Second) || token.Error() != nil {
			t.Errorf("%s: %v", url, token.Error())
			continue
		}
		payload := fmt.Sprintf(`{"t":%d,"values":{"noise":60}}`, time.Now().UnixMilli())
		if token := device.Publish("topout/v1/p1/readings/dust-1", 1, false, payload); !token.WaitTimeout(10*time.Second) || token.Error() != nil {
			t.Errorf("%s: publish: %v", url, token.Error())
		}
		device.Disconnect(100)
	}
}

// certificate makes a self-signed one for the loopback.
func certificate(t *testing.T, dir string) (certFile, keyFile string, roots *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	roots = x509.NewCertPool()
	roots.AppendCertsFromPEM(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return certFile, keyFile, roots
}
