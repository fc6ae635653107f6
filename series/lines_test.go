package series

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/influxdata/line-protocol/v2/lineprotocol"
	"pgregory.net/rapid"

	"topout/site"
)

var anyPoint = rapid.Custom(func(t *rapid.T) site.Point {
	name := rapid.OneOf(rapid.StringMatching(`[a-z ,="\\文#]{1,6}`), rapid.String())
	p := site.Point{Measurement: name.Draw(t, "measurement"), Time: time.Unix(0, rapid.Int64Range(-10, 1e18).Draw(t, "t"))}
	for i := range rapid.IntRange(0, 3).Draw(t, "tags") {
		p.Tags = append(p.Tags, site.Tag{Key: fmt.Sprint(i, name.Draw(t, "key")), Value: name.Draw(t, "tag")})
	}
	value := rapid.OneOf(
		rapid.Float64().AsAny(), rapid.Int64().AsAny(), rapid.Bool().AsAny(), rapid.String().AsAny(), rapid.Just(any(float32(1))),
	)
	for i := range rapid.IntRange(0, 3).Draw(t, "fields") {
		p.Fields = append(p.Fields, site.Field{Key: fmt.Sprint(i, name.Draw(t, "field")), Value: value.Draw(t, "value")})
	}
	return p
})

// TestEncode reads back what is encoded, by another's decoder, and holds that
// each point is either there as it was or refused.
func TestEncode(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		points := rapid.SliceOfN(anyPoint, 0, 6).Draw(t, "points")
		l, refused := encode(points)
		if l.len()+len(refused) != len(points) {
			t.Fatalf("%d points: %d lines, %d refused", len(points), l.len(), len(refused))
		}
		dec := lineprotocol.NewDecoderWithBytes([]byte(l.text))
		for _, at := range l.at {
			if !dec.Next() {
				t.Fatal("a line is missing")
			}
			if got, want := decoded(t, dec), said(points[at]); got != want {
				t.Fatalf("\n got %s\nwant %s", got, want)
			}
		}
		if dec.Next() {
			t.Fatal("a line too many")
		}
		// The parts are the whole, wherever it is cut.
		if n := l.len(); n > 0 {
			i := rapid.IntRange(0, n-1).Draw(t, "i")
			j := rapid.IntRange(i+1, n).Draw(t, "j")
			part := l.part(i, j)
			if strings.Count(l.text, "\n") == n && part.text != strings.Join(strings.SplitAfter(l.text, "\n")[i:j], "") {
				t.Fatalf("lines %d to %d: %q", i, j, part.text)
			}
			k := rapid.IntRange(0, part.len()-1).Draw(t, "k")
			if one, _ := encode(points[part.at[k] : part.at[k]+1]); part.part(k, k+1).text != one.text {
				t.Fatalf("line %d: %q, want %q", i+k, part.part(k, k+1).text, one.text)
			}
		}
	})
}

// said tells a point as decoded tells a line.
func said(p site.Point) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%q", p.Measurement)
	for _, tag := range p.Tags {
		if tag.Value != "" {
			fmt.Fprintf(&b, " %q=%q", tag.Key, tag.Value)
		}
	}
	for _, f := range p.Fields {
		if s, ok := f.Value.(string); ok {
			f.Value = strings.ToValidUTF8(s, "�")
		}
		fmt.Fprintf(&b, " %q=%T:%v", f.Key, f.Value, f.Value)
	}
	fmt.Fprintf(&b, " %d", p.Time.UnixNano())
	return b.String()
}

func decoded(t *rapid.T, dec *lineprotocol.Decoder) string {
	var b strings.Builder
	name, err := dec.Measurement()
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&b, "%q", name)
	for {
		key, value, err := dec.NextTag()
		if err != nil {
			t.Fatal(err)
		}
		if key == nil {
			break
		}
		fmt.Fprintf(&b, " %q=%q", key, value)
	}
	for {
		key, value, err := dec.NextField()
		if err != nil {
			t.Fatal(err)
		}
		if key == nil {
			break
		}
		fmt.Fprintf(&b, " %q=%T:%v", key, value.Interface(), value.Interface())
	}
	at, err := dec.Time(lineprotocol.Nanosecond, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&b, " %d", at.UnixNano())
	return b.String()
}

// TestText holds that no string leaves its Flux literal.
func TestText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.OneOf(rapid.StringMatching(`[\\"${}a\n\r\t]*`), rapid.String()).Draw(t, "s")
		got := text(s)
		inner := got[1 : len(got)-1]
		var back strings.Builder
		for i := 0; i < len(inner); i++ {
			switch {
			case inner[i] == '"', inner[i] == '\n', strings.HasPrefix(inner[i:], "${"):
				t.Fatalf("%q leaves the literal %s", s, got)
			case inner[i] == '\\':
				i++
				back.WriteByte(map[byte]byte{'\\': '\\', '"': '"', '$': '$', 'n': '\n', 'r': '\r', 't': '\t'}[inner[i]])
			default:
				back.WriteByte(inner[i])
			}
		}
		if back.String() != s {
			t.Fatalf("%q became %s", s, got)
		}
	})
}

// TestVerdicts lists what each answer of InfluxDB to a write means.
func TestVerdicts(t *testing.T) {
	for status, want := range map[int]verdict{
		200: written, 204: written, 413: tooLarge, 400: badLine, 422: badLine,
		0: hold, 301: hold, 401: hold, 403: hold, 404: hold, 408: hold, 429: hold, 500: hold, 502: hold, 503: hold, 504: hold,
	} {
		if got := judge(status); got != want {
			t.Errorf("%d: %d, want %d", status, got, want)
		}
	}
}

func TestAtLeast(t *testing.T) {
	for version, want := range map[string]bool{"3.51.3": true, "3.51.4": true, "3.52.0": true, "4.0": true, "3.51.2": false, "3.50.9": false, "3.51": false, "x": false} {
		if got := atLeast(version, 3, 51, 3); got != want {
			t.Errorf("%s: %t", version, got)
		}
	}
}
