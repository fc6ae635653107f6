package ingest

import "context"

// Stored is how many records each stream holds.
func (i *Ingest) Stored(ctx context.Context) map[string]uint64 {
	out := make(map[string]uint64)
	for _, s := range i.streams {
		if stream, err := s.js.Stream(ctx, s.name); err == nil {
			out[s.label] = stream.CachedInfo().State.Msgs
		} else {
			out[s.label] = ^uint64(0)
		}
	}
	return out
}
