package proxy

import (
	"crypto/tls"
	"net"
	"time"

	"sallyport/policy"
	"sallyport/proxy/upstream"
)

// session is one accepted connection, from accept to its single log record.
type session struct {
	server *Server
	gen    *Generation
	port   *Port
	id     string
	begun  time.Time

	accepted net.Conn // the client's socket
	conn     net.Conn // the same, wrapped while bytes that were read ahead wait in it
	origin   policy.Origin
	visit    policy.Visit
	facts    policy.Facts
	judged   uint64         // the server's epoch at the last judgement
	outgoing *upstream.Conn // once there is one
	use      *upstream.Use  // of the endpoint, likewise
	record   record

	// Guarded by server.mu.
	relay   *relay        // nil until both ends are there
	giveUp  func()        // ends the search for an upstream; nil if there is none
	cut     policy.Reason // why it has to end; empty as long as it may go on
	closing *time.Timer   // a changed policy denies it, and its time will come
	closeAt time.Time     // then
}

// run is the way of a connection up to its relay, which it reports to have begun: conclude is the rest. The steps
// before either pass or refuse; a refusal carries its reason code.
func (s *session) run() (relayed bool) {
	defer s.recoverPanic()
	client, upstream, err := s.prepare()
	if err != nil {
		s.refuse(err)
		return false
	}
	s.exchange(client, upstream)
	return true
}

// prepare is everything before the first byte of payload.
func (s *session) prepare() (client, upstream *end, err error) {
	if err := s.readOrigin(); err != nil {
		return nil, nil, err
	}
	if err := s.judge(policy.Early); err != nil {
		return nil, nil, err
	}
	if err := s.detect(); err != nil {
		return nil, nil, err
	}
	if client, err = s.meetClient(); err != nil {
		return nil, nil, err
	}
	if err := s.judge(policy.Final); err != nil {
		return nil, nil, err
	}
	upstream, err = s.dialUpstream()
	return client, upstream, err
}

// readOrigin finds out where the connection comes from.
func (s *session) readOrigin() error {
	conn, origin, err := s.port.Front.Origin(s.conn)
	s.origin = origin
	if err != nil {
		return err
	}
	s.conn = conn
	s.facts.Source = origin.Source
	s.server.supersede(s)
	return nil
}

// judge asks the policy. The final judgement is made on the finished handshake, so it
// holds for resumed sessions too, where certificate callbacks are not called. It is the
// policy in force that counts, not that of the session's generation: nobody can open
// connections in store against the day on which he is shut out.
func (s *session) judge(moment policy.Moment) error {
	if cut := s.server.cutFor(s); cut != "" {
		return policy.Refuse(cut, nil)
	}
	s.facts.Judged, s.facts.Now = moment, time.Now()
	s.judged = s.server.epoch.Load()
	gate := s.server.gate()
	if moment == policy.Early {
		s.record.decision = s.visit.Arrive(gate, &s.facts)
	} else {
		if state := s.record.state; state != nil {
			s.facts.ServerName = state.ServerName
			s.facts.Identities = policy.IdentitiesOf(verifiedLeaf(state))
		}
		s.record.decision = s.visit.Judge(gate, &s.facts)
	}
	if !s.record.decision.Verdict.Passes() {
		return policy.Refuse(s.record.decision.Reason, nil)
	}
	return nil
}

// detect finds out whether the client speaks TLS.
func (s *session) detect() error {
	s.facts.TLS = s.port.Mode == Secure
	if s.port.Mode == AutoDetect {
		start := time.Now()
		conn, isTLS, err := s.port.Front.Detect(s.conn)
		s.record.detect = time.Since(start)
		if err != nil {
			return err
		}
		s.conn, s.facts.TLS = conn, isTLS
	}
	s.record.mode = "plaintext"
	if s.facts.TLS {
		s.record.mode = "tls"
	}
	return nil
}

// meetClient completes the TLS handshake with a client that speaks TLS.
func (s *session) meetClient() (*end, error) {
	if !s.facts.TLS {
		return plainEnd(Client, s.conn), nil
	}
	start := time.Now()
	if refused := s.visit.Handshake(start); refused != "" {
		return nil, policy.Refuse(refused, nil)
	}
	w := newWire(s.conn, s.gen.Limits.Lane, deadlineAfter(s.gen.Limits.HandshakeTimeout))
	server := tls.Server(w, s.port.TLS)
	err := shakeHands(w, server)
	s.record.handshake = time.Since(start)
	s.record.served = w.served
	state := server.ConnectionState()
	if err != nil {
		s.record.stranger = strangerOf(w, &state, err)
		return nil, refusedHandshake(err)
	}
	s.record.state = &state
	if state.DidResume {
		s.record.served = nil // in TLS 1.2 one is chosen before it is known that none is needed
	}
	return tlsEnd(Client, w, server), nil
}

// exchange has bytes relayed from now on.
func (s *session) exchange(client, upstream *end) {
	s.settle()
	limits := &s.gen.Limits
	r := newRelay(client, upstream, &s.server.pipes, &s.server.lot)
	s.server.established(s, r)
	p := startPulse(limits, client, upstream, r.park, func(side Side) {
		r.abort(ending{side: side, reason: policy.PeerDead})
	})
	c := startClock(limits, s.begun, p, r.quietFor, func(reason policy.Reason) {
		r.abort(ending{side: Proxy, reason: reason})
	})
	r.start(c, func() { s.conclude(r) })
}

// conclude closes both sides of a session whose relay is over and writes the record.
func (s *session) conclude(r *relay) {
	defer s.server.ended(s)
	defer s.recoverPanic()
	r.clock.stop()
	s.record.end = r.seal()
	s.visit.Leave() // before the client can hear of the end, because it may come back at once
	s.record.in, s.record.out = r.up.bytes.Load(), r.down.bytes.Load()
	r.close(s.server.ctx, s.record.end, s.outgoing.Lease)
	s.use.Done(s.record.end.by(Upstream))
	s.write()
}

// settle keeps of the generation what an established session needs. It may live for days and see hundreds of reloads, of
// which each would otherwise stay in memory.
func (s *session) settle() {
	port := *s.port
	port.Front, port.TLS, port.Upstream = nil, nil, nil
	s.port = &port
	s.gen = &Generation{Number: s.gen.Number, Limits: s.gen.Limits}
}
