package proxy

import (
	"golang.org/x/sys/unix"
)

const canKeepSpare = true

// watch returns when the peer has ended the connection or is gone, or when it is interrupted. It reads nothing: what the peer
// says meanwhile waits for whoever uses the connection.
func (s *socket) watch() {
	if s.raw != nil {
		_ = s.raw.Read(func(fd uintptr) bool { return !connected(int(fd)) })
	}
}

// alive reports whether the peer can still send and receive, as far as this system knows.
func (s *socket) alive() (alive bool) {
	if s.raw == nil {
		return false
	}
	err := s.raw.Control(func(fd uintptr) { alive = connected(int(fd)) })
	return alive && err == nil
}

// connected asks for the state of the connection, since bytes that wait hide the end of the stream behind them. UNIX sockets
// have no such state.
func connected(fd int) bool {
	if info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO); err == nil {
		return info.State == unix.BPF_TCP_ESTABLISHED
	}
	var b [1]byte
	n, _, err := unix.Recvfrom(fd, b[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
	return n > 0 || err == unix.EAGAIN || err == unix.EINTR
}
