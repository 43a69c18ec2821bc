package listener

import (
	"errors"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// longestQueue bounds what is taken from a socket that closes, should clients come faster than they are taken. Queues are
// shorter: net.core.somaxconn is 4096 unless somebody raised it.
const longestQueue = 1 << 16

// acceptAll accepts, without waiting, whoever has connected.
func (l *Listener) acceptAll() (waiting []net.Conn) {
	raw := l.raw()
	if raw == nil {
		return nil
	}
	_ = raw.Control(func(fd uintptr) { // it fails on a closed socket only
		for range longestQueue {
			client, _, err := unix.Accept4(int(fd), unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK)
			if concernsConnection(err) {
				continue
			}
			if err != nil {
				return
			}
			if conn := connOf(client); conn != nil {
				waiting = append(waiting, l.configure(conn))
			}
		}
	})
	return waiting
}

// connOf makes a connection of a descriptor.
func connOf(fd int) net.Conn {
	file := os.NewFile(uintptr(fd), "accepted")
	conn, err := net.FileConn(file)
	if err := errors.Join(err, file.Close()); err != nil {
		return nil
	}
	return conn
}
