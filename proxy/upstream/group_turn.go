package upstream

// turn is the place of an attempt among those that are made at its endpoint, which it gives up while it waits for a source
// port: the sessions that have one would otherwise wait for those that have none. Only the attempt itself uses it. It is
// a [sourceport.Turn].
type turn struct {
	group   *Group
	attempt *attempt
}

// Yield gives the place to the next.
func (t *turn) Yield() {
	g, a := t.group, t.attempt
	g.lock()
	defer g.unlock()
	if a.placed {
		a.placed = false
		a.member.dialing--
		g.grant(a.member)
	}
}

// Take blocks until the attempt has a place again, before all whose sessions came later. If it has waited in vain the attempt is over,
// also towards other addresses of the endpoint.
func (t *turn) Take() error {
	g, a := t.group, t.attempt
	if !g.queueAgain(a) {
		return nil
	}
	err := g.wait(a)
	if err != nil {
		a.cancel(err)
	}
	return err
}

// queueAgain puts an attempt that has given up its place into the queue for one, and reports whether it is to wait for it.
func (g *Group) queueAgain(a *attempt) bool {
	g.lock()
	defer g.unlock()
	if a.placed {
		return false
	}
	a.turn = make(chan struct{})
	a.element = a.member.enqueue(a)
	g.grant(a.member)
	return true
}
