package series

import (
	"context"
	"time"

	"topout/site"
)

// Encode gives points as line protocol, for the benchmarks.
func Encode(points []site.Point) string {
	l, _ := encode(points)
	return l.text
}

// RollUp is the first half of a Prune.
func (s *Influx) RollUp(ctx context.Context, from, to time.Time) error {
	f, err := s.flux(ctx)
	if err != nil {
		return err
	}
	in := span{from.UnixNano(), to.UnixNano()}
	_, metrics, err := s.oldest(ctx, f, in)
	if err != nil {
		return err
	}
	return s.rollUp(ctx, f, metrics, in)
}

// DeleteReadings is the second half of a Prune.
func (s *Influx) DeleteReadings(ctx context.Context, before time.Time) error {
	f, err := s.flux(ctx)
	if err != nil {
		return err
	}
	return s.deleteReadings(ctx, f, span{0, before.UnixNano()})
}
