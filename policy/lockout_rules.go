package policy

import (
	"math"
	"net/netip"
	"time"
)

// LockoutRules say when a source is locked out, and for how long. The zero value locks nobody out.
type LockoutRules struct {
	Failures   int           // that lock a source out, if all are within Window; zero or less: none do
	Window     time.Duration // a failure counts until it is this old
	Duration   time.Duration // of a lock; unused if Forever
	Forever    bool          // until somebody unlocks the source
	Exempt     []netip.Prefix
	IPv6Prefix int // bits of an IPv6 address that stand for one source; zero means 64
}

// none reports whether nobody can be locked out.
func (r *LockoutRules) none() bool { return r.Failures <= 0 || r.Duration <= 0 && !r.Forever }

// exempts reports whether the address itself is exempt; others of its source need not be.
func (r *LockoutRules) exempts(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	for _, p := range r.Exempt {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// lockoutUnmapped returns an IPv4-mapped prefix as the IPv4 prefix that it means, and others as they are.
func lockoutUnmapped(p netip.Prefix) netip.Prefix {
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		return netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p
}

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
