package demo

import (
	"hash/fnv"
	"math"
	"time"
)

// dice is a source of chance that depends on nothing but its seed and on what
// is asked: the same question has the same answer, in any order.
type dice uint64

// of is the dice of a thing within this one.
func (d dice) of(name string) dice {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name)) // never fails
	return dice(mix(uint64(d) ^ h.Sum64()))
}

// at is 0 to below 1 for a number.
func (d dice) at(n int64) float64 {
	return float64(mix(uint64(d)^mix(uint64(n)))>>11) / (1 << 53)
}

// pick is 0 to n-1 for a number.
func (d dice) pick(at int64, n int) int { return int(d.at(at) * float64(n)) }

// wave is -1 to 1, smooth over time: a fresh value each period, and what is
// between is blended.
func (d dice) wave(t time.Time, period time.Duration) float64 {
	x := float64(t.UnixMilli()) / float64(period.Milliseconds())
	n := math.Floor(x)
	blend := (1 - math.Cos((x-n)*math.Pi)) / 2
	a, b := d.at(int64(n)), d.at(int64(n)+1)
	return 2*(a+(b-a)*blend) - 1
}

// mix is the finalizer of SplitMix64 (Steele, Lea, Flood 2014).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// round cuts a value to a sensor's decimals.
func round(v float64, decimals int) float64 {
	f := math.Pow10(decimals)
	return math.Round(v*f) / f
}
