package proxy

import (
	"net"
	"testing"

	"golang.org/x/sys/unix"

	"sallyport/policy"
)

// TestClientGone: a client that resets while its session waits for an upstream ends it, and nothing is connected for it.
func TestClientGone(t *testing.T) {
	for _, secure := range []bool{false, true} {
		t.Run(map[bool]string{false: "plaintext", true: "TLS"}[secure], func(t *testing.T) {
			r := newRig(t, nil)
			r.dialTimeout = patient
			r.target.Dialer.Unbound = dialWith(hang)
			if secure {
				r.secure(0)
			}
			r.start()
			conn := r.dial()
			if secure {
				conn = r.overTLS(conn, r.clientConfig())
			}
			eventually(t, "session waits for its upstream", func() bool { return dialling(r) })
			abort(conn)
			r.wantRecord(KeyVerdict, "allow", KeyClosedBy, Client, KeyCloseReason, policy.Reset)
		})
	}
}

// dialling reports whether a session waits for its upstream.
func dialling(r *rig) bool {
	r.server.mu.Lock()
	defer r.server.mu.Unlock()
	for s := range r.server.sessions {
		return s.giveUp != nil
	}
	return false
}

// TestGone: a client that has only ended its stream still waits for the answer.
func TestGone(t *testing.T) {
	tests := []struct {
		name  string
		does  func(net.Conn)
		state uint8
		want  bool
	}{
		{"connected", func(net.Conn) {}, unix.BPF_TCP_ESTABLISHED, false},
		{"half-closed", func(conn net.Conn) { halfClose(conn) }, unix.BPF_TCP_CLOSE_WAIT, false},
		{"half-closed, with bytes unread", func(conn net.Conn) { conn.Write([]byte("hello")); halfClose(conn) }, unix.BPF_TCP_CLOSE_WAIT, false},
		{"reset", abort, unix.BPF_TCP_CLOSE, true},
		{"reset, with bytes unread", func(conn net.Conn) { conn.Write([]byte("hello")); abort(conn) }, unix.BPF_TCP_CLOSE, true},
		{"half-closed and then reset", func(conn net.Conn) { halfClose(conn); abort(conn) }, unix.BPF_TCP_CLOSE, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := listen(t, "tcp")
			client, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			server, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer server.Close()
			tt.does(client)
			raw := rawOf(server)
			eventually(t, "socket in its state", func() (reached bool) {
				raw.Control(func(fd uintptr) {
					info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
					reached = err == nil && info.State == tt.state
				})
				return reached
			})
			if got := gone(raw); got != tt.want {
				t.Errorf("gone is %v, want %v", got, tt.want)
			}
		})
	}
}
