package policy

import (
	"time"

	"golang.org/x/time/rate"
)

// limitState is what is remembered of one source or account.
//
// A full bucket and no bucket are the same thing, here and everywhere below; this is why dropping a state with full
// buckets and no connections cannot be noticed.
type limitState struct {
	held       int32         // connections at once
	arrivals   *rate.Limiter // new connections; made when first needed
	handshakes *rate.Limiter // likewise
}

// limitOutcome says which limit refused.
type limitOutcome uint8

const (
	withinLimits limitOutcome = iota
	tooMany                   // at once
	tooFast
)

// take counts one more connection unless a limit refuses it; a refused one costs nothing.
func (s *limitState) take(now time.Time, limits *Limits) limitOutcome {
	if limits.MaxConnections > 0 && int(s.held) >= limits.MaxConnections {
		return tooMany
	}
	if def := limits.arrivals(); !def.none() {
		s.arrivals = def.adapt(s.arrivals, now)
		if !s.arrivals.AllowN(now, 1) {
			return tooFast
		}
	}
	s.held++
	return withinLimits
}

// handshake counts a handshake that is about to begin.
func (s *limitState) handshake(now time.Time, def limitBucket) limitOutcome {
	s.handshakes = def.adapt(s.handshakes, now)
	if !s.handshakes.AllowN(now, 1) {
		return tooFast
	}
	return withinLimits
}

// handshakeFailed counts one that has begun a second time. The bucket may go below empty: nobody gets a failed
// handshake cheaper for having emptied it before. The debt is bounded by the handshakes that run at once.
func (s *limitState) handshakeFailed(now time.Time, def limitBucket) {
	s.handshakes = def.adapt(s.handshakes, now)
	s.handshakes.ReserveN(now, 1)
}

// spent reports whether s could not be told from a new state.
func (s *limitState) spent(now time.Time) bool {
	return s.held == 0 && limitFull(s.arrivals, now) && limitFull(s.handshakes, now)
}

func limitFull(bucket *rate.Limiter, now time.Time) bool {
	return bucket == nil || bucket.TokensAt(now) >= float64(bucket.Burst())
}

// adapt returns the bucket under a definition that may have changed at a reload: tokens that are missing stay missing.
// Only a full bucket, being no state, starts as the new definition has it.
func (b limitBucket) adapt(bucket *rate.Limiter, now time.Time) *rate.Limiter {
	if bucket != nil && bucket.Limit() == b.rate && bucket.Burst() == b.burst {
		return bucket
	}
	if limitFull(bucket, now) {
		return rate.NewLimiter(b.rate, b.burst)
	}
	bucket.SetLimitAt(now, b.rate)
	bucket.SetBurstAt(now, b.burst)
	return bucket
}
