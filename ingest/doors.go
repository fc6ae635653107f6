package ingest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"topout/site"
)

// natsQoS is the header by which nats-server says with which QoS a message was
// published over MQTT.
const natsQoS = "Nmqtt-Pub"

// listenQoS0 takes what is published at the embedded broker with QoS 0: it goes to
// the journal like what comes by other doors. What comes with QoS 1 is in the
// broker's own stream already and is passed over here.
func (i *Ingest) listenQoS0() error {
	sub, err := i.own.Subscribe("topout.v1.>", func(m *nats.Msg) {
		if m.Header.Get(natsQoS) != "0" {
			return
		}
		topic := topicOf(m.Subject)
		if kindOf(topic) == kindAlerts || i.room() != nil {
			return
		}
		e := &entry{Message: site.Message{Door: site.DoorMQTT, Topic: topic, Payload: m.Data, Arrived: i.opts.Now()}}
		if i.journal.put(context.Background(), e, i.countDropped) != nil {
			i.metrics.dropped.Inc()
		}
	})
	if err != nil {
		return fmt.Errorf("embedded broker: %w", err)
	}
	if err := sub.SetPendingLimits(1<<16, 64<<20); err != nil {
		return err
	}
	i.qos0 = sub
	return i.own.FlushTimeout(publishTimeout)
}

func (i *Ingest) countDropped(err error) {
	if err != nil {
		i.metrics.dropped.Inc()
	}
}

// stopQoS0 takes what the broker has handed over, and no more.
func (i *Ingest) stopQoS0() {
	if i.qos0 == nil {
		return
	}
	if err := i.qos0.Drain(); err != nil {
		return
	}
	for deadline := time.Now().Add(time.Second); i.qos0.IsValid() && time.Now().Before(deadline); {
		time.Sleep(5 * time.Millisecond)
	}
}

// turnedAway notes what the embedded broker refused: it goes through the journal
// like a message. It is called in the broker's own goroutines and never blocks.
func (i *Ingest) turnedAway(r refusal, topic string) {
	now := i.opts.Now()
	if r.code == codeSignIn && !i.signIns.allow(r.device, now) {
		return
	}
	e := &entry{Message: site.Message{Door: site.DoorMQTT, Topic: topic, Arrived: now}, away: &r}
	select {
	case i.refusals <- e:
	default:
		i.metrics.refused.WithLabelValues(string(site.DoorMQTT), r.code).Inc()
		i.opts.Log.Warn("more was turned away than can be recorded", "user", r.device, "topic", clip(topic), "code", r.code)
	}
}

// keepRefusals brings what was turned away into the journal.
func (i *Ingest) keepRefusals(ctx context.Context) {
	for {
		select {
		case e := <-i.refusals:
			if err := i.journal.put(ctx, e, func(error) {}); err != nil {
				i.opts.Log.Warn("a message that was turned away is not recorded", "topic", clip(e.Topic), "err", err)
			}
		case <-ctx.Done():
			return
		}
	}
}

// throttle lets one event of a name through a minute.
type throttle struct {
	mu   sync.Mutex
	last map[string]time.Time
}

func (t *throttle) allow(name string, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.last == nil || len(t.last) >= maxKnown {
		t.last = make(map[string]time.Time)
	}
	if at, ok := t.last[name]; ok && now.Sub(at) < time.Minute {
		return false
	}
	t.last[name] = now
	return true
}

// Publish sends a message to MQTT subscribers, at the embedded broker and at the
// external ones, with QoS 1: persistent sessions get it when they are back. An
// error means that a broker did not take it; sending again may double it at
// another.
func (i *Ingest) Publish(ctx context.Context, topic string, payload []byte) error {
	var errs []error
	if i.opts.Listen != "" {
		errs = append(errs, i.publishEmbedded(ctx, topic, payload))
	}
	for _, b := range i.brokers {
		errs = append(errs, b.publish(ctx, topic, payload))
	}
	return errors.Join(errs...)
}

// publishEmbedded does what nats-server does with a QoS 1 publish: the stream is
// for subscribers with QoS 1, the plain subject for those with QoS 0.
func (i *Ingest) publishEmbedded(ctx context.Context, topic string, payload []byte) error {
	subject := subjectOf(topic)
	header := nats.Header{natsQoS: []string{"1"}}
	for _, s := range i.streams {
		if !s.broker {
			continue
		}
		if _, err := s.js.PublishMsg(ctx, &nats.Msg{Subject: mqttPrefix + subject, Header: header, Data: payload}); err != nil {
			return fmt.Errorf("embedded broker: %w", err)
		}
	}
	if err := i.own.PublishMsg(&nats.Msg{Subject: subject, Header: header, Data: payload}); err != nil {
		return fmt.Errorf("embedded broker: %w", err)
	}
	return nil
}
