package alerts

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"topout/site"
)

// WebhookOptions say where a webhook goes.
type WebhookOptions struct {
	URL string // http or https
	// Secret signs the requests: whsec_ and base64 as in Standard Webhooks, or any
	// text. Empty: they are not signed.
	Secret string
	// AllowPrivate lets the URL lead to an address within the own network. It is
	// for URLs of the administrator's choice.
	AllowPrivate bool
}

// webhook posts CloudEvents (structured mode) signed after Standard Webhooks.
type webhook struct {
	url    string
	key    []byte
	client *http.Client
	now    func() time.Time
}

func newWebhook(o WebhookOptions, now func() time.Time) (*webhook, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("the webhook's URL is not http:// or https:// with a host")
	}
	w := &webhook{url: o.URL, now: now}
	if o.Secret != "" {
		w.key = []byte(o.Secret)
		if encoded, ok := strings.CutPrefix(o.Secret, "whsec_"); ok {
			if w.key, err = base64.StdEncoding.DecodeString(encoded); err != nil || len(w.key) == 0 {
				return nil, errors.New("the webhook's secret begins with whsec_, but what follows is not base64")
			}
		}
	}
	dialer := &net.Dialer{Timeout: 5 * time.Second}
	transport := &http.Transport{
		DialContext: dialer.DialContext, ForceAttemptHTTP2: true, MaxIdleConns: 4, IdleConnTimeout: 30 * time.Second,
		TLSHandshakeTimeout: 5 * time.Second, ResponseHeaderTimeout: sendTimeout,
	}
	if o.AllowPrivate {
		transport.Proxy = http.ProxyFromEnvironment
	} else {
		// After the name is resolved, so that no name can lead inside.
		dialer.Control = func(_, address string, _ syscall.RawConn) error { return onlyPublic(address) }
	}
	w.client = &http.Client{
		Transport: transport, Timeout: sendTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return w, nil
}

var errPrivate = errors.New("the address is not a public one")

func onlyPublic(address string) error {
	host, err := netip.ParseAddrPort(address)
	if err != nil {
		return errPrivate
	}
	ip := host.Addr().Unmap()
	shared := netip.PrefixFrom(netip.AddrFrom4([4]byte{100, 64}), 10) // RFC 6598, carriers' networks
	nat64 := netip.MustParsePrefix("64:ff9b::/96")                    // RFC 6052, leads to IPv4
	if !ip.IsGlobalUnicast() || ip.IsPrivate() || ip.IsLoopback() || shared.Contains(ip) || nat64.Contains(ip) {
		return errPrivate
	}
	return nil
}

func (w *webhook) parcels(notices []site.Notice) [][]site.Notice { return singly(notices) }

func (w *webhook) wait(string, time.Time) time.Duration { return 0 }

func (w *webhook) send(ctx context.Context, _ string, parcel []site.Notice) error {
	return w.post(ctx, parcel[0].ID, parcel[0].Payload)
}

func (w *webhook) test(ctx context.Context, _ site.Person, e Event) error {
	e.Data.Lang = ""
	body, err := json.Marshal(e)
	if err != nil {
		return err
	}
	return w.post(ctx, e.ID, body)
}

// post sends one event. The id stays the same when it is sent again, so that the
// receiver can leave out what it has.
func (w *webhook) post(ctx context.Context, id string, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url, strings.NewReader(string(body)))
	if err != nil {
		return unreachable(err)
	}
	at := strconv.FormatInt(w.now().Unix(), 10)
	req.Header.Set("Content-Type", "application/cloudevents+json; charset=utf-8")
	req.Header.Set("User-Agent", "topout")
	req.Header.Set("webhook-id", id)
	req.Header.Set("webhook-timestamp", at)
	if w.key != nil {
		req.Header.Set("webhook-signature", "v1,"+sign(w.key, id, at, body))
	}
	resp, err := w.client.Do(req)
	if err != nil {
		return unreachable(err)
	}
	defer resp.Body.Close()
	// Read a little, so that the connection can serve again.
	_, _ = io.CopyN(io.Discard, resp.Body, 16<<10)
	if resp.StatusCode >= 200 && resp.StatusCode < 300 {
		return nil
	}
	failed := &sendError{reason: site.Errorf(site.Unavailable, "alerts.webhook_status", "", "status", strconv.Itoa(resp.StatusCode))}
	switch resp.StatusCode {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		failed.only = true
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		failed.after = retryAfter(resp.Header.Get("Retry-After"), w.now())
	}
	return failed
}

// sign is the signature of Standard Webhooks: HMAC-SHA256 of id.timestamp.body.
func sign(key []byte, id, at string, body []byte) string {
	mac := hmac.New(sha256.New, key)
	for _, part := range []string{id, ".", at, "."} {
		mac.Write([]byte(part))
	}
	mac.Write(body)
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// unreachable keeps the URL, which may hold a secret, out of the error.
func unreachable(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	code := "alerts.webhook_unreachable"
	if errors.Is(err, errPrivate) {
		code = "alerts.webhook_private"
	}
	return &sendError{reason: &site.Error{Kind: site.Unavailable, Code: code, Cause: err}}
}

func retryAfter(header string, now time.Time) time.Duration {
	if seconds, err := strconv.Atoi(header); err == nil && seconds > 0 {
		return time.Duration(min(seconds, int(longestWait/time.Second))) * time.Second
	}
	if at, err := http.ParseTime(header); err == nil && at.After(now) {
		return at.Sub(now)
	}
	return 0
}

// publisher publishes events at the broker; the target is the topic.
type publisher struct{ Publisher }

func (p publisher) parcels(notices []site.Notice) [][]site.Notice { return singly(notices) }

func (p publisher) wait(string, time.Time) time.Duration { return 0 }

func (p publisher) send(ctx context.Context, target string, parcel []site.Notice) error {
	return p.publish(ctx, target, parcel[0].Payload)
}

func (p publisher) test(ctx context.Context, _ site.Person, e Event) error {
	e.Data.Lang = ""
	body, err := json.Marshal(e)
	if err != nil {
		return err
	}
	return p.publish(ctx, testTopic, body)
}

// testTopic is outside of any project's topics.
const testTopic = "topout/v1/-/alerts/info"

func (p publisher) publish(ctx context.Context, topic string, payload []byte) error {
	if err := p.Publish(ctx, topic, payload); err != nil {
		return &sendError{reason: &site.Error{Kind: site.Unavailable, Code: "alerts.mqtt_failed", Cause: err}}
	}
	return nil
}

func singly(notices []site.Notice) [][]site.Notice {
	list := make([][]site.Notice, len(notices))
	for i := range notices {
		list[i] = notices[i : i+1]
	}
	return list
}
