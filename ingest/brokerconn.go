package ingest

import (
	"bufio"
	"context"
	"crypto/tls"
	"net"
	"net/url"
	"sync"
	"time"
)

// batchedConn spares system calls. paho reads the one or two bytes of a packet's
// header one at a time, and writes each acknowledgement by itself: on a busy
// connection that is most of its work. Reads are buffered; writes are gathered
// while the write before is under way, and never wait for company.
type batchedConn struct {
	net.Conn
	in *bufio.Reader

	mu      sync.Mutex
	room    sync.Cond // signalled when out was handed to the connection
	out     []byte
	writing bool
	closing bool
	err     error // of a write; the next Write and Close return it
}

// mostUnwritten bounds what waits to be written.
const mostUnwritten = 64 << 10

func newBatchedConn(c net.Conn) *batchedConn {
	b := &batchedConn{Conn: c, in: bufio.NewReaderSize(c, 64<<10)}
	b.room.L = &b.mu
	return b
}

// Read gives what was read ahead.
func (b *batchedConn) Read(p []byte) (int, error) { return b.in.Read(p) }

// Write takes p over; it is sent at once, or with what follows while another is
// being sent.
func (b *batchedConn) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.out) > mostUnwritten && b.err == nil {
		b.room.Wait()
	}
	if b.err != nil {
		return 0, b.err
	}
	b.out = append(b.out, p...)
	if !b.writing {
		b.writing = true
		go b.flush()
	}
	return len(p), nil
}

// flush writes until nothing is left.
func (b *batchedConn) flush() {
	b.mu.Lock()
	defer b.mu.Unlock()
	var spare []byte
	for len(b.out) > 0 && b.err == nil {
		out := b.out
		b.out = spare[:0]
		b.room.Broadcast()
		limit := connectWait
		if b.closing {
			limit = time.Second
		}
		b.mu.Unlock()
		_ = b.Conn.SetWriteDeadline(time.Now().Add(limit)) // fails only when closed, as the write does
		_, err := b.Conn.Write(out)
		b.mu.Lock()
		b.err, spare = err, out
	}
	b.writing = false
	b.room.Broadcast()
}

// SetWriteDeadline does nothing: each write has a limit of its own.
func (b *batchedConn) SetWriteDeadline(time.Time) error { return nil }

// Close sends what was taken over, for a moment at most, and closes.
func (b *batchedConn) Close() error {
	b.mu.Lock()
	b.closing = true
	_ = b.Conn.SetWriteDeadline(time.Now().Add(time.Second))
	for b.writing {
		b.room.Wait()
	}
	b.mu.Unlock()
	return b.Conn.Close()
}

// dialBroker connects to a tcp or ssl address.
func dialBroker(ctx context.Context, u *url.URL, conf *tls.Config) (net.Conn, error) {
	d := &net.Dialer{Timeout: connectWait, KeepAlive: keepAlive}
	if u.Scheme != "ssl" {
		c, err := d.DialContext(ctx, "tcp", u.Host)
		if err != nil {
			return nil, err
		}
		return newBatchedConn(c), nil
	}
	ctx, cancel := context.WithTimeout(ctx, connectWait)
	defer cancel()
	c, err := (&tls.Dialer{NetDialer: d, Config: conf}).DialContext(ctx, "tcp", u.Host)
	if err != nil {
		return nil, err
	}
	return newBatchedConn(c), nil
}
