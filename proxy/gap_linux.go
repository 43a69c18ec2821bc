package proxy

import (
	"encoding/binary"
	"os"
	"runtime"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// gap lets everybody go first who is ready to run or whose socket has something for him. Whoever waits for it
// is woken by the poller, which therefore has to be asked, and comes behind those that it wakes as well.
//
// An eventfd is what wakes him: the poller reports every write to it. It is never read.
type gap struct {
	event *os.File
	raw   syscall.RawConn
	bells sync.Pool // of *bell
}

// newGap returns nil if the system has no descriptor left for it.
func newGap() *gap {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil
	}
	event := os.NewFile(uintptr(fd), "gap")
	raw, err := event.SyscallConn()
	if err != nil {
		event.Close()
		return nil
	}
	return &gap{event: event, raw: raw, bells: sync.Pool{New: func() any { return newBell() }}}
}

// wait returns after the poller has been asked. Those who wait at once take turns.
func (g *gap) wait() {
	b := g.bells.Get().(*bell)
	b.rung = false
	g.raw.Read(b.ring)
	g.bells.Put(b)
	runtime.Gosched() // those who were woken at the same time go first
}

// bell rings once for each wait. It is kept so that waiting allocates nothing.
type bell struct {
	one  [8]byte
	rung bool
	ring func(fd uintptr) bool // reports whether there is nothing to wait for
}

func newBell() *bell {
	b := new(bell)
	binary.NativeEndian.PutUint64(b.one[:], 1)
	b.ring = func(fd uintptr) bool {
		if b.rung {
			return true
		}
		b.rung = true
		_, err := unix.Write(int(fd), b.one[:])
		return err != nil // nothing would wake us
	}
	return b
}
