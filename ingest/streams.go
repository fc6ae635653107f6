package ingest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"topout/site"
)

const (
	journalStream  = "TOPOUT_JOURNAL"
	journalSubject = "TOPOUT.journal"
	// mqttStream is where nats-server keeps what is published over MQTT with QoS 1.
	// We make it as nats-server would, so that our consumers stand before anybody
	// can publish: it drops what nobody has asked for.
	mqttStream  = "$MQTT_msgs"
	mqttPrefix  = "$MQTT.msgs."
	mqttFilter  = mqttPrefix + "topout.v1.>"
	mqttSubject = mqttPrefix + ">"
)

// The two cursors; each is a durable consumer of each stream.
const (
	cursorRecords = "records"
	cursorSeries  = "series"
)

func consumerName(cursor string) string { return "topout_" + cursor }

// makeStream makes a stream, and the cursors' consumers of it, where missing.
func makeStream(ctx context.Context, js jetstream.JetStream, name string, replicas int) error {
	cfg := jetstream.StreamConfig{
		Name: name, Subjects: []string{journalSubject},
		Storage: jetstream.FileStorage, Retention: jetstream.InterestPolicy, Discard: jetstream.DiscardNew,
		Replicas: replicas,
	}
	filter := journalSubject
	if name == mqttStream { // as nats-server makes it
		cfg.Subjects, cfg.Discard, filter = []string{mqttSubject}, jetstream.DiscardOld, mqttFilter
	}
	if _, err := js.Stream(ctx, cfg.Name); errors.Is(err, jetstream.ErrStreamNotFound) {
		if _, err := js.CreateStream(ctx, cfg); err != nil {
			return fmt.Errorf("make stream %s: %w", cfg.Name, err)
		}
	} else if err != nil {
		return fmt.Errorf("stream %s: %w", cfg.Name, err)
	}
	for _, cursor := range []string{cursorRecords, cursorSeries} {
		_, err := js.CreateOrUpdateConsumer(ctx, cfg.Name, jetstream.ConsumerConfig{
			Durable:       consumerName(cursor),
			FilterSubject: filter,
			DeliverPolicy: jetstream.DeliverAllPolicy,
			// One ack for a batch. Nothing is redelivered by time: a cursor that
			// holds keeps its batch, and one that starts resets its consumer.
			AckPolicy:     jetstream.AckAllPolicy,
			AckWait:       365 * 24 * time.Hour,
			MaxAckPending: maxUnapplied,
			Replicas:      replicas,
		})
		if err != nil {
			return fmt.Errorf("make cursor %s of %s: %w", cursor, cfg.Name, err)
		}
	}
	return nil
}

// item is one message of a stream as a cursor gets it: a record of the journal, or
// a message that was published at the embedded broker.
type item struct {
	source  *source
	seq     uint64
	stored  time.Time
	subject string
	data    []byte
	msg     jetstream.Msg // acknowledges everything up to here
}

// entries decodes the item.
func (it *item) entries() ([]entry, error) {
	if it.source.broker {
		return []entry{{Message: site.Message{
			Door: site.DoorMQTT, Topic: topicOf(it.subject[len(mqttPrefix):]), Payload: it.data, Arrived: it.stored.UTC(),
		}}}, nil
	}
	return readRecord(it.data)
}
