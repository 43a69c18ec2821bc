package proxy

// portName is what a port keeps when its address changes.
type portName struct{ application, id string }

// movedPort is the port of a socket that a generation does not know any more, and what the generation has in its place.
type movedPort struct {
	name portName
	now  *Port // nil: the port is gone
}

// Swap makes g the state of every session that begins from now on. If g says so, it judges the
// established ones anew, see [Server.Rejudge]. It takes g: a generation is swapped in once.
//
// Connections of a socket that g does not know, because it has another address for the port, are served by what
// g says of that port. If g does not have the port at all, they are refused ([policy.PortRemoved]).
func (s *Server) Swap(g *Generation) {
	s.mu.Lock()
	g.moved = s.movedSince(g)
	s.current.Store(g)
	s.mu.Unlock()
	s.Rejudge()
}

// movedSince returns the ports of the sockets that g does not know: of those that go with it, and of those that went before
// and are still being served. s.mu is held.
func (s *Server) movedSince(g *Generation) map[string]movedPort {
	moved := make(map[string]movedPort)
	note := func(key string, name portName) {
		if g.Ports[key] == nil {
			moved[key] = movedPort{name: name}
		}
	}
	before := s.current.Load()
	if before == nil {
		return moved
	}
	for key, port := range before.Ports {
		note(key, portName{port.Application, port.ID})
	}
	for l := range s.serving { // the others have closed
		if port, known := before.moved[(*l).Key()]; known {
			note((*l).Key(), port.name)
		}
	}
	if len(moved) == 0 {
		return moved
	}
	now := make(map[portName]*Port, len(g.Ports))
	for _, port := range g.Ports {
		now[portName{port.Application, port.ID}] = port
	}
	for key, port := range moved {
		moved[key] = movedPort{name: port.name, now: now[port.name]}
	}
	return moved
}

// port returns the port that a socket serves. Where there is none any more, it has a name only.
func (g *Generation) port(key string) (port *Port, removed bool) {
	if port := g.Ports[key]; port != nil {
		return port, false
	}
	moved := g.moved[key]
	if moved.now != nil {
		return moved.now, false
	}
	return &Port{Application: moved.name.application, ID: moved.name.id}, true
}
