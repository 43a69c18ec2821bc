package upstream

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"sallyport/policy"
)

// Local reports whether an error is about us and says nothing about the endpoint: a lack of source ports, of processor
// time or of patience.
//
// A PROXY header that cannot be written is not: whoever accepts a connection and closes it before the first byte is not
// well.
func Local(err error) bool {
	switch policy.ReasonOf(err, "") {
	case policy.SourceExhausted, policy.SourceQueue, policy.SourceTaken, policy.SourceInUse, policy.SourceAbsent,
		policy.SourcePrivileged, policy.SourceFamily, policy.HandshakeBusy, policy.Shutdown:
		return true
	}
	return errors.Is(err, context.Canceled)
}

// succeeded takes in that an attempt of a session has succeeded. The lock is held.
func (g *Group) succeeded(m *member) {
	m.problem = ""
	m.tryFailures = 0
	m.pause, m.notBefore = 0, time.Time{}
	if m.healthy || g.checksDecide(m) {
		return
	}
	if m.trySuccesses++; m.trySuccesses >= g.settings.Health.Rise {
		g.recovered(m, m.trySuccesses)
	}
}

// failed takes in that a session has met a failure of an endpoint. The lock is held.
func (g *Group) failed(m *member, err error) {
	m.problem = printable{err}.Error()
	m.refuses = policy.ReasonOf(err, "") == policy.UpstreamRefused
	m.trySuccesses = 0
	m.tryFailures++
	if m.healthy && m.tryFailures >= g.settings.Health.Fall {
		g.fell(m, m.tryFailures)
	}
}

// checked takes in the outcome of a check. The lock is held.
func (g *Group) checked(m *member, err error) {
	h := &g.settings.Health
	m.checks++
	if err != nil && Local(err) {
		g.unasked(m, err)
		return
	}
	m.unasked = false
	if err == nil {
		m.problem = ""
		m.checkFailures = 0
		m.checkSuccesses++
		if m.proven.IsZero() && m.checkSuccesses >= h.Rise {
			g.prove(m)
		}
		return
	}
	m.unwell++
	m.problem = printable{err}.Error()
	m.refuses = policy.ReasonOf(err, "") == policy.UpstreamRefused
	m.checkSuccesses = 0
	if m.checkFailures++; m.checkFailures >= h.Fall && !m.condemned {
		m.condemned = true
		g.fell(m, m.checkFailures)
	}
}

// unasked takes in that a check could not be made. The lock is held.
func (g *Group) unasked(m *member, err error) {
	m.problem = printable{err}.Error()
	if !m.unasked {
		m.unasked = true
		g.noteOf(m, slog.LevelWarn, "endpoint cannot be checked", slog.String(keyError, m.problem))
	}
}

// prove takes in that checks say an endpoint is healthy. The lock is held.
func (g *Group) prove(m *member) {
	m.proven = time.Now()
	if !m.healthy {
		g.recovered(m, m.checkSuccesses)
	}
	g.tell() // the time until the primary comes back begins
}

// recovered makes an endpoint healthy. The lock is held.
func (g *Group) recovered(m *member, successes int) {
	m.forgive()
	g.noteOf(m, slog.LevelInfo, "endpoint is healthy", slog.Int(keySuccesses, successes))
	g.settle()
	g.tell()
}

// fell makes an endpoint unhealthy, or takes in that checks say so too. The lock is held.
func (g *Group) fell(m *member, failures int) {
	if m.healthy {
		m.healthy, m.since = false, time.Now()
		m.proven = time.Time{}
		m.checkSuccesses, m.trySuccesses = 0, 0
		g.rest(m)
		g.noteOf(m, slog.LevelWarn, "endpoint is unhealthy", slog.String(keyError, m.problem), slog.Int(keyFailures, failures))
	}
	g.settle()
	if m.condemned {
		g.leave(m, errUnhealthy)
	} else {
		g.dispel(m, errUnhealthy)
	}
	if m.condemned || g.redundant() && g.other(m).healthy {
		g.cut(m)
	}
	g.tell()
}

// errUnhealthy is why attempts are cancelled.
var errUnhealthy = errors.New("the endpoint has become unhealthy")
