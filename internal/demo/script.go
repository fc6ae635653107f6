package demo

import (
	"cmp"
	"container/heap"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"math"
	"net/url"
	"slices"
	"time"

	"topout/checklist"
	"topout/site"
)

// MessageKind says what is special about a message of the script.
type MessageKind string

// The kinds.
const (
	Plain     MessageKind = ""
	Late      MessageKind = "late"      // kept back while the device had no network
	Repeated  MessageKind = "repeated"  // the same bytes once more
	Corrected MessageKind = "corrected" // the same device, metric and time with another value
	Malformed MessageKind = "malformed" // to be refused
)

// Message is one line of the script: who publishes what, and when.
type Message struct {
	At      time.Time // when it is published
	Client  string    // id of the device, or the person's log-in
	Topic   string
	Payload []byte
	Kind    MessageKind
}

// ScriptOptions say what is played.
type ScriptOptions struct {
	Story   *Story   // required
	Weather *Weather // required
	Seed    uint64
	From    time.Time // required
	To      time.Time // zero: without end
	// Every is the time between two readings of a device, ReportEvery that between
	// two reports on progress; both are required.
	Every, ReportEvery time.Duration
	// Opening has a limit crossed soon after From.
	Opening bool
}

// Script is the sequence of messages of the site, in the order of At. It is a
// pure function of its options: the same seed and times give the same bytes.
func Script(o ScriptOptions) (iter.Seq[Message], error) {
	library, err := checklist.Embedded()
	if err != nil {
		return nil, err
	}
	return func(yield func(Message) bool) {
		w := &writer{
			ScriptOptions: o, library: library, dice: dice(mix(o.Seed)),
			signals: signals{story: o.Story, weather: o.Weather, dice: dice(mix(o.Seed))},
			kept:    map[string][]reading{},
		}
		if o.Opening {
			w.signals.opening = o.From
		}
		w.run(yield)
	}, nil
}

// reading is what a device says once.
type reading struct {
	T      time.Time          `json:"t"`
	Values map[string]float64 `json:"values"`
}

// writer writes the script.
type writer struct {
	ScriptOptions
	library *checklist.Library
	dice    dice
	signals signals
	kept    map[string][]reading // by device, while it has no network
	ahead   queue
	planned int // messages so far
}

func (w *writer) run(yield func(Message) bool) {
	nextReport, nextDay := w.From, site.DayOf(w.From, w.Story.zone)
	for tick := w.From; w.To.IsZero() || tick.Before(w.To); tick = tick.Add(w.Every) {
		end := tick.Add(w.Every)
		for ; nextDay <= site.DayOf(end, w.Story.zone); nextDay++ {
			w.checksOf(nextDay)
		}
		for ; nextReport.Before(end); nextReport = nextReport.Add(w.ReportEvery) {
			w.report(nextReport)
		}
		for _, d := range w.Story.cast.Devices {
			if d.Silent == 0 {
				// Devices do not report in the same instant.
				w.readingOf(d, tick.Add(time.Duration(w.dice.of(d.ID).at(0)*float64(w.Every)).Truncate(time.Millisecond)))
			}
		}
		for len(w.ahead) > 0 && w.ahead[0].At.Before(end) {
			if m := w.pop(); (w.To.IsZero() || m.At.Before(w.To)) && !yield(m) {
				return
			}
		}
	}
	// What a device still keeps is sent at the end, so that nothing is missing.
	for len(w.ahead) > 0 {
		if m := w.pop(); m.Kind == Late {
			m.At = w.To
			if !yield(m) {
				return
			}
		}
	}
}

// pop takes the earliest message; one that was kept back gets its payload now.
func (w *writer) pop() Message {
	p := heap.Pop(&w.ahead).(planned)
	if p.Kind == Late && p.Payload == nil {
		p.Payload = encode(w.kept[p.Client])
		delete(w.kept, p.Client)
	}
	return p.Message
}

// outage tells whether a device is without network, and until when: one outage
// of 6 to 25 minutes in about every seventh stretch of four hours.
func (w *writer) outage(device string, t time.Time) (until time.Time, out bool) {
	const stretch = 4 * time.Hour
	d := w.dice.of("outage").of(device)
	n := t.UnixMilli() / stretch.Milliseconds()
	if d.at(4*n) > 0.15 {
		return time.Time{}, false
	}
	length := 6*time.Minute + time.Duration(d.at(4*n+1)*19*float64(time.Minute))
	from := time.UnixMilli(n * stretch.Milliseconds()).Add(time.Duration(d.at(4*n+2) * float64(stretch-length)))
	if t.Before(from) || t.After(from.Add(length)) {
		return time.Time{}, false
	}
	return from.Add(length).Truncate(time.Millisecond), true
}

