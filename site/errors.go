package site

import (
	"errors"
	"fmt"
)

// Kind is the class of an error, for mapping to a protocol's answer in one place.
type Kind int

// The kinds.
const (
	Internal Kind = iota
	Invalid
	NotFound
	Conflict
	Unauthenticated
	Forbidden
	TooMany
	TooLarge
	Unavailable
)

// Error carries a stable code, which is also its key in the text catalogue, the
// offending field, parameters for the text, and a cause that is for the operator only.
type Error struct {
	Kind   Kind
	Code   string
	Field  string
	Params map[string]string
	Cause  error
}

func (e *Error) Error() string {
	s := e.Code
	if e.Field != "" {
		s += " (" + e.Field + ")"
	}
	if len(e.Params) > 0 {
		s += fmt.Sprintf(" %v", e.Params)
	}
	if e.Cause != nil {
		s += ": " + e.Cause.Error()
	}
	return s
}

func (e *Error) Unwrap() error { return e.Cause }

// Errorf makes an error of a kind; pairs are name, value of the text's parameters.
func Errorf(kind Kind, code, field string, pairs ...string) *Error {
	e := &Error{Kind: kind, Code: code, Field: field}
	for i := 0; i+1 < len(pairs); i += 2 {
		if e.Params == nil {
			e.Params = make(map[string]string, len(pairs)/2)
		}
		e.Params[pairs[i]] = pairs[i+1]
	}
	return e
}

// AsError finds the *Error in err's chain; nil when there is none.
func AsError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return nil
}

// IsKind reports whether err carries an *Error of that kind.
func IsKind(err error, kind Kind) bool {
	e := AsError(err)
	return e != nil && e.Kind == kind
}
