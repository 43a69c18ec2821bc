package policy

import (
	"math"
	"sync"
	"time"
)

// Lease is what one session holds of a [Limiter]: its place among the connections of its source, and of its rule once
// that is known. Release it when the session ends.
//
// A nil or zero Lease limits nothing. It is safe for concurrent use, and must not be copied.
type Lease struct {
	limiter    *Limiter
	handshakes limitBucket // as it was when the source was admitted

	mu          sync.Mutex
	source      limitHold
	match       limitHold
	charged     Match // what match was taken for
	handshaking bool
	released    bool
}

// Charge counts the session for the match of a decision, and returns the code of the limit that refuses it, or nothing.
// After a refusal the lease is as it was before; it still has to be released. Nil limits limit nothing.
//
// Charging the same match again does nothing. Charging another, as when a new policy lets a live session pass by
// another rule, leaves the first once the second has room.
func (l *Lease) Charge(now time.Time, match Match, limits *Limits) Reason {
	if l == nil || l.limiter == nil {
		return ""
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.released || match == l.charged && l.match.state != nil {
		return ""
	}
	var hold limitHold
	if !limits.none() {
		var reason Reason
		if hold, reason = l.limiter.charge(now, match, limits); reason != "" {
			return reason
		}
	}
	l.match.release()
	l.match, l.charged = hold, match
	return ""
}

// ChargedFor reports whether the session is counted for a match as its limits demand.
func (l *Lease) ChargedFor(match Match, limits *Limits) bool {
	if l == nil || l.limiter == nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return match == l.charged && (l.match.state != nil || limits.none())
}

// Move counts a live session for another match, whatever the limits say, and leaves the one before.
func (l *Lease) Move(now time.Time, match Match, limits *Limits) {
	if limits.none() {
		l.Charge(now, match, nil)
		return
	}
	l.Charge(now, match, &Limits{MaxConnections: math.MaxInt32})
}

// Handshake counts a TLS handshake that is about to begin against the source's limit and returns the code of the limit
// that refuses it, or nothing.
func (l *Lease) Handshake(now time.Time) Reason {
	if l == nil {
		return ""
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.source.state == nil || l.handshakes.none() {
		return ""
	}
	lock := l.source.lock
	lock.Lock()
	outcome := l.source.state.handshake(lock.latest(now), l.handshakes)
	lock.Unlock()
	if outcome != withinLimits {
		return l.limiter.refuse(outcome, SourceHandshakes, SourceHandshakes)
	}
	l.handshaking = true
	return ""
}

// HandshakeFailed counts the handshake that Handshake let begin once more, because it failed or was never finished. A
// second call does nothing, nor does one after Release.
func (l *Lease) HandshakeFailed(now time.Time) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.handshaking || l.source.state == nil {
		return
	}
	l.handshaking = false
	lock := l.source.lock
	lock.Lock()
	l.source.state.handshakeFailed(lock.latest(now), l.handshakes)
	lock.Unlock()
}

// Release gives everything back. Only the first call has an effect; afterwards the lease limits nothing.
func (l *Lease) Release() {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.released = true
	l.source.release()
	l.match.release()
}
