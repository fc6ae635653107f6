package series_test

import (
	"testing"
	"time"

	"topout/series"
	"topout/site"
)

// retention runs where nothing else was written: long ago.
func retention(t *testing.T, s series.Store) {
	device := newDevice()
	cut := monday.AddDate(-3, 0, 0)
	cut = time.Date(cut.Year(), cut.Month(), 1, 0, 0, 0, 0, time.UTC)
	h := cut.Add(-50 * time.Hour)
	mustWrite(t, s,
		pm10(device, h, 1), pm10(device, h.Add(time.Minute), 3), pm10(device, h.Add(time.Hour), 8),
		pm10(device, cut, 5), pm10(device, cut.Add(time.Minute), 6),
	)
	recent := pm10(device, monday, 9)
	mustWrite(t, s, recent)
	want := []site.Window{
		{T: h, Min: 1, Mean: 2, Max: 3, Count: 2}, {T: h.Add(time.Hour), Min: 8, Mean: 8, Max: 8, Count: 1},
		{T: cut, Min: 5, Mean: 5.5, Max: 6, Count: 2}, {T: monday, Min: 9, Mean: 9, Max: 9, Count: 1},
	}
	q := query(device, time.Time{}, time.Time{}, time.Hour)
	sameWindows(t, "before", mustWindows(t, s, q), want)
	for range 2 { // a second time changes nothing
		if err := s.Prune(t.Context(), cut); err != nil {
			t.Fatal(err)
		}
		wantRaw(t, s, device, site.Sample{T: cut, Value: 5}, site.Sample{T: cut.Add(time.Minute), Value: 6}, site.Sample{T: recent.Time, Value: 9})
		sameWindows(t, "after", mustWindows(t, s, q), want)
	}
	// What comes too late never spoils the roll-up of its hour.
	if _, err := s.Write(t.Context(), []site.Point{pm10(device, h.Add(2*time.Minute), 100)}); err != nil {
		t.Fatal(err)
	}
	if err := s.Prune(t.Context(), cut); err != nil {
		t.Fatal(err)
	}
	sameWindows(t, "after a late one", mustWindows(t, s, q), want)
	// Corrections of what is kept still count.
	mustWrite(t, s, pm10(device, cut, 7))
	want[2] = site.Window{T: cut, Min: 6, Mean: 6.5, Max: 7, Count: 2}
	sameWindows(t, "after a correction", mustWindows(t, s, q), want)
	last, err := s.Last(t.Context(), "wenyuan", device)
	if err != nil || len(last) != 1 || last[0].Value != 9 {
		t.Error("last:", last, err)
	}
	if err := s.Prune(t.Context(), time.Time{}); err != nil {
		t.Error("before all times:", err)
	}
}

// retentionProperty holds that windows of whole hours over whole hours are the
// same before and after their raw readings are gone.
func retentionProperty(t *testing.T, s series.Store) {
	// Each run is a month later than the one before: what is pruned is closed.
	month := time.Date(monday.Year()-2, monday.Month(), 1, 0, 0, 0, 0, time.UTC)
	for run := range 3 {
		device := newDevice()
		next := month.AddDate(0, 1, 0)
		want := map[int64]float64{}
		var batch []site.Point
		for i := range 200 {
			at := month.Add(time.Duration((i*i*7919+run*104729)%int(27*24*time.Hour/time.Second)) * time.Second)
			v := float64(i*31%97) / 8
			want[at.UnixNano()] = v
			batch = append(batch, pm10(device, at, v))
		}
		mustWrite(t, s, batch...)
		if err := s.Prune(t.Context(), next); err != nil {
			t.Fatal(err)
		}
		if got := mustRaw(t, s, query(device, time.Time{}, time.Time{}, 0)); len(got) != 0 {
			t.Fatalf("%d raw readings are left", len(got))
		}
		for _, every := range []time.Duration{time.Hour, 6 * time.Hour, 24 * time.Hour, 8760 * time.Hour} {
			q := query(device, month.Add(5*time.Hour), month.Add(500*time.Hour), every)
			sameWindows(t, every.String(), mustWindows(t, s, q), naive(want, q))
		}
		if got := mustWindows(t, s, query(device, month, next, 10*time.Minute)); len(got) != 0 {
			t.Errorf("short windows are made of nothing: %v", got)
		}
		month = next
	}
}
