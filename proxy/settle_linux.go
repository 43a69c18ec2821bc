package proxy

import (
	"context"
	"time"

	"golang.org/x/sys/unix"
)

// Bounds of settling: how long a peer may take nothing, and how long it may take altogether.
const (
	settlePause = 5 * time.Second
	settleTime  = 30 * time.Second
	settleLook  = 5 * time.Millisecond
)

// settle waits until the peer has acknowledged what was sent to it, as long as it takes something
// at all. A reset throws away what still waits in the socket, and that would be the answer of a server
// that was not interested in the rest of an upload.
func (s *socket) settle(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	look := time.NewTicker(settleLook)
	defer look.Stop()
	waiting, moved := s.waiting(), time.Now()
	for waiting > 0 && time.Since(moved) < settlePause {
		select {
		case <-look.C: // the system has no event for this
		case <-ctx.Done():
			return
		}
		if now := s.waiting(); now < waiting {
			waiting, moved = now, time.Now()
		}
	}
}

// waiting returns how many bytes the peer has not acknowledged.
func (s *socket) waiting() (n int) {
	if s.raw == nil {
		return 0
	}
	s.raw.Control(func(fd uintptr) { n, _ = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ) })
	return n
}