func (w *writer) readingOf(d device, t time.Time) {
	values := w.signals.read(d, t)
	if len(values) == 0 {
		return
	}
	r := reading{T: t.UTC(), Values: make(map[string]float64, len(values))}
	for _, v := range values {
		r.Values[v.Metric] = v.Value
	}
	if until, out := w.outage(d.ID, t); out {
		// The gateway keeps what it cannot send, and sends it as one array.
		if w.kept[d.ID] = append(w.kept[d.ID], r); len(w.kept[d.ID]) == 1 {
			w.add(planned{Message: Message{At: until, Client: d.ID, Topic: topic("readings", d.ID), Kind: Late}})
		}
		return
	}
	m := Message{At: t, Client: d.ID, Topic: topic("readings", d.ID), Payload: encode(r)}
	w.add(planned{Message: m})
	w.disturb(d, t, m, r)
}

// disturb adds what a network and bad firmware do to a message.
func (w *writer) disturb(d device, t time.Time, m Message, r reading) {
	chance := w.dice.of("disturb").of(d.ID)
	after := t.Add(time.Duration(1+chance.pick(t.UnixMilli()+1, 20)) * 100 * time.Millisecond)
	switch x := chance.at(t.UnixMilli()); {
	case x < 0.004:
		m.At, m.Kind = after, Repeated
		w.add(planned{Message: m})
	case x < 0.005:
		first := slices.Min(slices.Collect(maps.Keys(r.Values)))
		r.Values[first] = round(r.Values[first]*0.99, 2)
		m.At, m.Kind, m.Payload = after, Corrected, encode(r)
		w.add(planned{Message: m})
	case x < 0.0065:
		m.At, m.Kind = after, Malformed
		m.Payload = spoil(m.Payload, t, chance.pick(t.UnixMilli()+2, 7))
		w.add(planned{Message: m})
	}
}

// spoil makes a payload that must be refused, one of seven ways.
func spoil(payload []byte, t time.Time, way int) []byte {
	stamp := t.UTC().Format(time.RFC3339)
	switch way {
	case 0: // cut off
		return payload[:len(payload)*2/3]
	case 1: // a word for a number
		return fmt.Appendf(nil, `{"t":%q,"values":{"status":"ok"}}`, stamp)
	case 2: // not JSON's idea of a number
		return fmt.Appendf(nil, `{"t":%q,"values":{"load":NaN}}`, stamp)
	case 3: // a clock two days ahead
		return fmt.Appendf(nil, `{"t":%q,"values":{"load":1.5}}`, t.UTC().Add(48*time.Hour).Format(time.RFC3339))
	case 4: // no time
		return []byte(`{"values":{"load":1.5}}`)
	case 5: // GBK for UTF-8
		return append([]byte(`{"t":"`+stamp+`","values":{},"note":"`), 0xd5, 0xfd, 0xb3, 0xa3, '"', '}')
	}
	return []byte("AT+CGATT?\r\n") // the modem's own talk
}

// report is a supervisor's report on one of the tasks in progress.
func (w *writer) report(t time.Time) {
	worked := w.Story.worked(t)
	var open []work
	for _, k := range w.Story.works {
		if k.running(worked) && k.quiet == 0 {
			open = append(open, k)
		}
	}
	n := t.UnixMilli()
	if len(open) == 0 || w.dice.of("pause").at(n) > 0.3+0.7*w.signals.activity(t) {
		return
	}
	d := w.dice.of("report")
	k := open[d.pick(n, len(open))]
	p := progressOf(k, worked, math.Floor(k.percent(worked)*10)/10, d, n, w.Story.cast.Words.Progress)
	p.ID, p.T = fmt.Sprintf("sim%d-p-%s-%d", w.Seed, k.task.ID, n), t.UTC()
	payload := encode(p)
	m := Message{At: t.Add(time.Duration(d.pick(n+1, 900)) * time.Millisecond), Client: k.by, Topic: topic("progress", k.task.ID), Payload: payload}
	switch x := w.dice.of("disturb").of(k.by).at(n); {
	case x < 0.03: // a phone without signal: it arrives hours later, with its own time
		m.Kind = Late
		m.At = m.At.Add(30*time.Minute + time.Duration(d.pick(n+2, 180))*time.Minute)
	case x < 0.05:
		w.add(planned{Message: m})
		m.Kind, m.At = Repeated, m.At.Add(3*time.Second)
	case x < 0.06:
		m.Kind, m.Topic = Malformed, topic("progress", "B99_000")
	case x < 0.07:
		p.Percent, p.Quantity = ptr(140.0), nil
		p.ID += "-x"
		m.Kind, m.Payload = Malformed, encode(p)
	}
	w.add(planned{Message: m})
}

