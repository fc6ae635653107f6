package api

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"

	"topout/site"
)

// Limits of a request's body.
const (
	bodyLimit     = 1 << 20
	planBodyLimit = 16 << 20
	bodyTimeout   = 30 * time.Second // a phone with a bad connection
)

// operation is one endpoint: what it is, and who may call it.
type operation struct {
	method, path string
	id           string // of the operation, in the OpenAPI document
	summary      string
	tag          string
	// open lets in callers who have not signed in.
	open bool
	// unauthenticated says that 401 is among the answers of an open operation.
	unauthenticated bool
	// action is the right that the caller needs: in the project of the path's
	// {p}, else everywhere. Empty: signed in is enough.
	action site.Action
	// answers are the statuses of a success, the usual one first; default 200.
	answers []int
	// conflict says that 409 is among the answers.
	conflict bool
	mayMiss  bool  // 404 is among the answers although the path has no parameter
	body     bool  // takes a body
	limit    int64 // of the body; 0 is bodyLimit
	// cached says that 304 is among the answers.
	cached bool
	// stream says that the answer is sent piece by piece.
	stream bool
}

// caller is who calls, and about which project.
type caller struct {
	person  site.Person
	project site.Project // when the path has {p}
	session site.Session // when signed in by cookie
	token   string       // id of the API token, when signed in by one
	// tokenHash is what the token is kept as.
	tokenHash [32]byte
	renewed   string // cookie to send again, when the session was prolonged
}

// ctxKey is the type of this package's keys in a context.
type ctxKey int

const (
	requestKey ctxKey = iota
	callerKey
)

func callerOf(ctx context.Context) *caller {
	c, _ := ctx.Value(callerKey).(*caller)
	if c == nil {
		c = &caller{}
	}
	return c
}

// add registers an operation. Its handler runs after sign-in, rights and
// validation were settled.
func add[I, O any](s *Server, o operation, handle func(context.Context, *caller, *I) (*O, error)) {
	op := o.document(s.problemSchema)
	op.Middlewares = huma.Middlewares{s.guard(o), s.readBody(o)}
	defer o.documentAnswers(op.Responses)
	huma.Register(s.huma, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := handle(ctx, callerOf(ctx), in)
		if err != nil {
			return nil, s.explain(ctx, err)
		}
		return out, nil
	})
}

// document describes the operation with every status that it can answer.
func (o operation) document(problem *huma.Schema) huma.Operation {
	op := huma.Operation{
		Method: o.method, Path: o.path, OperationID: o.id, Summary: o.summary, Tags: []string{o.tag},
		Responses: map[string]*huma.Response{}, MaxBodyBytes: -1, BodyReadTimeout: -1,
		DefaultStatus: http.StatusOK,
	}
	if len(o.answers) > 0 {
		op.DefaultStatus = o.answers[0]
	}
	statuses := []int{
		http.StatusBadRequest, http.StatusForbidden, http.StatusUnprocessableEntity, http.StatusTooManyRequests,
		http.StatusInternalServerError, http.StatusServiceUnavailable,
	}
	if !o.open || o.unauthenticated {
		statuses = append(statuses, http.StatusUnauthorized)
	}
	if !o.open {
		op.Security = []map[string][]string{{"session": {}}, {"token": {}}}
	}
	if o.mayMiss || strings.Contains(o.path, "{") {
		statuses = append(statuses, http.StatusNotFound)
	}
	if o.conflict {
		statuses = append(statuses, http.StatusConflict)
	}
	if o.body {
		statuses = append(statuses, http.StatusRequestTimeout, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	}
	if o.cached {
		op.Responses["304"] = &huma.Response{Description: "What the client has is still so"}
	}
	for _, status := range statuses {
		op.Responses[strconv.Itoa(status)] = &huma.Response{
			Description: http.StatusText(status),
			Content:     map[string]*huma.MediaType{problemType: {Schema: problem}},
		}
	}
	return op
}

// documentAnswers describes the further statuses of a success like the first.
func (o operation) documentAnswers(responses map[string]*huma.Response) {
	for _, status := range o.answers[min(1, len(o.answers)):] {
		first := responses[strconv.Itoa(o.answers[0])]
		responses[strconv.Itoa(status)] = &huma.Response{Description: http.StatusText(status), Content: first.Content}
	}
}

func (o operation) hasProject() bool { return strings.Contains(o.path, "{p}") }

// guard settles sign-in and rights before anything of the request is read.
func (s *Server) guard(o operation) func(huma.Context, func(huma.Context)) {
	return func(hc huma.Context, next func(huma.Context)) {
		gc := humagin.Unwrap(hc)
		ctx := gc.Request.Context()
		requestOf(ctx).route = gc.FullPath()
		if !o.stream {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, s.timeout)
			defer cancel()
			gc.Request = gc.Request.WithContext(ctx)
		}
		c, err := s.admit(ctx, o, gc.Request, hc.Param("p"))
		if err != nil {
			s.write(gc.Writer, gc.Request, s.explain(ctx, err))
			return
		}
		if c.renewed != "" {
			gc.Writer.Header().Add("Set-Cookie", c.renewed)
		}
		gc.Request = gc.Request.WithContext(context.WithValue(ctx, callerKey, c))
		next(hc)
	}
}

