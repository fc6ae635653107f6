package alerts

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/wneessen/go-mail"
	"golang.org/x/time/rate"

	"topout/internal/text"
	"topout/site"
)

// MailOptions say how mail is sent.
type MailOptions struct {
	// URL is smtp://user:pass@host:587, with STARTTLS as soon as there is a user,
	// or smtps://user:pass@host:465.
	URL  string
	From string // required with URL: an address, with or without a name
}

// The pace of mail to one address. What gathers meanwhile goes out as one mail.
const (
	mailBurst   = 5
	mailEvery   = 30 * time.Second
	digestAbove = 3
	digestLines = 50
)

// mailer sends mail.
type mailer struct {
	client  *mail.Client
	from    string
	secrets []string
	texts   *text.Catalogue
	now     func() time.Time

	mu    sync.Mutex
	paces map[string]*rate.Limiter // by address
}

func newMailer(o MailOptions, texts *text.Catalogue, now func() time.Time) (*mailer, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Hostname() == "" || u.Scheme != "smtp" && u.Scheme != "smtps" {
		return nil, errors.New("the mail server's URL is not smtp://… or smtps://… with a host")
	}
	if err := mail.NewMsg().From(o.From); err != nil {
		return nil, errors.New("the sender's address of mail cannot be read")
	}
	options := []mail.Option{mail.WithTimeout(sendTimeout)}
	password, _ := u.User.Password()
	user := u.User.Username()
	local := u.Hostname() == "localhost" || net.ParseIP(u.Hostname()).IsLoopback()
	port := 587
	switch {
	case u.Scheme == "smtps":
		port = 465
		options = append(options, mail.WithSSL())
	case user != "" && !local:
		options = append(options, mail.WithTLSPolicy(mail.TLSMandatory))
	default:
		options = append(options, mail.WithTLSPolicy(mail.TLSOpportunistic))
	}
	if p := u.Port(); p != "" {
		if port, err = strconv.Atoi(p); err != nil {
			return nil, errors.New("the mail server's port is not a number")
		}
	}
	options = append(options, mail.WithPort(port))
	if user != "" {
		auth := mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover)
		if local && u.Scheme == "smtp" { // the password does not leave the machine
			auth = mail.WithOpportunisticSMTPAuth(mail.SMTPAuthPlain, mail.SMTPAuthLogin)
		}
		options = append(options, auth, mail.WithUsername(user), mail.WithPassword(password))
	}
	client, err := mail.NewClient(u.Hostname(), options...)
	if err != nil {
		return nil, errors.New("the mail server's URL cannot be used")
	}
	m := &mailer{client: client, from: o.From, texts: texts, now: now, paces: make(map[string]*rate.Limiter)}
	for _, secret := range []string{password, url.QueryEscape(password), o.URL} {
		if secret != "" {
			m.secrets = append(m.secrets, secret)
		}
	}
	return m, nil
}

// parcels makes one mail of what is due for an address when it is much.
func (m *mailer) parcels(notices []site.Notice) [][]site.Notice {
	if len(notices) > digestAbove {
		return [][]site.Notice{notices}
	}
	return singly(notices)
}

// wait holds the pace of an address.
func (m *mailer) wait(target string, now time.Time) time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	pace := m.paces[target]
	if pace == nil {
		pace = rate.NewLimiter(rate.Every(mailEvery), mailBurst)
		m.paces[target] = pace
	}
	r := pace.ReserveN(now, 1)
	wait := r.DelayFrom(now)
	if wait > 0 {
		r.CancelAt(now)
	}
	return wait
}

func (m *mailer) send(ctx context.Context, target string, parcel []site.Notice) error {
	events := make([]Event, 0, len(parcel))
	for _, n := range parcel {
		var e Event
		if err := json.Unmarshal(n.Payload, &e); err != nil {
			return &sendError{reason: &site.Error{Kind: site.Internal, Code: "alerts.send_failed", Cause: err}, only: true}
		}
		events = append(events, e)
	}
	first := parcel[0]
	if len(events) == 1 {
		return m.mail(ctx, target, letter{id: first.ID, thread: first.Issue, subject: m.subject(events[0]), body: m.body(events[0])})
	}
	return m.mail(ctx, target, m.digest(first.ID, events))
}

func (m *mailer) test(ctx context.Context, to site.Person, e Event) error {
	if to.Mail == "" {
		return &sendError{reason: site.Errorf(site.Invalid, "alerts.mail_no_address", "")}
	}
	lang := e.Data.Lang
	return m.mail(ctx, to.Mail, letter{
		id: e.ID, subject: m.texts.Say(lang, "alerts.test.title", nil),
		body: m.texts.Say(lang, "alerts.test.body", map[string]string{"link": e.Data.URL}),
	})
}

