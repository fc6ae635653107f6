package demo

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"sync/atomic"
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
	// quiesce is how long a client has to take its leave, in milliseconds.
	quiesce = 250
)

// client is one of the site's devices or people at the broker.
type client struct {
	name  string
	mqtt  mqtt.Client
	queue chan Message
}

// connect signs in every client of the site, and says that the devices are online.
func (p *play) connect(ctx context.Context) error {
	cast := p.script.Story.cast
	devices := make(map[string]bool)
	for _, d := range cast.Devices {
		if d.Silent == 0 {
			devices[d.ID] = true
			p.clients[d.ID] = p.newClient(d.ID, DeviceSecret(d.ID), topic("status", d.ID))
		}
	}
	for _, who := range cast.People {
		if who.Role == site.RoleSupervisor || who.Role == site.RoleSafety {
			p.clients[who.Login] = p.newClient(who.Login, Token(who.Login), "")
		}
	}
	tokens := make(map[string]mqtt.Token, len(p.clients))
	for name, c := range p.clients {
		tokens[name] = c.mqtt.Connect()
	}
	for name, token := range tokens {
		if err := wait(ctx, token); err != nil {
			return p.connectError(name, err)
		}
	}
	for name := range devices {
		m := Message{Client: name, Topic: topic("status", name)}
		if err := wait(ctx, p.clients[name].mqtt.Publish(m.Topic, 1, true, "online")); err != nil {
			return p.connectError(name, err)
		}
		p.count(m)
	}
	return nil
}

// newClient makes a client; status is the topic of its last will, empty for people.
func (p *play) newClient(name, secret, status string) *client {
	user, password := name, secret
	if p.broker.User != nil {
		user = p.broker.User.Username()
		password, _ = p.broker.User.Password()
	}
	prefix := p.ClientID
	if prefix == "" {
		prefix = "topout-sim-"
	}
	o := mqtt.NewClientOptions().
		AddBroker(brokerAddress(p.broker)).
		SetClientID(prefix + name).
		SetUsername(user).SetPassword(password).
		SetTLSConfig(p.TLS).
		SetConnectTimeout(connectWithin).
		SetMaxReconnectInterval(10 * time.Second).
		SetKeepAlive(30 * time.Second).
		SetConnectionLostHandler(func(_ mqtt.Client, err error) {
			p.Log.Warn("a simulated client lost its connection and tries again", "client", name, "error", err)
		})
	if status != "" {
		o.SetWill(status, "offline", 1, true)
		// After a lost connection the broker has published the last will.
		var again atomic.Bool
		o.SetOnConnectHandler(func(c mqtt.Client) {
			if again.Swap(true) {
				c.Publish(status, 1, true, "online")
			}
		})
	}
	return &client{name: name, mqtt: mqtt.NewClient(o), queue: make(chan Message, waiting)}
}

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
// it on the way at a time.
func (c *client) send(ctx context.Context, sent func(Message)) error {
	type onTheWay struct {
		Message
		token mqtt.Token
	}
	var open []onTheWay
	settle := func(leave int) error {
		for len(open) > leave {
			if err := wait(ctx, open[0].token); err != nil {
				return err
			}
			sent(open[0].Message)
			open = open[1:]
		}
		return nil
	}
	for m := range c.queue {
		open = append(open, onTheWay{m, c.mqtt.Publish(m.Topic, 1, false, m.Payload)})
		leave := 0
		if len(c.queue) > 0 {
			leave = waiting
		}
		if err := settle(leave); err != nil {
			return err
		}
	}
	return settle(0)
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
			c.mqtt.Disconnect(quiesce)
			done <- struct{}{}
		}()
	}
	for range p.clients {
		<-done
	}
}

// connectError says why a client was not let in.
func (p *play) connectError(name string, err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	code := "demo.no_broker"
	if errors.Is(err, packets.ErrorRefusedNotAuthorised) || errors.Is(err, packets.ErrorRefusedBadUsernameOrPassword) {
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
