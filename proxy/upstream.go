package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"sallyport/policy"
	"sallyport/proxy/sourceport"
	"sallyport/proxy/upstream"
)

// HeaderVersion says which PROXY header, if any, is sent to the upstream.
type HeaderVersion uint8

const (
	NoHeader HeaderVersion = 0
	HeaderV1 HeaderVersion = 1
	HeaderV2 HeaderVersion = 2
)

// Target is the server behind an application, or the servers. Immutable and safe for concurrent use.
type Target struct {
	Group  *upstream.Group // chooses among the servers; outlives generations
	Dialer *upstream.Dialer
	Header HeaderVersion // sent before anything else, TLS included
	Spare  *Spare        // nil: no connection is kept in store
}

// dialUpstream connects to a server: source port, header, then TLS. Which one it is, and what happens if it fails, is the
// group's business.
func (s *session) dialUpstream() (*end, error) {
	start := time.Now()
	defer func() { s.record.dial = time.Since(start) }()
	target := s.port.Upstream(s.facts.ServerName)
	// Whoever cuts all sessions ends each search by itself. A common parent would be one lock for all.
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	s.server.dialling(s, cancel)
	defer s.server.dialling(s, nil)
	defer s.expectClient()()

	var ready *end
	who := upstream.Session{
		Client: s.facts.Source.Addr(),
		Cut:    func(reason policy.Reason) { s.server.cut(s, reason) },
	}
	use, err := target.Group.Connect(ctx, who, func(ctx context.Context, e *upstream.Endpoint, within time.Duration, turn sourceport.Turn) error {
		s.release() // what an attempt has brought that the group does not want any more
		s.record.upstream = e.String()
		s.record.attempts++
		var err error
		ready, err = s.connect(ctx, target, e, within, turn)
		return err
	})
	if err != nil {
		s.release()
		return nil, err
	}
	s.use = use
	return ready, nil
}

// connect makes one attempt at one endpoint. What it opens is s.outgoing.
func (s *session) connect(ctx context.Context, target *Target, e *upstream.Endpoint, within time.Duration, turn sourceport.Turn) (*end, error) {
	if kept := target.Spare.take(e); kept != nil {
		s.outgoing, s.record.spare = kept.conn, true
		return s.connected(kept.end), nil
	}
	conn, err := target.Dialer.DialInTurn(ctx, e, within, turn)
	if err != nil {
		return nil, err
	}
	s.outgoing = conn
	ready, err := s.introduceWithin(ctx, target, e)
	if err != nil {
		s.release()
		return nil, err
	}
	return s.connected(ready), nil
}

// introduceWithin is introduce, interrupted when ctx ends: neither a write nor a handshake knows a context.
func (s *session) introduceWithin(ctx context.Context, target *Target, e *upstream.Endpoint) (*end, error) {
	if target.Header == NoHeader && e.TLS == nil { // nothing in it can block
		return plainEnd(Upstream, s.outgoing.Conn), context.Cause(ctx)
	}
	conn := s.outgoing
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	ready, err := s.introduce(target, e)
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	return ready, err
}

// connected notes what the record says of a connection to the upstream.
func (s *session) connected(e *end) *end {
	s.record.local, s.record.upstreamTLS = localAddress(e.conn), nil
	if e.tls != nil {
		state := e.tls.ConnectionState()
		s.record.upstreamTLS = &state
	}
	return e
}

// release closes the connection to the upstream, if there is one, and gives its source port back.
func (s *session) release() {
	if s.outgoing != nil {
		s.outgoing.Close()
		s.outgoing.Lease.Release()
		s.outgoing, s.record.spare = nil, false
	}
}

// introduce does what comes before the payload on a new connection to the upstream.
func (s *session) introduce(target *Target, e *upstream.Endpoint) (*end, error) {
	if target.Header != NoHeader {
		header, err := formatHeader(target.Header, s.origin, s.id, s.record.state)
		if err == nil {
			err = writeBy(s.outgoing.Conn, header, s.outgoing.Deadline)
		}
		if err != nil {
			return nil, policy.Refuse(policy.UpstreamHeader, err)
		}
	}
	return secure(s.outgoing, e.TLS, s.gen.Limits.Lane)
}

// secure makes an end of a connection to the upstream, with TLS where there is a configuration for it.
func secure(conn *upstream.Conn, config *tls.Config, lane *Lane) (*end, error) {
	if config == nil {
		return plainEnd(Upstream, conn.Conn), nil
	}
	w := newWire(conn.Conn, lane, conn.Deadline)
	client := tls.Client(w, config)
	err := shakeHands(w, client)
	switch {
	case err == nil:
		return tlsEnd(Upstream, w, client), nil
	case errors.Is(err, errBusy):
		return nil, policy.Refuse(policy.HandshakeBusy, fmt.Errorf("with the upstream: %w", err))
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, policy.Refuse(policy.UpstreamTimeout, fmt.Errorf("handshake: %w", err))
	case err == io.EOF:
		err = upstream.ErrClosedInHandshake
	}
	return nil, policy.Refuse(policy.UpstreamTLS, err)
}

// localAddress names our end of the connection to the upstream; UNIX sockets have none.
func localAddress(conn net.Conn) string {
	if tcp, ok := conn.LocalAddr().(*net.TCPAddr); ok {
		return tcp.String()
	}
	return ""
}
