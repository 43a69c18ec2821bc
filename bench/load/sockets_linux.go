package load

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// bindLate has the kernel choose the port only when the destination is known, so that ports suffice for every destination anew.
func bindLate(raw syscall.RawConn) error {
	return set(raw, option{unix.SOL_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1})
}

// narrow makes a loopback connection look like one from far away, with small segments and little room: what is not read stays with
// the proxy instead of megabytes in the kernel.
func narrow(raw syscall.RawConn) error {
	return set(raw, option{unix.SOL_TCP, unix.TCP_MAXSEG, 1448}, option{unix.SOL_SOCKET, unix.SO_RCVBUF, 16 << 10})
}

// option is one of a socket's.
type option struct{ level, name, value int }

func set(raw syscall.RawConn, all ...option) error {
	var err error
	if cerr := raw.Control(func(fd uintptr) {
		for _, o := range all {
			if err == nil {
				err = unix.SetsockoptInt(int(fd), o.level, o.name, o.value)
			}
		}
	}); cerr != nil {
		return cerr
	}
	return err
}
