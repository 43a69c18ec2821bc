package upstream

import (
	"errors"
	"math"
	"slices"
	"time"
)

// shortestInterval keeps settings without an interval from asking all the time.
const shortestInterval = 100 * time.Millisecond

// errGone is why attempts are cancelled.
var errGone = errors.New("the endpoint is no longer one of the upstream's")

// complete returns settings without values that could not work.
func (s *Settings) complete() *Settings {
	c := *s
	c.Hold = max(c.Hold, 0)
	c.DialTimeout = max(c.DialTimeout, 0)
	if c.MaxDials <= 0 {
		c.MaxDials = math.MaxInt32
	}
	c.Queue = max(c.Queue, 0)
	c.Health.Interval = max(c.Health.Interval, shortestInterval)
	c.Health.Rise = max(c.Health.Rise, 1)
	c.Health.Fall = max(c.Health.Fall, 1)
	return &c
}

// Configure puts settings into force. What is known of an endpoint that stays the same value is kept, and so are all
// established sessions; attempts at an endpoint that goes are made elsewhere.
func (g *Group) Configure(s *Settings) {
	g.lock()
	defer g.unlock()
	g.settings = s.complete()
	before := g.members
	g.members = g.enlist(s)
	for _, m := range before {
		if m.gone {
			g.leave(m, errGone)
			g.forget(m)
		}
	}
	g.appoint()
	for _, m := range g.members {
		if s.Health.Active {
			m.pause, m.notBefore = 0, time.Time{} // should sessions have to find out again, one may do so at once
		} else {
			m.unprove()
		}
		g.grant(m)
	}
	g.settle()
	g.tell()
}

// enlist returns the members for the endpoints of settings, each of them once, and notes which have gone. The lock is held.
func (g *Group) enlist(s *Settings) []*member {
	for _, m := range g.members {
		m.gone = true
	}
	var members []*member
	for _, e := range s.Endpoints {
		name := e.String()
		m, ok := g.known[name]
		switch {
		case !ok:
			m = newMember(e)
			g.known[name] = m
		case slices.Contains(members, m):
			continue
		case m.gone && !slices.Contains(g.members, m):
			m.welcome()
		case m.endpoint != e && !m.healthy:
			m.forgive() // it is reached in another way now, perhaps because the one before was the fault
			m.problem = ""
		}
		m.gone = false
		m.endpoint = e
		members = append(members, m)
	}
	redundant := s.Redundant && len(members) > 1
	if redundant {
		for _, m := range members[2:] {
			m.gone = true
			g.forget(m)
		}
		members = members[:2]
	}
	for i, m := range members {
		m.role = roleOf(i, len(members), redundant)
	}
	return members
}

func roleOf(i, n int, redundant bool) string {
	switch {
	case n > 1 && !redundant:
		return roleParallel
	case i == 0:
		return rolePrimary
	default:
		return roleBackup
	}
}

// appoint finds the active endpoint among members that may be new. The lock is held.
func (g *Group) appoint() {
	if !g.redundant() {
		g.active, g.held = nil, false
		return
	}
	if g.active == nil || g.active.gone {
		g.active = g.primary()
	}
	if g.active == g.primary() {
		g.held = false
	} else if g.returnAt.IsZero() {
		g.awaitReturn()
	}
}

// redundant reports whether the members are a primary and its backup. The lock is held.
func (g *Group) redundant() bool { return g.settings.Redundant && len(g.members) == 2 }

// forget drops a member that has gone once nobody is there any more. The lock is held.
func (g *Group) forget(m *member) {
	if m.gone && len(m.uses) == 0 && len(m.attempts) == 0 {
		delete(g.known, m.name)
	}
}