// progressPayload is a report as it is published.
type progressPayload struct {
	ID       string      `json:"id"`
	T        time.Time   `json:"t"`
	Percent  *float64    `json:"percent,omitempty"`
	Quantity *float64    `json:"quantity,omitempty"`
	Workers  *float64    `json:"workers,omitempty"`
	Note     string      `json:"note,omitempty"`
	Reason   site.Reason `json:"reason,omitempty"`
	By       string      `json:"by,omitempty"`
}

// countable is the quantity from which a share of it says enough.
const countable = 50

// progressOf is what somebody reports on a task: its quantity where the task has
// one and whoever reports counts, else percent.
func progressOf(k work, worked, percent float64, d dice, n int64, words []string) progressPayload {
	d = d.of(k.task.ID)
	p := progressPayload{By: k.by}
	if k.task.Quantity >= countable && d.at(0) < 0.4 {
		p.Quantity = ptr(math.Floor(k.task.Quantity * percent / 100))
	} else {
		p.Percent = ptr(percent)
	}
	if k.days > 0 {
		p.Workers = ptr(float64(6 + d.pick(n, 18)))
	}
	if k.reason != "" && k.late(worked) {
		p.Reason, p.Note = k.reason, k.note
	} else if d.at(n+3) < 0.25 {
		p.Note = words[d.pick(n+4, len(words))]
	}
	return p
}

// late reports whether a task's trouble is there yet: from its late start, or
// from where it stands still.
func (k work) late(worked float64) bool {
	if k.stalled > 0 {
		return worked-k.start >= (k.days-k.stalled)*k.stallAt
	}
	return true
}

// checksOf plans the checks that are owed on a day.
func (w *writer) checksOf(day site.Day) {
	if !w.Story.calendar.Working(day) {
		return
	}
	for n, form := range w.Story.project.DailyChecks {
		c := w.Story.check(w.library, w.dice, form, day)
		at := c.T
		if at.Before(w.From) {
			if !w.To.IsZero() {
				continue
			}
			// A play that goes on live makes up what the day owes; what was
			// there already is known by its id.
			at = w.From.Add(time.Duration(20+10*n) * time.Second)
		}
		w.add(planned{Message: Message{
			At: at, Client: c.By, Topic: topic("checks", form),
			Payload: encode(checkPayload{c.ID, c.T, c.Building, c.Items, c.By}),
		}})
	}
}

type checkPayload struct {
	ID       string           `json:"id"`
	T        time.Time        `json:"t"`
	Building string           `json:"building,omitempty"`
	Items    []site.CheckItem `json:"items"`
	By       string           `json:"by,omitempty"`
}

func topic(kind, name string) string {
	return "topout/v1/" + Project + "/" + kind + "/" + url.PathEscape(name)
}

// encode writes JSON; what it is given always can be written.
func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // a value of this package that JSON cannot hold
	}
	return b
}

func ptr(v float64) *float64 { return &v }

// planned is a message that waits for its time.
type planned struct {
	Message
	n int // order of planning, for messages of one instant
}

func (w *writer) add(p planned) {
	w.planned++
	p.n = w.planned
	heap.Push(&w.ahead, p)
}

// queue is a heap of planned messages, the earliest first.
type queue []planned

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	return cmp.Or(q[i].At.Compare(q[j].At), cmp.Compare(q[i].n, q[j].n)) < 0
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }

// Push is heap.Interface's.
func (q *queue) Push(x any) { *q = append(*q, x.(planned)) }

// Pop is heap.Interface's.
func (q *queue) Pop() any {
	last := len(*q) - 1
	x := (*q)[last]
	*q = (*q)[:last]
	return x
}
