// Package deploy holds the files of docker-compose.yml; its tests read them as
// Docker Compose does and start the same real servers with the same settings.
package deploy

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	mqtt "github.com/eclipse/paho.mqtt.golang"

	"topout/internal/testenv"
	"topout/internal/testserver"
)

var secrets = []string{
	"MQTT_PASSWORD=mqttPass1", "INFLUX_PASSWORD=influxPass1", "INFLUX_TOKEN=influxToken1", "GRAFANA_PASSWORD=grafanaPass1", "ADMIN_PASSWORD=adminPass1",
}

func compose(t *testing.T, env []string) (*types.Project, error) {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{"../docker-compose.yml"}, cli.WithEnv(env), cli.WithResolvedPaths(true))
	if err != nil {
		t.Fatal(err)
	}
	return options.LoadProject(t.Context())
}

var pinned = regexp.MustCompile(`:v?\d+\.\d+(\.\d+)?(-[a-z0-9.]+)?$`)

func TestComposeFile(t *testing.T) {
	project, err := compose(t, secrets)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"topout", "mosquitto", "influxdb", "grafana", "mailpit"} {
		if _, ok := project.Services[name]; !ok {
			t.Errorf("service %s is missing", name)
		}
	}
	for name, s := range project.Services {
		if !pinned.MatchString(s.Image) {
			t.Errorf("%s: image %s is not pinned", name, s.Image)
		}
		if s.Restart == "" {
			t.Errorf("%s does not come back after a restart", name)
		}
		for _, v := range s.Volumes {
			if v.Type == types.VolumeTypeBind {
				if _, err := os.Stat(v.Source); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		}
	}
}

// TestComposeAsksForSecrets leaves one secret out at a time.
func TestComposeAsksForSecrets(t *testing.T) {
	for i, missing := range secrets {
		name, _, _ := strings.Cut(missing, "=")
		env := append(append([]string{}, secrets[:i]...), secrets[i+1:]...)
		if _, err := compose(t, env); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("without %s: %v", name, err)
		}
	}
}

