package proxy

import (
	"context"
	"crypto/tls"
	"io"
	"log/slog"
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

// TestParkedSessionsEnd: limits and policies hold for those that have no goroutine.
func TestParkedSessionsEnd(t *testing.T) {
	tests := []struct {
		name   string
		limit  func(*Limits)
		happen func(t *testing.T, r *rig, conn net.Conn)
		reason policy.Reason
	}{
		{"idle", func(l *Limits) { l.IdleTimeout = 2 * time.Second }, nil, policy.IdleTimeout},
		{"half closed", func(l *Limits) { l.HalfCloseTimeout = 700 * time.Millisecond }, func(t *testing.T, r *rig, conn net.Conn) {
			if err := halfClose(conn); err != nil {
				t.Error(err)
			}
		}, policy.HalfCloseTimeout},
		{"old", func(l *Limits) { l.MaxLifetime = 2 * time.Second }, nil, policy.LifetimeLimit},
		{"denied by a new policy", nil, func(t *testing.T, r *rig, conn net.Conn) {
			r.gate.Policy = decide(func(*policy.Facts) policy.Decision { return policy.Decision{Reason: policy.Expired} })
			r.server.Swap(r.closing(8, 0))
			wantSame(t, "what comes before the record", slog.LevelWarn.String(), r.record()[slog.LevelKey].(string))
		}, policy.PolicyChange},
		{"drained", nil, func(t *testing.T, r *rig, conn net.Conn) {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if cut, _ := r.server.Drain(ctx); cut != 1 {
				t.Errorf("%d sessions were cut, want 1", cut)
			}
		}, policy.Shutdown},
	}
	for _, secure := range []bool{false, true} {
		for _, tt := range tests {
			t.Run(map[bool]string{false: "plaintext", true: "TLS"}[secure]+"/"+tt.name, func(t *testing.T) {
				t.Parallel() // most of it is waiting
				over := make(chan struct{})
				defer close(over)
				r := newRig(t, func(conn net.Conn) {
					io.CopyN(conn, conn, 5)
					<-over
				})
				r.limits.DeadPeerTimeout = 40 * time.Millisecond
				if tt.limit != nil {
					tt.limit(&r.limits)
				}
				if secure {
					r.secure(tls.VersionTLS13)
				}
				r.start()
				conn := r.connect()
				say(t, conn, "hello")
				r.waitParked(1)
				if tt.happen != nil {
					tt.happen(t, r, conn)
				}
				r.wantRecord(KeyClosedBy, Proxy, KeyCloseReason, tt.reason, KeyBytesIn, 5, KeyBytesOut, 5)
			})
		}
	}
}

// TestParkWithoutDeadPeers: sessions are parked, too, where no peer is ever taken for dead.
func TestParkWithoutDeadPeers(t *testing.T) {
	r := newRig(t, echo).start()
	conn := r.connect()
	say(t, conn, "hello")
	r.waitParked(1)
	say(t, conn, "again")
}
