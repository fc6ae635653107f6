package demo

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"topout/site"
)

// Weather is an hourly record of wind, dust, temperature and rain, by the hour
// of the year. The embedded one is ten days of each month of the Aotizhongxin
// station, Beijing, 2013–2016, out of the UCI data set "Beijing Multi-Site
// Air-Quality" (Zhang, Guo, Dong, He, Xu, Chen; CC BY 4.0).
type Weather struct {
	hours map[hourKey]hour
	days  [13][]int // recorded days of each month, 1 to 12
}

type hourKey struct{ month, day, hour int }

// hour is what one row of the record says.
type hour struct {
	PM25, PM10 float64 // µg/m³
	Temp, Dew  float64 // °C
	Rain       float64 // mm in the hour
	Wind       float64 // m/s, the hour's mean
	From       float64 // °, where the wind comes from
}

// maxWeatherRows bounds a record: ten years of hours.
const maxWeatherRows = 10 * 366 * 24

// EmbeddedWeather is the record that comes with the demo.
func EmbeddedWeather() (*Weather, error) {
	f, err := files.Open("data/weather.csv")
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return ReadWeather(f)
}

// ReadWeather reads a record in the format of the data set named above: CSV with
// a header, at least month, day, hour, TEMP and WSPM, and optionally PM2.5, PM10,
// DEWP, RAIN and wd. What is missing in a row (NA) is taken from the row before.
// Of several years the last one counts.
func ReadWeather(r io.Reader) (*Weather, error) {
	bad := func(line int, cause error, what string) error {
		e := site.Errorf(site.Invalid, "demo.bad_weather", "", "line", strconv.Itoa(line), "problem", what)
		e.Cause = cause
		return e
	}
	in := csv.NewReader(r)
	in.ReuseRecord = true
	in.FieldsPerRecord = -1
	header, err := in.Read()
	if err != nil {
		return nil, bad(1, err, "no header")
	}
	col := make(map[string]int, len(header))
	for i, name := range header {
		col[strings.Trim(name, " \ufeff\"")] = i
	}
	for _, need := range []string{"month", "day", "hour", "TEMP", "WSPM"} {
		if _, ok := col[need]; !ok {
			return nil, bad(1, nil, "no column "+need)
		}
	}
	w := &Weather{hours: make(map[hourKey]hour)}
	var now hour
	for line := 2; ; line++ {
		row, err := in.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, bad(line, err, "not CSV")
		}
		if line > maxWeatherRows {
			return nil, bad(line, nil, "too many rows")
		}
		key, err := readHour(row, col, &now)
		if err != nil {
			return nil, bad(line, err, err.Error())
		}
		w.hours[key] = now
		if days := w.days[key.month]; !slices.Contains(days, key.day) {
			w.days[key.month] = append(days, key.day)
		}
	}
	if len(w.hours) == 0 {
		return nil, bad(2, nil, "no rows")
	}
	for m := range w.days {
		slices.Sort(w.days[m])
	}
	return w, nil
}

// readHour reads a row over what the row before said.
func readHour(row []string, col map[string]int, now *hour) (hourKey, error) {
	var key hourKey
	for _, f := range []struct {
		name     string
		to       *int
		min, max int
	}{{"month", &key.month, 1, 12}, {"day", &key.day, 1, 31}, {"hour", &key.hour, 0, 23}} {
		i := col[f.name]
		if i >= len(row) {
			return key, fmt.Errorf("no %s", f.name)
		}
		n, err := strconv.Atoi(strings.TrimSpace(row[i]))
		if err != nil || n < f.min || n > f.max {
			return key, fmt.Errorf("%s is %q", f.name, row[i])
		}
		*f.to = n
	}
	for _, f := range []struct {
		name     string
		to       *float64
		min, max float64
	}{
		{"PM2.5", &now.PM25, 0, 5000}, {"PM10", &now.PM10, 0, 5000}, {"TEMP", &now.Temp, -60, 60},
		{"DEWP", &now.Dew, -80, 40}, {"RAIN", &now.Rain, 0, 300}, {"WSPM", &now.Wind, 0, 100},
	} {
		i, ok := col[f.name]
		if !ok || i >= len(row) || row[i] == "NA" || row[i] == "" {
			continue
		}
		v, err := strconv.ParseFloat(strings.TrimSpace(row[i]), 64)
		if err != nil || !(v >= f.min && v <= f.max) {
			return key, fmt.Errorf("%s is %q", f.name, row[i])
		}
		*f.to = v
	}
	if i, ok := col["wd"]; ok && i < len(row) {
		if n := slices.Index(compass, row[i]); n >= 0 {
			now.From = float64(n) * 22.5
		}
	}
	return key, nil
}

var compass = []string{"N", "NNE", "NE", "ENE", "E", "ESE", "SE", "SSE", "S", "SSW", "SW", "WSW", "W", "WNW", "NW", "NNW"}

// at is the weather of an instant, between two hours of the record. A day that
// the record lacks is played by another one of its month, or of the nearest month
// that has any.
func (w *Weather) at(t time.Time, zone *time.Location) hour {
	t = t.In(zone)
	full := t.Truncate(time.Hour)
	if _, offset := t.Zone(); offset%3600 != 0 { // Truncate counts from UTC
		full = time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), 0, 0, 0, zone)
	}
	a, b := w.row(full), w.row(full.Add(time.Hour))
	x := t.Sub(full).Hours()
	blend := func(p, q float64) float64 { return p + (q-p)*x }
	return hour{
		PM25: blend(a.PM25, b.PM25), PM10: blend(a.PM10, b.PM10), Temp: blend(a.Temp, b.Temp), Dew: blend(a.Dew, b.Dew),
		Rain: a.Rain, Wind: blend(a.Wind, b.Wind), From: a.From,
	}
}

func (w *Weather) row(t time.Time) hour {
	month := int(t.Month())
	for off := 0; len(w.days[month]) == 0 && off < 12; off++ {
		month = month%12 + 1
	}
	days := w.days[month]
	key := hourKey{month, days[(t.Day()-1)%len(days)], t.Hour()}
	if len(days) >= 28 && slices.Contains(days, t.Day()) {
		key.day = t.Day()
	}
	for range 24 { // an hour that the record lacks: the one before it
		if h, ok := w.hours[key]; ok {
			return h
		}
		key.hour = (key.hour + 23) % 24
	}
	return hour{}
}

// humidity is the relative humidity, %, of air at a temperature and dew point
// (Magnus formula, coefficients of Sonntag 1990).
func humidity(temp, dew float64) float64 {
	e := func(t float64) float64 { return math.Exp(17.62 * t / (243.12 + t)) }
	return math.Min(100, 100*e(dew)/e(temp))
}
