package proxy

import (
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestKeepAlive: the connection to an upstream is probed from the first look on, as configured.
func TestKeepAlive(t *testing.T) {
	config := net.KeepAliveConfig{Enable: true, Idle: 9 * time.Second, Interval: 3 * time.Second, Count: 3}
	for _, tt := range []struct {
		name     string
		deadPeer time.Duration
		config   net.KeepAliveConfig
		want     probing
	}{
		{"after a look", 4 * time.Millisecond, config, probing{1, 9, 3, 3}},
		{"before the first look", time.Hour, config, probing{}},
		{"not configured", 4 * time.Millisecond, net.KeepAliveConfig{}, probing{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			client, _ := sockets(t)
			upstream := unprobed(t)
			p := startPulse(&Limits{DeadPeerTimeout: tt.deadPeer, KeepAlive: tt.config}, plainEnd(Client, client), plainEnd(Upstream, upstream), func() {}, nil)
			defer p.stop()
			if tt.deadPeer > 0 && tt.deadPeer < time.Second {
				eventually(t, "a look", p.asleep.Load)
			}
			wantSame(t, "options", tt.want, probingOf(t, upstream))
		})
	}
}

// probing is the keepalive of a socket, in seconds.
type probing struct{ On, Idle, Interval, Count int }

// probingOf returns the keepalive of a connection; all zero if there is none.
func probingOf(t *testing.T, conn *net.TCPConn) (p probing) {
	t.Helper()
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	raw.Control(func(fd uintptr) {
		if p.On, err = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_KEEPALIVE); p.On == 0 {
			return
		}
		p.Idle, _ = unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_KEEPIDLE)
		p.Interval, _ = unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_KEEPINTVL)
		p.Count, _ = unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_KEEPCNT)
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// unprobed returns a connection as dialers for upstreams make them.
func unprobed(t *testing.T) *net.TCPConn {
	t.Helper()
	l := listen(t, "tcp")
	defer l.Close()
	conn, err := (&net.Dialer{KeepAlive: -1}).DialContext(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn.(*net.TCPConn)
}
