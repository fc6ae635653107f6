package app

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"topout/api"
	"topout/ingest"
	"topout/internal/text"
	"topout/series"
	"topout/site"
)

// checkEvery is how often the series store is asked whether it is there, so that
// an outage shows also while nothing is written.
const checkEvery = 3 * time.Second

// health tells whether messages can be taken and kept.
type health struct {
	ingest *ingest.Ingest
	series series.Store
	influx bool // the series store is InfluxDB
	texts  *text.Catalogue
	now    func() time.Time
	ready  atomic.Bool // all is started

	mu    sync.Mutex
	away  error // of the last check of the series store
	since time.Time
}

// Ready puts the parts together: down when messages cannot be taken, degraded
// when something is away and catches up later.
func (h *health) Ready(context.Context) api.Readiness {
	r := api.Readiness{Status: ingest.StatusOK, Checks: map[string]api.Component{}}
	for name, part := range h.ingest.Health() {
		if name == "series" {
			part = h.seriesHealth(part)
			if h.influx {
				name = "influxdb"
			}
		}
		c := api.Component{Status: part.Status}
		if !part.Since.IsZero() {
			since := part.Since.UTC()
			c.Since = &since
		}
		if part.Error != nil {
			c.Error = h.texts.Say(text.English, part.Error.Code, part.Error.Params)
		}
		r.Checks[name] = c
		r.Status = worse(r.Status, part.Status)
	}
	if !h.ready.Load() {
		r.Status = ingest.StatusDown
		r.Checks["start"] = api.Component{Status: ingest.StatusDown, Error: h.texts.Say(text.English, "app.starting", nil)}
	}
	return r
}

func worse(a, b string) string {
	for _, s := range []string{ingest.StatusDown, ingest.StatusDegraded} {
		if a == s || b == s {
			return s
		}
	}
	return ingest.StatusOK
}

// seriesHealth joins what writing has met with what the last check has.
func (h *health) seriesHealth(writing ingest.Health) ingest.Health {
	h.mu.Lock()
	defer h.mu.Unlock()
	if writing.Status == ingest.StatusOK && h.away != nil {
		return ingest.Health{Status: ingest.StatusDegraded, Since: h.since, Error: site.Errorf(site.Unavailable, "ingest.series_away", "")}
	}
	return writing
}

// watch checks the series store until ctx is done.
func (h *health) watch(ctx context.Context) {
	tick := time.NewTicker(checkEvery)
	defer tick.Stop()
	for {
		bounded, cancel := context.WithTimeout(ctx, checkEvery)
		err := h.series.Check(bounded)
		cancel()
		if ctx.Err() != nil {
			return
		}
		h.mu.Lock()
		if err != nil && h.away == nil {
			h.since = h.now()
		}
		h.away = err
		h.mu.Unlock()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
