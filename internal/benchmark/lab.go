package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

const (
	project = "bench"
	org     = "bench"
	bucket  = "bench"
	token   = "bench-token"
	devices = 20
)

// subjects are what is measured, each beside the others.
var subjects = []string{"floor", "telegraf", "topout"}

// lab is the surroundings of the subjects.
type lab struct {
	dir, topout string
	brokers     map[string]string // tcp://host:port, one for each subject: a session of another must not gather what is not for it
	influx      string            // http://host:port
	processes   []*exec.Cmd
	run         int // numbers the measurements: each has its own clock and sessions
}

func newLab(ctx context.Context, dir, topout string) (*lab, error) {
	l := &lab{dir: dir, topout: topout, brokers: map[string]string{}}
	mosquitto, err := exec.LookPath("mosquitto")
	if err != nil {
		mosquitto = "/usr/sbin/mosquitto"
	}
	for _, subject := range subjects {
		port, err := freePort()
		if err != nil {
			return l, err
		}
		file := filepath.Join(dir, "mosquitto-"+subject+".conf")
		conf := fmt.Sprintf("listener %d 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\nmax_inflight_messages 1000\nlog_type none\n", port)
		if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
			return l, err
		}
		l.brokers[subject] = fmt.Sprintf("tcp://127.0.0.1:%d", port)
		if err := l.start(exec.CommandContext(ctx, mosquitto, "-c", file)); err != nil {
			return l, err
		}
	}
	port, err := freePort()
	if err != nil {
		return l, err
	}
	l.influx = fmt.Sprintf("http://127.0.0.1:%d", port)
	influxd := exec.CommandContext(ctx, "influxd2")
	influxd.Env = append(os.Environ(), "INFLUXD_BOLT_PATH="+dir+"/i.bolt", "INFLUXD_SQLITE_PATH="+dir+"/i.sqlite", "INFLUXD_ENGINE_PATH="+dir+"/engine",
		fmt.Sprintf("INFLUXD_HTTP_BIND_ADDRESS=127.0.0.1:%d", port), "INFLUXD_REPORTING_DISABLED=true", "INFLUXD_LOG_LEVEL=error")
	if err := l.start(influxd); err != nil {
		return l, err
	}
	for subject, broker := range l.brokers {
		err := waitFor(ctx, 60*time.Second, func() error {
			conn, err := net.Dial("tcp", strings.TrimPrefix(broker, "tcp://"))
			if err == nil {
				conn.Close()
			}
			return err
		})
		if err != nil {
			return l, fmt.Errorf("mosquitto of %s: %w", subject, err)
		}
	}
	setup, _ := json.Marshal(map[string]string{"username": "bench", "password": "bench-bench", "org": org, "bucket": bucket, "token": token})
	err = waitFor(ctx, 60*time.Second, func() error {
		res, err := http.Post(l.influx+"/api/v2/setup", "application/json", bytes.NewReader(setup)) //nolint:noctx // bounded by waitFor
		if err != nil {
			return err
		}
		defer res.Body.Close()
		if res.StatusCode != http.StatusCreated {
			return errors.New(res.Status)
		}
		return nil
	})
	if err != nil {
		return l, fmt.Errorf("influxdb: %w", err)
	}
	return l, l.prepareTopout(ctx)
}

func (l *lab) start(cmd *exec.Cmd) error {
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("%s: %w", cmd.Path, err)
	}
	l.processes = append(l.processes, cmd)
	return nil
}

func (l *lab) close() {
	for i := len(l.processes) - 1; i >= 0; i-- {
		_ = l.processes[i].Process.Signal(syscall.SIGTERM)
		_ = l.processes[i].Wait()
	}
}

func (l *lab) prepareTopout(ctx context.Context) error {
	commands := [][]string{{"project", "add", project, "--name", "Benchmark"}}
	for d := range devices {
		commands = append(commands, []string{"device", "add", device(d), "--project", project, "--kind", "weather"})
	}
	for _, args := range commands {
		cmd := exec.CommandContext(ctx, l.topout, args...)
		cmd.Env = append(os.Environ(), "TOPOUT_DATA="+filepath.Join(l.dir, "topout"))
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("topout %s: %w: %s", strings.Join(args, " "), err, out)
		}
	}
	return nil
}

func device(n int) string { return "station-" + strconv.Itoa(n) }

