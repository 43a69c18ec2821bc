//go:build unix

package proxy

import (
	"io"

	"golang.org/x/sys/unix"
)

const canAttempt = true

// readOnce tries one read on a readable socket. It returns false to be called again once
// the socket is readable, and holds no chunk meanwhile.
func (s *socket) readOnce(fd uintptr) bool {
	c := takeChunk(s.stride.next())
	for {
		n, err := unix.Read(int(fd), c.data[s.offset:])
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.EAGAIN:
			c.giveBack()
			return false
		case err != nil:
			s.err = err
		case n == 0:
			s.err = s.streamEnd(int(fd))
		default:
			s.chunk, s.n = c, n
			s.stride.took(s.offset + n)
			return true
		}
		c.giveBack()
		return true
	}
}

// streamEnd tells an end of the stream from a reset. The system reports a reset once, to whoever
// asks first, which can be a writer; after that it tells the reader of an end, and a cut stream
// would pass for a complete one. But it also forgets the peer. It forgets the peer
// of a connection that was closed in order as well, which takes that our stream has ended. Where no writer can have been
// told, the end is what it seems to be.
func (s *socket) streamEnd(fd int) error {
	if !s.writing.Load() {
		return io.EOF
	}
	if _, err := unix.Getpeername(fd); err == unix.ENOTCONN && !s.finished.Load() {
		return unix.ECONNRESET
	}
	return io.EOF
}
