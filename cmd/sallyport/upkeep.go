package main

import (
	"context"
	"time"
)

const (
	sweepInterval = time.Minute
	auditInterval = time.Hour
)

// upkeep does what has its time until ctx ends: it forgets sources that nobody has heard of for long, lets
// the expiry of rules count for established sessions, warns of certificates that end soon, and keeps saying that nothing
// is denied while that is so.
func (d *daemon) upkeep(ctx context.Context) {
	looked := time.Now()
	warned := looked
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-d.replaced:
		}
		now := time.Now()
		d.limiter.Sweep(now)
		d.lockouts.Sweep(now)
		inForce := d.inForce()
		var ends time.Time
		if !d.wasHandedOver() { // its successor says so, too
			ends = d.ends.look(d.log, inForce.held, now)
		}
		set := inForce.policy
		if at, rules := set.NextExpiry(looked); !at.IsZero() && !at.After(now) {
			d.log.Warn("rules have expired", "rules", rules, "at", at, "sessions_denied", d.server.Rejudge())
			looked = at // there may be more
			timer.Reset(0)
			continue
		}
		looked = now
		if set.Source().Audit.All && now.Sub(warned) >= auditInterval {
			d.log.Warn("audit mode: nothing is denied; the records of those who would be say audit-deny")
			warned = now
		}
		next := sweepInterval // bounds it, so that a clock that was set counts
		if at, _ := set.NextExpiry(now); !at.IsZero() {
			next = min(next, time.Until(at))
		}
		if !ends.IsZero() {
			next = min(next, time.Until(ends))
		}
		timer.Reset(next)
	}
}
