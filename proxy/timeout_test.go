package proxy

import (
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"sallyport/policy"
)

// TestIdleSessionEndsInOrder: nothing was on its way, so nobody is told otherwise.
func TestIdleSessionEndsInOrder(t *testing.T) {
	through(t, allWays, func(t *testing.T, r *rig) (serve, client func(net.Conn)) {
		r.limits.IdleTimeout = 700 * time.Millisecond
		serve = func(conn net.Conn) {
			conn.Write([]byte("hello"))
			wantAll(t, conn, []byte("hi"))
		}
		client = func(conn net.Conn) {
			conn.Write([]byte("hi"))
			wantAll(t, conn, []byte("hello"))
			r.wantRecord(KeyCloseReason, policy.IdleTimeout, KeyClosedBy, Proxy)
		}
		return serve, client
	})
}

// TestIdleReaderIsNotToldOfAnEnd: a receiver that let its data wait for too long must not take what
// it got for everything.
func TestIdleReaderIsNotToldOfAnEnd(t *testing.T) {
	through(t, tcpWays, func(t *testing.T, r *rig) (serve, client func(net.Conn)) {
		r.limits.IdleTimeout = 700 * time.Millisecond
		serve = func(conn net.Conn) {
			for {
				if _, err := conn.Write(make([]byte, 64<<10)); err != nil {
					return
				}
			}
		}
		client = func(conn net.Conn) {
			r.wantRecord(KeyCloseReason, policy.IdleTimeout, KeyClosedBy, Proxy)
			if _, err := io.Copy(io.Discard, conn); err == nil || errors.Is(err, io.EOF) {
				t.Errorf("the stream ends with %v, want a reset", err)
			}
		}
		return serve, client
	})
}

func TestHalfCloseTimeout(t *testing.T) {
	through(t, allWays, func(t *testing.T, r *rig) (serve, client func(net.Conn)) {
		r.limits.IdleTimeout, r.limits.HalfCloseTimeout = time.Hour, 700*time.Millisecond
		serve = func(conn net.Conn) {
			wantAll(t, conn, []byte("request"))
			<-r.over // and never answers
		}
		client = func(conn net.Conn) {
			sendAll(t, conn, []byte("request"))
			wantAll(t, conn, nil)
			r.wantRecord(KeyCloseReason, policy.HalfCloseTimeout, KeyClosedBy, Proxy)
		}
		return serve, client
	})
}

func TestLifetimeLimit(t *testing.T) {
	through(t, tcpWays, func(t *testing.T, r *rig) (serve, client func(net.Conn)) {
		r.limits.MaxLifetime = 300 * time.Millisecond
		client = func(conn net.Conn) {
			for {
				_, sendErr := conn.Write([]byte("busy"))
				if _, err := conn.Read(make([]byte, 10)); err != nil {
					if !isReset(err) && !isReset(sendErr) { // the system tells whoever asks first
						t.Errorf("the stream ends with %v and %v, want a reset", err, sendErr)
					}
					break
				}
			}
			r.wantRecord(KeyCloseReason, policy.LifetimeLimit, KeyClosedBy, Proxy)
		}
		return echo, client
	})
}
