package proxy

import (
	"net"
	"strconv"
	"time"

	"sallyport/policy"
)

// Serve runs a session for every connection that l yields, and returns when l is closed.
// Sessions outlive it; see [Server.Drain].
func (s *Server) Serve(l Listener) {
	s.mu.Lock()
	s.serving[&l] = struct{}{}
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.serving, &l)
		s.mu.Unlock()
	}()
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		s.begin(l.Key(), conn)
	}
}

// begin starts the session of an accepted connection.
func (s *Server) begin(key string, conn net.Conn) {
	gen := s.current.Load()
	port, removed := gen.port(key)
	sess := s.session(gen, port, conn)
	if removed {
		sess.refuse(policy.Refuse(policy.PortRemoved, nil))
		return
	}
	if reason := s.admit(sess); reason != "" {
		sess.refuse(policy.Refuse(reason, nil)) // here, so that a flood of refused connections holds no descriptors
		return
	}
	go func() {
		if relayed := sess.run(); !relayed {
			s.ended(sess)
		}
	}()
}

// session returns the session of an accepted connection, which has not begun.
func (s *Server) session(gen *Generation, port *Port, conn net.Conn) *session {
	peer := addrPort(conn.RemoteAddr())
	return &session{
		server:   s,
		gen:      gen,
		port:     port,
		id:       s.boot + "-" + strconv.FormatUint(s.serial.Add(1), 16),
		begun:    time.Now(),
		accepted: conn,
		conn:     conn,
		facts:    policy.Facts{Application: port.Application, Port: port.ID, Source: peer, Peer: peer},
	}
}

// admit gives a session its place, or says why there is none.
func (s *Server) admit(sess *session) (refused policy.Reason) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.draining.Load():
		return policy.Draining
	case len(s.sessions) >= sess.gen.Limits.MaxConnections:
		return policy.ConnectionLimit
	default:
		s.sessions[sess] = struct{}{}
		return ""
	}
}

func (s *Server) ended(sess *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sessions, sess)
	s.forget(sess)
	if sess.closing != nil {
		sess.closing.Stop()
	}
	if s.idle != nil && len(s.sessions) == 0 {
		close(s.idle)
		s.idle = nil
	}
}