func TestImagesOfTheDockerfileArePinned(t *testing.T) {
	b, err := os.ReadFile("../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	images := regexp.MustCompile(`(?m)^FROM (\S+)`).FindAllStringSubmatch(string(b), -1)
	if len(images) == 0 {
		t.Fatal("the Dockerfile has no image")
	}
	for _, m := range images {
		if image := m[1]; image != "scratch" && !regexp.MustCompile(`:\d+\.\d+\.\d+-`).MatchString(image) {
			t.Errorf("%s is not pinned", image)
		}
	}
}

// TestTheServicesWorkTogether starts Mosquitto by its own start script and
// configuration, InfluxDB 2, Mailpit and Topout with the settings of
// docker-compose.yml, addresses replaced, and sends a reading through all of it
// to the dashboard's queries.
func TestTheServicesWorkTogether(t *testing.T) {
	project, err := compose(t, secrets)
	if err != nil {
		t.Fatal(err)
	}
	influx := testserver.Influx2(t)
	mail := testserver.Mailpit(t)
	broker := startMosquitto(t, project.Services["mosquitto"])

	replaced := map[string]string{
		"TOPOUT_DATA": "", "TOPOUT_HTTP": "", // the test's own
		"TOPOUT_MQTT_URL":     strings.Replace(*project.Services["topout"].Environment["TOPOUT_MQTT_URL"], "mosquitto:1883", broker, 1),
		"TOPOUT_INFLUX_URL":   influx.URL,
		"TOPOUT_INFLUX_TOKEN": influx.Token, "TOPOUT_INFLUX_ORG": influx.Org, "TOPOUT_INFLUX_BUCKET": influx.Bucket,
		"TOPOUT_SMTP_URL": "smtp://" + mail.SMTP,
	}
	var env []string
	for name, value := range project.Services["topout"].Environment {
		if value == nil {
			continue
		}
		if r, ok := replaced[name]; !ok {
			env = append(env, name+"="+*value)
		} else if r != "" {
			env = append(env, name+"="+r)
		}
	}
	p := testenv.Start(t, testenv.Options{Env: env})
	if p.MQTT != "" {
		t.Errorf("the embedded broker is on (%s) although Mosquitto is there", p.MQTT)
	}
	p.CLI("project", "add", "p1", "--name", "Deployed")
	p.Secret("p1", "crane-1", "tower_crane")
	p.CLI("user", "add", "safe", "--name", "Safety", "--role", "safety", "--project", "p1", "--mail", "safe@example.org")
	token := p.Token("olga", "owner", "p1")

	// The device's account at Mosquitto, as the operator's guide makes it.
	client := mqtt.NewClient(mqtt.NewClientOptions().AddBroker("tcp://" + broker).SetClientID("crane-1").SetUsername("crane-1").SetPassword("devicePass1"))
	if tok := client.Connect(); !tok.WaitTimeout(10*time.Second) || tok.Error() != nil {
		t.Fatalf("connect: %v", tok.Error())
	}
	defer client.Disconnect(100)
	payload := fmt.Sprintf(`{"t":%d,"values":{"moment_percent":104,"wind_speed":3.5}}`, time.Now().UnixMilli())
	if tok := client.Publish("topout/v1/p1/readings/crane-1", 1, false, payload); !tok.WaitTimeout(10*time.Second) || tok.Error() != nil {
		t.Fatalf("publish: %v", tok.Error())
	}

	testserver.Eventually(t, 20*time.Second, "the issue is open", func() error {
		var list struct {
			Items []struct{ Severity, Device string }
		}
		if _, err := p.Call(t.Context(), token, "GET", "/projects/p1/issues", nil, &list); err != nil {
			return err
		}
		if len(list.Items) != 1 || list.Items[0].Severity != "critical" {
			return fmt.Errorf("issues: %+v", list.Items)
		}
		return nil
	})
	testserver.Eventually(t, 20*time.Second, "the mail has come", func() error {
		messages, err := mail.Messages()
		if err != nil {
			return err
		}
		if len(messages) == 0 {
			return fmt.Errorf("no mail yet")
		}
		return nil
	})
	for title, query := range dashboardQueries(t) {
		query = strings.NewReplacer("v.defaultBucket", fmt.Sprintf("%q", influx.Bucket), "v.timeRangeStart", "-1h", "v.timeRangeStop", "now()", "v.windowPeriod", "1m",
			"${project}", "p1", "${device}", "crane-1").Replace(query)
		testserver.Eventually(t, 20*time.Second, "dashboard query "+title, func() error { return flux(t.Context(), influx, query, title == "Any reading") })
	}
}

// startMosquitto runs start.sh of the compose file with its paths in a temporary
// folder and gives host:port.
func startMosquitto(t *testing.T, service types.ServiceConfig) string {
	t.Helper()
	if got := strings.Join(service.Entrypoint, " "); got != "/bin/sh /mosquitto/config/start.sh" {
		t.Fatalf("mosquitto starts by %q", got)
	}
	dir := t.TempDir()
	for _, sub := range []string{"config", "data"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	for _, open := range []string{filepath.Dir(dir), dir, filepath.Join(dir, "data")} { // mosquitto gives up root
		if err := os.Chmod(open, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	addr := testserver.FreeAddr(t)
	_, port, _ := strings.Cut(addr, ":")
	for _, name := range []string{"mosquitto.conf", "acl"} {
		b, err := os.ReadFile(filepath.Join("mosquitto", name))
		if err != nil {
			t.Fatal(err)
		}
		text := strings.NewReplacer("/mosquitto/", dir+"/", "listener 1883", "listener "+port+" 127.0.0.1").Replace(string(b))
		if err := os.WriteFile(filepath.Join(dir, "config", name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	passwords := filepath.Join(dir, "data", "passwd")
	env := []string{"PATH=" + os.Getenv("PATH") + ":/usr/sbin", "PASSWORD_FILE=" + passwords, "CONFIG_FILE=" + filepath.Join(dir, "config", "mosquitto.conf"),
		"MQTT_PASSWORD=" + *service.Environment["MQTT_PASSWORD"]}
	if err := os.WriteFile(passwords, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	add := exec.Command("mosquitto_passwd", "-b", passwords, "crane-1", "devicePass1")
	if out, err := add.CombinedOutput(); err != nil {
		t.Fatalf("mosquitto_passwd: %v: %s", err, out)
	}
	testserver.Command(t, addr, "/bin/sh", []string{"mosquitto/start.sh"}, env)
	return addr
}

func dashboardQueries(t *testing.T) map[string]string {
	t.Helper()
	b, err := os.ReadFile("grafana/dashboards/site.json")
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Query string }
		}
	}
	if err := json.Unmarshal(b, &dashboard); err != nil {
		t.Fatal(err)
	}
	queries := map[string]string{}
	for _, panel := range dashboard.Panels {
		_, title, ok := strings.Cut(panel.Title, " · ")
		if !ok {
			title = panel.Title
		}
		for _, target := range panel.Targets {
			queries[title] = target.Query
		}
	}
	if len(queries) < 5 {
		t.Fatalf("the dashboard has %d queries", len(queries))
	}
	return queries
}

// flux runs a query; with want it must give rows.
func flux(ctx context.Context, influx *testserver.Influx, query string, want bool) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, influx.URL+"/api/v2/query?org="+influx.Org, strings.NewReader(query))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Token "+influx.Token)
	req.Header.Set("Content-Type", "application/vnd.flux")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", res.Status, b)
	}
	if want && !strings.Contains(string(b), "moment_percent") {
		return fmt.Errorf("no rows: %q", b)
	}
	return nil
}
