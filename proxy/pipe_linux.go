package proxy

import (
	"sync"

	"golang.org/x/sys/unix"
)

// pipe is the kernel's buffer between two splices. It is empty whenever it is not borrowed.
type pipe struct{ r, w int }

// pipePool lends pipes, and bounds the descriptors that they take.
type pipePool struct {
	most int

	mu   sync.Mutex
	free []*pipe
	open int
}

// take returns an empty pipe, or nil when there are too many or none can be made.
func (l *pipePool) take() *pipe {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.free); n > 0 {
		p := l.free[n-1]
		l.free = l.free[:n-1]
		return p
	}
	if l.open >= l.most {
		return nil
	}
	var fds [2]int
	if unix.Pipe2(fds[:], unix.O_CLOEXEC|unix.O_NONBLOCK) != nil {
		return nil
	}
	unix.FcntlInt(uintptr(fds[0]), unix.F_SETPIPE_SZ, pipeSize) // best effort: users have a quota
	l.open++
	return &pipe{fds[0], fds[1]}
}

// giveBack returns an empty pipe.
func (l *pipePool) giveBack(p *pipe) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.free = append(l.free, p)
}

// destroy closes a pipe that still holds bytes.
func (l *pipePool) destroy(p *pipe) {
	unix.Close(p.r)
	unix.Close(p.w)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open--
}

// close closes the pipes that nobody has borrowed.
func (l *pipePool) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.free {
		unix.Close(p.r)
		unix.Close(p.w)
	}
	l.open -= len(l.free)
	l.free = nil
}
