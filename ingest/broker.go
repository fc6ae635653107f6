package ingest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"topout/site"
)

const (
	brokerFilter  = topicPrefix + "#"
	connectWait   = 15 * time.Second
	keepAlive     = 30 * time.Second
	reconnectMost = 30 * time.Second
)

// broker is the door to an external MQTT broker. The session there is persistent:
// what is published while Topout is away comes when it is back. A message is
// acknowledged, in order, once the journal has it on disk. MQTT 3.1.1 hands out
// again only to a new connection, so when the journal fails the connection is
// dropped and another one made.
type broker struct {
	ingest *Ingest
	url    *url.URL
	id     string
	health *vital
	cancel context.CancelFunc
	ended  chan struct{}

	mu     sync.Mutex
	client mqtt.Client   // the one that is connected, nil while none is
	end    func(error)   // ends the connection that there is
	held   chan struct{} // closed when the door may open again, nil when it may be open
}

func newBroker(i *Ingest, u *url.URL, id string) *broker {
	b := &broker{ingest: i, url: u, id: id, health: newVital(i.opts.Now, "ingest.broker_away", StatusDegraded), ended: make(chan struct{})}
	b.health.ill(errors.New("not connected yet"))
	return b
}

func (b *broker) start() {
	ctx, cancel := context.WithCancel(context.Background())
	b.cancel = cancel
	go b.run(ctx)
}

func (b *broker) stop() {
	if b.cancel == nil {
		return
	}
	b.cancel()
	<-b.ended
}

// hold keeps the door shut while the disk is full.
func (b *broker) hold(full bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case full && b.held == nil:
		b.held = make(chan struct{})
		if b.end != nil {
			b.end(errHeld)
		}
	case !full && b.held != nil:
		close(b.held)
		b.held = nil
	}
}

var errHeld = errors.New("the disk is full")

// holding is not nil while the door is kept shut.
func (b *broker) holding() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.held
}

func (b *broker) set(client mqtt.Client, end func(error)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.client, b.end = client, end
}

// run connects until ctx ends.
func (b *broker) run(ctx context.Context) {
	defer close(b.ended)
	wait := 200 * time.Millisecond
	told := false
	for ctx.Err() == nil {
		if held := b.holding(); held != nil {
			select {
			case <-held:
			case <-ctx.Done():
				return
			}
		}
		began := time.Now()
		err := b.connection(ctx)
		if ctx.Err() != nil {
			return
		}
		if b.health.ill(err) || !told {
			told = true
			b.ingest.opts.Log.Warn("no connection to the MQTT broker", "broker", b.url.Host, "err", err)
		}
		if time.Since(began) > time.Minute {
			wait = 200 * time.Millisecond
		}
		sleep(ctx, wait)
		wait = min(2*wait, reconnectMost)
	}
}

