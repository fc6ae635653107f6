package demo

import (
	"math"
	"time"

	"topout/site"
)

// signals are what the site's devices measure, as a pure function of time.
type signals struct {
	story   *Story
	weather *Weather
	dice    dice
	// opening, if set, is when a play begins: a limit is crossed soon after, so
	// that whoever looks at a demo need not wait for chance.
	opening time.Time
}

// An episode is a time in which a device's reading goes out of its usual range
// and comes back. There is at most one in each slot.
const (
	episodeSlot  = 40 * time.Minute
	episodeShare = 0.5 // of the slots have one, by day
)

// episodes are the readings that go out of range.
var episodes = []struct {
	device, metric string
	peak, spread   float64 // the peak is up to spread above
	seconds        float64
}{
	{"crane-1", "moment_percent", 91, 6, 50},
	{"crane-2", "moment_percent", 92, 10, 60},
	{"box-2", "leakage", 25, 8, 240},
	{"hoist-1", "load_percent", 91, 7, 90},
	{"formwork-1", "axial_percent", 81, 7, 200},
	{"box-1", "leakage", 24.5, 3, 150},
}

// openingEpisode is played soon after a play begins.
const openingEpisode, openingAfter = 1, 100 * time.Second

// episode is one that happens.
type episode struct {
	which    int // in episodes
	from, to time.Time
	peak     float64
}

// episodeIn is the episode of a slot, if it has one.
func (s *signals) episodeIn(slot int64) (episode, bool) {
	d := s.dice.of("episode")
	start := time.UnixMilli(slot * episodeSlot.Milliseconds())
	if d.at(4*slot) > episodeShare*s.activity(start) {
		return episode{}, false
	}
	e := episode{which: d.pick(4*slot+1, len(episodes))}
	kind := episodes[e.which]
	length := time.Duration(kind.seconds * (0.8 + 0.6*d.at(4*slot+2)) * float64(time.Second))
	e.from = start.Add(time.Duration(d.at(4*slot+3) * float64(episodeSlot-length))).Truncate(time.Second)
	e.to = e.from.Add(length).Truncate(time.Second)
	e.peak = kind.peak + kind.spread*d.of("peak").at(slot)
	return e, true
}

// episodesIn are those that begin in [from, to), in order.
func (s *signals) episodesIn(from, to time.Time) []episode {
	var list []episode
	last := slotOf(to)
	for slot := slotOf(from); slot <= last; slot++ {
		if e, ok := s.episodeIn(slot); ok && !e.from.Before(from) && e.from.Before(to) {
			list = append(list, e)
		}
	}
	return list
}

func slotOf(t time.Time) int64 { return t.UnixMilli() / episodeSlot.Milliseconds() }

// raise lifts a usual value towards the peak of the episode that runs, if one does.
func (s *signals) raise(device, metric string, t time.Time, usual float64) float64 {
	if e, ok := s.episodeIn(slotOf(t)); ok {
		usual = e.raise(device, metric, t, usual)
	}
	if !s.opening.IsZero() {
		from := s.opening.Add(openingAfter)
		kind := episodes[openingEpisode]
		e := episode{openingEpisode, from, from.Add(time.Duration(kind.seconds) * time.Second), kind.peak + kind.spread/3}
		usual = e.raise(device, metric, t, usual)
	}
	return usual
}

func (e episode) raise(device, metric string, t time.Time, usual float64) float64 {
	kind := episodes[e.which]
	if kind.device != device || kind.metric != metric || t.Before(e.from) || t.After(e.to) {
		return usual
	}
	// Up in the first fifth, down in the last.
	x := t.Sub(e.from).Seconds() / e.to.Sub(e.from).Seconds()
	share := math.Min(1, math.Min(x, 1-x)*5)
	return usual + (e.peak-usual)*share
}

// activity is how much is going on at an hour of the site's day, 0 to 1.
func (s *signals) activity(t time.Time) float64 {
	t = t.In(s.story.zone)
	share := 1.0
	if !s.story.calendar.Working(site.DayOf(t, s.story.zone)) {
		share = 0.6
	}
	switch h := t.Hour(); {
	case h >= 7 && h < 11, h >= 13 && h < 18:
		return share
	case h == 6, h == 11, h == 12, h >= 18 && h < 21:
		return 0.55 * share
	}
	return 0.25 * share
}

