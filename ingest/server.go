package ingest

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"topout/site"
)

const (
	// readyTimeout bounds how long the embedded server may take to start. With
	// much in its streams after a crash it reads them first.
	readyTimeout = 60 * time.Second
	// natsOverhead is what a payload of 1 MiB may need beside itself: headers, and
	// the framing of a journal record.
	natsOverhead = 64 << 10
	// signInTimeout bounds one look-up of who signs in.
	signInTimeout = 5 * time.Second
)

// codeSignIn is why a sign-in was refused.
const codeSignIn = "ingest.sign_in"

// embedded is the nats-server in this process: JetStream for the journal, and the
// MQTT broker. Its own client port is not open; Topout connects in process.
type embedded struct {
	srv      *server.Server
	opts     *server.Options
	auth     Auth
	log      *slog.Logger
	password string          // of our own in-process connection
	authors  *server.Account // where reports name their publisher
	ready    chan struct{}   // closed when the streams stand, so that clients may come in

	mu     sync.Mutex
	closed string                        // why nobody may sign in, empty: all may
	users  map[uint64]session            // by connection
	turned func(r refusal, topic string) // called for what the broker turns away
}

// startEmbedded starts the server; clients wait at the door until open is called.
func startEmbedded(o *Options, turned func(r refusal, topic string)) (*embedded, error) {
	secret := make([]byte, 32)
	if _, err := rand.Read(secret); err != nil {
		return nil, err
	}
	e := &embedded{
		auth:     o.Auth,
		log:      o.Log,
		password: hex.EncodeToString(secret),
		ready:    make(chan struct{}),
		users:    make(map[uint64]session),
		turned:   turned,
	}
	opts := &server.Options{
		ServerName:                 "topout",
		DontListen:                 true,
		NoSigs:                     true,
		NoSystemAccount:            false,
		JetStream:                  true,
		StoreDir:                   o.Dir,
		JetStreamMaxMemory:         64 << 20,
		JetStreamMaxStore:          1 << 50, // the guard of free space is ours
		DisableJetStreamBanner:     true,
		SyncAlways:                 true,
		MaxPayload:                 maxPayload + natsOverhead,
		CustomClientAuthentication: e,
		Websocket:                  server.WebsocketOpts{},
	}
	if o.Listen != "" {
		host, port, err := listenAddress(o.Listen)
		if err != nil {
			return nil, err
		}
		opts.MQTT.Host, opts.MQTT.Port = host, port
		opts.MQTT.TLSConfig = o.TLS
		opts.MQTT.TLSTimeout = 10
		opts.MQTT.MaxAckPending = 4096
	}
	if o.ListenWS != "" {
		if o.Listen == "" {
			return nil, errors.New("MQTT over WebSocket needs the embedded broker: give it a listen address too")
		}
		host, port, err := listenAddress(o.ListenWS)
		if err != nil {
			return nil, err
		}
		opts.Websocket = server.WebsocketOpts{Host: host, Port: port, TLSConfig: o.TLS, NoTLS: o.TLS == nil, HandshakeTimeout: 10 * time.Second}
	}
	srv, err := server.NewServer(opts)
	if err != nil {
		return nil, fmt.Errorf("embedded broker: %w", err)
	}
	srv.SetLoggerV2(&brokerLog{log: o.Log, turned: e.turnedAway}, false, false, false)
	e.srv, e.opts = srv, opts
	srv.Start()
	if !srv.ReadyForConnections(readyTimeout) {
		srv.Shutdown()
		return nil, errors.New("the embedded broker did not start within " + readyTimeout.String())
	}
	if e.authors, err = srv.RegisterAccount(authorsAccount); err != nil {
		srv.Shutdown()
		return nil, fmt.Errorf("embedded broker: %w", err)
	}
	return e, nil
}

// listenAddress checks that an address can be bound, for a clear error, and gives
// its parts; nats-server takes -1 for any port.
func listenAddress(addr string) (host string, port int, err error) {
	var listen net.ListenConfig
	l, err := listen.Listen(context.Background(), "tcp", addr)
	if err != nil {
		return "", 0, fmt.Errorf("MQTT cannot listen on %s: %w", addr, err)
	}
	if err := l.Close(); err != nil {
		return "", 0, err
	}
	host, p, err := net.SplitHostPort(addr)
	if err != nil {
		return "", 0, err
	}
	if port, err = strconv.Atoi(p); err != nil {
		return "", 0, fmt.Errorf("MQTT cannot listen on %s: the port is not a number", addr)
	}
	if port == 0 {
		port = -1
	}
	if host == "" {
		host = "0.0.0.0"
	}
	return host, port, nil
}

