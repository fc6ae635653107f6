package testserver

import (
	"path/filepath"
	"testing"
)

// Command runs any server that listens on addr, e.g. one that a file of deploy/
// starts. It is stopped by its own process id.
func Command(tb testing.TB, addr, path string, args, env []string) *Server {
	tb.Helper()
	dir := tb.TempDir()
	return launch(tb, func() *Server {
		return &Server{name: filepath.Base(path), path: path, args: args, env: env, log: filepath.Join(dir, "log"), ready: func() error { return listens(addr) }}
	})
}

// FreeAddr is a free host:port on the loopback.
func FreeAddr(tb testing.TB) string {
	tb.Helper()
	return freeAddr(tb)
}
