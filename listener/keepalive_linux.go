package listener

import (
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// acceptedInherit tells that accepted sockets have the options of the listening one, which
// saves four system calls for every connection.
const acceptedInherit = true

// tune sets the options of a listening TCP socket that accepted ones inherit.
//
// TCP_USER_TIMEOUT is left out on purpose: measured on Linux 6.18, it also ends a connection
// to a live peer that keeps its window closed and acknowledges every probe
// (ETIMEDOUT 2.3 s after a 2 s timeout; without it the write waits on).
// A client that pauses is not dead; whoever knows what the session does may set it.
func tune(raw syscall.RawConn, deadPeer time.Duration) error {
	cfg := KeepAlive(deadPeer)
	var err error
	if ctlErr := raw.Control(func(fd uintptr) { err = setKeepalive(int(fd), cfg) }); ctlErr != nil {
		return ctlErr
	}
	return err
}

func setKeepalive(fd int, cfg net.KeepAliveConfig) error {
	if !cfg.Enable {
		return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 0)
	}
	for _, option := range []struct{ level, name, value int }{
		{unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
		{unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, int(cfg.Idle / time.Second)},
		{unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, int(cfg.Interval / time.Second)},
		{unix.IPPROTO_TCP, unix.TCP_KEEPCNT, cfg.Count},
	} {
		if err := unix.SetsockoptInt(fd, option.level, option.name, option.value); err != nil {
			return err
		}
	}
	return nil
}
