package ingest_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"topout/site"
	"topout/store"
)

// inbox collects what a client is sent.
type inbox struct {
	mu  sync.Mutex
	got []string
}

func (b *inbox) take(_ mqtt.Client, m mqtt.Message) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.got = append(b.got, m.Topic()+" "+string(m.Payload()))
}

func (b *inbox) all() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Join(b.got, "\n")
}

func TestAlertsReachSubscribers(t *testing.T) {
	e := setup(t).start()
	for qos := range byte(2) {
		var b inbox
		c := e.client("sun", func(o *mqtt.ClientOptions) { o.SetDefaultPublishHandler(b.take).SetClientID("alerts") })
		for _, filter := range []string{"topout/v1/p1/alerts/#", "topout/v1/p2/alerts/#", "topout/v1/p1/readings/+", "#"} {
			token := c.Subscribe(filter, qos, nil)
			if err := wait(token); err != nil {
				t.Fatal(err)
			}
			refused := token.(*mqtt.SubscribeToken).Result()[filter] == 0x80
			if want := filter != "topout/v1/p1/alerts/#"; refused != want {
				t.Errorf("subscribe to %s refused: %v, want %v", filter, refused, want)
			}
		}
		if err := e.Publish(t.Context(), "topout/v1/p1/alerts/critical", []byte(`{"n":1}`)); err != nil {
			t.Fatal(err)
		}
		if err := e.Publish(t.Context(), "topout/v1/p2/alerts/critical", []byte(`{"n":2}`)); err != nil {
			t.Fatal(err)
		}
		e.eventually("the alert", func() bool { return b.all() != "" })
		time.Sleep(50 * time.Millisecond) // a second copy would be there by now
		if got := b.all(); got != `topout/v1/p1/alerts/critical {"n":1}` {
			t.Errorf("QoS %d: %s", qos, got)
		}
		c.Disconnect(50)
	}
	if r := e.refused(); len(r) > 3*2 {
		t.Errorf("our own alerts were refused: %+v", r)
	}
}

func TestAlertsWaitForAPersistentSession(t *testing.T) {
	e := setup(t).start()
	persistent := func(b *inbox) func(*mqtt.ClientOptions) {
		return func(o *mqtt.ClientOptions) {
			o.SetCleanSession(false).SetClientID("phone-of-sun").SetDefaultPublishHandler(b.take)
		}
	}
	var b inbox
	c := e.client("sun", persistent(&b))
	if err := wait(c.Subscribe("topout/v1/p1/alerts/#", 1, nil)); err != nil {
		t.Fatal(err)
	}
	c.Disconnect(50)
	e.restart()
	if err := e.Publish(t.Context(), "topout/v1/p1/alerts/warning", []byte("while away")); err != nil {
		t.Fatal(err)
	}
	e.client("sun", persistent(&b))
	e.eventually("what was published while away", func() bool { return b.all() == "topout/v1/p1/alerts/warning while away" })
}

func TestDeviceMaySubscribeToNothing(t *testing.T) {
	e := setup(t).start()
	c := e.client("d1")
	for _, filter := range []string{"#", "topout/v1/p1/readings/d1", "topout/v1/p1/alerts/#", "$SYS/#", "$MQTT/#"} {
		token := c.Subscribe(filter, 0, nil)
		if wait(token) == nil && token.(*mqtt.SubscribeToken).Result()[filter] != 0x80 {
			t.Errorf("a device may subscribe to %s", filter)
		}
		if !c.IsConnected() {
			c = e.client("d1")
		}
	}
}

func TestRolesAtTheBroker(t *testing.T) {
	e := setup(t).start()
	for _, p := range []struct {
		who           string
		report, check bool
	}{{"sun", true, true}, {"an", false, true}, {"vera", false, false}} {
		c := e.client(p.who)
		before := len(e.refused())
		e.publish(c, "topout/v1/p1/progress/A1", `{"id":"p-`+p.who+`","t":1763600000000,"percent":1}`)
		e.publish(c, "topout/v1/p1/checks/jgj59-b1", `{"id":"c-`+p.who+`","t":1763600000000,"items":[{"code":"B.1-1","result":"pass"}]}`)
		want := before
		for _, ok := range []bool{p.report, p.check} {
			if !ok {
				want++
			}
		}
		e.eventually(p.who+"'s refusals", func() bool { return len(e.refused()) == want })
		e.eventually(p.who+"'s reports", func() bool {
			var progress, check error
			e.view(func(t *store.Tx) error {
				_, progress = t.ProgressByID(project, "p-"+p.who)
				_, check = t.CheckByID(project, "c-"+p.who)
				return nil
			})
			return (progress == nil) == p.report && (check == nil) == p.check
		})
	}
}

func TestRevokedDeviceIsCutOff(t *testing.T) {
	e := setup(t).start()
	c := e.client("d1")
	e.publish(c, readingsTopic("d1"), readingAt(time.Now(), "x", 1))
	e.update(func(t *store.Tx) error { return t.RevokeDevice("d1", time.Now()) })
	e.KickDevice("d1")
	e.eventually("its connection ends", func() bool { return !c.IsConnected() })
	if _, err := e.tryClient("d1", secretOf("d1")); err == nil {
		t.Error("it may sign in again")
	}
	e.eventually("what it sent before is there", func() bool { return len(e.samples("d1", "x")) == 1 })
	_, err := e.Accept(t.Context(), site.Message{Door: site.DoorBroker, Topic: readingsTopic("d1"), Payload: []byte(readingAt(time.Now(), "x", 1))})
	if err != nil || e.refusedAs("ingest.revoked_device") == nil {
		t.Errorf("by an external broker: %v, %+v", err, e.refused())
	}
}

