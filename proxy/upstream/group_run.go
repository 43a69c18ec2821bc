package upstream

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// Run makes active checks and fails back, until ctx ends and all checks with it. One Run serves a group; it follows
// [Group.Configure].
func (g *Group) Run(ctx context.Context) {
	var watches sync.WaitGroup
	defer watches.Wait()
	watched := make(map[*member]context.CancelFunc)
	for {
		wanted, due, changed := g.oversee()
		for m, stop := range watched {
			if !wanted[m] {
				stop()
				delete(watched, m)
			}
		}
		for m := range wanted {
			if watched[m] == nil {
				watch, stop := context.WithCancel(ctx)
				watched[m] = stop
				watches.Go(func() { g.watch(watch, m) })
			}
		}
		if !idle(ctx, changed, due) {
			for _, stop := range watched {
				stop()
			}
			return
		}
	}
}

// idle returns when something has changed or d is over, and false if ctx has ended; a negative d is never over.
func idle(ctx context.Context, changed <-chan struct{}, d time.Duration) bool {
	var expired <-chan time.Time
	if d >= 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		expired = timer.C
	}
	select {
	case <-ctx.Done():
		return false
	case <-changed:
	case <-expired:
	}
	return ctx.Err() == nil
}

// oversee fails back if that is due, and returns whom checks are wanted of and when it is to be called again: when
// something has changed, or after a time, if that is not negative.
func (g *Group) oversee() (wanted map[*member]bool, due time.Duration, changed <-chan struct{}) {
	g.lock()
	defer g.unlock()
	due = -1
	if at, ok := g.returnDue(); ok {
		if due = time.Until(at); due <= 0 {
			g.failBack(fmt.Sprintf("the primary has been healthy for %v", g.settings.Hold))
			due = -1
		}
	}
	wanted = make(map[*member]bool)
	if g.settings.Health.Active {
		for _, m := range g.members {
			wanted[m] = true
		}
	}
	return wanted, due, g.changed
}

// watch checks one endpoint again and again, until ctx ends. Checks of several endpoints and groups are spread, at first
// a little and then by jitter.
func (g *Group) watch(ctx context.Context, m *member) {
	last, share := time.Now(), rand.Float64()/10
	for {
		e, health, changed := g.question(m)
		due := last.Add(time.Duration(share * float64(health.Interval)))
		if wait := time.Until(due); wait > 0 {
			if !idle(ctx, changed, wait) {
				return
			}
			continue // with what is in force by now
		}
		last, share = time.Now(), 0.8+0.4*rand.Float64()
		err := g.check(ctx, e, &health)
		if ctx.Err() != nil {
			return
		}
		g.answer(m, err)
	}
}

// question returns what is to be asked of an endpoint.
func (g *Group) question(m *member) (*Endpoint, Health, <-chan struct{}) {
	g.lock()
	defer g.unlock()
	return m.endpoint, g.settings.Health, g.changed
}

func (g *Group) check(ctx context.Context, e *Endpoint, health *Health) error {
	ctx, cancel := context.WithTimeout(ctx, health.Timeout)
	defer cancel()
	return g.checker.Check(ctx, e, health)
}

// answer takes in the outcome of a check, unless nobody wants to know any more.
func (g *Group) answer(m *member, err error) {
	g.lock()
	defer g.unlock()
	if !m.gone && g.settings.Health.Active {
		g.checked(m, err)
	}
}
