package testserver

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"testing"
	"time"
)

// Mailbox is a running Mailpit: an SMTP server that keeps what it is sent. It
// takes any user name and password, and none.
type Mailbox struct {
	*Server
	SMTP string // host:port
	URL  string // base of its HTTP API and page
}

// Mail is one message that arrived.
type Mail struct {
	ID      string
	From    Address
	To      []Address
	Subject string
	Created time.Time
	Text    string // the plain body
	HTML    string
}

// Address is a mail address with its name.
type Address struct {
	Name    string
	Address string
}

// Mailpit starts a mail server.
func Mailpit(tb testing.TB) *Mailbox {
	tb.Helper()
	program := find(tb, "make tools", "mailpit")
	m := &Mailbox{}
	m.Server = launch(tb, func() *Server {
		dir := tb.TempDir()
		smtp, web := freeAddr(tb), freeAddr(tb)
		m.SMTP, m.URL = smtp, "http://"+web
		return &Server{
			name: "Mailpit", path: program,
			args: []string{
				"--smtp", smtp, "--listen", web, "--database", filepath.Join(dir, "mail.db"),
				"--smtp-auth-accept-any", "--smtp-auth-allow-insecure", "--smtp-disable-rdns",
				"--disable-version-check",
			},
			log: filepath.Join(dir, "log"),
			ready: func() error {
				if err := listens(smtp); err != nil {
					return err
				}
				return answers("http://" + web + "/readyz")
			},
		}
	})
	return m
}

// Messages lists what has arrived, newest first, with bodies.
func (m *Mailbox) Messages() ([]Mail, error) {
	var list struct {
		Messages []struct{ ID string }
	}
	if err := m.get("/api/v1/messages?limit=1000", &list); err != nil {
		return nil, err
	}
	mails := make([]Mail, 0, len(list.Messages))
	for _, entry := range list.Messages {
		var got struct {
			Mail
			Date time.Time
		}
		if err := m.get("/api/v1/message/"+entry.ID, &got); err != nil {
			return nil, err
		}
		got.Created = got.Date
		mails = append(mails, got.Mail)
	}
	return mails, nil
}

func (m *Mailbox) get(path string, into any) error {
	status, body, err := call(http.MethodGet, m.URL+path, "")
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("%s: status %d: %s", path, status, body)
	}
	if err != nil {
		return err
	}
	return json.Unmarshal(body, into)
}