func TestDisabledPersonIsCutOff(t *testing.T) {
	e := setup(t).start()
	c := e.client("sun")
	e.update(func(t *store.Tx) error {
		p, err := t.Person("sun")
		if err != nil {
			return err
		}
		p.Disabled = true
		return t.UpdatePerson(p)
	})
	e.KickPerson("sun")
	e.eventually("its connection ends", func() bool { return !c.IsConnected() })
	if _, err := e.tryClient("sun", secretOf("sun")); err == nil {
		t.Error("it may sign in again")
	}
}

func TestLastWillAndStatus(t *testing.T) {
	e := setup(t).start()
	const topic = "topout/v1/p1/status/d1"
	c := e.client("d1", func(o *mqtt.ClientOptions) { o.SetWill(topic, "offline", 1, true).SetKeepAlive(time.Second) })
	if err := wait(c.Publish(topic, 1, true, "online")); err != nil {
		t.Fatal(err)
	}
	e.eventually("online", func() bool { return e.device("d1").Status == "online" })
	e.KickDevice("d1") // not an orderly end: the will is published
	e.eventually("offline", func() bool { return e.device("d1").Status == "offline" })
	c = e.client("d1")
	if err := wait(c.Publish(topic, 0, true, "online")); err != nil {
		t.Fatal(err)
	}
	e.eventually("online by QoS 0", func() bool { return e.device("d1").Status == "online" })
}

// TestRightsChangedByAnotherProcess: what the command line changes counts for live
// connections too.
func TestRightsChangedByAnotherProcess(t *testing.T) {
	e := setup(t).start()
	device, person, other := e.client("d1"), e.client("sun"), e.client("an")
	second, err := store.Open(t.Context(), store.Options{Path: e.dir + "/topout.db"})
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	err = second.Update(t.Context(), func(t *store.Tx) error {
		if err := t.RevokeDevice("d1", time.Now()); err != nil {
			return err
		}
		return t.RevokeToken("token-sun", time.Now())
	})
	if err != nil {
		t.Fatal(err)
	}
	e.eventually("both connections end", func() bool { return !device.IsConnected() && !person.IsConnected() })
	if !other.IsConnected() {
		t.Error("somebody else was cut off too")
	}
	err = second.Update(t.Context(), func(t *store.Tx) error { return newDevice(t, "late", project) })
	if err != nil {
		t.Fatal(err)
	}
	c := e.client("late")
	e.publish(c, readingsTopic("late"), readingAt(time.Now(), "x", 1))
	e.eventually("a device of the command line is known at once", func() bool { return len(e.samples("late", "x")) == 1 })
}

// TestSessionOfAnother: whoever connects with the client id of another's persistent
// session gets nothing of it that is not for him.
func TestSessionOfAnother(t *testing.T) {
	e := setup(t).start()
	shared := func(b *inbox) func(*mqtt.ClientOptions) {
		return func(o *mqtt.ClientOptions) {
			o.SetCleanSession(false).SetClientID("shared").SetDefaultPublishHandler(b.take)
		}
	}
	var sun, thief inbox
	c := e.client("sun", shared(&sun))
	if err := wait(c.Subscribe("topout/v1/p1/alerts/#", 1, nil)); err != nil {
		t.Fatal(err)
	}
	c.Disconnect(50)
	if err := e.Publish(t.Context(), "topout/v1/p1/alerts/critical", []byte("secret")); err != nil {
		t.Fatal(err)
	}
	c = e.client("foreign", shared(&thief))
	if err := e.Publish(t.Context(), "topout/v1/p1/alerts/critical", []byte("secret too")); err != nil {
		t.Fatal(err)
	}
	e.publish(c, "topout/v1/p2/readings/foreign", readingAt(time.Now(), "x", 1))
	time.Sleep(200 * time.Millisecond) // what is on its way would be there by now
	if got := thief.all(); got != "" {
		t.Errorf("a device was sent %q", got)
	}
}

// TestSweepLeavesWhatASessionWaitsFor: readings leave the broker's stream while an
// alert in the midst of them waits for a phone.
func TestSweepLeavesWhatASessionWaitsFor(t *testing.T) {
	e := setup(t).start()
	var b inbox
	persistent := func(o *mqtt.ClientOptions) {
		o.SetCleanSession(false).SetClientID("phone-of-sun").SetDefaultPublishHandler(b.take)
	}
	phone := e.client("sun", persistent)
	if err := wait(phone.Subscribe("topout/v1/p1/alerts/#", 1, nil)); err != nil {
		t.Fatal(err)
	}
	phone.Disconnect(50)
	c := e.client("d1")
	start := time.Now()
	for n := range 40 {
		e.publish(c, readingsTopic("d1"), readingAt(start.Add(time.Duration(n)*time.Millisecond), "x", 1))
		if n == 20 {
			if err := e.Publish(t.Context(), "topout/v1/p1/alerts/critical", []byte("crane")); err != nil {
				t.Fatal(err)
			}
		}
	}
	e.eventually("only the alert is left", func() bool { return e.Backlog() == 0 && e.Stored(t.Context())["$MQTT_msgs"] == 1 })
	e.restart()
	e.client("sun", persistent)
	e.eventually("the alert", func() bool { return b.all() == "topout/v1/p1/alerts/critical crane" })
	e.eventually("nothing is left", func() bool { return e.Stored(t.Context())["$MQTT_msgs"] == 0 })
}
