package proxy

import (
	"crypto/tls"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sallyport/policy"
)

// parking returns a rig whose sessions are parked soon after they have gone quiet.
func parking(t *testing.T, secure bool, serve func(net.Conn)) *rig {
	r := newRig(t, serve)
	r.limits.DeadPeerTimeout = 40 * time.Millisecond
	if secure {
		r.secure(tls.VersionTLS13)
	}
	return r.start()
}

// waitParked waits until no direction of n sessions has a goroutine.
func (r *rig) waitParked(n int) {
	r.Helper()
	eventually(r, "all directions are parked", func() bool {
		sessions := r.server.establishedSessions()
		for _, s := range sessions {
			if !isParked(s.relay) {
				return false
			}
		}
		return len(sessions) == n
	})
}

func isParked(r *relay) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.up.parked && r.down.parked
}

func say(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, len(text))
	if _, err := io.ReadFull(conn, b); err != nil || string(b) != text {
		t.Fatalf("%q, %v came back, want %q", b, err, text)
	}
}

// TestPark: a quiet session has no goroutine, and whatever happens then is noticed as ever.
func TestPark(t *testing.T) {
	events := []struct {
		name   string
		happen func(t *testing.T, r *rig, conn net.Conn, end func())
		by     Side
		reason policy.Reason
	}{
		{"the client speaks, twice, and ends", func(t *testing.T, r *rig, conn net.Conn, end func()) {
			say(t, conn, "again")
			r.waitParked(1)
			say(t, conn, "and again")
			r.waitParked(1)
			conn.Close()
		}, Client, policy.EndOfStream},
		{"the client resets", func(t *testing.T, r *rig, conn net.Conn, end func()) { abort(conn) }, Client, policy.Reset},
		{"the server ends", func(t *testing.T, r *rig, conn net.Conn, end func()) {
			end()
			io.Copy(io.Discard, conn)
			conn.Close()
		}, Upstream, policy.EndOfStream},
		{"the session is cut", func(t *testing.T, r *rig, conn net.Conn, end func()) {
			r.server.cut(r.server.establishedSessions()[0], policy.Superseded)
		}, Proxy, policy.Superseded},
	}
	for _, secure := range []bool{false, true} {
		for _, tt := range events {
			t.Run(map[bool]string{false: "plaintext", true: "TLS"}[secure]+"/"+tt.name, func(t *testing.T) {
				over := make(chan struct{})
				r := parking(t, secure, func(conn net.Conn) {
					go echo(conn)
					<-over
				})
				end := sync.OnceFunc(func() { close(over) })
				defer end()
				conn := r.connect()
				say(t, conn, "hello")
				r.waitParked(1)
				tt.happen(t, r, conn, end)
				r.wantRecord(KeyClosedBy, tt.by, KeyCloseReason, tt.reason)
			})
		}
	}
}

// TestParkAgain: a direction that was woken and found nothing to pass on does not keep its goroutine.
func TestParkAgain(t *testing.T) {
	r := parking(t, false, echo)
	conn := r.connect()
	say(t, conn, "hello")
	r.waitParked(1)
	relay := r.server.establishedSessions()[0].relay
	relay.wake(&relay.up)
	relay.wake(&relay.down)
	r.waitParked(1)
	say(t, conn, "again")
}

// TestParkWithinRecord: half a TLS record can come before a session is parked, and the rest after, wherever it is split.
func TestParkWithinRecord(t *testing.T) {
	r := parking(t, true, echo)
	socket := &splitting{Conn: r.dial(), pause: func() {
		taken := func() bool { return unread(r.server.establishedSessions()[0].accepted) == 0 }
		eventually(t, "what was sent is taken", taken) // before that it was parked all the time
		r.waitParked(1)
	}}
	conn := r.overTLS(socket, nil)
	say(t, conn, "hello")
	for _, first := range []int{1, recordHeader - 1, recordHeader, recordHeader + 1} {
		socket.first = first
		say(t, conn, "again")
	}
	conn.Close()
	r.wantRecord(KeyCloseReason, policy.EndOfStream, KeyBytesIn, 25)
}

// unread returns how many bytes wait in a socket.
func unread(conn net.Conn) (n int) {
	rawOf(conn).Control(func(fd uintptr) { n, _ = unix.IoctlGetInt(int(fd), unix.SIOCINQ) })
	return n
}

// splitting pauses within the next write, once so many bytes have been sent.
type splitting struct {
	net.Conn
	first int // 0: it does not
	pause func()
}

func (s *splitting) Write(p []byte) (int, error) {
	first := s.first
	s.first = 0
	n, err := s.Conn.Write(p[:first])
	if err != nil || first == len(p) {
		return n, err
	}
	if first > 0 {
		s.pause()
	}
	m, err := s.Conn.Write(p[first:])
	return n + m, err
}

// TestLotFails: where the system stops telling of events, quiet sessions go on with goroutines.
func TestLotFails(t *testing.T) {
	r := parking(t, false, echo)
	conns := []net.Conn{r.connect(), r.connect()}
	for _, conn := range conns {
		say(t, conn, "hello")
	}
	r.waitParked(len(conns))
	if err := r.server.lot.epoll.Close(); err != nil {
		t.Fatal(err)
	}
	for _, conn := range conns {
		say(t, conn, "again")
	}
}
