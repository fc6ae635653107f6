// Package ingest takes messages from a site and has them applied.
//
// There are three doors: the embedded MQTT broker (devices sign in with their id
// and secret), external brokers (through a paho client with a persistent session)
// and Accept, for the API. Every message goes the same way:
//
//	door → journal (durable) → acknowledge → apply
//
// The journal is a JetStream file stream that syncs before it answers. The
// embedded broker's own stream, $MQTT_msgs, is the journal of what was published
// to it with QoS 1; everything else goes to TOPOUT_JOURNAL, many messages to a
// record. Two cursors read both streams: one applies records, rules and refusals,
// a batch in one transaction together with the position of the cursor; the other
// writes the time series and waits while the series store is away. Applying is
// idempotent, so a message that is read again after a crash changes nothing.
package ingest
