package proxy

import (
	"sync/atomic"
	"time"

	"sallyport/policy"
)

// clock watches over one relayed session: idle time, half-closed time, lifetime. It
// keeps one timer for the next thing that could be due; a byte that moves only stores
// the time, so an active session never touches the timer.
type clock struct {
	idle     time.Duration
	half     time.Duration
	lifetime time.Duration
	expired  func(policy.Reason) // may be called again, and from any goroutine; must not block
	pulse    *pulse              // told when bytes move; may be nil

	// quiet says for how long the sockets themselves have moved nothing, if they can tell. What waits
	// in them for a slow reader moves without anybody here touching it.
	quiet func() (time.Duration, bool)

	begun  time.Time
	last   atomic.Int64 // when the last byte moved, since begun
	halved atomic.Bool  // one direction has ended
	over   atomic.Bool  // stopped
	timer  *time.Timer
}

// startClock starts watching. The session began at begun, which its lifetime counts from.
func startClock(limits *Limits, begun time.Time, pulse *pulse, quiet func() (time.Duration, bool), expired func(policy.Reason)) *clock {
	c := &clock{
		idle:     limits.IdleTimeout,
		half:     limits.HalfCloseTimeout,
		lifetime: limits.MaxLifetime,
		expired:  expired,
		pulse:    pulse,
		quiet:    quiet,
		begun:    begun,
	}
	c.touch()
	c.timer = time.AfterFunc(time.Hour, c.check)
	c.timer.Stop()
	c.check()
	return c
}

// touch notes that bytes have moved.
func (c *clock) touch() {
	c.last.Store(int64(time.Since(c.begun)))
	c.pulse.beat()
}

// halfClosed notes that one direction has ended; from now on the other must
// move within the half-close limit.
func (c *clock) halfClosed() {
	c.touch()
	c.halved.Store(true)
	c.check()
}

// stop ends the watch, and the pulse's with it.
func (c *clock) stop() {
	c.over.Store(true)
	c.timer.Stop()
	c.pulse.stop()
}

// check ends the session if something is due and otherwise waits for what is due next.
func (c *clock) check() {
	now := time.Since(c.begun)
	reason, due := c.next()
	switch {
	case reason == "":
	case due <= now && reason != policy.LifetimeLimit && c.movedSince(now):
		c.check()
	case due <= now:
		c.expired(reason)
	default:
		c.timer.Reset(due - now)
		if c.over.Load() { // it may have stopped meanwhile, and a timer would keep the session in memory
			c.timer.Stop()
		}
	}
}

// movedSince asks the sockets when something was due, and notes what they moved after the last touch.
func (c *clock) movedSince(now time.Duration) bool {
	before := c.last.Load()
	quiet, known := c.quiet()
	last := now - quiet
	if !known || last <= time.Duration(before)+quietResolution {
		return false
	}
	c.last.CompareAndSwap(before, int64(last)) // or somebody has touched it just now
	return true
}

// quietResolution is more than the error of a socket's clock, which counts in the kernel's ticks.
const quietResolution = 20 * time.Millisecond

// next returns what is due first if nothing moves, and when; no reason means never.
func (c *clock) next() (reason policy.Reason, due time.Duration) {
	consider := func(r policy.Reason, limit, from time.Duration) {
		if limit > 0 && (reason == "" || from+limit < due) {
			reason, due = r, from+limit
		}
	}
	last := time.Duration(c.last.Load())
	consider(policy.IdleTimeout, c.idle, last)
	if c.halved.Load() {
		consider(policy.HalfCloseTimeout, c.half, last)
	}
	consider(policy.LifetimeLimit, c.lifetime, 0)
	return reason, due
}
