package demo

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/eclipse/paho.mqtt.golang/packets"

	"topout/site"
)

const (
	// waiting is how many messages of one client wait for the broker at most:
	// as many in its queue, and as many sent and not acknowledged.
	waiting = 32
	// connectWithin is how long a broker has to let a client in.
	connectWithin = 10 * time.Second
	signInTries   = 3
	// retryFirst and retryMost are the pauses between tries to connect again, and
	// giveUpAfter is when a play of past days no longer tries.
	retryFirst, retryMost = 250 * time.Millisecond, 10 * time.Second
	giveUpAfter           = time.Minute
	// quiesce is how long a client has to take its leave, in milliseconds.
	quiesce = 250
)

// client is one of the site's devices or people at the broker.
type client struct {
	name   string
	status string // topic of its status, empty for people
	dial   func() mqtt.Client
	queue  chan Message
	conn   mqtt.Client
	open   []onTheWay // sent and not acknowledged
}

// onTheWay is a message that the broker has not acknowledged.
type onTheWay struct {
	Message
	token mqtt.Token
}

// connect signs in every client of the site, and says that the devices are online.
func (p *play) connect(ctx context.Context) error {
	cast := p.script.Story.cast
	for _, d := range cast.Devices {
		if d.Silent == 0 {
			p.clients[d.ID] = p.newClient(d.ID, DeviceSecret(d.ID), topic("status", d.ID))
		}
	}
	for _, who := range cast.People {
		if who.Role == site.RoleSupervisor || who.Role == site.RoleSafety {
			p.clients[who.Login] = p.newClient(who.Login, Token(who.Login), "")
		}
	}
	failed := make(chan error, len(p.clients))
	for _, c := range p.clients {
		go func() { failed <- p.signIn(ctx, c) }()
	}
	var first error
	for range p.clients {
		if err := <-failed; first == nil {
			first = err
		}
	}
	return first
}

// signIn connects a client for the first time. A broker that is busy gets a
// second chance, one that turns the client away does not.
func (p *play) signIn(ctx context.Context, c *client) error {
	for try := 1; ; try++ {
		c.conn = c.dial()
		err := wait(ctx, c.conn.Connect())
		if err == nil {
			break
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if turnedAway(err) || try == signInTries {
			return p.connectError(c.name, err)
		}
		if err := sleep(ctx, time.Duration(try)*time.Second); err != nil {
			return err
		}
	}
	if c.status == "" {
		return nil
	}
	if err := wait(ctx, c.online()); err != nil {
		return p.connectError(c.name, err)
	}
	p.count(Message{Client: c.name, Topic: c.status})
	return nil
}

// newClient makes a client; status is the topic of its last will, empty for people.
func (p *play) newClient(name, secret, status string) *client {
	user, password := name, secret
	if p.broker.User != nil {
		user = p.broker.User.Username()
		password, _ = p.broker.User.Password()
	}
	dial := func() mqtt.Client {
		o := mqtt.NewClientOptions().
			AddBroker(brokerAddress(p.broker)).
			SetClientID(p.ClientID + name).
			SetProtocolVersion(4). // 3.1.1, and no older one when that fails
			SetUsername(user).SetPassword(password).
			SetTLSConfig(p.TLS).
			SetConnectTimeout(connectWithin).
			SetKeepAlive(30 * time.Second).
			// A lost connection is built anew in send: what paho sends again by
			// itself it changes while it writes it.
			SetAutoReconnect(false)
		if status != "" {
			o.SetWill(status, "offline", 1, true)
		}
		return mqtt.NewClient(o)
	}
	return &client{name: name, status: status, dial: dial, queue: make(chan Message, waiting)}
}

// online says that a device is there.
func (c *client) online() mqtt.Token { return c.conn.Publish(c.status, 1, true, "online") }

// brokerAddress is the broker's URL without user and password, with the usual port.
func brokerAddress(u *url.URL) string {
	a := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}
	if u.Port() == "" {
		switch u.Scheme {
		case "mqtt", "tcp":
			a.Host += ":1883"
		case "mqtts", "ssl", "tls":
			a.Host += ":8883"
		}
	}
	return a.String()
}

// send publishes what comes in the queue until it is closed, in order, some of
// it on the way at a time. When the connection is lost it is built anew, and
// what was not acknowledged is sent again.
func (p *play) send(ctx context.Context, c *client) error {
	for m := range c.queue {
		c.publish(m)
		leave := 0
		if len(c.queue) > 0 {
			leave = waiting
		}
		if err := p.settle(ctx, c, leave); err != nil {
			return err
		}
	}
	return p.settle(ctx, c, 0)
}

func (c *client) publish(m Message) {
	c.open = append(c.open, onTheWay{m, c.conn.Publish(m.Topic, 1, false, m.Payload)})
}

// settle waits for the broker until at most so many messages are on the way.
func (p *play) settle(ctx context.Context, c *client, leave int) error {
	for len(c.open) > leave {
		err := wait(ctx, c.open[0].token)
		switch {
		case err == nil:
			p.count(c.open[0].Message)
			c.open = c.open[1:]
		case ctx.Err() != nil:
			return context.Cause(ctx)
		default:
			p.Log.Warn("a simulated client lost its connection and tries again", "client", c.name, "error", err)
			if err := p.reconnect(ctx, c); err != nil {
				return err
			}
		}
	}
	return nil
}

// reconnect builds a client's connection anew and sends again what was on the way.
// In a play of past days a broker that stays away is an error.
func (p *play) reconnect(ctx context.Context, c *client) error {
	c.conn.Disconnect(0)
	lost := p.Now()
	for pause := retryFirst; ; pause = min(2*pause, retryMost) {
		c.conn = c.dial()
		err := wait(ctx, c.conn.Connect())
		if err == nil {
			break
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if p.Days > 0 && p.Now().Sub(lost) > giveUpAfter {
			return p.connectError(c.name, err)
		}
		if err := sleep(ctx, pause); err != nil {
			return err
		}
	}
	if c.status != "" {
		c.online()
	}
	again := c.open
	c.open = nil
	for _, m := range again {
		c.publish(m.Message)
	}
	return nil
}

// sleep waits, or returns why the context ended.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// wait waits for what a token stands for.
func wait(ctx context.Context, token mqtt.Token) error {
	select {
	case <-token.Done():
		return token.Error()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// close lets every client take its leave. Devices do not say that they are
// offline: a play that ends is not a site that is switched off.
func (p *play) close() {
	done := make(chan struct{}, len(p.clients))
	for _, c := range p.clients {
		go func() {
			c.conn.Disconnect(quiesce)
			done <- struct{}{}
		}()
	}
	for range p.clients {
		<-done
	}
}

func turnedAway(err error) bool {
	return errors.Is(err, packets.ErrorRefusedNotAuthorised) || errors.Is(err, packets.ErrorRefusedBadUsernameOrPassword)
}

// connectError says why a client was not let in.
func (p *play) connectError(name string, err error) error {
	code := "demo.no_broker"
	if turnedAway(err) {
		code = "demo.turned_away"
	}
	e := site.Errorf(site.Unavailable, code, "url", "client", name, "broker", p.broker.Host)
	e.Cause = err
	return e
}

// topicKind is the kind of message that a topic is for.
func topicKind(topic string) string {
	parts := strings.Split(topic, "/")
	if len(parts) != 5 {
		return ""
	}
	return parts[3]
}
