package upstream

import (
	"context"
	"errors"
	"time"

	"sallyport/policy"
)

// retryPause is between attempts of one session at one endpoint of a redundant group: a server that restarts gets a
// moment, and a storm of sessions does not become one of attempts.
const retryPause = 50 * time.Millisecond

// call is one Connect under way.
type call struct {
	session  Session
	connect  Connect
	order    uint64    // of arrival; 0: it has not been let in yet
	seated   bool      // it has had a place or a turn, which it keeps wherever it goes
	paused   bool      // before the next attempt at the same endpoint
	begun    time.Time // of the first attempt
	failures []*member // one entry for each attempt that failed
	err      error     // the last failure
}

// Connect chooses an endpoint and connects to it, and to another one if that fails and there is one. It blocks until
// that has come to an end or ctx has. Errors are [*policy.Refusal].
func (g *Group) Connect(ctx context.Context, s Session, connect Connect) (*Use, error) {
	c := &call{session: s, connect: connect}
	defer g.dismiss(c)
	for {
		if ctx.Err() != nil {
			return nil, ended(ctx)
		}
		next := g.choose(ctx, c)
		switch {
		case next.err != nil:
			return nil, next.err
		case next.attempt == nil:
			if err := g.await(ctx, next); err != nil {
				return nil, err
			}
		default:
			use, again, err := g.try(ctx, c, next.attempt)
			if !again {
				return use, err
			}
		}
	}
}

// admit lets a call in, unless there are too many. The lock is held.
func (g *Group) admit(c *call) error {
	if c.order > 0 {
		return nil
	}
	targets := len(g.members)
	if g.redundant() {
		targets = 1 // of the two, one is in use
	}
	if targets > 0 && g.calls/targets >= g.settings.MaxDials+g.settings.Queue { // not multiplied, which could overflow
		return g.tooMany()
	}
	g.calls++
	g.arrivals++
	c.order = g.arrivals
	return nil
}

// dismiss says that a call is over.
func (g *Group) dismiss(c *call) {
	g.lock()
	defer g.unlock()
	if c.order > 0 {
		g.calls--
	}
}

// errUnfinished stands for the outcome of an attempt that panics. Nobody sees it.
var errUnfinished = policy.Refuse(policy.InternalError, errors.New("the attempt did not end"))

// try makes an attempt that has been chosen; again means that another one is to be chosen.
func (g *Group) try(ctx context.Context, c *call, a *attempt) (use *Use, again bool, err error) {
	outcome := error(errUnfinished)
	defer func() { use, again, err = g.finish(ctx, c, a, outcome) }() // also for one that panics
	if outcome = g.wait(a); outcome != nil {
		return
	}
	a.made = true
	if c.begun.IsZero() {
		c.begun = time.Now()
	}
	outcome = errUnfinished
	outcome = c.connect(a.ctx, a.endpoint, a.within, &turn{g, a})
	return
}

// finish takes in how an attempt ended.
func (g *Group) finish(ctx context.Context, c *call, a *attempt, err error) (use *Use, again bool, _ error) {
	g.lock()
	defer g.unlock()
	defer g.release(a) // at the end, so that nobody who waits is sent to an endpoint that this makes unhealthy
	m := a.member
	switch {
	case err == errUnfinished:
		return nil, false, err
	case a.left:
		return nil, true, nil
	case err == nil:
		g.succeeded(m)
		if a.back {
			g.comeBack()
		}
		return g.establish(c.session, a), false, nil
	case ctx.Err() != nil:
		return nil, false, refused(err)
	case policy.ReasonOf(err, "") == policy.HandshakeBusy && time.Since(c.begun) < g.settings.DialTimeout:
		return nil, true, nil // its share of the time is to find out about the endpoint, not about us
	case a.back && (!a.made || Local(err)):
		c.failures = append(c.failures, m)
		return nil, true, nil
	case !a.made || Local(err):
		return nil, false, refused(err)
	}
	m.failed++
	if a.trial && !m.healthy {
		g.rest(m)
	}
	c.failures = append(c.failures, m)
	c.err = refused(err)
	g.failed(m, err)
	return nil, true, nil
}

// await waits for what a call cannot do anything without.
func (g *Group) await(ctx context.Context, next choice) error {
	if next.follower {
		defer g.unfollow()
	}
	expired, stop := after(next.patience)
	defer stop()
	select {
	case <-next.outcome:
	case <-next.changed:
	case <-expired:
		return next.late
	case <-ctx.Done():
		return ended(ctx)
	}
	return nil
}

func (g *Group) unfollow() {
	g.lock()
	defer g.unlock()
	g.followers--
}

// ended returns why a context ended.
func ended(ctx context.Context) error {
	cause := context.Cause(ctx)
	if errors.Is(cause, context.DeadlineExceeded) {
		return policy.Refuse(policy.UpstreamTimeout, cause)
	}
	return policy.Refuse(policy.ReasonOf(cause, policy.Shutdown), cause)
}
