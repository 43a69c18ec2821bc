package upstream

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// choosePortLate has bind choose an address only, and connect the port (IP_BIND_ADDRESS_NO_PORT, for both families). A
// kernel that cannot do it has fewer ports and otherwise the same.
func choosePortLate(raw syscall.RawConn) {
	raw.Control(func(fd uintptr) { unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1) })
}
