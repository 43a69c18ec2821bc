package upstream

import (
	"container/list"
	"context"
	"fmt"
	"time"

	"sallyport/policy"
)

// attempt is one try of a call at one endpoint, from when it has been chosen. Guarded by the group's lock unless noted.
type attempt struct {
	member   *member
	endpoint *Endpoint       // immutable
	within   time.Duration   // immutable; for the attempt
	patience time.Duration   // immutable; for waiting
	trial    bool            // immutable; its outcome decides what others do
	back     bool            // immutable; it looks whether the primary is back, at no cost to the session
	ctx      context.Context // immutable; ends when the endpoint is left
	cancel   context.CancelCauseFunc
	left     bool // the endpoint has been left; the outcome does not count
	made     bool // its place has come in time; only its call looks

	order   uint64        // of the call
	placed  bool          // it may be made, and counts as one that is
	turn    chan struct{} // closed when it is placed; nil if it did not have to wait
	element *list.Element // in the queue
}

// start gives an attempt a place at its endpoint, or a turn in the queue. The lock is held.
func (g *Group) start(a *attempt) {
	m := a.member
	m.attempts[a] = struct{}{}
	if a.trial {
		m.trial = make(chan struct{})
	}
	if m.dialing < g.settings.MaxDials && m.queue.Len() == 0 {
		m.dialing++
		a.placed = true
		return
	}
	a.turn = make(chan struct{})
	a.element = m.enqueue(a)
}

// enqueue puts an attempt in its place in the queue: a session that had to leave another endpoint has not lost its turn.
func (m *member) enqueue(a *attempt) *list.Element {
	for e := m.queue.Back(); e != nil; e = e.Prev() {
		if e.Value.(*attempt).order <= a.order {
			return m.queue.InsertAfter(a, e)
		}
	}
	return m.queue.PushFront(a)
}

// grant gives places that are free to those that wait. The lock is held.
func (g *Group) grant(m *member) {
	for m.dialing < g.settings.MaxDials && m.queue.Len() > 0 {
		a := m.queue.Remove(m.queue.Front()).(*attempt)
		a.element = nil
		a.placed = true
		m.dialing++
		close(a.turn)
	}
}

// release takes back what an attempt has: its place or its turn, and whoever waits for its outcome is let go. The lock
// is held.
func (g *Group) release(a *attempt) {
	m := a.member
	delete(m.attempts, a)
	a.cancel(nil)
	if a.element != nil {
		m.queue.Remove(a.element)
	}
	if a.placed {
		m.dialing--
		g.grant(m)
	}
	if a.trial {
		close(m.trial)
		m.trial = nil
	}
	g.forget(m)
}

// wait returns once an attempt has a place, or says why it never will.
func (g *Group) wait(a *attempt) error {
	if a.turn == nil {
		return nil
	}
	expired, stop := after(a.patience)
	defer stop()
	select {
	case <-a.turn:
		return nil
	case <-a.ctx.Done():
		return ended(a.ctx)
	case <-expired:
		return policy.Refuse(policy.UpstreamTimeout, fmt.Errorf(
			"%s: the session waited %v for its turn to be connected and it did not come", a.member.name, a.patience))
	}
}

// leave cancels all attempts at an endpoint; they begin again elsewhere. The lock is held.
func (g *Group) leave(m *member, cause error) {
	for a := range m.attempts {
		a.left = true
		a.cancel(cause)
	}
}

// dispel cancels the attempts that wait for a turn at an endpoint. The lock is held.
func (g *Group) dispel(m *member, cause error) {
	for a := range m.attempts {
		if !a.placed {
			a.left = true
			a.cancel(cause)
		}
	}
}

// after returns a channel that is ready after a time, and never for 0.
func after(d time.Duration) (<-chan time.Time, func()) {
	if d <= 0 {
		return nil, func() {}
	}
	t := time.NewTimer(d)
	return t.C, func() { t.Stop() }
}
