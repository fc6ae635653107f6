package main

import (
	"bytes"
	"fmt"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// subscribe is the floor: a persistent session that acknowledges and forgets. It
// prints how many readings have come, every 100 ms.
func subscribe(broker string) error {
	var readings atomic.Int64
	opts := mqtt.NewClientOptions().AddBroker(broker).SetClientID("floor").SetCleanSession(false).SetOrderMatters(true)
	opts.SetDefaultPublishHandler(func(_ mqtt.Client, m mqtt.Message) {
		readings.Add(int64(bytes.Count(m.Payload(), []byte(`"values"`))))
	})
	client := mqtt.NewClient(opts)
	if t := client.Connect(); t.Wait() && t.Error() != nil {
		return t.Error()
	}
	if t := client.Subscribe("topout/v1/+/readings/+", 1, nil); t.Wait() && t.Error() != nil {
		return t.Error()
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, os.Interrupt)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			client.Disconnect(250)
			return nil
		case <-tick.C:
			fmt.Fprintln(os.Stdout, readings.Load())
		}
	}
}
