package main_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"sync"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"topout/internal/testenv"
	"topout/internal/testserver"
)

// How often the binary is killed, and then stopped in order, in each crash test.
const (
	kills = 20
	stops = 3
)

// TestNothingAcknowledgedIsLost kills the binary at random instants under load
// and accounts for every acknowledged message afterwards.
func TestNothingAcknowledgedIsLost(t *testing.T) {
	t.Run("embedded broker", func(t *testing.T) {
		addr := testserver.FreeAddr(t)
		p := testenv.Start(t, testenv.Options{Env: []string{"TOPOUT_MQTT_LISTEN=" + addr}})
		crash(t, p, "tcp://"+addr)
	})
	t.Run("Mosquitto", func(t *testing.T) {
		broker := testserver.Mosquitto(t, testserver.Options{})
		p := testenv.Start(t, testenv.Options{Env: []string{"TOPOUT_MQTT_LISTEN=", "TOPOUT_MQTT_URL=" + broker.URL}})
		crash(t, p, "tcp://"+broker.Addr)
	})
}

func crash(t *testing.T, p *testenv.Topout, broker string) {
	p.CLI("project", "add", "p1", "--name", "Crash site", "--zone", "Asia/Shanghai")
	secret := p.Secret("p1", "sensor", "weather")
	token := p.Token("sam", "supervisor", "p1")
	admin := p.Token("chief", "admin", "")
	plan := map[string]any{"tasks": []map[string]any{{"id": "T1", "name": "Slab", "duration_days": 10}}, "start": time.Now().Format(time.DateOnly)}
	if _, err := p.Call(t.Context(), admin, "PUT", "/projects/p1/plan", plan, nil); err != nil {
		t.Fatal(err)
	}

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	load := &load{base: time.Now().Add(-time.Hour).UTC().Truncate(time.Millisecond), acked: map[int64]float64{}, reports: map[string]bool{}}
	var running sync.WaitGroup
	running.Go(func() { load.publish(ctx, broker, secret) })
	// The addresses of the binary change with each start.
	var mu sync.RWMutex
	running.Go(func() { load.report(ctx, p, &mu, token) })

	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for n := range kills + stops {
		select { // the instant is the point of the test; nothing is waited for
		case <-time.After(time.Duration(100+random.IntN(500)) * time.Millisecond):
		case <-t.Context().Done():
		}
		mu.Lock()
		if n < kills {
			p.Kill()
		} else if err := p.Stop(); err != nil {
			t.Errorf("stopped in order under load: %v", err)
		}
		p.Restart()
		mu.Unlock()
	}
	stop()
	running.Wait()

	t.Logf("%d readings and %d reports were acknowledged", len(load.acked), len(load.reports))
	if len(load.acked) < kills || len(load.reports) < kills {
		t.Fatalf("too little load to prove anything: %d readings, %d reports", len(load.acked), len(load.reports))
	}
	testserver.Eventually(t, time.Minute, "every acknowledged reading is in the store", func() error { return load.checkReadings(t.Context(), p, token) })
	testserver.Eventually(t, time.Minute, "every acknowledged report is in the store, once", func() error { return load.checkReports(t.Context(), p, token) })
}

// load is what was sent and acknowledged.
type load struct {
	base    time.Time
	acked   map[int64]float64 // readings by time in Unix ms
	reports map[string]bool   // progress reports by id
}

