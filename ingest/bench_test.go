package ingest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// BenchmarkDecode measures what one reading costs to decode, alone and in arrays of
// 100; encoding/json is there for comparison.
func BenchmarkDecode(b *testing.B) {
	one := fmt.Sprintf(`{"t":%s,"values":{"wind_speed":8.1,"pm10":92}}`, noonMilli)
	payloads := map[string][]byte{"one": []byte(one), "array100": []byte("[" + strings.Repeat(one+",", 99) + one + "]")}
	for _, name := range []string{"one", "array100"} {
		payload := payloads[name]
		b.Run(name, func(b *testing.B) {
			n := make(names)
			b.SetBytes(int64(len(payload)))
			b.ReportAllocs()
			for b.Loop() {
				if r := decodeReadings(n, payload, noon, standard); r.bad != nil {
					b.Fatal(r.bad)
				}
			}
		})
	}
	b.Run("one/encoding-json", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var v struct {
				T      json.RawMessage    `json:"t"`
				Values map[string]float64 `json:"values"`
			}
			if err := json.Unmarshal(payloads["one"], &v); err != nil {
				b.Fatal(err)
			}
		}
	})
}
