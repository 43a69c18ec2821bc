package upstream

import (
	"errors"
	"log/slog"
	"time"
)

// errLeft is why attempts are cancelled.
var errLeft = errors.New("another endpoint has become the active one")

// settle makes sure that the active endpoint is a healthy one, if there is one. The lock is held.
func (g *Group) settle() {
	if !g.redundant() || g.active.healthy {
		return
	}
	g.held = false
	if to := g.other(g.active); to.healthy {
		g.failOver(to, "the active endpoint is unhealthy")
	}
}

// failOver leaves the active endpoint for the other one. Whoever is about to be connected is connected there. The lock
// is held.
func (g *Group) failOver(to *member, reason string) {
	from := g.active
	g.active = to
	g.failovers++
	g.awaitReturn()
	g.leave(from, errLeft)
	n := g.cut(from)
	g.note(slog.LevelWarn, "failover", slog.String(keyFrom, from.name), slog.String(keyTo, to.name),
		slog.String(keyReason, reason), slog.Int(keyCut, n))
	g.tell()
}

// failBack makes the primary the active endpoint. Nothing that the backup has is touched. The lock is held.
func (g *Group) failBack(reason string) {
	from := g.active
	g.active = g.primary()
	g.held = false
	g.failbacks++
	g.note(slog.LevelInfo, "failback", slog.String(keyFrom, from.name), slog.String(keyTo, g.active.name),
		slog.String(keyReason, reason), slog.Int(keyCut, 0))
	g.tell()
}

// returns reports whether the primary is to come back into use by itself. The lock is held.
func (g *Group) returns() bool {
	return g.redundant() && g.active != g.primary() && !g.held && !g.settings.ManualReturn
}

// returnDue says when the primary comes back into use because checks say that it is healthy; ok is false if nothing says that it
// will. The lock is held.
func (g *Group) returnDue() (due time.Time, ok bool) {
	if !g.returns() || !g.settings.Health.Active {
		return due, false
	}
	p := g.primary()
	return p.proven.Add(g.settings.Hold), p.healthy && !p.proven.IsZero()
}

// awaitReturn puts off that a session tries the primary. The lock is held.
func (g *Group) awaitReturn() {
	g.returnAt = time.Now().Add(max(g.settings.Hold, g.settings.Health.Interval))
}

// mayTryPrimary reports whether a call should look whether the primary is back, for want of checks. The lock is held.
func (g *Group) mayTryPrimary(c *call) bool {
	return g.returns() && !g.asks(g.primary()) && g.active.healthy && g.primary().trial == nil &&
		!c.seated && !time.Now().Before(g.returnAt)
}

// comeBack takes in that a session has got through to the primary. The lock is held.
func (g *Group) comeBack() {
	if !g.returns() {
		return
	}
	if !g.primary().healthy {
		g.recovered(g.primary(), g.primary().trySuccesses)
	}
	g.failBack("a session got through to the primary")
}

// Standby returns the endpoint that a spare connection should be kept to: the backup; nil if there is none, or if checks
// say that it is not healthy. Where it is only sessions that it failed, nobody else would find out that it is back. Changed is
// closed when the answer may be another one.
func (g *Group) Standby() (e *Endpoint, changed <-chan struct{}) {
	g.lock()
	defer g.unlock()
	if g.redundant() && (g.members[1].healthy || !g.settings.Health.Active) {
		e = g.members[1].endpoint
	}
	return e, g.changed
}

// Reached says that a spare connection to an endpoint stands. That is what a session would have wanted of it.
func (g *Group) Reached(e *Endpoint) {
	g.lock()
	defer g.unlock()
	m := g.known[e.String()]
	if m == nil || m.endpoint != e || m.gone || m.healthy || g.settings.Health.Active {
		return
	}
	m.problem = ""
	g.recovered(m, 1)
}
