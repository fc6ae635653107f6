package testserver

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"testing"
)

// Influx is a running InfluxDB and the settings that a client of it needs.
type Influx struct {
	*Server
	URL    string
	Token  string // an administrator's; 1.8: user:password
	Org    string // 1.8: empty
	Bucket string // 1.8: database/retention policy
}

const (
	userName = "topout"
	password = "test-only-password"
	database = "topout"
)

// Influx1 starts InfluxDB 1.8 with Flux and sign-in, and one database; settings
// are further ones of it, as NAME=value.
func Influx1(tb testing.TB, settings ...string) *Influx {
	tb.Helper()
	program := find(tb, "make tools", "influxd1")
	in := &Influx{Token: userName + ":" + password, Bucket: database + "/autogen"}
	in.Server = launch(tb, func() *Server {
		dir, addr := tb.TempDir(), freeAddr(tb)
		in.URL = "http://" + addr
		return &Server{
			name: "InfluxDB 1.8", path: program, args: []string{"run", "-config", "/dev/null"},
			env: append([]string{
				"INFLUXDB_REPORTING_DISABLED=true",
				"INFLUXDB_BIND_ADDRESS=127.0.0.1:0",
				"INFLUXDB_META_DIR=" + filepath.Join(dir, "meta"),
				"INFLUXDB_DATA_DIR=" + filepath.Join(dir, "data"),
				"INFLUXDB_DATA_WAL_DIR=" + filepath.Join(dir, "wal"),
				"INFLUXDB_DATA_QUERY_LOG_ENABLED=false",
				"INFLUXDB_HTTP_BIND_ADDRESS=" + addr,
				"INFLUXDB_HTTP_AUTH_ENABLED=true",
				"INFLUXDB_HTTP_FLUX_ENABLED=true",
				"INFLUXDB_HTTP_LOG_ENABLED=false",
				"INFLUXDB_MONITOR_STORE_ENABLED=false",
			}, settings...),
			log:   filepath.Join(dir, "log"),
			ready: func() error { return answers("http://" + addr + "/ping") },
		}
	})
	// Before there is an administrator, InfluxDB 1.8 lets anybody make one.
	in.InfluxQL(fmt.Sprintf("CREATE USER %s WITH PASSWORD '%s' WITH ALL PRIVILEGES", userName, password))
	in.InfluxQL("CREATE DATABASE " + database)
	return in
}

// InfluxQL runs a statement of InfluxDB 1.8 as its administrator and gives its
// answer, JSON.
func (in *Influx) InfluxQL(statement string) string {
	in.tb.Helper()
	at := in.URL + "/query?" + url.Values{"q": {statement}, "db": {database}}.Encode()
	status, b, err := call(http.MethodPost, at, "", func(r *http.Request) { r.SetBasicAuth(userName, password) })
	if err != nil || status != http.StatusOK || bytes.Contains(b, []byte(`"error"`)) {
		in.tb.Fatalf("%s: %d %s %v", statement, status, b, err)
	}
	return string(b)
}

// Influx2 starts InfluxDB 2 and sets it up with an organisation and a bucket.
func Influx2(tb testing.TB) *Influx {
	tb.Helper()
	program := find(tb, "make influxd2", "influxd2")
	in := &Influx{Org: "topout", Bucket: "topout"}
	in.Server = launch(tb, func() *Server {
		dir, addr := tb.TempDir(), freeAddr(tb)
		in.URL = "http://" + addr
		return &Server{
			name: "InfluxDB 2", path: program,
			env: []string{
				"INFLUXD_BOLT_PATH=" + filepath.Join(dir, "influxd.bolt"),
				"INFLUXD_SQLITE_PATH=" + filepath.Join(dir, "influxd.sqlite"),
				"INFLUXD_ENGINE_PATH=" + filepath.Join(dir, "engine"),
				"INFLUXD_HTTP_BIND_ADDRESS=" + addr,
				"INFLUXD_REPORTING_DISABLED=true",
			},
			log:   filepath.Join(dir, "log"),
			ready: func() error { return answers("http://" + addr + "/health") },
		}
	})
	body, err := json.Marshal(map[string]any{"username": userName, "password": password, "org": in.Org, "bucket": in.Bucket})
	if err != nil {
		tb.Fatal(err)
	}
	status, answer, err := call(http.MethodPost, in.URL+"/api/v2/setup", string(body))
	if err != nil {
		tb.Fatalf("set up InfluxDB 2: %v", err)
	}
	var made struct {
		Auth struct {
			Token string `json:"token"`
		} `json:"auth"`
	}
	if err := json.Unmarshal(answer, &made); err != nil || made.Auth.Token == "" {
		tb.Fatalf("set up InfluxDB 2: %d %s %v", status, answer, err)
	}
	in.Token = made.Auth.Token
	return in
}
