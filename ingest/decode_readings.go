package ingest

import (
	"bytes"
	"strconv"
	"time"

	"topout/site"
)

// reading is one decoded reading: its instant and values.
type reading struct {
	t      time.Time
	values []site.MetricValue
}

// readings is a decoded message. The good readings of a message are taken even
// when others are not: bad is the first fault, nil when there is none.
type readings struct {
	list []reading
	bad  *site.Error
}

func (r *readings) fault(e *site.Error) {
	if r.bad == nil {
		r.bad = e
	}
}

// decodeReadings reads a JSON object, an array of them, or a SenML pack.
func decodeReadings(n names, b []byte, arrived time.Time, lim limits) readings {
	if e := jsonPayload(b); e != nil {
		return readings{bad: e}
	}
	d := readingDecoder{scanner: scanner{b: b}, names: n, arrived: arrived, limits: lim}
	// What a message in its usual shape needs, in one piece each.
	d.out.list = make([]reading, 0, max(1, min(maxReadings, bytes.Count(b, []byte{'{'})/2)))
	d.arena = make([]site.MetricValue, 0, max(0, min(2*maxReadings, bytes.Count(b, []byte{':'})-2*cap(d.out.list))))
	switch d.peek() {
	case '{':
		d.entry(-1)
	case '[':
		if isSenML(b) {
			d.senML()
		} else {
			d.entries()
		}
	default:
		d.out.fault(refuse("ingest.not_an_object", ""))
	}
	return d.out
}

type readingDecoder struct {
	scanner
	names   names
	arrived time.Time
	limits  limits
	out     readings
	arena   []site.MetricValue // one allocation for the values of a message
}

// at is the path of a field; element is -1 for a lone object.
func at(element int, field string) string {
	if element < 0 {
		return field
	}
	path := "[" + strconv.Itoa(element) + "]"
	if field != "" {
		path += "." + field
	}
	return path
}

func (d *readingDecoder) entries() {
	count := 0
	d.array(func(n int) bool {
		count++
		if n >= maxReadings {
			d.out.fault(refuse("ingest.too_many_readings", at(n, ""), "most", strconv.Itoa(maxReadings)))
			return false
		}
		if d.peek() != '{' {
			d.skip()
			d.out.fault(refuse("ingest.not_an_object", at(n, "")))
			return true
		}
		d.entry(n)
		return true
	})
	if count == 0 {
		d.out.fault(refuse("ingest.no_values", ""))
	}
}

// entry reads {"t":…,"values":{…}}.
func (d *readingDecoder) entry(n int) {
	var (
		t              time.Time
		hasTime, goodT bool
		hasValues      bool
		fault          *site.Error
		start          = len(d.arena)
	)
	d.object(func(name []byte) bool {
		switch string(name) {
		case "t":
			hasTime = true
			t, goodT = d.instant()
		case "values":
			hasValues = true
			d.arena = d.arena[:start] // the last of two members stands, as in JSON
			fault = first(fault, d.values(n, start))
		default:
			d.skip()
		}
		return true
	})
	switch {
	case fault != nil:
	case !hasTime:
		fault = refuse("ingest.missing", at(n, "t"))
	case !goodT:
		fault = refuse("ingest.bad_time", at(n, "t"))
	case !hasValues:
		fault = refuse("ingest.missing", at(n, "values"))
	case len(d.arena) == start:
		fault = refuse("ingest.no_values", at(n, "values"))
	default:
		fault = d.checkTime(t, n)
	}
	if fault != nil {
		d.arena = d.arena[:start]
		d.out.fault(fault)
		return
	}
	d.add(t, start)
}

// values reads {"wind_speed":8.1,…} into the arena.
func (d *readingDecoder) values(n, start int) (fault *site.Error) {
	if d.peek() != '{' {
		d.skip()
		return refuse("ingest.not_an_object", at(n, "values"))
	}
	d.object(func(metric []byte) bool {
		if !validMetric(metric) {
			d.skip()
			fault = first(fault, refuse("ingest.bad_metric", at(n, "values"), "metric", clip(string(metric))))
			return true
		}
		name := d.names.of(metric)
		v, code := d.float()
		switch {
		case code != "":
			fault = first(fault, refuse(code, at(n, "values."+name)))
		case len(d.arena)-start >= maxValues:
			fault = first(fault, refuse("ingest.too_many_values", at(n, "values"), "most", strconv.Itoa(maxValues)))
		default:
			d.set(start, name, v)
		}
		return true
	})
	return fault
}

// set adds a value to the reading that began at start; a repeated name replaces.
func (d *readingDecoder) set(start int, name string, v float64) {
	for i := start; i < len(d.arena); i++ {
		if d.arena[i].Metric == name {
			d.arena[i].Value = v
			return
		}
	}
	d.arena = append(d.arena, site.MetricValue{Metric: name, Value: v})
}

func (d *readingDecoder) add(t time.Time, start int) {
	end := len(d.arena)
	d.out.list = append(d.out.list, reading{t: t, values: d.arena[start:end:end]})
}

// checkTime refuses what is too old or too far ahead.
func (d *readingDecoder) checkTime(t time.Time, n int) *site.Error {
	switch {
	case t.After(d.arrived.Add(d.limits.ahead)):
		return refuse("ingest.ahead", at(n, "t"), "t", t.Format(time.RFC3339), "arrived", d.arrived.UTC().Format(time.RFC3339))
	case d.limits.age > 0 && t.Before(d.arrived.Add(-d.limits.age)):
		return refuse("ingest.too_old", at(n, "t"), "t", t.Format(time.RFC3339), "days", strconv.Itoa(int(d.limits.age/(24*time.Hour))))
	}
	return nil
}

func first(a, b *site.Error) *site.Error {
	if a != nil {
		return a
	}
	return b
}
