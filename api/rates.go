package api

import (
	"encoding/hex"
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// rates bounds the requests of each session, token and unknown address.
type rates struct {
	mu     sync.Mutex
	rate   rate.Limit
	burst  int
	by     map[string]*bucket
	pruned time.Time
}

type bucket struct {
	limiter *rate.Limiter
	seen    time.Time
}

// idle is how long a bucket is kept; by then it is full again.
const idle = time.Minute

func newRates(perSecond float64) *rates {
	return &rates{rate: rate.Limit(perSecond), burst: int(2*perSecond) + 1, by: make(map[string]*bucket)}
}

// rateKey is the session's or token's own bucket, or the address's for callers
// who are not signed in: a made-up token must not open a new bucket.
func rateKey(c *caller, r *http.Request) string {
	if c == nil {
		return "address " + address(r)
	}
	if c.session.Login != "" {
		return "session " + hex.EncodeToString(c.session.Hash[:])
	}
	return "token " + c.token
}

func (r *rates) allow(key string, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now.Sub(r.pruned) > idle {
		for k, b := range r.by {
			if now.Sub(b.seen) > idle {
				delete(r.by, k)
			}
		}
		r.pruned = now
	}
	b, ok := r.by[key]
	if !ok {
		b = &bucket{limiter: rate.NewLimiter(r.rate, r.burst)}
		r.by[key] = b
	}
	b.seen = now
	return b.limiter.AllowN(now, 1)
}
