package listener

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// listens reports whether a stream socket is in the state for accept. One that is connected is not.
func listens(inner net.Listener) bool { return option(inner, unix.SOL_SOCKET, unix.SO_ACCEPTCONN) }

// onlyIPv6 reports whether an IPv6 wildcard socket takes no IPv4.
func onlyIPv6(inner net.Listener) bool { return option(inner, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY) }

func option(inner net.Listener, level, name int) bool {
	socket, ok := inner.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return false
	}
	var value int
	if ctlErr := raw.Control(func(fd uintptr) { value, err = unix.GetsockoptInt(int(fd), level, name) }); ctlErr != nil {
		return false
	}
	return err == nil && value != 0
}
