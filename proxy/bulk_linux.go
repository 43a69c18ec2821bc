package proxy

import (
	"errors"

	"golang.org/x/sys/unix"
)

// bulk moves a plaintext direction inside the kernel (splice) while it is worth it.
// A direction earns that by filling whole chunks: short sessions and small
// messages never pay for a pipe. No pipe is held while the direction waits for bytes.
type bulk struct {
	pipes  *pipePool
	full   int
	refuse bool // these sockets cannot be spliced
}

const (
	bulkAfter = 2        // full chunks in a row before splicing
	bulkLeast = 16 << 10 // a splice that moves less sends the direction back to chunks
	pipeSize  = 256 << 10
)

// promising counts a chunk and reports whether the direction should go on by splicing.
func (b *bulk) promising(full bool) bool {
	if !full {
		b.full = 0
		return false
	}
	b.full++
	return b.full >= bulkAfter && !b.refuse
}

// move splices until the direction slows down (nil) or ends.
func (b *bulk) move(f *flow, c *clock) *ending {
	if !b.possible(f) {
		b.refuse = true
		return nil
	}
	b.full = 0
	s := newSplicer(b.pipes, f.from.socket, f.to.socket)
	for {
		p, n, err := s.receive()
		if err != nil {
			end := f.received(err)
			return &end
		}
		if p == nil {
			b.refuse = s.refuse
			return nil // no pipe to be had, or not spliceable after all
		}
		c.touch()
		if err := s.send(); err != nil {
			b.pipes.destroy(p)
			f.to.cut = true
			return &ending{side: f.to.side, reason: reasonOfEnd(err), err: err}
		}
		b.pipes.giveBack(p)
		c.touch()
		f.bytes.Add(int64(n))
		if n < bulkLeast {
			return nil
		}
	}
}

func (b *bulk) possible(f *flow) bool {
	if f.from.tls != nil || f.to.tls != nil || len(f.from.ahead) > 0 {
		return false
	}
	return f.from.socket.raw != nil && f.to.socket.raw != nil
}

// splicer moves bytes from a socket into a pipe, and from the pipe into another. The state of one move lives here, not in
// closures, so that a move allocates nothing.
type splicer struct {
	pipes  *pipePool
	from   *socket
	to     *socket
	refuse bool // the kernel cannot splice these sockets

	in, out func(fd uintptr) bool
	pipe    *pipe
	n       int // bytes in it
	err     error
}

func newSplicer(pipes *pipePool, from, to *socket) *splicer {
	s := &splicer{pipes: pipes, from: from, to: to}
	s.in, s.out = s.fill, s.empty
	return s
}

// receive waits for bytes and takes them into a pipe. A nil pipe means that this
// direction has to go on without splicing.
func (s *splicer) receive() (p *pipe, n int, err error) {
	s.pipe, s.n, s.err = nil, 0, nil
	if s.from.raw.Read(s.in) != nil {
		return nil, 0, nil // the next chunk's read says what it is
	}
	return s.pipe, s.n, s.err
}

func (s *splicer) fill(fd uintptr) bool {
	p := s.pipes.take()
	if p == nil {
		return true
	}
	n, err := splice(int(fd), p.w, pipeSize)
	if n > 0 && err == nil {
		s.pipe, s.n = p, n
		return true
	}
	s.pipes.giveBack(p)
	switch err {
	case unix.EAGAIN:
		return false
	case unix.EINVAL:
		s.refuse = true
	case nil:
		s.err = s.from.streamEnd(int(fd))
	default:
		s.err = err
	}
	return true
}

// send empties the pipe into the receiver, waiting for it as long as it takes.
func (s *splicer) send() error {
	s.to.writing.Store(true)
	err := errors.Join(s.to.raw.Write(s.out), s.err)
	if err == nil {
		s.to.writing.Store(false)
	}
	return err
}

func (s *splicer) empty(fd uintptr) bool {
	for left := s.n; left > 0; {
		m, err := splice(s.pipe.r, int(fd), left)
		if err == unix.EAGAIN {
			s.n = left
			return false
		}
		if err != nil {
			s.err = err
			return true
		}
		left -= m
	}
	return true
}

func splice(from, to, size int) (int, error) {
	for {
		n, err := unix.Splice(from, nil, to, nil, size, unix.SPLICE_F_MOVE|unix.SPLICE_F_NONBLOCK)
		if err != unix.EINTR {
			return int(n), err
		}
	}
}