// subject starts one of the three readers.
func (l *lab) subject(ctx context.Context, name string) (*exec.Cmd, error) {
	var cmd *exec.Cmd
	switch name {
	case "floor":
		self, err := os.Executable()
		if err != nil {
			return nil, err
		}
		cmd = exec.CommandContext(ctx, self, "-subscribe", l.brokers[name])
	case "telegraf":
		conf := filepath.Join(l.dir, "telegraf.conf")
		if err := os.WriteFile(conf, []byte(l.telegrafConfig()), 0o600); err != nil {
			return nil, err
		}
		cmd = exec.CommandContext(ctx, "telegraf", "--quiet", "--config", conf)
	case "topout":
		cmd = exec.CommandContext(ctx, l.topout, "serve")
		cmd.Env = append(os.Environ(), "TOPOUT_DATA="+filepath.Join(l.dir, "topout"), "TOPOUT_HTTP=127.0.0.1:0", "TOPOUT_MQTT_LISTEN=",
			"TOPOUT_MQTT_URL=mqtt://"+strings.TrimPrefix(l.brokers[name], "tcp://"), "TOPOUT_INFLUX_URL="+l.influx, "TOPOUT_INFLUX_TOKEN="+token,
			"TOPOUT_INFLUX_ORG="+org, "TOPOUT_INFLUX_BUCKET="+bucket)
	}
	log, err := os.Create(filepath.Join(l.dir, name+".log"))
	if err != nil {
		return nil, err
	}
	cmd.Stdout, cmd.Stderr = log, log
	return cmd, cmd.Start()
}

func (l *lab) telegrafConfig() string {
	return fmt.Sprintf(`
[agent]
  interval = "1s"
  flush_interval = "1s"
  metric_batch_size = 5000
  metric_buffer_limit = 1000000
  omit_hostname = true
[[inputs.mqtt_consumer]]
  servers = [%q]
  topics = ["topout/v1/+/readings/+"]
  topic_tag = ""
  qos = 1
  persistent_session = true
  client_id = "telegraf"
  max_undelivered_messages = 10000
  data_format = "json_v2"
  [[inputs.mqtt_consumer.topic_parsing]]
    topic = "topout/v1/+/readings/+"
    tags = "_/_/project/_/device"
  [[inputs.mqtt_consumer.json_v2]]
    measurement_name = "reading"
    [[inputs.mqtt_consumer.json_v2.object]]
      path = "@this"
      timestamp_key = "t"
      timestamp_format = "unix_ms"
      disable_prepend_keys = true
[[outputs.influxdb_v2]]
  urls = [%q]
  token = %q
  organization = %q
  bucket = %q
`, l.brokers["telegraf"], l.influx, token, org, bucket)
}

// measure runs one subject under one load and waits until all of it has arrived.
func (l *lab) measure(ctx context.Context, name string, messages, readings int, backlog bool) (figure, error) {
	l.run++
	// Each measurement has its own hour, so that points are counted apart.
	from := time.Now().UTC().Truncate(time.Hour).Add(-time.Duration(l.run+1) * 24 * time.Hour)
	cmd, err := l.subject(ctx, name)
	if err != nil {
		return figure{}, err
	}
	if err := l.warm(ctx, from, name); err != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		return figure{}, err
	}
	stop := func() error {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		return cmd.Wait()
	}
	if backlog {
		if err := stop(); err != nil && name != "floor" {
			return figure{}, fmt.Errorf("stop: %w", err)
		}
		if err := l.publish(name, from, messages, readings); err != nil {
			return figure{}, err
		}
		if cmd, err = l.subject(ctx, name); err != nil {
			return figure{}, err
		}
	}
	before, err := cpuTime(cmd.Process.Pid)
	if err != nil {
		return figure{}, err
	}
	if backlog {
		before = 0
	}
	start := time.Now()
	if !backlog {
		if err := l.publish(name, from, messages, readings); err != nil {
			return figure{}, err
		}
	}
	want := messages * readings
	if name != "floor" || !backlog {
		want++ // the warm-up's; a floor that was started again counts anew
	}
	err = waitFor(ctx, 5*time.Minute, func() error {
		n, err := l.arrived(ctx, name, from)
		if err == nil && n < want {
			err = fmt.Errorf("%d of %d arrived", n, want)
		}
		return err
	})
	if err != nil {
		_ = cmd.Process.Kill()
		return figure{}, errors.Join(err, cmd.Wait())
	}
	wall := time.Since(start)
	after, err := cpuTime(cmd.Process.Pid)
	if err != nil {
		return figure{}, err
	}
	_ = stop()
	return figure{cpu: (after - before) / time.Duration(messages), wall: wall}, nil
}

