package proxy

import (
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"syscall"
)

// socket reads from a connection without holding a buffer while it waits: the
// chunk is borrowed once there is something to read. Where the connection is no socket of
// the operating system, or the system cannot do it, the chunk is held while waiting.
//
// One goroutine reads at a time. The connection stays its owner's.
type socket struct {
	conn net.Conn
	raw  syscall.RawConn // nil: conn.Read is used

	finished atomic.Bool // we have ended our stream, or are about to
	writing  atomic.Bool // a write is under way, or has failed
	stride   stride

	// The state of one read. It lives here, not in a closure, so that a read
	// allocates nothing.
	attempt func(fd uintptr) bool
	offset  int
	chunk   *chunk
	n       int
	err     error
}

func newSocket(conn net.Conn) *socket {
	s := &socket{conn: conn}
	if canAttempt {
		if sc, ok := conn.(syscall.Conn); ok {
			s.raw, _ = sc.SyscallConn()
		}
	}
	s.attempt = s.readOnce
	return s
}

// write is conn.Write. One goroutine writes at a time.
func (s *socket) write(p []byte) (int, error) {
	s.writing.Store(true)
	n, err := s.conn.Write(p)
	if err == nil {
		s.writing.Store(false)
	}
	return n, err
}

// read blocks until bytes arrive and returns them in a chunk, from offset on; the chunk is
// the caller's to give back. At the end of the stream it returns [io.EOF]. The connection's
// read deadline holds.
func (s *socket) read(offset int) (*chunk, int, error) {
	if s.raw == nil {
		return s.readHolding(offset)
	}
	s.offset, s.chunk, s.n, s.err = offset, nil, 0, nil
	if err := s.raw.Read(s.attempt); err != nil && !s.attemptNow(err) {
		return nil, 0, err
	}
	c := s.chunk
	s.chunk = nil
	if s.err != nil {
		return nil, 0, s.err
	}
	return c, s.n, nil
}

// attemptNow tries to read after waiting for the socket has failed with err, and reports whether that gave
// anything. The runtime does not wait for a socket of which the system reports nothing but an error ("not
// pollable"), as can happen with a reset: the socket itself knows which, and may still have bytes.
func (s *socket) attemptNow(err error) (done bool) {
	if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, net.ErrClosed) {
		return false
	}
	s.raw.Control(func(fd uintptr) { done = s.attempt(fd) })
	return done
}

func (s *socket) readHolding(offset int) (*chunk, int, error) {
	c := takeChunk(chunkSize)
	n, err := s.conn.Read(c.data[offset:])
	if n > 0 {
		return c, n, nil // an error comes again with the next read
	}
	c.giveBack()
	if err == nil {
		err = io.ErrNoProgress
	}
	return nil, 0, err
}
