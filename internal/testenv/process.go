// Package testenv runs the real topout binary for tests: on free ports, in a
// folder of its own, stopped by its own process id.
package testenv

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// AdminPassword is the password of admin in every instance that Start makes.
const AdminPassword = "correct-horse-battery"

// Options of Start.
type Options struct {
	Dir  string   // data folder; empty: a temporary one
	Env  []string // further NAME=value settings
	Args []string // further arguments of serve
}

// Topout is a running binary.
type Topout struct {
	URL  string // http://host:port
	MQTT string // tcp://host:port of the embedded broker; empty when it is off
	// WebSocket is the URL for MQTT over WebSocket; empty when it is off.
	WebSocket string
	Dir       string

	tb     testing.TB
	opts   Options
	cmd    *exec.Cmd
	log    *logBuffer
	exited chan struct{}
	err    error // of the ended process; valid after exited
}

var built struct {
	once sync.Once
	path string
	err  error
}

// Binary is the path of the topout binary: TOPOUT_BIN, else one that is built
// now, once for the test process.
func Binary(tb testing.TB) string {
	tb.Helper()
	if path := os.Getenv("TOPOUT_BIN"); path != "" {
		return path
	}
	built.once.Do(func() {
		dir, err := os.MkdirTemp("", "topout-bin-")
		if err != nil {
			built.err = err
			return
		}
		built.path = filepath.Join(dir, "topout")
		cmd := exec.Command("go", "build", "-tags", "nomsgpack", "-o", built.path, "topout/cmd/topout")
		if out, err := cmd.CombinedOutput(); err != nil {
			built.err = fmt.Errorf("%w: %s", err, out)
		}
	})
	if built.err != nil {
		tb.Fatal("build topout: ", built.err)
	}
	return built.path
}

// Start runs `topout serve` and returns when it is ready.
func Start(tb testing.TB, opts Options) *Topout {
	tb.Helper()
	if opts.Dir == "" {
		opts.Dir = tb.TempDir()
	}
	p := &Topout{tb: tb, opts: opts, Dir: opts.Dir, log: &logBuffer{}}
	tb.Cleanup(func() {
		p.Kill()
		if tb.Failed() {
			tb.Logf("topout's log:\n%s", p.log)
		}
	})
	p.Restart()
	return p
}

func (p *Topout) environment() []string {
	return append(append(os.Environ(), "TOPOUT_DATA="+p.opts.Dir, "TOPOUT_HTTP=127.0.0.1:0", "TOPOUT_MQTT_LISTEN=127.0.0.1:0",
		"TOPOUT_ADMIN_PASSWORD="+AdminPassword), p.opts.Env...)
}

// Restart starts the stopped or killed binary again on the same folder. Its
// addresses are new.
func (p *Topout) Restart() {
	p.tb.Helper()
	cmd := exec.Command(Binary(p.tb), append([]string{"serve"}, p.opts.Args...)...)
	cmd.Env = p.environment()
	cmd.Stderr = p.log
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		p.tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		p.tb.Fatal(err)
	}
	p.cmd, p.URL, p.MQTT, p.WebSocket = cmd, "", "", ""
	p.exited = make(chan struct{})
	ready := make(chan struct{})
	go func() {
		lines := bufio.NewScanner(stdout)
		for lines.Scan() {
			_, _ = p.log.Write(append(bytes.Clone(lines.Bytes()), '\n'))
			switch name, value, _ := strings.Cut(strings.TrimSpace(lines.Text()), " "); name {
			case "web":
				p.URL = strings.TrimSpace(value)
			case "mqtt":
				_, addr, _ := strings.Cut(strings.TrimSpace(value), "://")
				p.MQTT = "tcp://" + addr
			case "mqtt-ws":
				p.WebSocket = strings.TrimSpace(value)
			case "ready":
				close(ready)
			}
		}
	}()
	go func() {
		p.err = cmd.Wait()
		close(p.exited)
	}()
	select {
	case <-ready:
	case <-p.exited:
		p.tb.Fatalf("topout ended instead of starting: %v\n%s", p.err, p.log)
	case <-time.After(60 * time.Second):
		p.tb.Fatalf("topout is not ready after a minute\n%s", p.log)
	}
}

