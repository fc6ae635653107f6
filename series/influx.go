package series

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	influxdb2 "github.com/influxdata/influxdb-client-go/v2"
	"github.com/influxdata/influxdb-client-go/v2/api"
	ihttp "github.com/influxdata/influxdb-client-go/v2/api/http"

	"topout/site"
)

const (
	writeTimeout = 30 * time.Second
	queryTimeout = 60 * time.Second
	checkTimeout = 5 * time.Second
)

// InfluxOptions says where InfluxDB is.
type InfluxOptions struct {
	URL    string // required; a user and password in it are taken as Token when that is empty
	Token  string // 1.8: user:password
	Org    string // required for InfluxDB 2
	Bucket string // required; 1.8: database/retention policy
}

// Influx is a store in InfluxDB 2, or 1.8 by its compatibility API.
//
// Raw readings live as long as Prune lets them; the bucket's own retention
// should be infinite, or it takes the roll-ups too. Roll-ups are points of the
// measurement reading_1h with the tags project, device and metric and the fields
// min, mean, max and count; Prune writes them before it deletes raw readings,
// and never changes one.
//
// Bodies are sent as they are: gzip would cost more CPU than the rest of a write
// together (BenchmarkWriteInflux), and a site's points are few for any line.
type Influx struct {
	opts   InfluxOptions
	client influxdb2.Client
	http   *http.Client
	writer api.WriteAPIBlocking
	query  api.QueryAPI
	secret *strings.Replacer // takes the token out of texts
	major  atomic.Int32      // version of InfluxDB; 0: not asked yet
}

// OpenInflux sets up a store. InfluxDB need not be there yet: Check says whether it is.
func OpenInflux(opts InfluxOptions) (*Influx, error) {
	u, err := url.Parse(opts.URL)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, site.Errorf(site.Invalid, "series.bad_url", "TOPOUT_INFLUX_URL")
	}
	if u.User != nil {
		if opts.Token == "" {
			opts.Token = u.User.String()
			if pass, ok := u.User.Password(); ok {
				opts.Token = u.User.Username() + ":" + pass
			}
		}
		u.User = nil
		opts.URL = u.String()
	}
	if opts.Bucket == "" {
		return nil, site.Errorf(site.Invalid, "series.no_bucket_set", "TOPOUT_INFLUX_BUCKET")
	}
	// Timeouts come with each call's context; the client's would hold for all alike.
	transport := &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		TLSHandshakeTimeout: 5 * time.Second,
		MaxIdleConnsPerHost: 8,
		IdleConnTimeout:     90 * time.Second,
	}
	s := &Influx{opts: opts, http: &http.Client{Transport: transport}, secret: strings.NewReplacer()}
	if opts.Token != "" {
		s.secret = strings.NewReplacer(opts.Token, "***", url.QueryEscape(opts.Token), "***")
	}
	clientOpts := influxdb2.DefaultOptions().SetHTTPClient(s.http).SetApplicationName("topout").SetPrecision(time.Nanosecond)
	s.client = influxdb2.NewClientWithOptions(opts.URL, opts.Token, clientOpts)
	s.writer = s.client.WriteAPIBlocking(opts.Org, opts.Bucket)
	s.query = s.client.QueryAPI(opts.Org)
	return s, nil
}

// Close ends the connections.
func (s *Influx) Close() error {
	s.client.Close()
	s.http.CloseIdleConnections()
	return nil
}

// Check is nil when InfluxDB answers a query on the bucket.
func (s *Influx) Check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	f, err := s.flux(ctx)
	if err != nil {
		return err
	}
	return s.rows(ctx, f.check(), func(row) {})
}

// flux writes queries for the InfluxDB that this is.
func (s *Influx) flux(ctx context.Context) (flux, error) {
	one, err := s.isVersion1(ctx)
	return flux{bucket: s.opts.Bucket, version1: one}, err
}

