package listener

import (
	"net"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// options are what a test looks at on an accepted socket.
type options struct{ KeepAlive, Idle, Interval, Count, UserTimeout, NoDelay, MPTCP int }

func optionsOf(t *testing.T, conn net.Conn) options {
	t.Helper()
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var got options
	for _, option := range []struct {
		level, name int
		into        *int
	}{
		{unix.SOL_SOCKET, unix.SO_KEEPALIVE, &got.KeepAlive},
		{unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, &got.Idle},
		{unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, &got.Interval},
		{unix.IPPROTO_TCP, unix.TCP_KEEPCNT, &got.Count},
		{unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, &got.UserTimeout},
		{unix.IPPROTO_TCP, unix.TCP_NODELAY, &got.NoDelay},
	} {
		var value int
		var optErr error
		if err := raw.Control(func(fd uintptr) { value, optErr = unix.GetsockoptInt(int(fd), option.level, option.name) }); err != nil || optErr != nil {
			t.Fatal(err, optErr)
		}
		*option.into = value
	}
	if mptcp, err := conn.(*net.TCPConn).MultipathTCP(); err != nil || mptcp {
		t.Errorf("Multipath TCP: %v, %v", mptcp, err)
	}
	return got
}

func acceptFrom(t *testing.T, l *Listener) net.Conn {
	t.Helper()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(); client.Close() })
	return conn
}

// TestAcceptedOptions: accepted sockets inherit the options of the listening one, a reload changes them
// for later ones, and the net package sets none of its own over them.
func TestAcceptedOptions(t *testing.T) {
	set := &Set{}
	for _, tt := range []struct {
		deadPeer time.Duration
		want     options
	}{
		{0, options{NoDelay: 1}},
		{18 * time.Second, options{KeepAlive: 1, Idle: 9, Interval: 3, Count: 3, NoDelay: 1}},
		{-1, options{NoDelay: 1}},
		{30 * time.Second, options{KeepAlive: 1, Idle: 15, Interval: 5, Count: 3, NoDelay: 1}},
	} {
		spec := local("a")
		spec.DeadPeer = tt.deadPeer
		got := optionsOf(t, acceptFrom(t, open(t, set, spec)))
		if tt.want.KeepAlive == 0 {
			got.Idle, got.Interval, got.Count = 0, 0, 0 // left over, and without effect
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("dead peer %v (-want +got):\n%s", tt.deadPeer, diff)
		}
	}
}

func TestAcceptedOptionsOfInherited(t *testing.T) {
	passed, _ := passedTCP(t, "front", "127.0.0.1:0")
	set := &Set{Inherited: []*os.File{passed}}
	spec := Spec{Network: "systemd", Address: "front", DeadPeer: 18 * time.Second}
	got := optionsOf(t, acceptFrom(t, open(t, set, spec)))
	want := options{KeepAlive: 1, Idle: 9, Interval: 3, Count: 3, NoDelay: 1}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
