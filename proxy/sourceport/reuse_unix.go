//go:build unix

package sourceport

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// reuse lets a socket be bound to a port whose last connection is in TIME_WAIT, and to one that is connected to other
// destinations. SO_REUSEPORT would not: it has to be set on all sockets of the port.
func reuse(raw syscall.RawConn) error {
	var failed error
	err := raw.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	})
	if err != nil {
		return err
	}
	return failed
}