// read gives what a device measures at an instant; nil when it says nothing.
func (s *signals) read(d device, t time.Time) []site.MetricValue {
	r := reader{signals: s, device: d, t: t, dice: s.dice.of(d.ID)}
	switch d.Kind {
	case "tower_crane":
		r.crane()
	case "hoist":
		r.hoist()
	case "weather":
		r.climate()
	case "dust":
		r.dust()
	case "formwork":
		r.formwork()
	case "foundation_pit":
		r.pit()
	case "distribution_box":
		r.box()
	case "mass_concrete":
		r.concrete()
	case "gate":
		r.gate()
	}
	return r.values
}

// reader makes one reading of one device.
type reader struct {
	*signals
	device device
	t      time.Time
	dice   dice
	values []site.MetricValue
}

func (r *reader) set(metric string, v float64, decimals int) {
	r.values = append(r.values, site.MetricValue{Metric: metric, Value: round(v, decimals)})
}

func (r *reader) wave(name string, period time.Duration) float64 {
	return r.dice.of(name).wave(r.t, period)
}

// days since the device was installed.
func (r *reader) days() float64 {
	return r.t.Sub(r.story.now).Hours()/24 + r.device.Since
}

// wind at the device: the hour's mean with gusts.
func (r *reader) wind(factor float64) float64 {
	gust := 1 + 0.16*r.dice.of("gust").wave(r.t, 8*time.Minute) + 0.04*r.wave("puff", 15*time.Second)
	return r.weather.at(r.t, r.story.zone).Wind * factor * gust
}

// crane lifts in cycles of eight minutes: hook on, slew, set down, come back.
func (r *reader) crane() {
	const cycle = 8 * time.Minute
	n := r.t.UnixMilli() / cycle.Milliseconds()
	x := float64(r.t.UnixMilli()%cycle.Milliseconds()) / float64(cycle.Milliseconds())
	lift := r.dice.of("lift")
	busy := lift.at(n) < 0.2+0.75*r.activity(r.t)
	from, to := 360*lift.of("slew").at(n), 360*lift.of("slew").at(n+1)
	radius := 12 + 32*lift.of("radius").at(n)
	load, height, turned := 0.0, 38.0, 0.0
	if busy {
		turned = math.Min(1, math.Max(0, (x-0.25)/0.35))
		height = 38 - 30*math.Max(0, 1-math.Min(math.Abs(x-0.12), math.Abs(x-0.72))/0.12)
		if x > 0.12 && x < 0.72 {
			load = 0.9 + 2.2*lift.of("load").at(n) + 0.05*r.wave("swing", 4*time.Second)
		}
	}
	const rated = 132 // t·m
	moment := 4 + 100*load*radius/rated
	if most := 84 - 3*lift.of("most").at(n); moment > most {
		load *= (most - 4) / (moment - 4)
		moment = most
	}
	raised := r.raise(r.device.ID, "moment_percent", r.t, moment)
	if raised != moment {
		moment, load = raised, (raised-4)*rated/100/radius
	}
	r.set("moment_percent", moment, 1)
	r.set("load", load, 2)
	r.set("radius", radius, 1)
	r.set("height", height, 1)
	r.set("slew", math.Mod(from+(to-from)*turned+360, 360), 0)
	r.set("wind_speed", r.wind(1.25), 1)
}

// hoist goes up and down every three minutes.
func (r *reader) hoist() {
	const cycle = 3 * time.Minute
	n := r.t.UnixMilli() / cycle.Milliseconds()
	x := float64(r.t.UnixMilli()%cycle.Milliseconds()) / float64(cycle.Milliseconds())
	load, speed, door, height := 0.0, 0.0, 1.0, 0.0
	if r.dice.of("ride").at(n) < 0.1+0.85*r.activity(r.t) {
		top := 6 + 12*math.Floor(3*r.dice.of("floor").at(n))/2
		load = 15 + 60*r.dice.of("load").at(n)
		switch {
		case x < 0.2:
		case x < 0.4:
			speed, door, height = 0.6, 0, top*(x-0.2)/0.2
		case x < 0.6:
			height = top
			load *= 1 - (x-0.4)/0.2
		case x < 0.8:
			speed, door, height, load = -0.6, 0, top*(0.8-x)/0.2, 0
		default:
			load = 0
		}
	}
	r.set("load_percent", r.raise(r.device.ID, "load_percent", r.t, load), 0)
	r.set("speed", speed, 1)
	r.set("door", door, 0)
	r.set("height", height, 1)
}

func (r *reader) climate() {
	w := r.weather.at(r.t, r.story.zone)
	temp := w.Temp + 0.3*r.wave("temp", 7*time.Minute)
	r.set("temperature", temp, 1)
	r.set("humidity", humidity(temp, math.Min(w.Dew, temp)), 0)
	r.set("wind_speed", r.wind(1), 1)
	r.set("wind_direction", math.Mod(w.From+12*r.wave("veer", 3*time.Minute)+360, 360), 0)
	r.set("rain", w.Rain, 1)
}