// mqttAddr is the address that the MQTT listener is bound to, empty when off.
func (e *embedded) mqttAddr() string {
	if e.opts.MQTT.Port == 0 {
		return ""
	}
	return net.JoinHostPort(e.opts.MQTT.Host, strconv.Itoa(e.opts.MQTT.Port))
}

// wsAddr is the address of the WebSocket listener, empty when off.
func (e *embedded) wsAddr() string {
	if e.opts.Websocket.Port == 0 {
		return ""
	}
	return net.JoinHostPort(e.opts.Websocket.Host, strconv.Itoa(e.opts.Websocket.Port))
}

// ownUser is the name of our in-process connection. It is no valid id, so that no
// device or person can have it.
const ownUser = "$topout"

// connect makes an in-process connection as ownUser or authorsUser.
func (e *embedded) connect(user string) (*nats.Conn, error) {
	return nats.Connect("", nats.InProcessServer(e.srv), nats.UserInfo(user, e.password), nats.Name("topout"),
		nats.MaxReconnects(-1), nats.ReconnectWait(100*time.Millisecond),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { e.log.Warn("embedded broker", "err", err) }))
}

// open lets clients sign in.
func (e *embedded) open() { close(e.ready) }

// Check is nats-server's question whether a client may come in; it sets what the
// client may do. Nothing is allowed that is not named.
func (e *embedded) Check(c server.ClientAuthentication) bool {
	opts := c.GetOpts()
	if opts.Username == ownUser || opts.Username == authorsUser {
		if subtle.ConstantTimeCompare([]byte(opts.Password), []byte(e.password)) != 1 {
			return false
		}
		own := &server.User{Username: opts.Username}
		if opts.Username == authorsUser {
			own.Account = e.authors
		}
		c.RegisterUser(own)
		return true
	}
	if !isMQTT(c) {
		return false
	}
	<-e.ready // always closed: by open, or by stop
	e.mu.Lock()
	closed := e.closed
	e.mu.Unlock()
	if closed != "" {
		return false
	}
	// Remembered before it is looked up, so that whoever is revoked meanwhile is
	// found by kick.
	e.remember(c.GetID(), session{user: opts.Username})
	ctx, cancel := context.WithTimeout(context.Background(), signInTimeout)
	defer cancel()
	id, err := e.signIn(ctx, opts.Username, opts.Password)
	if err != nil {
		if site.IsKind(err, site.Unauthenticated) {
			e.turned(refusal{code: codeSignIn, device: clip(opts.Username), params: map[string]string{"name": clip(opts.Username)}}, "")
		} else {
			e.log.Warn("sign-in at the embedded broker failed", "user", clip(opts.Username), "err", err)
		}
		return false
	}
	allowed := permissions(id)
	e.remember(c.GetID(), session{opts.Username, opts.Password, allowed})
	c.RegisterUser(&server.User{Username: opts.Username, Permissions: allowed})
	return true
}

func (e *embedded) signIn(ctx context.Context, name, secret string) (Identity, error) {
	if name == "" || secret == "" {
		return Identity{}, site.Errorf(site.Unauthenticated, codeSignIn, "", "name", clip(name))
	}
	return e.auth.SignIn(ctx, name, secret)
}

// isMQTT tells an MQTT client from one that speaks NATS over the WebSocket
// listener. nats-server says it in the client's label only.
func isMQTT(c server.ClientAuthentication) bool {
	s, ok := c.(fmt.Stringer)
	return ok && strings.Contains(s.String(), " - mid")
}

// permissions gives what one may publish and subscribe to, as NATS subjects. Ids
// are free of wildcards by their grammar.
func permissions(id Identity) *server.Permissions {
	p := &server.Permissions{Publish: &server.SubjectPermission{}, Subscribe: &server.SubjectPermission{}}
	if d := id.Device; d != nil && site.ValidID(d.ID) && site.ValidID(d.Project) {
		p.Publish.Allow = []string{
			"topout.v1." + d.Project + "." + kindReadings + "." + d.ID,
			"topout.v1." + d.Project + "." + kindStatus + "." + d.ID,
		}
	}
	if id.Person != nil {
		personPermissions(*id.Person, p)
	}
	if len(p.Publish.Allow) == 0 {
		p.Publish.Deny = []string{">"}
	}
	// nats-server delivers QoS 1 over subjects of its own.
	p.Subscribe.Allow = append(p.Subscribe.Allow, "$MQTT.sub.>", "$MQTT.deliver.>")
	return p
}

