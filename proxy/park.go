package proxy

// park has the directions that wait for bytes give up their goroutines, whose stacks are a third of what a quiet session costs. They
// are interrupted for it, as nobody else can tell a goroutine that waits for a socket anything.
func (r *relay) park() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.interrupted {
		return
	}
	for _, f := range []*flow{&r.up, &r.down} {
		if f.from.socket.raw != nil && !f.parked {
			f.toPark = true
			f.from.conn.SetReadDeadline(longAgo)
		}
	}
}

// parks reports whether a direction that was interrupted was so to be parked. Then it is parked, and its goroutine must end.
func (r *relay) parks(f *flow) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !f.toPark || r.interrupted {
		return false
	}
	f.toPark = false
	f.from.conn.SetReadDeadline(noDeadline)
	f.parked = r.lot.enter(f)
	if !f.parked {
		go r.move(f)
	}
	return true
}

// wake gives a direction a goroutine again if it is parked. The pulse has to wake as well: the direction may find nothing to
// pass on, or half a TLS record, and would keep its goroutine for as long as the session stays quiet.
func (r *relay) wake(f *flow) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if f.parked {
		f.parked = false
		r.lot.leave(f)
		r.clock.pulse.beat()
		go r.move(f)
	}
}
