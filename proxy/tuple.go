package proxy

import (
	"net/netip"

	"sallyport/policy"
)

// tuple names a TCP connection as its client sees it, at one port.
type tuple struct {
	application, port   string
	source, destination netip.AddrPort
}

func (s *session) tuple() (t tuple, ok bool) {
	t = tuple{s.port.Application, s.port.ID, s.origin.Source, s.origin.Destination}
	return t, t.source.Port() != 0 && t.destination.Port() != 0 && !s.port.SharedTuples
}

// supersede makes sess the session of its tuple and ends the one before. A client cannot have
// two connections from the same source port to the same place: the older one is dead, even
// if nobody has told us, as when a balancer lost its client or a host lost its power. It
// must not keep a client with one source port, or a bound on connections, from coming back.
func (s *Server) supersede(sess *session) {
	t, ok := sess.tuple()
	if !ok {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.tuples[t]
	s.tuples[t] = sess
	if old != nil {
		old.visit.Leave()
		s.endOutlived(old)
	}
}

// endOutlived ends a session whose client has a newer one from the same source port. What the system knows of the end of
// the old connection says more than that: a client that comes back at once is often faster than we are. s.mu is held.
func (s *Server) endOutlived(old *session) {
	raw := rawOf(old.accepted)
	switch {
	case old.relay == nil || raw == nil || !gone(raw):
		s.end(old, policy.Superseded)
	case old.relay.client.socket.finished.Load():
		// Both streams have ended in order. What the client sent last may still be on its way to the upstream, and then
		// the session ends by itself.
	default:
		old.relay.abort(ending{side: Client, reason: policy.Reset, err: errnoReset})
	}
}

// forget drops the tuple of a session that has ended, unless it is that of a newer one. s.mu is
// held.
func (s *Server) forget(sess *session) {
	if t, ok := sess.tuple(); ok && s.tuples[t] == sess {
		delete(s.tuples, t)
	}
}
