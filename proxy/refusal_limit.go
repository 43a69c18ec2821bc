package proxy

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Refusals are what strangers can cause at will, so their records are limited; what is
// left out is counted, and the count is written.
const (
	refusalsPerSecond = 100
	refusalsAtOnce    = 1000
	refusalSummary    = 10 * time.Second
)

// refusalLimit decides which refusals are logged.
type refusalLimit struct {
	limit   *rate.Limiter
	summary func(suppressed int) // told when refusals stop while some were left out

	mu         sync.Mutex
	suppressed int
	timer      *time.Timer
}

func newRefusalLimit(summary func(int)) *refusalLimit {
	return &refusalLimit{
		limit:   rate.NewLimiter(refusalsPerSecond, refusalsAtOnce),
		summary: summary,
	}
}

// admit reports whether a refusal is to be logged, and how many were left out since the last.
func (r *refusalLimit) admit() (write bool, suppressed int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.limit.Allow() {
		suppressed, r.suppressed = r.suppressed, 0
		return true, suppressed
	}
	r.suppressed++
	if r.timer == nil {
		r.timer = time.AfterFunc(refusalSummary, r.summarise)
	}
	return false, 0
}

// summarise writes the count of what was left out, if anything was.
func (r *refusalLimit) summarise() {
	r.mu.Lock()
	n := r.suppressed
	if r.timer != nil {
		r.timer.Stop()
	}
	r.suppressed, r.timer = 0, nil
	r.mu.Unlock()
	if n > 0 {
		r.summary(n)
	}
}
