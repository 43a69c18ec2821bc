package proxy

import (
	"crypto/tls"
	"io"
	"net"
	"sync"
	"testing"
	"time"

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
