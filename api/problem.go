package api

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"topout/internal/text"
	"topout/schedule"
	"topout/site"
)

// problem is an error's answer after RFC 9457. It never holds what was
// submitted, nor text that was not written for people.
type problem struct {
	Type   string         `json:"type" doc:"Always about:blank: the code tells the problem."`
	Title  string         `json:"title" doc:"The status in words."`
	Status int            `json:"status"`
	Code   string         `json:"code" doc:"Stable, for programs." example:"api.no_project"`
	Detail string         `json:"detail" doc:"What happened, in the language of Accept-Language."`
	Field  string         `json:"field,omitempty" doc:"The field or parameter at fault."`
	Errors []problemField `json:"errors,omitempty" doc:"All fields at fault, when there are several."`

	headers http.Header
}

type problemField struct {
	Field  string `json:"field"`
	Code   string `json:"code"`
	Detail string `json:"detail"`
}

// Error, GetStatus, GetHeaders and ContentType are what huma asks of an error.
func (p *problem) Error() string             { return p.Code }
func (p *problem) GetStatus() int            { return p.Status }
func (p *problem) GetHeaders() http.Header   { return p.headers }
func (p *problem) ContentType(string) string { return problemType }

// maxFields bounds the fields named in one answer.
const maxFields = 50

const problemType = "application/problem+json"

// later is an error that may be gone after a while.
type later struct {
	cause *site.Error
	after time.Duration
}

func (l *later) Error() string { return l.cause.Error() }
func (l *later) Unwrap() error { return l.cause }

// statusError is a fault of HTTP itself, which no kind of site.Error stands for.
type statusError struct {
	status int
	code   string
}

func (e *statusError) Error() string { return e.code }

// statusOf maps an error's kind to a status; the one place that does.
func statusOf(kind site.Kind) int {
	switch kind {
	case site.Invalid:
		return http.StatusUnprocessableEntity
	case site.NotFound:
		return http.StatusNotFound
	case site.Conflict:
		return http.StatusConflict
	case site.Unauthenticated:
		return http.StatusUnauthorized
	case site.Forbidden:
		return http.StatusForbidden
	case site.TooMany:
		return http.StatusTooManyRequests
	case site.TooLarge:
		return http.StatusRequestEntityTooLarge
	case site.Unavailable:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// explainer turns errors into problems.
type explainer struct {
	texts *text.Catalogue
	log   *slog.Logger
}

// explain gives the problem of an error. One without a *site.Error is ours: it
// is logged here and its text stays here.
func (x *explainer) explain(ctx context.Context, err error) *problem {
	lang := requestOf(ctx).lang
	var ready *problem
	if errors.As(err, &ready) {
		return ready
	}
	var status *statusError
	if errors.As(err, &status) {
		return x.problem(lang, status.status, status.code, nil)
	}
	e := site.AsError(err)
	if e == nil || e.Kind == site.Internal {
		if ctx.Err() != nil { // the client has gone, or the server ends
			return x.problem(lang, http.StatusServiceUnavailable, "api.cancelled", nil)
		}
		x.log.ErrorContext(ctx, "request failed", "route", requestOf(ctx).route, "error", err)
		return x.problem(lang, http.StatusInternalServerError, "error.internal", nil)
	}
	p := x.problem(lang, statusOf(e.Kind), e.Code, e.Params)
	p.Field = e.Field
	var network *schedule.NetworkError
	if errors.As(err, &network) && len(network.Problems) > 1 {
		for _, one := range network.Problems[:min(len(network.Problems), maxFields)] {
			p.Errors = append(p.Errors, problemField{one.Field, one.Code, x.texts.Say(lang, one.Code, one.Params)})
		}
	}
	var wait *later
	if errors.As(err, &wait) {
		p.headers.Set("Retry-After", strconv.Itoa(max(1, int(math.Ceil(wait.after.Seconds())))))
	} else if e.Kind == site.TooMany || e.Kind == site.Unavailable {
		p.headers.Set("Retry-After", "5")
	}
	return p
}

func (x *explainer) problem(lang text.Lang, status int, code string, params map[string]string) *problem {
	p := &problem{
		Type: "about:blank", Title: http.StatusText(status), Status: status, Code: code,
		Detail: x.texts.Say(lang, code, params), headers: http.Header{},
	}
	if status == http.StatusUnauthorized {
		p.headers.Set("WWW-Authenticate", "Bearer")
	}
	return p
}

// write sends a problem outside of huma.
func (x *explainer) write(w http.ResponseWriter, r *http.Request, p *problem) {
	for name, values := range p.headers {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", problemType)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(p.Status)
	if r.Method == http.MethodHead {
		return
	}
	if err := json.NewEncoder(w).Encode(p); err != nil && r.Context().Err() == nil {
		x.log.DebugContext(r.Context(), "problem not sent", "error", err)
	}
}

// transform replaces huma's own errors, which echo values and speak English.
func (x *explainer) transform(ctx huma.Context, status string, v any) (any, error) {
	model, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	lang := requestOf(ctx.Context()).lang
	code, _ := strconv.Atoi(status)
	p := x.problem(lang, code, codeOf(code), nil)
	if code != http.StatusUnprocessableEntity && code != http.StatusBadRequest {
		return p, nil
	}
	for _, detail := range model.Errors {
		field, fieldCode := fieldOf(detail)
		if field == "" {
			continue
		}
		p.Errors = append(p.Errors, problemField{field, fieldCode, x.texts.Say(lang, fieldCode, map[string]string{"field": field})})
	}
	if len(p.Errors) > 0 {
		p.Code, p.Field, p.Detail = p.Errors[0].Code, p.Errors[0].Field, p.Errors[0].Detail
	}
	p.Errors = p.Errors[:min(len(p.Errors), maxFields)]
	return p, nil
}

// codeOf is the code of an error that huma found by itself.
func codeOf(status int) string {
	switch status {
	case http.StatusBadRequest:
		return "api.bad_json"
	case http.StatusRequestTimeout:
		return "api.slow_body"
	case http.StatusRequestEntityTooLarge:
		return "api.body_too_large"
	case http.StatusUnsupportedMediaType:
		return "api.content_type"
	case http.StatusUnprocessableEntity:
		return "api.invalid"
	}
	return "error.internal"
}

// fieldOf names the field of a validation error and what is wrong with it. The
// place is `body.items[0].code`, `path.p`, `query.limit`; the first part goes.
func fieldOf(d *huma.ErrorDetail) (field, code string) {
	_, field, _ = strings.Cut(d.Location, ".")
	words := func(prefix string) bool { return strings.HasPrefix(d.Message, prefix) }
	switch {
	case words("expected required property "):
		name, _, _ := strings.Cut(strings.TrimPrefix(d.Message, "expected required property "), " ")
		if field != "" {
			field += "."
		}
		return field + name, "api.required"
	case words("required "):
		return field, "api.required"
	case words("expected length"), words("expected array length"):
		return field, "api.wrong_length"
	case words("expected number >"), words("expected number <"):
		return field, "api.out_of_range"
	case words("expected value to be one of"):
		return field, "api.not_one_of"
	case words("expected string to"):
		return field, "api.wrong_format"
	}
	return field, "api.wrong_type"
}