// personPermissions names what a person's roles allow. A role in one project
// stands before one in all projects, also where it allows less.
func personPermissions(person site.Person, p *server.Permissions) {
	for _, project := range slices.Sorted(maps.Keys(person.Roles)) {
		if project != site.AllProjects && !site.ValidID(project) {
			continue
		}
		base := "topout.v1." + project + "." // AllProjects is also NATS's wildcard
		grant := func(action site.Action, to *server.SubjectPermission, subjects ...string) {
			switch {
			case person.Can(action, project):
				to.Allow = append(to.Allow, subjects...)
			case person.Can(action, site.AllProjects):
				to.Deny = append(to.Deny, subjects...)
			}
		}
		grant(site.ActReport, p.Publish, base+kindProgress+".*")
		grant(site.ActCheck, p.Publish, base+kindChecks+".*")
		// MQTT's # also matches the level above, which is the first of the two.
		grant(site.ActView, p.Subscribe, base+kindAlerts, base+kindAlerts+".>")
	}
}

// session is who is behind a connection, and what it may do.
type session struct {
	user    string
	secret  string
	allowed *server.Permissions // nil before it is signed in
}

// remember keeps who is behind a connection. Closed connections are forgotten when
// there are many.
func (e *embedded) remember(cid uint64, s session) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.users) >= 1024 && len(e.users) >= 2*e.srv.NumClients() {
		for id := range e.users {
			if e.srv.GetClient(id) == nil {
				delete(e.users, id)
			}
		}
	}
	e.users[cid] = s
}

// turnedAway is called by the log for what the broker refused.
func (e *embedded) turnedAway(cid uint64, code, topic string, params map[string]string) {
	e.mu.Lock()
	user := e.users[cid].user
	e.mu.Unlock()
	e.turned(refusal{code: code, device: clip(user), params: params}, topic)
}

// review signs in again, in thought, whoever is connected, and ends the connections
// of those who may not any more, or may something else: what another process
// changed counts for them too.
func (e *embedded) review(ctx context.Context) {
	e.mu.Lock()
	live := maps.Clone(e.users)
	e.mu.Unlock()
	for cid, s := range live {
		if e.srv.GetClient(cid) == nil {
			e.mu.Lock()
			delete(e.users, cid)
			e.mu.Unlock()
			continue
		}
		if s.allowed == nil {
			continue
		}
		id, err := e.signIn(ctx, s.user, s.secret)
		switch {
		case err != nil && !site.IsKind(err, site.Unauthenticated):
			return // the records cannot be read: judge nobody
		case err != nil || !reflect.DeepEqual(permissions(id), s.allowed):
			e.log.Info("a connection is ended: its rights have changed", "user", clip(s.user))
			_ = e.srv.DisconnectClientByID(cid) // gone already is as good
		}
	}
}

// kick ends the live connections of a user.
func (e *embedded) kick(user string) {
	e.mu.Lock()
	var ids []uint64
	for id, s := range e.users {
		if s.user == user {
			ids = append(ids, id)
		}
	}
	e.mu.Unlock()
	for _, id := range ids {
		_ = e.srv.DisconnectClientByID(id) // gone already is as good
	}
}

// deny turns everybody away who signs in from now on; an empty reason lets them
// in again.
func (e *embedded) deny(reason string) {
	e.mu.Lock()
	e.closed = reason
	e.mu.Unlock()
}

// hangUp ends all connections of clients.
func (e *embedded) hangUp() {
	e.mu.Lock()
	var ids []uint64
	for id := range e.users {
		ids = append(ids, id)
	}
	e.mu.Unlock()
	for _, id := range ids {
		_ = e.srv.DisconnectClientByID(id)
	}
}

// stop ends the server and waits for it.
func (e *embedded) stop() {
	e.deny("stopping")
	select {
	case <-e.ready:
	default:
		close(e.ready)
	}
	e.srv.Shutdown()
	e.srv.WaitForShutdown()
}
