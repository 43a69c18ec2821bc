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
	refuse bool // the kernel cannot splice these sockets
	to     *socket
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
	for {
		p, n, err := b.receive(f.from.socket)
		if err != nil {
			end := f.received(err)
			return &end
		}
		if p == nil {
			return nil // no pipe to be had, or not spliceable after all
		}
		c.touch()
		err = b.send(p, n)
		if err != nil {
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
	b.to = f.to.socket
	return f.from.socket.raw != nil && b.to.raw != nil
}

// receive waits for bytes and takes them into a pipe. A nil pipe means that this
// direction has to go on without splicing.
func (b *bulk) receive(from *socket) (p *pipe, n int, err error) {
	rawErr := from.raw.Read(func(fd uintptr) bool {
		if p = b.pipes.take(); p == nil {
			return true
		}
		n, err = splice(int(fd), p.w, pipeSize)
		switch {
		case err == unix.EAGAIN:
			b.pipes.giveBack(p)
			p, err = nil, nil
			return false
		case err == unix.EINVAL:
			b.refuse = true
			err = nil
		case err == nil && n == 0:
			err = from.streamEnd(int(fd))
		}
		if n <= 0 || err != nil {
			b.pipes.giveBack(p)
			p = nil
		}
		return true
	})
	if rawErr != nil {
		return nil, 0, nil // the next chunk's read says what it is
	}
	return p, n, err
}

// send empties the pipe into the receiver, waiting for it as long as it takes.
func (b *bulk) send(p *pipe, n int) (err error) {
	b.to.writing.Store(true)
	rawErr := b.to.raw.Write(func(fd uintptr) bool {
		for n > 0 {
			var m int
			m, err = splice(p.r, int(fd), n)
			if err == unix.EAGAIN {
				err = nil
				return false
			}
			if err != nil {
				return true
			}
			n -= m
		}
		return true
	})
	if err = errors.Join(rawErr, err); err == nil {
		b.to.writing.Store(false)
	}
	return err
}

func splice(from, to, size int) (int, error) {
	for {
		n, err := unix.Splice(from, nil, to, nil, size, unix.SPLICE_F_MOVE|unix.SPLICE_F_NONBLOCK)
		if err != unix.EINTR {
			return int(n), err
		}
	}
}
