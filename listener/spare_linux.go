package listener

import (
	"os"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// atOnce bounds how many clients one lack of descriptors turns away, so that a flood cannot hold the lock.
const atOnce = 256

// spare is a descriptor kept for the time when there are no others: given up for a moment, it lets waiting
// clients be accepted and closed instead of hanging. One serves the whole process.
type spare struct {
	missing atomic.Bool // the file could not be opened; checked without the lock on every accept
	mu      sync.Mutex
	file    *os.File
	closed  bool
}

func newSpare() *spare {
	s := &spare{}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open()
	return s
}

// arm opens the file again if it is missing.
func (s *spare) arm() {
	if !s.missing.Load() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil {
		s.open()
	}
}

func (s *spare) open() {
	if s.closed {
		return
	}
	file, err := os.Open(os.DevNull)
	s.missing.Store(err != nil)
	if err == nil {
		s.file = file
	}
}

// refuseWaiting accepts and closes the clients that wait now, and returns how many.
func (s *spare) refuseWaiting(raw syscall.RawConn) (refused int) {
	if raw == nil {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file != nil {
		_ = s.file.Close() // opened for reading only: nothing can be lost
		s.file = nil
	}
	// The listening socket does not block, so the loop ends when nobody waits.
	_ = raw.Control(func(fd uintptr) {
		for refused < atOnce {
			client, _, err := unix.Accept4(int(fd), unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK)
			if err != nil {
				return
			}
			_ = unix.Close(client)
			refused++
		}
	})
	s.open()
	return refused
}

func (s *spare) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.file != nil {
		_ = s.file.Close()
		s.file = nil
	}
}
