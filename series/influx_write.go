package series

import (
	"context"

	"topout/site"
)

// configProbe is a write that holds no line. InfluxDB takes it where lines can
// be taken, so it tells a wrong setting from a wrong line.
const configProbe = "#\n"

// Write stores points. A request that InfluxDB calls wrong is cut in halves
// until the wrong lines are found; lines that were taken before are sent again,
// which changes nothing.
func (s *Influx) Write(ctx context.Context, points []site.Point) ([]PointError, error) {
	all, refused := encode(points)
	run := writeRun{store: s, refused: refused}
	for i := 0; i < all.len(); i += MaxLines {
		if err := run.write(ctx, all.part(i, min(i+MaxLines, all.len()))); err != nil {
			return run.refused, err
		}
	}
	return run.refused, nil
}

// writeRun is one call of Write.
type writeRun struct {
	store   *Influx
	refused []PointError
	probed  bool // the settings are known to be right
}

func (r *writeRun) write(ctx context.Context, l lines) error {
	err := r.send(ctx, l.text)
	switch judge(statusOf(err)) {
	case written:
		return nil
	case hold:
		return r.store.retry(err)
	case tooLarge:
		if l.len() == 1 {
			r.refuse(l, site.Errorf(site.TooLarge, "series.too_large", ""))
			return nil
		}
	case badLine:
		if err := r.probe(ctx); err != nil {
			return err
		}
		if l.len() == 1 {
			r.refuse(l, site.Errorf(site.Invalid, "series.refused", "", "reason", r.store.reason(err)))
			return nil
		}
	}
	half := l.len() / 2
	if err := r.write(ctx, l.part(0, half)); err != nil {
		return err
	}
	return r.write(ctx, l.part(half, l.len()))
}

func (r *writeRun) send(ctx context.Context, text string) error {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	return r.store.writer.WriteRecord(ctx, text)
}

// probe makes sure that it is a line, and not the settings, that InfluxDB calls
// wrong: else every point would be refused for a misspelt name.
func (r *writeRun) probe(ctx context.Context) error {
	if r.probed {
		return nil
	}
	if err := r.send(ctx, configProbe); err != nil {
		return r.store.retry(err)
	}
	r.probed = true
	return nil
}

func (r *writeRun) refuse(l lines, why *site.Error) {
	r.refused = append(r.refused, PointError{Index: l.at[0], Err: why})
}
