package load

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// bindLate has the kernel choose the port only when the destination is known, so that ports suffice for every destination anew.
func bindLate(raw syscall.RawConn) error {
	var err error
	if cerr := raw.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.SOL_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
	}); cerr != nil {
		return cerr
	}
	return err
}
