package site

import "time"

// DeviceKind is what is known about a kind of device before it says anything.
type DeviceKind struct {
	Kind        string
	Metrics     []MetricUnit
	SilentAfter time.Duration // default of Device.Silent
}

// MetricUnit is a metric with the unit that its values are in.
type MetricUnit struct{ Metric, Unit string }

// Unit is the unit of a metric of the kind; empty when it is not known.
func (k DeviceKind) Unit(metric string) string {
	for _, m := range k.Metrics {
		if m.Metric == metric {
			return m.Unit
		}
	}
	return ""
}
