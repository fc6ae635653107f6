package main_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"topout/internal/testenv"
	"topout/internal/testserver"
)

// TestMistakesAreToldInASentence starts the binary in ways that cannot work.
func TestMistakesAreToldInASentence(t *testing.T) {
	p := testenv.Start(t, testenv.Options{})
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	other := t.TempDir()
	for _, c := range []struct {
		name string
		args []string
		code int
		says []string
	}{
		{"a second serve on the same folder", []string{"serve"}, 1, []string{"another topout serve uses the data folder"}},
		{"a taken web port", []string{"serve", "--data", other, "--http", taken.Addr().String()}, 1, []string{"TOPOUT_HTTP"}},
		{"a taken MQTT port", []string{"serve", "--data", other, "--mqtt-listen", taken.Addr().String()}, 1, []string{"TOPOUT_MQTT_LISTEN"}},
		{"several bad settings", []string{"serve", "--http", "nowhere", "--raw-days", "many", "--smtp-url", "mail"}, 2, []string{"TOPOUT_HTTP", "TOPOUT_RAW_DAYS", "TOPOUT_SMTP_URL"}},
		{"an unknown flag", []string{"serve", "--nonsense"}, 2, []string{"--nonsense"}},
		{"an unknown command", []string{"build"}, 2, []string{"build"}},
		{"an unknown project", []string{"device", "add", "d1", "--project", "none", "--kind", "dust"}, 1, []string{"none"}},
		{"a bad role", []string{"user", "add", "x", "--name", "X", "--role", "boss"}, 2, []string{"role"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, errs, code := p.Command(c.args...)
			if code != c.code {
				t.Errorf("exit %d, want %d", code, c.code)
			}
			for _, text := range c.says {
				if !strings.Contains(string(errs), text) {
					t.Errorf("stderr does not say %q:\n%s", text, errs)
				}
			}
			if strings.Contains(string(errs), "goroutine ") || strings.Contains(string(errs), "panic") {
				t.Errorf("a stack trace:\n%s", errs)
			}
			if len(out) > 0 {
				t.Errorf("stdout: %s", out)
			}
		})
	}
}

// TestAnInfluxOutageLosesNothing stops InfluxDB under load: writes are answered
// 202, the alarm goes out, /readyz says what is away, and later all is there.
func TestAnInfluxOutageLosesNothing(t *testing.T) {
	influx := testserver.Influx2(t)
	p := testenv.Start(t, testenv.Options{Env: []string{
		"TOPOUT_INFLUX_URL=" + influx.URL, "TOPOUT_INFLUX_TOKEN=" + influx.Token, "TOPOUT_INFLUX_ORG=" + influx.Org, "TOPOUT_INFLUX_BUCKET=" + influx.Bucket,
	}})
	p.CLI("project", "add", "p1", "--name", "Outage")
	secret := p.Secret("p1", "crane-1", "tower_crane")
	sam, chief := p.Token("sam", "supervisor", "p1"), p.Token("chief", "admin", "")
	plan := map[string]any{"tasks": []map[string]any{{"id": "T1", "name": "Slab", "duration_days": 10}}, "start": time.Now().Format(time.DateOnly)}
	if _, err := p.Call(t.Context(), chief, "PUT", "/projects/p1/plan", plan, nil); err != nil {
		t.Fatal(err)
	}
	client := mqtt.NewClient(mqtt.NewClientOptions().AddBroker(p.MQTT).SetClientID("crane-1").SetUsername("crane-1").SetPassword(secret))
	if token := client.Connect(); !token.WaitTimeout(10*time.Second) || token.Error() != nil {
		t.Fatalf("connect: %v", token.Error())
	}
	defer client.Disconnect(100)
	base := time.Now().Add(-time.Minute).UTC().Truncate(time.Second)
	sent := 0
	publish := func(n int, moment float64) {
		t.Helper()
		for range n {
			payload := fmt.Sprintf(`{"t":%d,"values":{"moment_percent":%g}}`, base.UnixMilli()+int64(sent), moment)
			sent++
			if token := client.Publish("topout/v1/p1/readings/crane-1", 1, false, payload); !token.WaitTimeout(10*time.Second) || token.Error() != nil {
				t.Fatalf("publish: %v", token.Error())
			}
		}
	}
	report := func(id string) (int, error) {
		return p.Call(t.Context(), sam, "PUT", "/projects/p1/progress/"+id, map[string]any{"id": id, "task": "T1", "t": time.Now().UTC().Format(time.RFC3339), "percent": 20}, nil)
	}
	publish(200, 50)
	if status, err := report("r-before"); err != nil || status != http.StatusCreated {
		t.Errorf("before: %d %v", status, err)
	}

	influx.Stop()
	publish(200, 50)
	publish(1, 104)
	testserver.Eventually(t, 10*time.Second, "the alarm although InfluxDB is away", func() error {
		var list struct {
			Items []struct{ Severity, Device string }
		}
		if _, err := p.Call(t.Context(), sam, "GET", "/projects/p1/issues?kind=reading", nil, &list); err != nil {
			return err
		}
		if len(list.Items) != 1 || list.Items[0].Severity != "critical" {
			return fmt.Errorf("issues: %+v", list.Items)
		}
		return nil
	})
	testserver.Eventually(t, 20*time.Second, "readyz says degraded", func() error {
		ready, status, err := readyz(p)
		if err != nil {
			return err
		}
		if status != http.StatusOK || ready.Status != "degraded" || ready.Checks["influxdb"].Status != "degraded" || ready.Checks["influxdb"].Error == "" || ready.Checks["influxdb"].Since == "" {
			return fmt.Errorf("%d %+v", status, ready)
		}
		return nil
	})
	if status, err := report("r-during"); err != nil || status != http.StatusAccepted {
		t.Errorf("during: %d %v", status, err)
	}
	// Killed and started again while InfluxDB is still away.
	client.Disconnect(100)
	p.Kill()
	p.Restart()
	influx.Start()

	testserver.Eventually(t, 60*time.Second, "every reading in InfluxDB", func() error {
		var list struct{ Items []struct{ Count int } }
		q := url.Values{"device": {"crane-1"}, "metric": {"moment_percent"}, "from": {base.Format(time.RFC3339)}, "to": {base.Add(time.Hour).Format(time.RFC3339)}, "every": {"1h"}}
		if _, err := p.Call(t.Context(), sam, "GET", "/projects/p1/readings?"+q.Encode(), nil, &list); err != nil {
			return err
		}
		count := 0
		for _, w := range list.Items {
			count += w.Count
		}
		if count != sent {
			return fmt.Errorf("%d of %d", count, sent)
		}
		return nil
	})
	testserver.Eventually(t, 20*time.Second, "readyz says ok", func() error {
		if ready, status, err := readyz(p); err != nil || status != http.StatusOK || ready.Status != "ok" {
			return fmt.Errorf("%d %+v %w", status, ready, err)
		}
		return nil
	})
}

