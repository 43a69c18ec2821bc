package upstream

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"sallyport/policy"
)

// choice is what a call does next: make an attempt, give up, or wait.
type choice struct {
	attempt *attempt
	err     error

	outcome  <-chan struct{} // of a trial
	changed  <-chan struct{} // of the group
	patience time.Duration   // 0: for as long as it takes
	late     error           // what it comes to if it takes longer; nil: the call goes on
	follower bool
}

// choose returns what a call does next. An attempt has been started.
func (g *Group) choose(ctx context.Context, c *call) choice {
	g.lock()
	defer g.unlock()
	if err := g.admit(c); err != nil {
		return choice{err: err}
	}
	switch {
	case len(g.members) == 0:
		return choice{err: policy.Refuse(policy.UpstreamDown, errors.New("the upstream has no endpoint"))}
	case g.redundant():
		return g.chooseRedundant(ctx, c)
	default:
		return g.chooseParallel(ctx, c)
	}
}

// chooseRedundant chooses between a primary and its backup. A session tries the active one until that is unhealthy,
// which makes the other one active. The lock is held.
func (g *Group) chooseRedundant(ctx context.Context, c *call) choice {
	share := g.settings.DialTimeout / time.Duration(g.settings.Health.Fall)
	if g.mayTryPrimary(c) {
		g.awaitReturn()
		return g.attempt(ctx, c, attempt{member: g.primary(), within: share, trial: true, back: true})
	}
	m := g.active
	if g.gate(m) == open {
		switch n := c.failuresAt(m); {
		case n >= g.settings.Health.Fall:
			return choice{err: c.err} // others get through, so it is not unhealthy; this one does not
		case n > 0 && !c.paused:
			c.paused = true
			return choice{changed: g.changed, patience: retryPause}
		}
		c.paused = false
		return g.attempt(ctx, c, attempt{member: m, within: share})
	}
	// With one of them unhealthy the other would be active, so both are.
	for _, m := range []*member{m, g.other(m)} {
		if g.gate(m) == single && c.failuresAt(m) < g.settings.Health.Fall {
			return g.attempt(ctx, c, attempt{member: m, within: share, trial: true})
		}
	}
	return g.chooseNone(c)
}

// chooseParallel chooses among endpoints of which each is tried once, or the only one. The lock is held.
func (g *Group) chooseParallel(ctx context.Context, c *call) choice {
	var best *member
	at, full, healthy := 0, false, false
	for i := range g.members {
		i = (g.rotation + i) % len(g.members)
		m := g.members[i]
		gate := g.gate(m)
		switch {
		case gate != open && gate != single || c.failuresAt(m) > 0:
			continue
		case !g.room(m, c):
			full = true
			continue
		case best == nil || g.better(m, best, c.session.Client):
			best, at = m, i
		}
		healthy = healthy || gate == open
	}
	switch {
	case best == nil && full:
		return choice{err: g.tooMany()}
	case best == nil:
		return g.chooseNone(c)
	}
	if !c.seated {
		g.rotation = at + 1
	}
	trial, within := g.gate(best) == single, g.settings.DialTimeout
	if trial && healthy {
		within /= time.Duration(g.settings.Health.Fall) // somebody has to try, but need not suffer for it
	}
	return g.attempt(ctx, c, attempt{member: best, within: within, trial: trial})
}

// chooseNone says what a call does if no endpoint can be tried: it waits for the outcome of a trial, or gives up.
// The lock is held.
func (g *Group) chooseNone(c *call) choice {
	for _, m := range g.members {
		if g.gate(m) != follow || c.failuresAt(m) > 0 {
			continue
		}
		g.followers++
		return choice{
			outcome:  m.trial,
			changed:  g.changed,
			patience: g.settings.DialTimeout,
			late:     g.down(),
			follower: true,
		}
	}
	if c.err != nil {
		return choice{err: c.err}
	}
	return choice{err: g.down()}
}

// attempt starts an attempt of a call. The lock is held.
func (g *Group) attempt(ctx context.Context, c *call, a attempt) choice {
	c.seated = true
	a.endpoint = a.member.endpoint
	a.order = c.order
	a.patience = g.settings.DialTimeout
	a.ctx, a.cancel = context.WithCancelCause(ctx)
	g.start(&a)
	return choice{attempt: &a}
}

// room reports whether an endpoint can take one more attempt. One that had its place elsewhere keeps it. The lock is held.
func (g *Group) room(m *member, c *call) bool {
	return m.dialing < g.settings.MaxDials || m.queue.Len() < g.settings.Queue || c.seated
}

func (c *call) failuresAt(m *member) (n int) {
	for _, failed := range c.failures {
		if failed == m {
			n++
		}
	}
	return n
}

// tooMany is the refusal of a session for which there is no room. The lock is held.
func (g *Group) tooMany() error {
	return policy.Refuse(policy.UpstreamQueue, fmt.Errorf(
		"%d sessions are being connected already (at each endpoint %d at once, and %d that wait)", g.calls, g.settings.MaxDials, g.settings.Queue))
}

// down is the refusal of a session for which there is no healthy endpoint. The lock is held.
func (g *Group) down() error {
	var texts []string
	for _, m := range g.members {
		problem := m.problem
		if problem == "" {
			problem = "not yet known to be well again"
		}
		texts = append(texts, fmt.Sprintf("%s (%s)", m.name, problem))
	}
	return policy.Refuse(policy.UpstreamDown, fmt.Errorf("no endpoint is healthy: %s", strings.Join(texts, ", ")))
}
