package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"topout/site"
)

var update = flag.Bool("update", false, "write the golden files anew")

// made are ids that the server makes anew each time.
var made = regexp.MustCompile(`[0-7][0-9A-HJKMNP-TV-Z]{25}`)

// golden holds an answer to testdata/NAME.json: the shapes that clients rely on.
func golden(t *testing.T, name string, body []byte) {
	t.Helper()
	var got bytes.Buffer
	if err := json.Indent(&got, made.ReplaceAll(bytes.TrimSpace(body), []byte("<made>")), "", "  "); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	got.WriteByte('\n')
	file := filepath.Join("testdata", name+".json")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("%s is not as kept (go test ./api -update writes it anew):\n%s", file, got.String())
	}
}

// goldenShape holds only what an answer looks like: the figures are another
// package's, with tests of their own.
func goldenShape(t *testing.T, name string, body []byte) {
	t.Helper()
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		t.Fatal(err)
	}
	golden(t, name, must(json.Marshal(shapeOf(v))))
}

// shapeOf replaces values by their kinds, and a list by its first entry.
func shapeOf(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, x := range v {
			v[name] = shapeOf(x)
		}
		return v
	case []any:
		if len(v) > 1 {
			v = v[:1]
		}
		for i := range v {
			v[i] = shapeOf(v[i])
		}
		return v
	case string:
		for kind, layout := range map[string]string{"day": time.DateOnly, "time": time.RFC3339} {
			if _, err := time.Parse(layout, v); err == nil {
				return kind
			}
		}
		return "text"
	case float64:
		return "number"
	case bool:
		return "true or false"
	}
	return nil
}

// reading sends a reading by the door of the API.
func (s *testSite) reading(device string, at time.Time, metric string, value float64) {
	s.t.Helper()
	payload := fmt.Sprintf(`{"t":%d,"values":{%q:%g}}`, at.UnixMilli(), metric, value)
	r, err := s.ingest.Accept(context.Background(), site.Message{
		Door: site.DoorAPI, Topic: "topout/v1/wenyuan/readings/" + device, Payload: []byte(payload), Arrived: s.clock.now(),
	})
	if err != nil || r.Refused != nil || !r.Series {
		s.t.Fatalf("reading not taken: %+v, %v", r, err)
	}
}