// isVersion1 asks, once, which InfluxDB this is: 1.x answers a verbose ping with
// a body, 2 without. The version that they tell may be any text.
func (s *Influx) isVersion1(ctx context.Context) (bool, error) {
	if known := s.major.Load(); known > 0 {
		return known == 1, nil
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.client.HTTPService().ServerURL()+"ping?verbose=true", nil)
	if err != nil {
		return false, s.explain(err)
	}
	major := int32(2)
	if err := s.call(req, func(res *http.Response) {
		if res.StatusCode == http.StatusOK {
			major = 1
		}
	}); err != nil {
		return false, s.explain(err)
	}
	s.major.Store(major)
	return major == 1, nil
}

// call sends a request that the client has no method for.
func (s *Influx) call(req *http.Request, answer func(*http.Response)) error {
	err := s.client.HTTPService().DoHTTPRequest(req, nil, func(res *http.Response) error {
		answer(res)
		return res.Body.Close()
	})
	if err != nil { // not a nil *Error in an error
		return err
	}
	return nil
}

// verdict is what an answer to a write means.
type verdict int

const (
	written  verdict = iota
	tooLarge         // send it in parts
	badLine          // some line can never be stored
	hold             // keep all and try again
)

func judge(status int) verdict {
	switch {
	case status >= 200 && status < 300:
		return written
	case status == http.StatusRequestEntityTooLarge:
		return tooLarge
	case status == http.StatusBadRequest, status == http.StatusUnprocessableEntity:
		return badLine
	}
	return hold // 429, 5xx, no connection; 401, 403 and 404, which people can put right
}

// statusOf is the HTTP status that an error of the client carries, 0 when
// InfluxDB did not answer.
func statusOf(err error) int {
	if err == nil {
		return http.StatusNoContent
	}
	var answer *ihttp.Error
	if errors.As(err, &answer) {
		return answer.StatusCode
	}
	return 0
}

// explain makes of a failed call what can be shown to people, without the token.
func (s *Influx) explain(err error) *site.Error {
	status := statusOf(err)
	var e *site.Error
	switch status {
	case 0:
		e = site.Errorf(site.Unavailable, "series.unreachable", "", "url", s.opts.URL)
	case http.StatusUnauthorized, http.StatusForbidden:
		e = site.Errorf(site.Unavailable, "series.denied", "", "url", s.opts.URL)
	case http.StatusNotFound:
		e = site.Errorf(site.Unavailable, "series.no_bucket", "", "bucket", s.opts.Bucket, "org", s.opts.Org)
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		e = site.Errorf(site.Unavailable, "series.busy", "", "url", s.opts.URL)
	default:
		e = site.Errorf(site.Unavailable, "series.unexpected", "", "status", strconv.Itoa(status))
	}
	e.Cause = s.redact(err)
	return e
}

// redact is err as a text without the token. What the error wraps is dropped but
// for an end of the context, which callers look for.
func (s *Influx) redact(err error) error {
	said := errors.New(s.reason(err))
	for _, end := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, end) {
			return fmt.Errorf("%w: %w", said, end)
		}
	}
	return said
}

// reason is what InfluxDB said, without the token.
func (s *Influx) reason(err error) string { return shorten(s.secret.Replace(err.Error())) }

// retry tells the caller to keep its points.
func (s *Influx) retry(err error) *RetryError {
	return &RetryError{After: retryAfter(err, time.Now()), Err: s.explain(err)}
}

// retryAfter reads the answer's Retry-After (RFC 9110, 10.2.3): seconds or a date.
func retryAfter(err error, now time.Time) time.Duration {
	var answer *ihttp.Error
	if !errors.As(err, &answer) {
		return 0
	}
	if answer.RetryAfter > 0 {
		return time.Duration(answer.RetryAfter) * time.Second
	}
	if at, err := http.ParseTime(answer.Header.Get("Retry-After")); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}