// publish sends readings at QoS 1, some under way at a time, and keeps those that were acknowledged.
func (l *load) publish(ctx context.Context, broker, secret string) {
	next := 0
	for ctx.Err() == nil {
		client := mqtt.NewClient(mqtt.NewClientOptions().AddBroker(broker).SetClientID("sensor").SetUsername("sensor").SetPassword(secret).
			SetAutoReconnect(false).SetConnectTimeout(time.Second).SetWriteTimeout(time.Second))
		if token := client.Connect(); !token.WaitTimeout(2*time.Second) || token.Error() != nil {
			client.Disconnect(0)
			pause(ctx)
			continue
		}
		for ctx.Err() == nil && client.IsConnectionOpen() {
			type sent struct {
				at    int64
				value float64
				token mqtt.Token
			}
			var window []sent
			for range 50 {
				next++
				at, value := l.base.UnixMilli()+int64(next), float64(next)
				payload := fmt.Sprintf(`{"t":%d,"values":{"humidity":%g}}`, at, value)
				window = append(window, sent{at, value, client.Publish("topout/v1/p1/readings/sensor", 1, false, payload)})
			}
			for _, s := range window {
				if s.token.WaitTimeout(2*time.Second) && s.token.Error() == nil {
					l.acked[s.at] = s.value
				} else if !client.IsConnectionOpen() {
					break
				}
			}
			pause(ctx)
		}
		client.Disconnect(0)
	}
}

// report sends progress reports by the API and keeps those that were answered 200, 201 or 202.
func (l *load) report(ctx context.Context, p *testenv.Topout, mu *sync.RWMutex, token string) {
	for n := 0; ctx.Err() == nil; n++ {
		id := fmt.Sprintf("report-%d", n)
		body := map[string]any{"id": id, "task": "T1", "t": l.base.Add(time.Duration(n) * time.Millisecond).Format(time.RFC3339Nano), "percent": 10}
		for ctx.Err() == nil { // the same report until it is answered for, as a phone does
			mu.RLock()
			address := *p
			mu.RUnlock()
			within, cancel := context.WithTimeout(ctx, 3*time.Second)
			status, err := address.Call(within, token, "PUT", "/projects/p1/progress/"+id, body, nil)
			cancel()
			if err == nil && status <= 202 {
				l.reports[id] = true
				break
			}
			pause(ctx)
		}
	}
}

func pause(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(5 * time.Millisecond):
	}
}

func (l *load) checkReadings(ctx context.Context, p *testenv.Topout, token string) error {
	stored := map[int64]float64{}
	q := url.Values{"device": {"sensor"}, "metric": {"humidity"}, "limit": {"1000"}, "from": {l.base.Format(time.RFC3339Nano)}, "to": {l.base.Add(time.Hour).Format(time.RFC3339Nano)}}
	for {
		var page struct {
			Items []struct {
				T     time.Time
				Value float64
			}
			Next string
		}
		if _, err := p.Call(ctx, token, "GET", "/projects/p1/readings?"+q.Encode(), nil, &page); err != nil {
			return err
		}
		for _, r := range page.Items {
			at := r.T.UnixMilli()
			if _, twice := stored[at]; twice {
				return fmt.Errorf("the reading of %d stands twice", at)
			}
			stored[at] = r.Value
		}
		if page.Next == "" {
			break
		}
		q.Set("cursor", page.Next)
	}
	missing := 0
	for at, value := range l.acked {
		got, ok := stored[at]
		if !ok {
			missing++
		} else if got != value {
			return fmt.Errorf("the reading of %d is %g, was sent as %g", at, got, value)
		}
	}
	if missing > 0 {
		return fmt.Errorf("%d of %d acknowledged readings are not there", missing, len(l.acked))
	}
	return nil
}

func (l *load) checkReports(ctx context.Context, p *testenv.Topout, token string) error {
	times := map[string]int{}
	cursor := ""
	for {
		var page struct {
			Items []struct{ ID string }
			Next  string
		}
		q := url.Values{"limit": {"1000"}, "task": {"T1"}}
		if cursor != "" {
			q.Set("cursor", cursor)
		}
		if _, err := p.Call(ctx, token, "GET", "/projects/p1/progress?"+q.Encode(), nil, &page); err != nil {
			return err
		}
		for _, r := range page.Items {
			times[r.ID]++
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	var errs []error
	for id := range l.reports {
		if times[id] != 1 {
			errs = append(errs, fmt.Errorf("report %s stands %d times", id, times[id]))
		}
	}
	return errors.Join(errs...)
}
