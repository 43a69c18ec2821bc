package config

import (
	"fmt"
	"math"
	"time"

	"sallyport/internal/config/document"
)

// The kernel counts keepalive probes in whole seconds.
const shortestDeadPeer = time.Second

func (c *checker) limits(raw rawLimits) Limits {
	l := Limits{
		MaxConnections:   c.count(raw.MaxConnections),
		HandshakeLane:    c.count(raw.HandshakeLane).Value,
		HandshakeTimeout: c.positive(raw.HandshakeTimeout),
		HeaderTimeout:    c.positive(raw.HeaderTimeout),
		DialTimeout:      c.positive(raw.DialTimeout),
		IdleTimeout:      c.duration(raw.IdleTimeout),
		HalfCloseTimeout: c.positive(raw.HalfCloseTimeout),
		MaxLifetime:      c.duration(raw.MaxLifetime),
		DrainTimeout:     c.duration(raw.DrainTimeout),
		HandoverTimeout:  c.duration(raw.HandoverTimeout),
		DeadPeerTimeout:  c.duration(raw.DeadPeerTimeout),
	}
	if d := l.DeadPeerTimeout; d > 0 && d < shortestDeadPeer {
		c.report(raw.DeadPeerTimeout.Problem(fmt.Sprintf("%s is too short", d),
			fmt.Sprintf(`at least %q, or "0s" for what the system does by itself`, shortestDeadPeer)))
	}
	return l
}

// count takes an integer that says how many.
func (c *checker) count(l Located[int64]) Located[int] {
	switch {
	case l.Value < 0:
		c.report(l.Problem(fmt.Sprintf("%d is negative", l.Value), "0 means the default"))
	case l.Value > math.MaxInt32:
		c.report(l.Problem(fmt.Sprintf("%d is too large", l.Value), fmt.Sprintf("at most %d", math.MaxInt32)))
	default:
		return document.At(l, int(l.Value))
	}
	return document.At(l, 0)
}

// atLeast takes an integer that has no other meaning than how many.
func (c *checker) atLeast(l Located[int64], least int) int {
	switch {
	case l.Value < int64(least):
		c.report(l.Problem(fmt.Sprintf("%d is too small", l.Value), fmt.Sprintf("at least %d", least)))
		return least
	case l.Value > math.MaxInt32:
		c.report(l.Problem(fmt.Sprintf("%d is too large", l.Value), fmt.Sprintf("at most %d", math.MaxInt32)))
		return least
	}
	return int(l.Value)
}

// duration takes a duration that may be zero.
func (c *checker) duration(l Located[time.Duration]) time.Duration {
	if l.Value < 0 {
		c.report(l.Problem(fmt.Sprintf("%s is negative", l.Value), ""))
		return 0
	}
	return l.Value
}

// positive takes a duration that something always has to end after.
func (c *checker) positive(l Located[time.Duration]) time.Duration {
	if l.Value == 0 {
		c.report(l.Problem("must be more than zero", "what a stranger can hold up always needs an end"))
	}
	return c.duration(l)
}
