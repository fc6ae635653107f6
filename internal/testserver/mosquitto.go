package testserver

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Options sets up a Mosquitto.
type Options struct {
	Users       map[string]string // password by user name; empty: anybody may sign in
	Persistence bool              // sessions and messages outlive Stop and Start
	Extra       []string          // further lines of its configuration
}

// Broker is a running Mosquitto.
type Broker struct {
	*Server
	URL  string // mqtt://127.0.0.1:port, without user and password
	Addr string // 127.0.0.1:port
}

// Mosquitto starts an MQTT broker.
func Mosquitto(tb testing.TB, opts Options) *Broker {
	tb.Helper()
	program := find(tb, "apt-get install mosquitto", "mosquitto")
	b := &Broker{}
	b.Server = launch(tb, func() *Server {
		dir, addr := tb.TempDir(), freeAddr(tb)
		b.Addr, b.URL = addr, "mqtt://"+addr
		config := filepath.Join(dir, "mosquitto.conf")
		if err := os.WriteFile(config, []byte(mosquittoConfig(tb, dir, addr, opts)), 0o600); err != nil {
			tb.Fatal(err)
		}
		return &Server{
			name: "Mosquitto", path: program, args: []string{"-c", config},
			log:   filepath.Join(dir, "log"),
			ready: func() error { return listens(addr) },
		}
	})
	return b
}

func mosquittoConfig(tb testing.TB, dir, addr string, opts Options) string {
	tb.Helper()
	_, port, _ := strings.Cut(addr, ":")
	lines := []string{
		"listener " + port + " 127.0.0.1",
		"log_dest stderr",
		fmt.Sprintf("persistence %t", opts.Persistence),
		"persistence_location " + dir + "/",
	}
	if os.Getuid() == 0 {
		lines = append(lines, "user root") // else it becomes a user who may not read the test's folder
	}
	if len(opts.Users) == 0 {
		lines = append(lines, "allow_anonymous true")
	} else {
		lines = append(lines, "allow_anonymous false", "password_file "+passwordFile(tb, dir, opts.Users))
	}
	return strings.Join(append(lines, opts.Extra...), "\n") + "\n"
}

func passwordFile(tb testing.TB, dir string, users map[string]string) string {
	tb.Helper()
	program := find(tb, "apt-get install mosquitto", "mosquitto_passwd")
	path := filepath.Join(dir, "passwords")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		tb.Fatal(err)
	}
	for name, pass := range users {
		if out, err := exec.CommandContext(context.Background(), program, "-b", path, name, pass).CombinedOutput(); err != nil {
			tb.Fatalf("mosquitto_passwd: %v: %s", err, out)
		}
	}
	return path
}
