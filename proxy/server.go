package proxy

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"

	"sallyport/policy"
)

// Server runs sessions: one [Server.Serve] for each listener, all of them under the current
// [Generation]. Create it with [NewServer]; its methods are safe for concurrent use.
type Server struct {
	log      *slog.Logger
	refusals *refusalLimit
	lockouts *refusalLimit // of refusals that lock a source out: a flood of others must not hide them
	pipes    pipePool
	served   certificateText
	lot      lot
	ctx      context.Context // ends when sessions are cut
	cancel   context.CancelFunc

	current  atomic.Pointer[Generation]
	draining atomic.Bool
	epoch    atomic.Uint64 // goes up with everything that can change a decision
	boot     string        // makes ids unique over restarts
	serial   atomic.Uint64 // of the next session

	mu       sync.Mutex
	sessions map[*session]struct{}
	tuples   map[tuple]*session     // the latest session of each
	serving  map[*Listener]struct{} // by the place of the value, since a Listener need not be comparable
	cutting  bool                   // no session may go on
	idle     chan struct{}          // closed when the last session ends while draining
}

// NewServer returns a server without a generation: call [Server.Swap] before Serve. Bulk
// plaintext may take up to pipes pipes, two descriptors each; beyond that it is copied.
func NewServer(log *slog.Logger, pipes int) *Server {
	var boot [4]byte
	rand.Read(boot[:]) // never fails
	ctx, cancel := context.WithCancel(context.Background())
	return &Server{
		log: log,
		refusals: newRefusalLimit(func(n int) {
			log.Warn("refusals left out of the log", KeySuppressed, n)
		}),
		lockouts: newRefusalLimit(func(n int) {
			log.Warn("lock-outs left out of the log", KeySuppressed, n)
		}),
		pipes:    pipePool{most: pipes},
		ctx:      ctx,
		cancel:   cancel,
		boot:     hex.EncodeToString(boot[:]),
		sessions: make(map[*session]struct{}),
		tuples:   make(map[tuple]*session),
		serving:  make(map[*Listener]struct{}),
	}
}

// gate is the way in that is in force.
func (s *Server) gate() *policy.Gate { return s.current.Load().Gate }

// established makes a session's relay known, so that it can be ended; at once, if it has to.
func (s *Server) established(sess *session, r *relay) {
	s.mu.Lock()
	sess.relay = r
	if reason := s.mustEnd(sess); reason != "" {
		r.abort(ending{side: Proxy, reason: reason})
	}
	s.mu.Unlock()
	s.catchUp(sess)
}

// end ends one session, whatever step it is in. s.mu is held.
func (s *Server) end(sess *session, reason policy.Reason) {
	if sess.cut == "" {
		sess.cut = reason
	}
	if sess.relay != nil {
		sess.relay.abort(ending{side: Proxy, reason: reason})
		return
	}
	if sess.giveUp != nil {
		sess.giveUp()
	}
	resetConn(sess.accepted) // the step fails
}

// cut ends a session at once, whatever step it is in.
func (s *Server) cut(sess *session, reason policy.Reason) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end(sess, reason)
}

// dialling tells how a session's search for an upstream is ended, nil when it is over.
func (s *Server) dialling(sess *session, giveUp func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sess.giveUp = giveUp
	if giveUp != nil && s.mustEnd(sess) != "" {
		giveUp()
	}
}

// mustEnd returns why a session has to end, or nothing. s.mu is held.
func (s *Server) mustEnd(sess *session) policy.Reason {
	if sess.cut == "" && s.cutting {
		return policy.Shutdown
	}
	return sess.cut
}

// cutFor returns why a session has to end, or nothing.
func (s *Server) cutFor(sess *session) policy.Reason {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mustEnd(sess)
}

func (s *Server) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.sessions)
}

// Sessions returns how many sessions there are, those in their handshake included.
func (s *Server) Sessions() int { return s.count() }

// Drain waits until every session has ended by itself. New connections that a listener
// still yields are refused. If ctx ends first, the remaining sessions are cut and
// Drain returns their number with ctx's error.
func (s *Server) Drain(ctx context.Context) (cut int, err error) {
	s.draining.Store(true)
	idle := s.whenIdle()
	defer s.pipes.close()
	defer s.lot.close()
	defer s.refusals.summarise()
	defer s.lockouts.summarise()
	select {
	case <-idle:
		return 0, nil
	case <-ctx.Done():
	}
	cut = s.cutAll()
	<-idle
	return cut, ctx.Err()
}

func (s *Server) whenIdle() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.idle == nil {
		s.idle = make(chan struct{})
	}
	idle := s.idle // more than one may wait for it
	if len(s.sessions) == 0 {
		close(idle)
		s.idle = nil
	}
	return idle
}

// cutAll ends every session at once.
func (s *Server) cutAll() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cutting = true // first, so that what fails now is known to be cut
	s.cancel()
	for sess := range s.sessions {
		s.end(sess, policy.Shutdown)
	}
	return len(s.sessions)
}

// addrPort returns a TCP address unmapped, and the invalid AddrPort for any other.
func addrPort(addr net.Addr) netip.AddrPort {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	ap := tcp.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}
