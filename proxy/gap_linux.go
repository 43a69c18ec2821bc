package proxy

import (
	"encoding/binary"
	"os"
	"runtime"
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
	return &gap{event, raw}
}

// wait returns after the poller has been asked. Those who wait at once take turns.
func (g *gap) wait() {
	var one [8]byte
	binary.NativeEndian.PutUint64(one[:], 1)
	rung := false
	g.raw.Read(func(fd uintptr) bool {
		if rung {
			return true
		}
		rung = true
		_, err := unix.Write(int(fd), one[:])
		return err != nil // nothing would wake us
	})
	runtime.Gosched() // those who were woken at the same time go first
}
