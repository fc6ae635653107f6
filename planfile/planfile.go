// Package planfile reads the plans that people already have. It is pure over
// its reader; a file that is not taken changes nothing.
//
// It reports what is wrong with the file, each with its line; what is wrong with
// the network (loops, unknown predecessors, two tasks of one id, durations below
// zero) is for package schedule to say, which knows plans from elsewhere too.
package planfile

import (
	"fmt"
	"io"
	"unicode/utf8"

	"topout/site"
)

// maxBytes bounds a file; a plan of 100,000 tasks has some 20 MB.
const maxBytes = 64 << 20

// readAll reads a text file, without its byte order mark.
func readAll(r io.Reader) ([]byte, *site.Problem, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxBytes+1))
	if err != nil {
		return nil, nil, fmt.Errorf("reading the plan: %w", err)
	}
	if len(b) > maxBytes {
		return nil, fatal(0, "", "planfile.too_large", "megabytes", fmt.Sprint(maxBytes>>20)), nil
	}
	if len(b) >= 3 && b[0] == 0xEF && b[1] == 0xBB && b[2] == 0xBF {
		b = b[3:]
	}
	return b, nil, nil
}

// firstBadLine is the line of the first byte that is not UTF-8; 0 when all is.
func firstBadLine(b []byte) int {
	line := 1
	for len(b) > 0 {
		r, size := utf8.DecodeRune(b)
		if r == utf8.RuneError && size == 1 {
			return line
		}
		if r == '\n' {
			line++
		}
		b = b[size:]
	}
	return 0
}

// fatal makes a problem that keeps the file from being taken; pairs are name,
// value of the text's parameters.
func fatal(line int, field, code string, pairs ...string) *site.Problem {
	e := site.Errorf(site.Invalid, code, field, pairs...)
	return &site.Problem{Line: line, Field: field, Code: code, Params: e.Params, Fatal: true}
}

// firstFatal is the error for a list of problems: its first fatal one, else nil.
func firstFatal(problems []site.Problem) error {
	for _, p := range problems {
		if p.Fatal {
			return p.Err()
		}
	}
	return nil
}
