package ingest

import (
	"encoding/binary"
	"errors"
	"time"

	"topout/site"
)

// entry is what the journal keeps of one message.
type entry struct {
	site.Message
	// retained marks an external broker's copy of a message that was published
	// earlier, sent because we subscribed: it is no sign of life.
	retained bool
	// ticket finds the caller of Accept that waits for this message; 0: nobody.
	ticket uint64
	// retake is the id of the refused message that this is a new try of.
	retake string
	// away is set when the broker itself turned the message away: there is no
	// payload, and applying it records the refusal.
	away *refusal
}

// refusal says why a message was turned away and whom it came from.
type refusal struct {
	code   string
	device string // user name
	params map[string]string
}

// A journal record is a version byte, a uvarint with the number of entries, and
// the entries. Each is flags, door, arrival in Unix nanoseconds (8 bytes, little
// endian), and length-prefixed topic and payload; then what the flags announce.
// Readers of a version must read all versions before it.
const recordVersion = 1

const (
	flagBy = 1 << iota
	flagTicket
	flagRetake
	flagAway
	flagRetained
)

var doorCodes = map[site.Door]byte{site.DoorMQTT: 1, site.DoorBroker: 2, site.DoorAPI: 3}

var errRecord = errors.New("damaged journal record")

// size is an upper bound of what appendEntry adds.
func (e *entry) size() int {
	n := 32 + len(e.Topic) + len(e.Payload) + len(e.By) + len(e.retake) + 8
	if e.away != nil {
		n += 16 + len(e.away.code) + len(e.away.device)
		for k, v := range e.away.params {
			n += 10 + len(k) + len(v)
		}
	}
	return n
}

func appendString[T string | []byte](b []byte, s T) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

// appendRecord encodes entries as one record.
func appendRecord(b []byte, entries []*entry) []byte {
	b = append(b, recordVersion)
	b = binary.AppendUvarint(b, uint64(len(entries)))
	for _, e := range entries {
		b = e.append(b)
	}
	return b
}

func (e *entry) append(b []byte) []byte {
	var flags byte
	if e.By != "" {
		flags |= flagBy
	}
	if e.ticket != 0 {
		flags |= flagTicket
	}
	if e.retake != "" {
		flags |= flagRetake
	}
	if e.away != nil {
		flags |= flagAway
	}
	if e.retained {
		flags |= flagRetained
	}
	b = append(b, flags, doorCodes[e.Door])
	b = binary.LittleEndian.AppendUint64(b, uint64(e.Arrived.UnixNano()))
	b = appendString(b, e.Topic)
	b = appendString(b, e.Payload)
	if flags&flagBy != 0 {
		b = appendString(b, e.By)
	}
	if flags&flagTicket != 0 {
		b = binary.LittleEndian.AppendUint64(b, e.ticket)
	}
	if flags&flagRetake != 0 {
		b = appendString(b, e.retake)
	}
	if flags&flagAway != 0 {
		b = appendString(b, e.away.code)
		b = appendString(b, e.away.device)
		b = binary.AppendUvarint(b, uint64(len(e.away.params)))
		for k, v := range e.away.params {
			b = appendString(appendString(b, k), v)
		}
	}
	return b
}

// recordReader reads a record; after the first fault everything is empty.
type recordReader struct {
	b   []byte
	bad bool
}

func (r *recordReader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *recordReader) bytes() []byte {
	n := r.uvarint()
	if n > uint64(len(r.b)) {
		r.bad, r.b = true, nil
		return nil
	}
	out := r.b[:n:n]
	r.b = r.b[n:]
	return out
}

func (r *recordReader) uint64() uint64 {
	if len(r.b) < 8 {
		r.bad, r.b = true, nil
		return 0
	}
	v := binary.LittleEndian.Uint64(r.b)
	r.b = r.b[8:]
	return v
}

func (r *recordReader) byte() byte {
	if len(r.b) == 0 {
		r.bad = true
		return 0
	}
	v := r.b[0]
	r.b = r.b[1:]
	return v
}

// readRecord decodes a record. The entries' payloads are part of b. Entries
// before a fault are returned with the error.
func readRecord(b []byte) ([]entry, error) {
	r := recordReader{b: b}
	if r.byte() != recordVersion {
		return nil, errRecord
	}
	count := r.uvarint()
	if r.bad || count > uint64(len(r.b)) { // an entry has more than one byte
		return nil, errRecord
	}
	out := make([]entry, 0, count)
	for range count {
		e, ok := r.entry()
		if !ok {
			return out, errRecord
		}
		out = append(out, e)
	}
	if len(r.b) > 0 {
		return out, errRecord
	}
	return out, nil
}

func (r *recordReader) entry() (entry, bool) {
	flags, door := r.byte(), r.byte()
	e := entry{retained: flags&flagRetained != 0}
	for d, code := range doorCodes {
		if code == door {
			e.Door = d
		}
	}
	e.Arrived = time.Unix(0, int64(r.uint64())).UTC()
	e.Topic = string(r.bytes())
	e.Payload = r.bytes()
	if flags&flagBy != 0 {
		e.By = string(r.bytes())
	}
	if flags&flagTicket != 0 {
		e.ticket = r.uint64()
	}
	if flags&flagRetake != 0 {
		e.retake = string(r.bytes())
	}
	if flags&flagAway != 0 {
		e.away = &refusal{code: string(r.bytes()), device: string(r.bytes())}
		n := r.uvarint()
		if n > uint64(len(r.b)) { // a pair has two bytes at least
			return e, false
		}
		if n > 0 {
			e.away.params = make(map[string]string, n)
		}
		for range n {
			k := string(r.bytes())
			e.away.params[k] = string(r.bytes())
		}
	}
	return e, !r.bad && e.Door != ""
}
