package sourceport

import "slices"

// Held returns the tuples that connections have now, those of the process before included, in a stable order.
func (p *Pool) Held() []Tuple {
	p.mu.Lock()
	defer p.mu.Unlock()
	var held []Tuple
	for _, b := range p.books {
		for _, s := range b.slots {
			if s.state == leased || s.state == inherited {
				held = append(held, b.route.tuple(s.port))
			}
		}
	}
	slices.SortFunc(held, Tuple.compare)
	return held
}

// Inherit takes over tuples that connections of another process still have, until it gives them back. Tuples that are
// leased already, or that no range has, do no harm.
func (p *Pool) Inherit(tuples []Tuple) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, t := range tuples {
		if t.Source.Port() == 0 {
			continue
		}
		b := p.open(routeOf(t.Source.Addr(), t.Destination))
		if s := b.slot(t.Source.Port()); s.state == free || s.state == cooling {
			b.absolve(s) // whatever the kernel had against it was this connection
			b.put(s, inherited, p.event())
		}
		p.rest(b)
	}
}

// Return says that another process has given a tuple back. A tuple that was not inherited stays as it is.
func (p *Pool) Return(t Tuple) {
	if p.giveBack(t) {
		p.tell(t)
	}
}

// giveBack reports whether a tuple was inherited and is free now.
func (p *Pool) giveBack(t Tuple) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	b := p.books[routeOf(t.Source.Addr(), t.Destination)]
	if b == nil {
		return false
	}
	s := b.slots[t.Source.Port()]
	return s != nil && s.state == inherited && p.vacate(b, s)
}

// Follow has released called with every tuple that is no longer held from here on, inherited ones that were returned
// included; nil ends that. A tuple that goes straight to a connection that waited for it stays held.
//
// Released is called without any lock, by the goroutine that gave the tuple up and before that goes on: it may use the
// pool, and it must not block. Calls may come at the same time. Who follows first and asks [Pool.Held] then misses
// nothing, and may be told of a tuple that was no longer among those held.
func (p *Pool) Follow(released func(Tuple)) {
	if released == nil {
		p.follower.Store(nil)
		return
	}
	p.follower.Store(&released)
}

// tell tells the follower that a tuple is no longer held. The caller does not have the lock.
func (p *Pool) tell(t Tuple) {
	if released := p.follower.Load(); released != nil {
		(*released)(t)
	}
}
