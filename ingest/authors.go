package ingest

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

const (
	// authorsAccount and authorsUser are how reports come to authors; the user name
	// is no valid id, so that no device or person can have it.
	authorsAccount = "AUTHORS"
	authorsUser    = "$topout.authors"
	// publisherHeader is where nats-server names the publisher.
	publisherHeader = "Nats-Request-Info"

	// authorWait bounds the wait for the author of a report that is in the stream
	// already; the author is told before, by another way.
	authorWait = 250 * time.Millisecond
	// authorsKept bounds what is remembered.
	authorsKept = 10_000
)

// authors remembers who published a report at the embedded broker. The broker's
// stream keeps topic and payload only; but what crosses from one account of
// nats-server to another by a service import names its publisher, so each report
// crosses once, beside its way into the stream. What was published before this
// process started has no author here.
type authors struct {
	since time.Time
	now   func() time.Time

	mu    sync.Mutex
	by    map[[sha256.Size]byte]string
	order [][sha256.Size]byte
	news  chan struct{} // closed and made anew when an author is noted
}

func newAuthors(now func() time.Time) *authors {
	return &authors{since: now(), now: now, by: make(map[[sha256.Size]byte]string), news: make(chan struct{})}
}

func reportKey(topic string, payload []byte) [sha256.Size]byte {
	h := sha256.New()
	h.Write([]byte(topic))
	h.Write([]byte{0})
	h.Write(payload)
	return [sha256.Size]byte(h.Sum(nil))
}

func (a *authors) note(topic string, payload []byte, user string) {
	key := reportKey(topic, payload)
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, known := a.by[key]; !known {
		a.order = append(a.order, key)
	}
	a.by[key] = user
	if len(a.order) > authorsKept {
		delete(a.by, a.order[0])
		a.order = a.order[1:]
	}
	close(a.news)
	a.news = make(chan struct{})
}

// of gives the login of who published a report, empty when that is not known.
func (a *authors) of(topic string, payload []byte, arrived time.Time) string {
	if a == nil {
		return ""
	}
	key := reportKey(topic, payload)
	limit := time.NewTimer(authorWait)
	defer limit.Stop()
	for {
		a.mu.Lock()
		user, news := a.by[key], a.news
		a.mu.Unlock()
		if user != "" || arrived.Before(a.since) {
			return user
		}
		select {
		case <-news:
		case <-limit.C:
			return ""
		}
	}
}

// listen has the embedded broker tell who publishes reports.
func (a *authors) listen(e *embedded) (*nats.Conn, error) {
	var subjects []string
	for _, kind := range []string{kindProgress, kindChecks} {
		subjects = append(subjects, "topout.v1.*."+kind+".*")
	}
	everybody := e.srv.GlobalAccount()
	for _, subject := range subjects {
		if err := e.authors.AddServiceExport(subject, []*server.Account{everybody}); err != nil {
			return nil, fmt.Errorf("authors: %w", err)
		}
		if err := everybody.AddServiceImport(e.authors, subject, subject); err != nil {
			return nil, fmt.Errorf("authors: %w", err)
		}
		if err := everybody.SetServiceImportSharing(e.authors, subject, true); err != nil {
			return nil, fmt.Errorf("authors: %w", err)
		}
	}
	conn, err := e.connect(authorsUser)
	if err != nil {
		return nil, fmt.Errorf("authors: %w", err)
	}
	for _, subject := range subjects {
		if _, err := conn.Subscribe(subject, func(m *nats.Msg) {
			var publisher struct{ User string }
			if json.Unmarshal([]byte(m.Header.Get(publisherHeader)), &publisher) == nil && publisher.User != "" {
				a.note(topicOf(m.Subject), m.Data, publisher.User)
			}
		}); err != nil {
			return nil, fmt.Errorf("authors: %w", err)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), publishTimeout)
	defer cancel()
	return conn, conn.FlushWithContext(ctx)
}