// warm sends one reading until it has arrived, so that the subject is ready and subscribed.
func (l *lab) warm(ctx context.Context, from time.Time, name string) error {
	return waitFor(ctx, time.Minute, func() error {
		if err := l.publish(name, from.Add(23*time.Hour), 1, 1); err != nil {
			return err
		}
		return waitFor(ctx, 3*time.Second, func() error {
			n, err := l.arrived(ctx, name, from)
			if err == nil && n < 1 {
				err = errors.New("the first reading has not arrived")
			}
			return err
		})
	})
}

// publish sends messages to the broker of a subject at QoS 1, a bounded number under way.
func (l *lab) publish(subject string, from time.Time, messages, readings int) error {
	opts := mqtt.NewClientOptions().AddBroker(l.brokers[subject]).SetClientID("publisher").SetOrderMatters(true)
	client := mqtt.NewClient(opts)
	if t := client.Connect(); t.Wait() && t.Error() != nil {
		return t.Error()
	}
	defer client.Disconnect(250)
	window := make([]mqtt.Token, 0, 500)
	drain := func() error {
		for _, t := range window {
			if t.Wait() && t.Error() != nil {
				return t.Error()
			}
		}
		window = window[:0]
		return nil
	}
	var payload bytes.Buffer
	base := from.UnixMilli()
	for m := range messages {
		payload.Reset()
		if readings > 1 {
			payload.WriteByte('[')
		}
		for r := range readings {
			if r > 0 {
				payload.WriteByte(',')
			}
			// A device's readings are 1 ms apart: every point is its own.
			at := base + int64(m/devices*readings+r)
			fmt.Fprintf(&payload, `{"t":%d,"values":{"wind_speed":%.1f,"pm10":%d}}`, at, float64(m%80)/10, m%150)
		}
		if readings > 1 {
			payload.WriteByte(']')
		}
		topic := "topout/v1/" + project + "/readings/" + device(m%devices)
		window = append(window, client.Publish(topic, 1, false, bytes.Clone(payload.Bytes())))
		if len(window) == cap(window) {
			if err := drain(); err != nil {
				return err
			}
		}
	}
	return drain()
}

// arrived counts the points of a measurement's day in the store, or, of the
// floor, the messages that it acknowledged.
func (l *lab) arrived(ctx context.Context, name string, from time.Time) (int, error) {
	if name == "floor" {
		b, err := os.ReadFile(filepath.Join(l.dir, "floor.log"))
		if err != nil {
			return 0, err
		}
		lines := strings.Fields(string(b))
		if len(lines) == 0 {
			return 0, nil
		}
		// The floor counts readings, not messages, as the others' points do.
		return strconv.Atoi(lines[len(lines)-1])
	}
	flux := fmt.Sprintf(`from(bucket:%q) |> range(start: %s, stop: %s) |> filter(fn: (r) => r._measurement == "reading" and r._field == "pm10") |> group() |> count()`,
		bucket, from.Format(time.RFC3339), from.Add(24*time.Hour).Format(time.RFC3339))
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, l.influx+"/api/v2/query?org="+org, strings.NewReader(flux))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Token "+token)
	req.Header.Set("Content-Type", "application/vnd.flux")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("query: %s %w", res.Status, err)
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	if len(lines) < 2 {
		return 0, nil
	}
	cells := strings.Split(strings.TrimSpace(lines[1]), ",")
	return strconv.Atoi(cells[len(cells)-1])
}

// cpuTime is the user and system time of a process so far.
func cpuTime(pid int) (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The name in parentheses may hold blanks; utime and stime are the 12th and 13th after it.
	rest := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	user, err1 := strconv.ParseInt(rest[11], 10, 64)
	system, err2 := strconv.ParseInt(rest[12], 10, 64)
	const tick = 10 * time.Millisecond // USER_HZ is 100 on Linux
	return time.Duration(user+system) * tick, errors.Join(err1, err2)
}

func freePort() (int, error) {
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer lis.Close()
	return lis.Addr().(*net.TCPAddr).Port, nil
}

// waitFor polls until f gives no error, or the time is up.
func waitFor(ctx context.Context, limit time.Duration, f func() error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		err := f()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}
