package ingest

import (
	"math"
	"slices"
	"strconv"
	"time"

	"topout/site"
)

// isSenML tells a SenML pack from an array of readings, by the names that its
// first object has: a reading has values, a SenML record never has.
func isSenML(b []byte) bool {
	s := scanner{b: b}
	senML := false
	s.array(func(int) bool {
		if s.peek() != '{' {
			return false
		}
		s.object(func(name []byte) bool {
			switch string(name) {
			case "values":
				senML = false
				return false
			case "n", "bn", "bt", "bv", "bu", "bs", "bver", "v", "vb", "vs", "vd", "u", "s", "ut":
				senML = true
			}
			return s.skip()
		})
		return false
	})
	return senML
}

// senMLVersion is the newest version of RFC 8428 that is understood.
const senMLVersion = 10

// absolute is the least SenML time that is not relative to now (RFC 8428, 4.5.3).
const absolute = 1 << 28

// senML reads a pack after RFC 8428: base fields hold for the records after
// them, a time below 2^28 s is relative to the arrival, and booleans are 0 and 1.
// The metric is n without bn; the device is the topic's. Records of one instant
// become one reading, and what the format does not know is passed over, except
// names ending in "_", which a reader must understand.
func (d *readingDecoder) senML() {
	var (
		base   record
		byTime = map[int64]int{} // index into groups
		groups []group
		count  int
	)
	d.array(func(n int) bool {
		if n >= maxReadings {
			d.out.fault(refuse("ingest.too_many_readings", at(n, ""), "most", strconv.Itoa(maxReadings)))
			return false
		}
		if d.peek() != '{' {
			d.skip()
			d.out.fault(refuse("ingest.not_an_object", at(n, "")))
			return true
		}
		r, fault := d.record(n, &base)
		if fault == nil && r.baseOnly {
			return true
		}
		count++
		var t time.Time
		if fault == nil {
			t, fault = d.resolve(base.t+r.t, n)
		}
		if fault != nil {
			d.out.fault(fault)
			return true
		}
		key := t.UnixMilli()
		g, ok := byTime[key]
		if !ok {
			g = len(groups)
			byTime[key] = g
			groups = append(groups, group{t: t})
		}
		if fault := groups[g].set(r.name, base.v+r.v, n); fault != nil {
			d.out.fault(fault)
		}
		return true
	})
	if count == 0 {
		d.out.fault(refuse("ingest.no_values", ""))
	}
	for _, g := range groups {
		if len(g.values) > 0 {
			d.out.list = append(d.out.list, reading(g))
		}
	}
}

// group is the values of one instant.
type group reading

func (g *group) set(name string, v float64, n int) *site.Error {
	if math.IsInf(v, 0) {
		return refuse("ingest.number_too_large", at(n, "v"))
	}
	if i := slices.IndexFunc(g.values, func(m site.MetricValue) bool { return m.Metric == name }); i >= 0 {
		g.values[i].Value = v
		return nil
	}
	if len(g.values) >= maxValues {
		return refuse("ingest.too_many_values", at(n, "n"), "most", strconv.Itoa(maxValues))
	}
	g.values = append(g.values, site.MetricValue{Metric: name, Value: v})
	return nil
}

// record is one SenML record, or the base fields in force.
type record struct {
	name     string
	t, v     float64
	hasV     bool
	baseOnly bool
}

// record reads a record and takes its base fields over into base.
func (d *readingDecoder) record(n int, base *record) (record, *site.Error) {
	var (
		r       record
		fault   *site.Error
		hasName bool
		other   string // a value that is not a number
		fields  int    // that are not base fields
	)
	number := func(field string) float64 {
		v, code := d.float()
		if code != "" {
			fault = first(fault, refuse(code, at(n, field)))
		}
		return v
	}
	d.object(func(name []byte) bool {
		switch string(name) {
		case "bt":
			base.t = number("bt")
		case "bv":
			base.v, base.hasV = number("bv"), true
		case "bver":
			if v := number("bver"); v > senMLVersion {
				fault = first(fault, refuse("ingest.senml_version", at(n, "bver"), "version", strconv.FormatFloat(v, 'f', -1, 64)))
			}
		case "bn", "bu", "bs":
			d.skip()
		case "n":
			fields++
			hasName = true
			s, ok := d.quoted()
			if !ok || !validMetric([]byte(s)) {
				fault = first(fault, refuse("ingest.bad_metric", at(n, "n"), "metric", clip(s)))
			}
			r.name = d.names.of([]byte(s))
		case "t":
			fields++
			r.t = number("t")
		case "v":
			fields++
			r.v, r.hasV = number("v"), true
		case "vb":
			fields++
			switch {
			case d.literal("true"):
				r.v, r.hasV = 1, true
			case d.literal("false"):
				r.hasV = true
			default:
				d.skip()
				fault = first(fault, refuse("ingest.not_a_boolean", at(n, "vb")))
			}
		case "vs", "vd":
			fields++
			other = string(name)
			d.skip()
		default:
			if len(name) > 0 && name[len(name)-1] == '_' {
				fault = first(fault, refuse("ingest.senml_field", at(n, clip(string(name)))))
			}
			fields++
			d.skip()
		}
		return true
	})
	switch {
	case fault != nil:
	case fields == 0:
		r.baseOnly = true
	case other != "":
		fault = refuse("ingest.not_a_number", at(n, other))
	case !hasName:
		fault = refuse("ingest.missing", at(n, "n"))
	case !r.hasV && !base.hasV:
		fault = refuse("ingest.missing", at(n, "v"))
	}
	return r, fault
}

// resolve makes the instant of a record from the sum of its times, in seconds.
func (d *readingDecoder) resolve(seconds float64, n int) (time.Time, *site.Error) {
	if math.Abs(seconds) > 253402300799 {
		return time.Time{}, refuse("ingest.bad_time", at(n, "t"))
	}
	// Seconds and fraction apart: a float64 of nanoseconds would be too coarse.
	whole, frac := math.Modf(seconds)
	offset := time.Duration(math.Round(frac*1000)) * time.Millisecond
	var t time.Time
	if seconds >= absolute {
		t = time.Unix(int64(whole), 0).Add(offset).UTC()
	} else {
		t = d.arrived.UTC().Truncate(time.Millisecond)
		if seconds < -1e9 {
			return time.Time{}, refuse("ingest.bad_time", at(n, "t"))
		}
		t = t.Add(time.Duration(int64(whole)) * time.Second).Add(offset)
	}
	return t, d.checkTime(t, n)
}