type readiness struct {
	Status string
	Checks map[string]struct{ Status, Since, Error string }
}

func readyz(p *testenv.Topout) (r readiness, status int, err error) {
	res, err := http.Get(p.URL + "/readyz")
	if err != nil {
		return r, 0, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return r, res.StatusCode, err
	}
	return r, res.StatusCode, json.Unmarshal(b, &r)
}

// TestBackupAndRestore copies a folder while the server runs and starts another
// one from the copy.
func TestBackupAndRestore(t *testing.T) {
	p := testenv.Start(t, testenv.Options{})
	p.CLI("project", "add", "p1", "--name", "Kept")
	secret := p.Secret("p1", "dust-1", "dust")
	token := p.Token("vera", "viewer", "p1")
	send := func(p *testenv.Topout, value int) {
		t.Helper()
		client := mqtt.NewClient(mqtt.NewClientOptions().AddBroker(p.MQTT).SetClientID("dust-1").SetUsername("dust-1").SetPassword(secret))
		if tok := client.Connect(); !tok.WaitTimeout(10*time.Second) || tok.Error() != nil {
			t.Fatalf("connect: %v", tok.Error())
		}
		defer client.Disconnect(100)
		payload := fmt.Sprintf(`{"t":%d,"values":{"noise":%d}}`, time.Now().UnixMilli(), value)
		if tok := client.Publish("topout/v1/p1/readings/dust-1", 1, false, payload); !tok.WaitTimeout(10*time.Second) || tok.Error() != nil {
			t.Fatalf("publish: %v", tok.Error())
		}
	}
	values := func(p *testenv.Topout, want ...float64) {
		t.Helper()
		testserver.Eventually(t, 20*time.Second, fmt.Sprint("the readings ", want), func() error {
			var list struct{ Items []struct{ Value float64 } }
			if _, err := p.Call(t.Context(), token, "GET", "/projects/p1/readings?device=dust-1&metric=noise", nil, &list); err != nil {
				return err
			}
			var got []float64
			for _, x := range list.Items {
				got = append(got, x.Value)
			}
			if fmt.Sprint(got) != fmt.Sprint(want) {
				return fmt.Errorf("got %v", got)
			}
			return nil
		})
	}
	send(p, 61)
	values(p, 61)
	copied := filepath.Join(t.TempDir(), "copy")
	p.CLI("backup", copied)
	if err := p.Stop(); err != nil {
		t.Errorf("stop: %v", err)
	}

	dir := t.TempDir()
	fresh := testenv.Folder(t, dir)
	fresh.CLI("restore", copied)
	if _, errs, code := fresh.Command("restore", copied); code != 1 || !strings.Contains(string(errs), "in use") {
		t.Errorf("a second restore: exit %d: %s", code, errs)
	}
	again := testenv.Start(t, testenv.Options{Dir: dir})
	values(again, 61)
	// What comes after the restore is taken although the journal is new.
	send(again, 62)
	values(again, 62, 61)
}

func TestADamagedFolderIsToldInASentence(t *testing.T) {
	dir := t.TempDir()
	p := testenv.Folder(t, dir)
	if err := os.WriteFile(filepath.Join(dir, "topout.db"), []byte("this is no database, and never was one"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, errs, code := p.Command("serve")
	if code != 1 || strings.Count(strings.TrimSpace(string(errs)), "\n") > 0 {
		t.Errorf("exit %d: %s", code, errs)
	}
}
