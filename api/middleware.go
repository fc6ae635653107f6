package api

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"time"
	"unicode/utf8"

	"topout/internal/text"
)

// base is where the API of this version stands.
const base = "/api/v1"

// request is what the layers around a request tell one another.
type request struct {
	lang   text.Lang
	chosen bool   // the client named a language
	route  string // the pattern that matched, for logs and metrics
	// address is the client's, without its port; tls says that it came by TLS.
	address string
	tls     bool
}

// prefer takes a person's language unless the client named one.
func (r *request) prefer(lang string) {
	if !r.chosen && lang != "" {
		r.lang = text.Lang(lang)
	}
}

func requestOf(ctx context.Context) *request {
	if r, ok := ctx.Value(requestKey).(*request); ok {
		return r
	}
	return &request{lang: text.Chinese}
}

// chain puts what every request passes around the router.
func (s *Server) chain(router http.Handler) http.Handler {
	origin := http.NewCrossOriginProtection()
	origin.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.write(w, r, s.problem(requestOf(r.Context()).lang, http.StatusForbidden, "api.cross_origin", nil))
	}))
	inner := origin.Handler(router)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		accept := r.Header.Get("Accept-Language")
		info := &request{lang: s.texts.Match(accept), chosen: accept != "", route: "unmatched", address: address(r), tls: r.TLS != nil}
		r = r.WithContext(context.WithValue(r.Context(), requestKey, info))
		rec := &recorder{ResponseWriter: w}
		if r.Method == http.MethodHead && strings.HasPrefix(r.URL.Path, base) && r.URL.Path != routeEvents {
			r.Method = http.MethodGet // net/http leaves the body out by itself
		}
		started := time.Now()
		defer func() {
			if p := recover(); p != nil {
				s.recovered(rec, r, p)
			}
			s.metrics.request(r.Method, info.route, rec.code(), time.Since(started))
		}()
		setHeaders(w.Header(), r)
		inner.ServeHTTP(rec, r)
	})
}

// recovered answers for a handler that panicked. An aborted one stays aborted:
// the answer was begun, and cutting the connection tells the client.
func (s *Server) recovered(w *recorder, r *http.Request, p any) {
	if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(p)
	}
	s.log.ErrorContext(r.Context(), "request panicked", "route", requestOf(r.Context()).route, "panic", p, "stack", string(debug.Stack()))
	if w.status != 0 {
		panic(http.ErrAbortHandler)
	}
	s.write(w, r, s.problem(requestOf(r.Context()).lang, http.StatusInternalServerError, "error.internal", nil))
}

// vary names what an answer of the API depends on.
const vary = "Accept-Language, Authorization, Cookie"

// policy lets the web app load from here only. Vant and uPlot set styles on elements.
const policy = "default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; font-src 'self' data:; " +
	"worker-src 'self' blob:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"

func setHeaders(h http.Header, r *http.Request) {
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Permissions-Policy", "geolocation=(), microphone=(), payment=()")
	if r.TLS != nil {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
	if isAPI(r.URL.Path) {
		h.Set("Cache-Control", "no-store")
		h.Set("Vary", vary)
	}
}

func isAPI(path string) bool { return path == "/api" || strings.HasPrefix(path, "/api/") }

// cleanText reports whether s is text that every store can keep.
func cleanText(s string) bool { return utf8.ValidString(s) && !strings.ContainsRune(s, 0) }

// cleanQuery reports whether all parameters can be read.
func cleanQuery(r *http.Request) bool {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return false
	}
	for name, all := range values {
		for _, v := range append(all, name) {
			if !cleanText(v) {
				return false
			}
		}
	}
	return true
}

// address is the client's address without its port.
func address(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// recorder remembers the status that was sent.
type recorder struct {
	http.ResponseWriter
	status int
}

// WriteHeader, Write, Flush and Unwrap are what http.ResponseController and gin ask for.
func (r *recorder) WriteHeader(status int) {
	if r.status == 0 && status >= 200 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	return r.ResponseWriter.Write(b)
}

// Flush sends what was written so far.
func (r *recorder) Flush() {
	if f, ok := r.ResponseWriter.(http.Flusher); ok {
		f.Flush()
	}
}

// Unwrap is for http.ResponseController.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

func (r *recorder) code() int {
	if r.status == 0 {
		return http.StatusOK
	}
	return r.status
}
