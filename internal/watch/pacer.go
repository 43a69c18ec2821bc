package watch

import "time"

// pacer knows when to compare: after a quiet time, but not later than a bound.
type pacer struct {
	quiet, longest time.Duration

	first, last time.Time // zero: nothing has been heard
	blind       bool      // it was not heard but found, so that only another look can tell whether it goes on
}

func (p *pacer) pending() bool { return !p.first.IsZero() }

// heard notes an event.
func (p *pacer) heard(now time.Time) {
	if !p.pending() {
		p.first = now
	}
	p.last = now
	p.blind = false
}

// found notes a difference that no event told of.
func (p *pacer) found(now time.Time) {
	if p.pending() {
		return
	}
	p.first, p.last = now, now
	p.blind = true
}

// due returns the time to compare at, if anything is pending.
func (p *pacer) due() time.Time {
	due, bound := p.last.Add(p.quiet), p.first.Add(p.longest)
	if bound.Before(due) {
		return bound
	}
	return due
}

// again begins another quiet time, unless the bound is reached.
func (p *pacer) again(now time.Time) bool {
	if !now.Before(p.first.Add(p.longest)) {
		return false
	}
	p.last = now
	return true
}

func (p *pacer) rest() { p.first, p.last = time.Time{}, time.Time{} }
