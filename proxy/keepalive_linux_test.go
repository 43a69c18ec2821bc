package proxy

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestKeepAlive: from the first look on, no peer on the same host is probed, whatever its socket inherited. That others are is
// seen where there are others: the integration tests have dead peers in a network of their own.
func TestKeepAlive(t *testing.T) {
	config := net.KeepAliveConfig{Enable: true, Idle: 9 * time.Second, Interval: 3 * time.Second, Count: 3}
	inherited := probing{1, 9, 3, 3}
	for _, tt := range []struct {
		name     string
		deadPeer time.Duration
		config   net.KeepAliveConfig
		want     probing
	}{
		{"after a look", 4 * time.Millisecond, config, probing{}},
		{"before the first look", time.Hour, config, inherited},
		{"not configured", 4 * time.Millisecond, net.KeepAliveConfig{}, inherited},
	} {
		t.Run(tt.name, func(t *testing.T) {
			client, upstream := unprobed(t), unprobed(t)
			for _, conn := range []*net.TCPConn{client, upstream} {
				if err := conn.SetKeepAliveConfig(config); err != nil {
					t.Fatal(err)
				}
			}
			p := startPulse(&Limits{DeadPeerTimeout: tt.deadPeer, KeepAlive: tt.config}, plainEnd(Client, client), plainEnd(Upstream, upstream), func() {}, nil)
			defer p.stop()
			if tt.deadPeer < time.Second {
				eventually(t, "a look", p.asleep.Load)
			}
			wantSame(t, "options of the client", tt.want, probingOf(t, client))
			wantSame(t, "options of the upstream", tt.want, probingOf(t, upstream))
		})
	}
}

func TestSameHost(t *testing.T) {
	for _, tt := range []struct {
		local, remote string
		want          bool
	}{
		{"127.0.0.1:2021", "127.0.0.1:40000", true},
		{"127.0.0.1:2021", "127.0.0.9:40000", true},
		{"[::1]:2021", "[::1]:40000", true},
		{"10.0.0.5:2021", "10.0.0.5:40000", true},
		{"10.0.0.5:2021", "10.0.0.6:40000", false},
		{"[2001:db8::5]:2021", "[2001:db8::5]:40000", true},
		{"[2001:db8::5]:2021", "[2001:db8::6]:40000", false},
	} {
		if got := sameHost(netip.MustParseAddrPort(tt.local), netip.MustParseAddrPort(tt.remote)); got != tt.want {
			t.Errorf("sameHost(%s, %s) = %v, want %v", tt.local, tt.remote, got, tt.want)
		}
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