// admit says who calls, or why not. A project that the caller may not see is
// answered like one that does not exist.
func (s *Server) admit(ctx context.Context, o operation, r *http.Request, project string) (*caller, error) {
	if !cleanText(r.URL.Path) || !cleanQuery(r) {
		return nil, &statusError{http.StatusBadRequest, "api.bad_text"}
	}
	c, err := s.authenticate(ctx, r)
	if !s.rates.allow(rateKey(c, r), s.now()) {
		return nil, &later{site.Errorf(site.TooMany, "api.too_many_requests", ""), time.Second}
	}
	if o.open && (err == nil || site.IsKind(err, site.Unauthenticated)) {
		if c == nil {
			c = &caller{}
		}
		return c, nil
	}
	if err != nil {
		return nil, err
	}
	requestOf(ctx).prefer(c.person.Lang)
	scope := site.AllProjects
	if o.hasProject() {
		scope = project
		if !site.ValidID(project) || !c.person.Can(site.ActView, project) {
			return nil, noProject()
		}
		err := s.records.View(ctx, func(tx Tx) error {
			var err error
			c.project, err = tx.Project(project)
			return err
		})
		if site.IsKind(err, site.NotFound) {
			return nil, noProject()
		}
		if err != nil {
			return nil, err
		}
	}
	if o.action != "" && !c.person.Can(o.action, scope) {
		return nil, site.Errorf(site.Forbidden, "api.forbidden", "")
	}
	return c, nil
}

func noProject() error { return site.Errorf(site.NotFound, "api.no_project", "p") }

// readBody reads the whole body, within its limit, before huma sees it: text
// that is not UTF-8 goes no further.
func (s *Server) readBody(o operation) func(huma.Context, func(huma.Context)) {
	return func(hc huma.Context, next func(huma.Context)) {
		if !o.body {
			next(hc)
			return
		}
		gc := humagin.Unwrap(hc)
		r, limit := gc.Request, o.limit
		if limit == 0 {
			limit = bodyLimit
		}
		_ = huma.SetReadDeadline(gc.Writer, time.Now().Add(bodyTimeout)) // not every writer can
		body, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
		var slow net.Error
		switch {
		case int64(len(body)) > limit:
			err = site.Errorf(site.TooLarge, "api.body_too_large", "", "limit", strconv.FormatInt(limit, 10))
		case errors.As(err, &slow) && slow.Timeout():
			err = &statusError{http.StatusRequestTimeout, "api.slow_body"}
		case err != nil:
			err = &statusError{http.StatusBadRequest, "api.bad_body"}
		case !utf8.Valid(body):
			err = &statusError{http.StatusBadRequest, "api.bad_text"}
		}
		if err != nil {
			gc.Header("Connection", "close")
			s.write(gc.Writer, r, s.explain(r.Context(), err))
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		next(hc)
	}
}