func (r *reader) dust() {
	w := r.weather.at(r.t, r.story.zone)
	work := r.activity(r.t)
	// Traffic and cutting on the site add to what the town has.
	own := (8 + 14*work) * (1 + 0.5*r.wave("works", 11*time.Minute))
	pm10 := w.PM10*(1+0.05*r.wave("air", 9*time.Minute)) + own
	r.set("pm25", w.PM25*(1+0.05*r.wave("fine", 9*time.Minute))+0.2*own, 0)
	r.set("pm10", pm10, 0)
	r.set("tsp", pm10*1.35+own, 0)
	noise := 43 + 20*work + 3*r.wave("noise", 40*time.Second)
	if r.night() {
		noise = 47 + 3*r.wave("noise", 40*time.Second)
	}
	r.set("noise", noise, 1)
	r.climate()
}

func (r *reader) night() bool {
	h := r.t.In(r.story.zone).Hour()
	return h >= 22 || h < 6
}

// formwork settles as it is loaded, ever more slowly.
func (r *reader) formwork() {
	age := math.Max(0, r.days())
	settled := 1 - math.Exp(-age/6)
	r.set("settlement", 4.6*settled+1.2*r.dice.at(1)+0.08*r.wave("settle", 20*time.Minute), 2)
	r.set("horizontal", 3.1*settled*(0.7+0.5*r.dice.at(2))+0.12*r.wave("sway", 90*time.Second), 2)
	r.set("tilt", 0.9*settled+0.05*r.wave("tilt", 90*time.Second), 2)
	usual := 34 + 18*settled + 6*r.activity(r.t)*(1+r.wave("axial", 6*time.Minute))/2
	r.set("axial_percent", r.raise(r.device.ID, "axial_percent", r.t, usual), 1)
}

func (r *reader) pit() {
	age := math.Max(0, r.days())
	r.set("settlement", 6.5*(1-math.Exp(-age/20))+0.1*r.wave("settle", time.Hour), 2)
	r.set("displacement", 9.2*(1-math.Exp(-age/24))+0.1*r.wave("move", time.Hour), 2)
	r.set("water_level", -4.6+0.15*r.wave("water", 9*time.Hour), 2)
	r.set("strut_percent", 52+4*r.wave("strut", 5*time.Hour), 1)
}

func (r *reader) box() {
	work := r.activity(r.t)
	current := 12 + 95*work*(0.75+0.25*r.wave("load", 5*time.Minute))
	usual := 6 + 5*work + 2*r.wave("leak", 4*time.Minute)
	r.set("leakage", r.raise(r.device.ID, "leakage", r.t, usual), 1)
	warm := r.weather.at(r.t, r.story.zone).Temp
	r.set("cable_temperature", math.Max(warm, 5)+22*work+2*r.wave("heat", 15*time.Minute), 1)
	r.set("current", current, 0)
	r.set("smoke", 0, 0)
}

// concrete cools after its peak on the third day by less than 2 °C a day.
func (r *reader) concrete() {
	age := r.days()
	if age < 0 {
		return // not poured
	}
	air := r.weather.at(r.t, r.story.zone).Temp
	rise := 43 * math.Min(1, age/2.6) * math.Exp(-math.Max(0, age-2.6)/22)
	core := 18 + rise + 0.1*r.wave("core", time.Hour)
	surface := core - 15.5*rise/43 - 0.4*r.wave("skin", 3*time.Hour)
	r.set("core_temperature", core, 1)
	r.set("surface_temperature", surface, 1)
	// Measured under the curing cover, where it is warmer.
	r.set("air_temperature", math.Max(air, surface-17)+0.3*r.wave("air", time.Hour), 1)
}

// gate counts from midnight: in from six to nine, out from half past five.
func (r *reader) gate() {
	t := r.t.In(r.story.zone)
	day := int64(site.DayOf(t, r.story.zone))
	crew := 195 + 50*r.dice.at(day)
	if !r.story.calendar.Working(site.Day(day)) {
		crew *= 0.3
	}
	h := t.Sub(site.Day(day).Start(r.story.zone)).Hours()
	in := crew * math.Min(1, math.Max(0, (h-6)/2.5))
	out := crew * math.Min(1, math.Max(0, (h-17.5)/3))
	const guards = 9
	r.set("inside", guards+math.Floor(in)-math.Floor(out), 0)
	r.set("entered", math.Floor(in), 0)
	r.set("left", math.Floor(out), 0)
}
