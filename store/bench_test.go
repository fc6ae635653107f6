package store

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"topout/site"
)

// BenchmarkApplyBatch is what the records cost when readings are applied: a
// batch of 5,000 readings of two metrics ends in the newest value, the sign of
// life and the rule state of each device, and the cursor, in one transaction
// that is on disk at the end.
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
			n++
			at = at.Add(time.Second)
			seen := make([]site.DeviceSeen, 0, devices)
			for _, device := range ids {
				seen = append(seen, site.DeviceSeen{ID: device, At: at})
				last := []site.LastValue{{Metric: "pm10", T: at, Value: float64(n)}, {Metric: "wind_speed", T: at, Value: 3}}
				if err := tx.SaveLast(device, last); err != nil {
					return err
				}
				for _, v := range last {
					st, _, err := tx.RuleState(device, v.Metric)
					if err != nil {
						return err
					}
					st.Device, st.Metric, st.LastT, st.LastValue = device, v.Metric, v.T, v.Value
					if err := tx.SaveRuleState(st); err != nil {
						return err
					}
				}
			}
			if err := tx.TouchDevices(seen); err != nil {
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

func BenchmarkOpen(b *testing.B) {
	path := filepath.Join(b.TempDir(), "topout.db")
	for b.Loop() {
		s, err := Open(b.Context(), Options{Path: path})
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