// Kill ends the binary at once (SIGKILL).
func (p *Topout) Kill() { _ = p.end(syscall.SIGKILL) }

// Stop ends the binary in order (SIGTERM) and gives its exit error.
func (p *Topout) Stop() error { return p.end(syscall.SIGTERM) }

func (p *Topout) end(signal syscall.Signal) error {
	if p.cmd == nil {
		return nil
	}
	_ = p.cmd.Process.Signal(signal)
	select {
	case <-p.exited:
	case <-time.After(30 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.exited
		p.err = errors.New("it did not stop within 30 seconds")
	}
	p.cmd = nil
	return p.err
}

// CLI runs another command of the binary on the same folder and gives its stdout.
func (p *Topout) CLI(args ...string) []byte {
	p.tb.Helper()
	out, errs, code := p.Command(args...)
	if code != 0 {
		p.tb.Fatalf("topout %s: exit %d: %s", strings.Join(args, " "), code, errs)
	}
	return out
}

// Command runs another command and gives stdout, stderr and the exit code.
func (p *Topout) Command(args ...string) (out, errs []byte, code int) {
	p.tb.Helper()
	cmd := exec.Command(Binary(p.tb), args...)
	cmd.Env = p.environment()
	var o, e bytes.Buffer
	cmd.Stdout, cmd.Stderr = &o, &e
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		code = exit.ExitCode()
	case err != nil:
		p.tb.Fatal(err)
	}
	return o.Bytes(), e.Bytes(), code
}

// Secret registers a device by the command line and gives its secret.
func (p *Topout) Secret(project, device, kind string) string {
	p.tb.Helper()
	var made struct{ Secret string }
	p.unmarshal(p.CLI("device", "add", device, "--project", project, "--kind", kind, "--json"), &made)
	return made.Secret
}

// Token makes a person with a role and gives an API token.
func (p *Topout) Token(login, role, project string) string {
	p.tb.Helper()
	args := []string{"user", "add", login, "--name", login, "--role", role, "--json"}
	if project != "" {
		args = append(args, "--project", project)
	}
	p.CLI(args...)
	var made struct{ Token string }
	p.unmarshal(p.CLI("token", "add", login, "--json"), &made)
	return made.Token
}

func (p *Topout) unmarshal(b []byte, into any) {
	p.tb.Helper()
	if err := json.Unmarshal(b, into); err != nil {
		p.tb.Fatalf("%v in %s", err, b)
	}
}

// Call makes a request to the API (path from /api/v1 on) with a bearer token and
// decodes the JSON answer into out, when out is not nil.
func (p *Topout) Call(ctx context.Context, token, method, path string, body, out any) (status int, err error) {
	var in io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return 0, err
		}
		in = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, p.URL+"/api/v1"+path, in)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Accept-Language", "en")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return res.StatusCode, err
	}
	if out != nil && res.StatusCode < 300 {
		return res.StatusCode, json.Unmarshal(b, out)
	}
	if res.StatusCode >= 300 {
		return res.StatusCode, fmt.Errorf("%s %s: %s: %s", method, path, res.Status, b)
	}
	return res.StatusCode, nil
}

// Log is what the binary has printed so far.
func (p *Topout) Log() string { return p.log.String() }

type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	const tail = 16 << 10
	s := l.b.String()
	return s[max(0, len(s)-tail):]
}

// Folder gives the commands of the binary on a folder where no server runs.
func Folder(tb testing.TB, dir string) *Topout {
	tb.Helper()
	return &Topout{tb: tb, opts: Options{Dir: dir}, Dir: dir, log: &logBuffer{}}
}
