package ingest

import (
	"strconv"
	"sync"
	"time"

	"topout/site"
)

// Statuses of a part.
const (
	StatusOK       = "ok"
	StatusDegraded = "degraded" // something is away and catches up later
	StatusDown     = "down"     // messages cannot be taken
)

// Health is how a part does.
type Health struct {
	Status string
	Since  time.Time   // of the status
	Error  *site.Error // what is wrong, for people; nil when ok
}

// vital keeps the health of a part.
type vital struct {
	now  func() time.Time
	code string // of the text for errors that have none
	bad  string // status when ill

	mu     sync.Mutex
	health Health
}

func newVital(now func() time.Time, code, bad string) *vital {
	return &vital{now: now, code: code, bad: bad, health: Health{Status: StatusOK, Since: now()}}
}

func (v *vital) well() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.health.Status != StatusOK {
		v.health = Health{Status: StatusOK, Since: v.now()}
	}
}

// ill notes trouble and reports whether it is new.
func (v *vital) ill(err error) bool { return v.worse(v.bad, err) }

func (v *vital) worse(status string, err error) bool {
	e := site.AsError(err)
	if e == nil {
		e = &site.Error{Kind: site.Unavailable, Code: v.code, Cause: err}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	fresh := v.health.Status != status
	if fresh {
		v.health.Since = v.now()
	}
	v.health.Status, v.health.Error = status, e
	return fresh
}

func (v *vital) get() Health {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.health
}

func (v *vital) ok() bool { return v.get().Status == StatusOK }

// space watches the disk. The journal must never meet a full one: JetStream stops
// altogether then.
type space struct {
	opts   *Options
	health *vital
	full   func(bool) // called when it becomes full, and when there is room again
}

func (s *space) look() {
	free, err := s.opts.Free()
	if err != nil {
		s.opts.Log.Warn("cannot tell how much room is on the disk", "err", err)
		return
	}
	was := s.health.get().Status
	// Once full, there must be some more room before it counts as such.
	stop := s.opts.StopFree
	if was == StatusDown {
		stop += stop / 4
	}
	mb := func(n uint64) string { return strconv.FormatUint(n>>20, 10) }
	switch {
	case free < stop:
		if s.health.worse(StatusDown, site.Errorf(site.Unavailable, "ingest.disk_full", "", "free", mb(free), "least", mb(s.opts.StopFree))) {
			s.opts.Log.Error("the disk is full: no message is taken until there is room", "free_mib", free>>20)
			s.full(true)
		}
		return
	case free < s.opts.WarnFree:
		if s.health.worse(StatusDegraded, site.Errorf(site.Unavailable, "ingest.disk_low", "", "free", mb(free), "least", mb(s.opts.StopFree))) {
			s.opts.Log.Warn("the disk is nearly full", "free_mib", free>>20, "stop_mib", s.opts.StopFree>>20)
		}
	default:
		s.health.well()
	}
	if was == StatusDown {
		s.opts.Log.Info("there is room on the disk again")
		s.full(false)
	}
}
