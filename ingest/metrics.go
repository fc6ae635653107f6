package ingest

import (
	"context"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	"topout/site"
)

// metrics counts what comes and what becomes of it.
type metrics struct {
	messages *prometheus.CounterVec
	refused  *prometheus.CounterVec
	dropped  prometheus.Counter
	apply    *prometheus.HistogramVec
	backlog  *prometheus.Desc
	up       *prometheus.Desc
}

func newMetrics() *metrics {
	return &metrics{
		messages: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "topout_messages_total", Help: "Messages that were applied or refused, by door and kind of topic.",
		}, []string{"door", "kind"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "topout_refused_total", Help: "Messages that were refused, by door and reason.",
		}, []string{"door", "code"}),
		dropped: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "topout_dropped_total", Help: "Unacknowledged messages (QoS 0) that could not be kept.",
		}),
		apply: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "topout_apply_seconds", Help: "Time to apply a batch, by cursor.", Buckets: prometheus.ExponentialBuckets(0.001, 4, 8),
		}, []string{"cursor"}),
		backlog: prometheus.NewDesc("topout_journal_backlog",
			"Records of the journal that a cursor has not applied yet.", []string{"stream", "cursor"}, nil),
		up: prometheus.NewDesc("topout_ingest_up", "1 while a part of the intake is well.", []string{"part"}, nil),
	}
}

func (m *metrics) count(door site.Door, v verdict) {
	m.messages.WithLabelValues(string(door), v.kind).Inc()
	if v.fault != nil {
		m.refused.WithLabelValues(string(door), v.fault.Code).Inc()
	}
}

// Describe makes an Ingest a prometheus.Collector.
func (i *Ingest) Describe(c chan<- *prometheus.Desc) {
	i.metrics.messages.Describe(c)
	i.metrics.refused.Describe(c)
	i.metrics.dropped.Describe(c)
	i.metrics.apply.Describe(c)
	c <- i.metrics.backlog
	c <- i.metrics.up
}

// Collect gives the counters and asks the journal for its backlog.
func (i *Ingest) Collect(c chan<- prometheus.Metric) {
	i.metrics.messages.Collect(c)
	i.metrics.refused.Collect(c)
	i.metrics.dropped.Collect(c)
	i.metrics.apply.Collect(c)
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	i.sweep(ctx)
	for _, b := range i.backlogs(ctx) {
		c <- prometheus.MustNewConstMetric(i.metrics.backlog, prometheus.GaugeValue, float64(b.messages), b.stream, b.cursor)
	}
	for part, h := range i.Health() {
		up := 0.0
		if h.Status == StatusOK {
			up = 1
		}
		c <- prometheus.MustNewConstMetric(i.metrics.up, prometheus.GaugeValue, up, part)
	}
}

type backlog struct {
	stream, cursor string
	messages       uint64
}

// backlogs asks each stream how much each cursor has not acknowledged.
func (i *Ingest) backlogs(ctx context.Context) []backlog {
	var out []backlog
	for _, s := range i.streams {
		for _, cursor := range []string{cursorRecords, cursorSeries} {
			c, err := s.js.Consumer(ctx, s.name, consumerName(cursor))
			if err != nil {
				continue
			}
			out = append(out, backlog{s.label, cursor, unapplied(c.CachedInfo())})
		}
	}
	return out
}

func unapplied(info *jetstream.ConsumerInfo) uint64 {
	return info.NumPending + uint64(info.NumAckPending)
}

// Backlog is how many records of the journal are not applied by both cursors.
func (i *Ingest) Backlog() uint64 {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	n := uint64(0)
	i.sweep(ctx)
	for _, b := range i.backlogs(ctx) {
		n += b.messages
	}
	return n
}