// connection makes one connection and returns why it ended.
func (b *broker) connection(ctx context.Context) error {
	lost := make(chan error, 4)
	end := func(err error) {
		select {
		case lost <- err:
		default:
		}
	}
	conn, hangUp := context.WithCancel(ctx)
	defer hangUp()
	c := &brokerConn{broker: b, fail: end, news: make(chan struct{}, 1)}
	go c.acknowledge(conn)
	b.set(nil, end)
	defer b.set(nil, nil)
	if b.holding() != nil {
		return errHeld
	}
	client := mqtt.NewClient(b.clientOptions(ctx, end, func(_ mqtt.Client, m mqtt.Message) { c.take(conn, m) }))
	token := client.Connect()
	defer client.Disconnect(250)
	// So that no handler waits for the journal while the client waits for it.
	defer hangUp()
	if err := b.await(ctx, token, lost); err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	sub := client.Subscribe(brokerFilter, 1, nil)
	if err := b.await(ctx, sub, lost); err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	if s, ok := sub.(*mqtt.SubscribeToken); ok {
		for filter, code := range s.Result() {
			if code == 0x80 {
				return fmt.Errorf("the broker refuses the subscription to %s: check its access rules", filter)
			}
		}
	}
	b.set(client, end)
	b.health.well()
	b.ingest.opts.Log.Info("connected to the MQTT broker", "broker", b.url.Host, "client_id", b.id)
	select {
	case err := <-lost:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (b *broker) await(ctx context.Context, t mqtt.Token, lost <-chan error) error {
	timer := time.NewTimer(connectWait)
	defer timer.Stop()
	select {
	case <-t.Done():
		if t.Error() != nil {
			return errors.New(b.redact(t.Error().Error()))
		}
		return nil
	case err := <-lost:
		return err
	case <-timer.C:
		return errors.New("no answer")
	case <-ctx.Done():
		return ctx.Err()
	}
}

// redact takes what is secret in the URL out of a text.
func (b *broker) redact(text string) string {
	text = redact(text, b.url.String())
	if p, ok := b.url.User.Password(); ok && p != "" {
		text = strings.ReplaceAll(text, p, "xxxxx")
	}
	return text
}

func (b *broker) clientOptions(ctx context.Context, lost func(error), handle mqtt.MessageHandler) *mqtt.ClientOptions {
	bare := *b.url
	bare.User = nil
	o := mqtt.NewClientOptions()
	o.AddBroker(bare.String())
	o.SetClientID(b.id)
	if b.url.User != nil {
		o.SetUsername(b.url.User.Username())
		if p, ok := b.url.User.Password(); ok {
			o.SetPassword(p)
		}
	}
	o.SetCleanSession(false)
	o.SetAutoAckDisabled(true)
	o.SetOrderMatters(true)
	o.SetAutoReconnect(false)
	o.SetConnectRetry(false)
	o.SetConnectTimeout(connectWait)
	o.SetKeepAlive(keepAlive)
	o.SetPingTimeout(keepAlive / 2)
	o.SetWriteTimeout(connectWait)
	o.SetProtocolVersion(4)
	// A persistent session hands out before the subscription is confirmed: the
	// handler stands before Connect.
	o.SetDefaultPublishHandler(handle)
	o.SetConnectionLostHandler(func(_ mqtt.Client, err error) { lost(fmt.Errorf("connection lost: %s", b.redact(err.Error()))) })
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if b.ingest.opts.BrokerTLS != nil {
		conf = b.ingest.opts.BrokerTLS.Clone()
	}
	o.SetTLSConfig(conf)
	if b.url.Scheme == "tcp" || b.url.Scheme == "ssl" { // WebSocket has its own buffers
		o.SetCustomOpenConnectionFn(func(u *url.URL, _ mqtt.ClientOptions) (net.Conn, error) {
			return dialBroker(ctx, u, conf)
		})
	}
	return o
}

// brokerConn is what belongs to one connection.
type brokerConn struct {
	broker *broker
	fail   func(error)
	dead   atomic.Bool // the journal failed: nothing more is acknowledged

	mu      sync.Mutex
	durable []mqtt.Message // to be acknowledged; bounded by what the broker has in flight
	news    chan struct{}
}

// keep notes that a message is durable. The journal calls it in the order of the
// messages, and is not held up by a connection that does not take the answer.
func (c *brokerConn) keep(m mqtt.Message) {
	c.mu.Lock()
	c.durable = append(c.durable, m)
	c.mu.Unlock()
	select {
	case c.news <- struct{}{}:
	default:
	}
}

// acknowledge answers for durable messages, in order.
func (c *brokerConn) acknowledge(ctx context.Context) {
	var batch []mqtt.Message
	for {
		select {
		case <-c.news:
		case <-ctx.Done():
			return
		}
		c.mu.Lock()
		batch, c.durable = c.durable, batch[:0]
		c.mu.Unlock()
		for i, m := range batch {
			if !c.dead.Load() {
				m.Ack()
			}
			batch[i] = nil
		}
	}
}

// take is paho's handler, called in order. It waits while the journal's queue is
// full, and with it the broker does.
func (c *brokerConn) take(ctx context.Context, m mqtt.Message) {
	i := c.broker.ingest
	if c.dead.Load() {
		return
	}
	topic := m.Topic()
	if kindOf(topic) == kindAlerts {
		c.keep(m) // our own, come back
		return
	}
	if err := i.room(); err != nil {
		c.drop(err)
		return
	}
	e := &entry{
		Message:  site.Message{Door: site.DoorBroker, Topic: topic, Payload: m.Payload(), Arrived: i.opts.Now()},
		retained: m.Retained(),
	}
	if len(e.Payload) > maxPayload || !i.journal.fits(e) {
		fault := tooLarge(len(e.Payload))
		e.away = &refusal{code: fault.Code, params: fault.Params}
		e.Topic, e.Payload = clip(topic), nil
	}
	err := i.journal.put(ctx, e, func(err error) {
		if err != nil {
			c.drop(err)
			return
		}
		c.keep(m)
	})
	if err != nil {
		c.drop(err)
	}
}

// drop ends the connection, so that a new one is handed what was not acknowledged.
func (c *brokerConn) drop(err error) {
	if !c.dead.Swap(true) {
		c.fail(fmt.Errorf("a message could not be kept: %w", err))
	}
}

// publish sends with QoS 1 and waits for the broker's word.
func (b *broker) publish(ctx context.Context, topic string, payload []byte) error {
	b.mu.Lock()
	client := b.client
	b.mu.Unlock()
	if client == nil {
		return &site.Error{Kind: site.Unavailable, Code: "ingest.broker_away"}
	}
	t := client.Publish(topic, 1, false, payload)
	select {
	case <-t.Done():
		if t.Error() != nil {
			return &site.Error{Kind: site.Unavailable, Code: "ingest.broker_away", Cause: errors.New(b.redact(t.Error().Error()))}
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