// letter is one mail.
type letter struct{ id, thread, subject, body string }

func (m *mailer) mail(ctx context.Context, to string, l letter) error {
	msg := mail.NewMsg()
	if err := msg.From(m.from); err != nil {
		return m.failed(err, false)
	}
	if err := msg.To(to); err != nil {
		return m.failed(errors.New("the recipient's address cannot be read"), true)
	}
	msg.Subject(oneLine(l.subject))
	msg.SetDateWithValue(m.now())
	msg.SetMessageIDWithValue(l.id + "@topout") // the same when it is sent again
	if l.thread != "" {
		// Mail programs keep the mails of one issue together.
		msg.SetGenHeader(mail.HeaderReferences, "<"+l.thread+"@topout>")
	}
	msg.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: no answers, please
	msg.SetBodyString(mail.TypeTextPlain, l.body)
	if err := m.client.DialAndSendWithContext(ctx, msg); err != nil {
		return m.failed(err, refusesContent(err))
	}
	return nil
}

// refusesContent reports whether the server has refused this mail for good, but
// not its sender or recipient.
func refusesContent(err error) bool {
	var e *mail.SendError
	if !errors.As(err, &e) || e.IsTemp() {
		return false
	}
	return e.Reason == mail.ErrSMTPData || e.Reason == mail.ErrSMTPDataClose || e.Reason == mail.ErrNoUnencoded
}

func (m *mailer) failed(err error, only bool) error {
	problem := err.Error()
	for _, s := range m.secrets {
		problem = strings.ReplaceAll(problem, s, "…")
	}
	return &sendError{reason: &site.Error{Kind: site.Unavailable, Code: "alerts.mail_failed", Cause: errors.New(oneLine(problem))}, only: only}
}

func (m *mailer) subject(e Event) string {
	lang := e.Data.Lang
	return m.texts.Say(lang, "alerts.mail.subject."+e.Data.Event, m.params(lang, e))
}

func (m *mailer) body(e Event) string {
	lang := e.Data.Lang
	return m.texts.Say(lang, "alerts.mail.body", m.params(lang, e))
}

func (m *mailer) params(lang text.Lang, e Event) map[string]string {
	d := e.Data
	p := map[string]string{
		"project": d.ProjectName, "title": d.Titles[lang], "detail": d.Details[lang], "link": d.URL, "due": d.Due,
		"severity": "", "state": "", "note": "", "by": "", "assignee": "",
	}
	if d.Issue != nil {
		p["severity"] = SeverityName(m.texts, lang, d.Issue.Severity)
		p["state"] = StateName(m.texts, lang, d.Issue.State)
		p["assignee"] = d.Issue.Assignee
		if d.Issue.State == site.StateClosed {
			p["due"] = ""
		}
	}
	if d.Move != nil {
		p["note"], p["by"] = d.Move.Notes[lang], d.Move.By
		if d.Move.By == site.System {
			p["by"] = ""
		}
	}
	return p
}

// digest is one mail about many changes.
func (m *mailer) digest(id string, events []Event) letter {
	lang := events[0].Data.Lang
	projects := make([]string, 0, 1)
	lines := make([]string, 0, len(events))
	for _, e := range events {
		if !slices.Contains(projects, e.Data.ProjectName) {
			projects = append(projects, e.Data.ProjectName)
		}
		if len(lines) < digestLines {
			lines = append(lines, m.texts.Say(lang, "alerts.mail.line", map[string]string{"subject": m.subject(e), "link": e.Data.URL}))
		}
	}
	params := map[string]string{
		"project": strings.Join(projects, m.texts.Say(lang, "alerts.list.separator", nil)),
		"Count":   strconv.Itoa(len(events)), "lines": strings.Join(lines, "\n"), "more": "",
	}
	if rest := len(events) - len(lines); rest > 0 {
		params["more"] = m.texts.Say(lang, "alerts.mail.more", map[string]string{"Count": strconv.Itoa(rest)})
	}
	return letter{id: id, subject: m.texts.Say(lang, "alerts.mail.subject.digest", params), body: m.texts.Say(lang, "alerts.mail.digest", params)}
}

// oneLine takes out what could end a header line, and bounds its length.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, s)
	if r := []rune(s); len(r) > 200 {
		s = string(r[:199]) + "…"
	}
	return s
}

// sortByChange puts notices in the order in which they were queued.
func sortByChange(notices []site.Notice) {
	slices.SortFunc(notices, func(a, b site.Notice) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), strings.Compare(a.ID, b.ID))
	})
}

// join makes one list of parcels.
func join(parcels [][]site.Notice) []site.Notice { return slices.Concat(parcels...) }
