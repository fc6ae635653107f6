// Package testserver starts the real servers that Topout works with, for tests:
// InfluxDB 1.8 and 2, Mosquitto and Mailpit. Each runs in a folder and on ports
// of its own and is stopped when its test ends; a test may stop it and start it
// again, to see what an outage does.
//
// Programs are looked for in TOPOUT_TOOLS (unset: topout/bin in the user's cache
// folder), then in PATH. A test whose server is not there is skipped and says
// what installs it; where CI is "true" it fails instead.
package testserver

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
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

const (
	readyWithin = 60 * time.Second // a loaded machine is slow to start a server
	stopWithin  = 20 * time.Second
)

// Server is one running program. Its methods are for the test's own goroutine.
type Server struct {
	tb    testing.TB
	name  string
	path  string
	args  []string
	env   []string
	log   string       // file with all that it printed
	ready func() error // nil once it serves

	mu   sync.Mutex
	cmd  *exec.Cmd
	done chan struct{} // closed when the process has ended
}

// Start starts the program again, in the same folder and on the same port, and
// returns when it serves.
func (s *Server) Start() {
	s.tb.Helper()
	if err := s.start(); err != nil {
		s.tb.Fatalf("%v\n%s", err, s.tail())
	}
}

// Stop ends the program in an orderly way and waits until it is gone.
func (s *Server) Stop() {
	s.tb.Helper()
	s.end(syscall.SIGTERM)
}

// Kill ends the program as a power cut would and waits until it is gone.
func (s *Server) Kill() {
	s.tb.Helper()
	s.end(syscall.SIGKILL)
}

// PID is the id of the running process, 0 when it is stopped.
func (s *Server) PID() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return 0
	}
	return s.cmd.Process.Pid
}

func (s *Server) start() error {
	s.mu.Lock()
	if s.cmd != nil {
		s.mu.Unlock()
		return fmt.Errorf("%s runs already", s.name)
	}
	out, err := os.OpenFile(s.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		s.mu.Unlock()
		return err
	}
	defer func() { _ = out.Close() }()                                  // the process has its own handle
	cmd := exec.CommandContext(context.Background(), s.path, s.args...) // it ends by end
	cmd.Env = append(os.Environ(), s.env...)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		s.mu.Unlock()
		return fmt.Errorf("start %s: %w", s.name, err)
	}
	done := make(chan struct{})
	go func() {
		_ = cmd.Wait() // how it ended stands in its log
		close(done)
	}()
	s.cmd, s.done = cmd, done
	s.mu.Unlock()

	deadline := time.Now().Add(readyWithin)
	for {
		err := s.ready()
		if err == nil {
			return nil
		}
		select {
		case <-done:
			s.end(syscall.SIGKILL)
			return fmt.Errorf("%s ended before it served", s.name)
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			s.end(syscall.SIGKILL)
			return fmt.Errorf("%s does not serve after %s: %w", s.name, readyWithin, err)
		}
	}
}

func (s *Server) end(sig syscall.Signal) {
	s.mu.Lock()
	cmd, done := s.cmd, s.done
	s.cmd, s.done = nil, nil
	s.mu.Unlock()
	if cmd == nil {
		return
	}
	_ = cmd.Process.Signal(sig) // fails only when it has ended already
	select {
	case <-done:
	case <-time.After(stopWithin):
		_ = cmd.Process.Kill()
		<-done
	}
}

// tail is the end of the program's log.
func (s *Server) tail() string {
	b, err := os.ReadFile(s.log)
	if err != nil {
		return err.Error()
	}
	const most = 6000
	if len(b) > most {
		b = b[len(b)-most:]
	}
	return "log of " + s.name + ":\n" + string(b)
}

// launch starts a program for the first time. When another process took its
// ports meanwhile, it is given others: prepare is asked for a new Server.
func launch(tb testing.TB, prepare func() *Server) *Server {
	tb.Helper()
	for try := 1; ; try++ {
		s := prepare()
		s.tb = tb
		err := s.start()
		if err == nil {
			tb.Cleanup(func() {
				s.end(syscall.SIGTERM)
				if tb.Failed() {
					tb.Log(s.tail())
				}
			})
			return s
		}
		if try == 3 {
			tb.Fatalf("%v\n%s", err, s.tail())
		}
	}
}

// find gives the path of the first of the named programs that is there.
func find(tb testing.TB, install string, names ...string) string {
	tb.Helper()
	for _, name := range names {
		for _, dir := range []string{toolsDir(), "/usr/sbin"} {
			path := filepath.Join(dir, name)
			if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
				return path
			}
		}
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	text := fmt.Sprintf("no %s in %s nor in PATH: install it by `%s`", strings.Join(names, ", "), toolsDir(), install)
	if os.Getenv("CI") == "true" {
		tb.Fatal(text)
	}
	tb.Skip("SKIPPED, NOT TESTED: " + text)
	return ""
}

func toolsDir() string {
	if dir := os.Getenv("TOPOUT_TOOLS"); dir != "" {
		return dir
	}
	cache := os.Getenv("XDG_CACHE_HOME")
	if cache == "" {
		cache = filepath.Join(os.Getenv("HOME"), ".cache")
	}
	return filepath.Join(cache, "topout", "bin")
}

// freeAddr is a local address that nobody listens on. Its port is below the
// range that systems give to outgoing connections, so that none of these takes
// it while its server is stopped.
func freeAddr(tb testing.TB) string {
	tb.Helper()
	for range 1000 {
		addr := fmt.Sprintf("127.0.0.1:%d", 18000+rand.IntN(14000))
		l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", addr)
		if err != nil {
			continue
		}
		if err := l.Close(); err == nil {
			return addr
		}
	}
	tb.Fatal("no free port found")
	return ""
}

// call makes a request and gives the answer's status and body. It leaves no
// connection behind, so that tests can look for leaks.
func call(method, url, body string, prepare ...func(*http.Request)) (int, []byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Close = true
	for _, p := range prepare {
		p(req)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return res.StatusCode, b, err
}

// answers is nil when url answers below 400.
func answers(url string) error {
	status, _, err := call(http.MethodGet, url, "")
	if err == nil && status >= 400 {
		err = fmt.Errorf("status %d", status)
	}
	return err
}

// listens is nil when something accepts connections at addr.
func listens(addr string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	return c.Close()
}

// Eventually waits until try returns nil, and ends the test when that has not
// come within the time; what says what is waited for.
func Eventually(tb testing.TB, within time.Duration, what string, try func() error) {
	tb.Helper()
	deadline := time.Now().Add(within)
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			tb.Fatalf("%s: not within %s: %v", what, within, err)
		}
		time.Sleep(pause)
	}
}
