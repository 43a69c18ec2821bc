package proxy

import (
	"os"
	"slices"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// lot is where the directions of quiet sessions wait for bytes without a goroutine: one epoll instance for all of them, which
// itself is polled by the runtime, so that nobody blocks a thread.
//
// The zero value is ready. It is opened by the first that parks, and safe for concurrent use.
type lot struct {
	mu     sync.Mutex
	epoll  *os.File
	closed bool
	parked []*flow // by the descriptor that they wait for
}

// enter has f woken, once, when its socket has something to say, at once if it has already. Until then or until
// leave, f stays in the lot. It reports whether it could.
func (l *lot) enter(f *flow) (entered bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || l.epoll == nil && !l.open() {
		return false
	}
	f.from.socket.raw.Control(func(fd uintptr) { entered = l.watch(int(fd), f) })
	return entered
}

// watch arms the descriptor for one event. It may have been in the lot before: closing is what takes it out.
func (l *lot) watch(fd int, f *flow) bool {
	epoll, err := l.epoll.SyscallConn()
	if err != nil {
		return false
	}
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLONESHOT, Fd: int32(fd)}
	err = unix.EBADF
	epoll.Control(func(in uintptr) {
		if err = unix.EpollCtl(int(in), unix.EPOLL_CTL_ADD, fd, &event); err == unix.EEXIST {
			err = unix.EpollCtl(int(in), unix.EPOLL_CTL_MOD, fd, &event)
		}
	})
	if err != nil {
		return false
	}
	if fd >= len(l.parked) {
		l.parked = slices.Grow(l.parked, fd+1-len(l.parked))[:fd+1]
	}
	l.parked[fd], f.place = f, fd
	return true
}

// leave forgets f, which was parked.
func (l *lot) leave(f *flow) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.parked[f.place] == f {
		l.parked[f.place] = nil
	}
}

func (l *lot) open() bool {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return false
	}
	if err := unix.SetNonblock(fd, true); err != nil { // has the runtime poll it
		unix.Close(fd)
		return false
	}
	l.epoll = os.NewFile(uintptr(fd), "parked sessions")
	raw, err := l.epoll.SyscallConn()
	if err != nil {
		return false
	}
	go l.attend(raw)
	return true
}

// attend wakes who has something to do until the lot is closed, or until the system does not let it.
func (l *lot) attend(epoll syscall.RawConn) {
	defer l.evacuate()
	var events [64]unix.EpollEvent
	for {
		n := 0
		err := epoll.Read(func(fd uintptr) bool {
			var err error
			for n, err = unix.EpollWait(int(fd), events[:], 0); err == unix.EINTR; {
				n, err = unix.EpollWait(int(fd), events[:], 0)
			}
			return n != 0
		})
		if err != nil || n < 0 {
			return
		}
		for _, event := range events[:n] {
			// An event that comes late can find another session there, which then looks in vain (see wake).
			if f := l.at(int(event.Fd)); f != nil {
				f.relay.wake(f)
			}
		}
	}
}

func (l *lot) at(fd int) *flow {
	l.mu.Lock()
	defer l.mu.Unlock()
	if fd >= len(l.parked) {
		return nil
	}
	return l.parked[fd]
}

// evacuate has everybody who is still there wait on a goroutine again: nobody else would ever wake them.
func (l *lot) evacuate() {
	l.close()
	l.mu.Lock()
	left := slices.Clone(l.parked)
	l.mu.Unlock()
	for _, f := range left {
		if f != nil {
			f.relay.wake(f)
		}
	}
}

// close lets nobody in any more.
func (l *lot) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	if l.epoll != nil {
		l.epoll.Close()
	}
}
