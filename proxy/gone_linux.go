package proxy

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// gone reports whether there is no connection any more on a TCP socket that has not been closed. UNIX sockets do not tell.
func gone(raw syscall.RawConn) (gone bool) {
	_ = raw.Control(func(fd uintptr) { // fails if it has been closed: whoever did that knows why
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		gone = err == nil && info.State == unix.BPF_TCP_CLOSE
	})
	return gone
}
