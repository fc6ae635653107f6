package ingest

import (
	"encoding/json"
	"strconv"
)

// scanner walks JSON text (RFC 8259) without building a tree. Payloads are small
// and come tens of thousands a second, each is decoded for both cursors, and a
// refusal names the field: encoding/json costs several times as much per reading
// (BenchmarkDecode) and matches names regardless of case.
type scanner struct {
	b []byte
	i int
}

// maxDepth bounds how deep a value may nest.
const maxDepth = 32

func (s *scanner) space() {
	for s.i < len(s.b) {
		switch s.b[s.i] {
		case ' ', '\t', '\n', '\r':
			s.i++
		default:
			return
		}
	}
}

// peek is the next byte that is not space, 0 at the end.
func (s *scanner) peek() byte {
	s.space()
	if s.i < len(s.b) {
		return s.b[s.i]
	}
	return 0
}

// take consumes c if it comes next.
func (s *scanner) take(c byte) bool {
	if s.peek() == c {
		s.i++
		return true
	}
	return false
}

// text reads a string. The bytes may be part of the payload: copy to keep.
func (s *scanner) text() ([]byte, bool) {
	if !s.take('"') {
		return nil, false
	}
	start := s.i
	for s.i < len(s.b) {
		switch c := s.b[s.i]; {
		case c == '"':
			s.i++
			return s.b[start : s.i-1], true
		case c == '\\':
			return s.escapedText(start)
		case c < ' ':
			return nil, false
		}
		s.i++
	}
	return nil, false
}

// escapedText reads the rest of a string that has escapes.
func (s *scanner) escapedText(start int) ([]byte, bool) {
	for s.i < len(s.b) {
		switch s.b[s.i] {
		case '\\':
			s.i += 2
		case '"':
			s.i++
			var out string
			if json.Unmarshal(s.b[start-1:s.i], &out) != nil {
				return nil, false
			}
			return []byte(out), true
		default:
			s.i++
		}
	}
	return nil, false
}

// number gives the text of a number.
func (s *scanner) number() ([]byte, bool) {
	s.space()
	start := s.i
	if s.i < len(s.b) && s.b[s.i] == '-' {
		s.i++
	}
	switch {
	case s.i < len(s.b) && s.b[s.i] == '0':
		s.i++
	case !s.digits():
		return nil, false
	}
	if s.i < len(s.b) && s.b[s.i] == '.' {
		s.i++
		if !s.digits() {
			return nil, false
		}
	}
	if s.i < len(s.b) && (s.b[s.i] == 'e' || s.b[s.i] == 'E') {
		s.i++
		if s.i < len(s.b) && (s.b[s.i] == '+' || s.b[s.i] == '-') {
			s.i++
		}
		if !s.digits() {
			return nil, false
		}
	}
	return s.b[start:s.i], true
}

func (s *scanner) digits() bool {
	start := s.i
	for s.i < len(s.b) && s.b[s.i] >= '0' && s.b[s.i] <= '9' {
		s.i++
	}
	return s.i > start
}

func (s *scanner) literal(word string) bool {
	s.space()
	if len(s.b)-s.i >= len(word) && string(s.b[s.i:s.i+len(word)]) == word {
		s.i += len(word)
		return true
	}
	return false
}

// skip passes over any value.
func (s *scanner) skip() bool { return s.skipAt(0) }

func (s *scanner) skipAt(depth int) bool {
	if depth > maxDepth {
		return false
	}
	switch s.peek() {
	case '{':
		return s.object(func([]byte) bool { return s.skipAt(depth + 1) })
	case '[':
		return s.array(func(int) bool { return s.skipAt(depth + 1) })
	case '"':
		_, ok := s.text()
		return ok
	case 't':
		return s.literal("true")
	case 'f':
		return s.literal("false")
	case 'n':
		return s.literal("null")
	}
	_, ok := s.number()
	return ok
}

// object calls member for each name; member must read the value. It stops and
// reports false when member does or the text is not an object.
func (s *scanner) object(member func(name []byte) bool) bool {
	if !s.take('{') {
		return false
	}
	if s.take('}') {
		return true
	}
	for {
		s.space()
		name, ok := s.text()
		if !ok || !s.take(':') || !member(name) {
			return false
		}
		if s.take('}') {
			return true
		}
		if !s.take(',') {
			return false
		}
	}
}

// array calls element for each element; element must read the value.
func (s *scanner) array(element func(n int) bool) bool {
	if !s.take('[') {
		return false
	}
	if s.take(']') {
		return true
	}
	for n := 0; ; n++ {
		if !element(n) {
			return false
		}
		if s.take(']') {
			return true
		}
		if !s.take(',') {
			return false
		}
	}
}

// end reports whether nothing but space is left.
func (s *scanner) end() bool {
	s.space()
	return s.i == len(s.b)
}

// parseFloat reads the text of a number; false when it is beyond a float64.
func parseFloat(b []byte) (float64, bool) {
	v, err := strconv.ParseFloat(string(b), 64)
	return v, err == nil
}

// validJSON reports whether b is one JSON value.
func validJSON(b []byte) bool {
	s := scanner{b: b}
	return s.skip() && s.end()
}
