package ingest_test

import (
	"context"
	"fmt"
	"os"
	"runtime/pprof"
	"sync"
	"syscall"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"topout/ingest"
	"topout/internal/testserver"
	"topout/site"
)

func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// TestScratchCPU: CPU a message, draining from Mosquitto.
func TestScratchCPU(t *testing.T) {
	if os.Getenv("SCRATCH") == "" {
		t.Skip()
	}
	e, b := external(t, testserver.Options{Extra: []string{"max_queued_messages 0", "max_inflight_messages 1000"}})
	stop(t, e.Ingest)
	const clients = 4
	each := 10000
	per := 1
	if os.Getenv("SCRATCH") == "array" {
		per = 100
	}
	if per == 100 {
		each = 100000
	}
	n := each / per
	start := time.Now().UTC().Truncate(time.Millisecond).Add(-time.Hour)
	var sent sync.WaitGroup
	for c := range clients {
		cl := at(t, b, fmt.Sprintf("gateway-%d", c))
		sent.Go(func() {
			var tokens []mqtt.Token
			for i := range n {
				s := ""
				for k := range per {
					at := start.Add(time.Duration(c*each+i*per+k) * time.Millisecond)
					if k > 0 {
						s += ","
					}
					s += fmt.Sprintf(`{"t":%d,"values":{"wind_speed":%d.25,"pm10":92}}`, at.UnixMilli(), i%10)
				}
				if per > 1 {
					s = "[" + s + "]"
				}
				tokens = append(tokens, cl.Publish(readingsTopic(fmt.Sprintf("d%d", c%3+1)), 1, false, s))
			}
			for _, token := range tokens {
				if err := wait(token); err != nil {
					t.Error(err)
				}
			}
		})
	}
	sent.Wait()
	e.opts.Series = discard{}
	_ = ingest.StatusOK
	f, _ := os.Create("/tmp/ingest.cpu")
	_ = pprof.StartCPUProfile(f)
	cpu, began := cpuTime(), time.Now()
	e.start()
	for e.judged.Load() < int64(clients*each) {
		time.Sleep(10 * time.Millisecond)
	}
	e.eventually("series acked", func() bool { return e.Backlog() == 0 })
	used, took := cpuTime()-cpu, time.Since(began)
	pprof.StopCPUProfile()
	f.Close()
	t.Logf("%d readings in %s, CPU %s a reading", clients*each, took, used/time.Duration(clients*each))
}

type discard struct{}

func (discard) Write(_ context.Context, p []site.Point) ([]ingest.PointError, error) { return nil, nil }
