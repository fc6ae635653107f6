package series

import "topout/site"

// Encode gives points as line protocol, for the benchmarks.
func Encode(points []site.Point) string {
	l, _ := encode(points)
	return l.text
}
