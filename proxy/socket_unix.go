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
	c := takeChunk()
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
			s.err = io.EOF
		default:
			s.chunk, s.n = c, n
			return true
		}
		c.giveBack()
		return true
	}
}
