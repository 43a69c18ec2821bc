package policy

import (
	"math"
	"time"
)

// LockoutRules say when a source is locked out, and for how long. The zero value locks nobody out. Who is exempt is
// not among them: [Set.Exempt] knows.
type LockoutRules struct {
	Failures   int           // that lock a source out, if all are within Window; zero or less: none do
	Window     time.Duration // a failure counts until it is this old
	Duration   time.Duration // of a lock; unused if Forever
	Forever    bool          // until somebody unlocks the source
	IPv6Prefix int           // bits of an IPv6 address that stand for one source; zero means 64
}

// none reports whether nobody can be locked out.
func (r *LockoutRules) none() bool { return r.Failures <= 0 || r.Duration <= 0 && !r.Forever }

// lockoutForever is the end of a lock that has none.
const lockoutForever = time.Duration(math.MaxInt64)

// lockoutHorizon is what still counts as a time; a duration beyond it is for ever.
const lockoutHorizon = 100 * 365 * 24 * time.Hour

// until returns the end of a lock that begins now.
func (r *LockoutRules) until(at time.Duration) time.Duration {
	if r.Forever || r.Duration > lockoutHorizon {
		return lockoutForever
	}
	return at + r.Duration
}
