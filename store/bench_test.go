package store

import (
	"fmt"
	"testing"
	"time"

	"topout/site"
)

// BenchmarkApplyBatch is what applying readings costs: batches of 5,000 readings
// of two metrics from a number of devices, each judged by a rule, and the cursor,
// in one transaction that is on disk at the end.
func BenchmarkApplyBatch(b *testing.B) {
	for _, devices := range []int{12, 2000} {
		b.Run(fmt.Sprintf("devices=%d", devices), func(b *testing.B) { benchmarkApply(b, devices) })
	}
}

func benchmarkApply(b *testing.B, devices int) {
	const batch = 5000
	s := open(b)
	school(b, s)
	ids := make([]string, devices)
	update(b, s, func(tx *Tx) error {
		for i := range ids {
			ids[i] = fmt.Sprintf("sensor-%d", i)
			if err := tx.CreateDevice(site.Device{ID: ids[i], Project: "wenyuan", CreatedAt: noon}, []byte("h")); err != nil {
				return err
			}
		}
		return nil
	})
	at := noon
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		err := s.Update(b.Context(), func(tx *Tx) error {
			seen := make(map[string]time.Time, devices)
			for range batch {
				n++
				if n%devices == 0 {
					at = at.Add(time.Second)
				}
				device := ids[n%devices]
				seen[device] = at
				if err := tx.SaveLast(device, []site.LastValue{{Metric: "pm10", T: at, Value: float64(n)}, {Metric: "wind_speed", T: at, Value: 3}}); err != nil {
					return err
				}
				for _, metric := range []string{"pm10", "wind_speed"} {
					st, _, err := tx.RuleState(device, metric)
					if err != nil {
						return err
					}
					st.Device, st.Metric, st.LastT, st.LastValue = device, metric, at, float64(n)
					if err := tx.SaveRuleState(st); err != nil {
						return err
					}
				}
			}
			touched := make([]site.DeviceSeen, 0, len(seen))
			for id, at := range seen {
				touched = append(touched, site.DeviceSeen{ID: id, At: at})
			}
			if err := tx.TouchDevices(touched); err != nil {
				return err
			}
			return tx.SetCursor("mqtt", uint64(n))
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(batch)*float64(b.N)/b.Elapsed().Seconds(), "readings/s")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(batch*b.N), "ns/reading")
}
