package proxy

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"sallyport/policy"
	"sallyport/proxy/upstream"
)

// spareRig is a rig whose upstream is redundant and hot: the primary refuses, and the backup is the rig's endpoint.
type spareRig struct {
	*rig
	spare *Spare
	end   context.CancelFunc // of the spare
	ended sync.WaitGroup
	came  chan net.Conn // connections to the backup, in turn
}

// newSpareRig starts a rig with a backup that hands over its connections and then serves them.
func newSpareRig(t *testing.T, config *tls.Config, serve func(net.Conn)) *spareRig {
	r := &spareRig{rig: newRig(t, silence), came: make(chan net.Conn, 100)}
	if config != nil {
		config = r.ca.ServerConfig(t, "localhost")
	}
	r.serveOn("tcp", config, func(conn net.Conn) {
		if secured, ok := conn.(*tls.Conn); ok && secured.Handshake() != nil {
			return
		}
		r.came <- conn
		serve(conn)
	})
	r.start()
	r.backup(r.endpoint)
	r.spare = &Spare{Name: "app", Group: r.target.Group, Log: slog.New(slog.DiscardHandler)}
	r.spare.Configure(SpareSettings{Dialer: r.target.Dialer, Lane: r.limits.Lane, DialTimeout: patient})
	r.target.Spare = r.spare
	ctx, cancel := context.WithCancel(context.Background())
	r.end = cancel
	r.ended.Go(func() { r.spare.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		r.ended.Wait()
	})
	return r
}

// backup makes an endpoint the backup of a primary that refuses.
func (r *spareRig) backup(backup *upstream.Endpoint) {
	l := listen(r, "tcp")
	l.Close()
	r.target.Group.Configure(&upstream.Settings{
		Redundant:   true,
		Endpoints:   []*upstream.Endpoint{{Network: "tcp", Address: l.Addr().String()}, backup},
		DialTimeout: patient,
		Health:      upstream.Health{Interval: time.Second, Rise: 1, Fall: 1},
	})
}

// wantReady waits for a spare connection and returns the backup's end of it.
func (r *spareRig) wantReady() net.Conn {
	r.Helper()
	conn := r.wantConnection()
	eventually(r, "a spare connection", func() bool { return r.spare.State().Ready })
	return conn
}

func (r *spareRig) wantConnection() net.Conn {
	r.Helper()
	select {
	case conn := <-r.came:
		return conn
	case <-time.After(patient):
		r.Fatal("the backup is not connected to")
		return nil
	}
}

// TestSpareIsHandedOver: the next session has the connection that is ready, and there is another one after it.
func TestSpareIsHandedOver(t *testing.T) {
	for name, config := range map[string]*tls.Config{"plaintext": nil, "TLS": {}} {
		t.Run(name, func(t *testing.T) {
			r := newSpareRig(t, config, func(conn net.Conn) {
				conn.Write([]byte("hello ")) // waits for the session
				echo(conn)
			})
			for range 3 {
				kept := r.wantReady()
				conn := r.dial()
				exchange(t, conn, []byte("world"), []byte("hello world"))
				r.wantRecord(KeyUpstream, r.endpoint.String(), KeyUpstreamSpare, true, KeyUpstreamLocal, kept.RemoteAddr().String(), KeyCloseReason, policy.EndOfStream)
			}
			if s := r.spare.State(); s.Taken != 3 || s.Died != 0 {
				t.Errorf("%+v, want 3 taken", s)
			}
		})
	}
}

// TestSpareIsRenewed when it dies in any way, with the announcement that nobody has read before its end.
func TestSpareIsRenewed(t *testing.T) {
	for name, end := range map[string]func(net.Conn){
		"closed":            func(conn net.Conn) { conn.Close() },
		"reset":             abort,
		"half closed":       func(conn net.Conn) { halfClose(bareSocket(conn)) },
		"closed after news": func(conn net.Conn) { conn.Write(make([]byte, 1000)); conn.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			r := newSpareRig(t, &tls.Config{}, echo)
			end(r.wantReady())
			eventually(t, "it is noticed", func() bool { return r.spare.State().Died == 1 })
			r.wantReady()
			exchange(t, r.dial(), []byte("hi"), []byte("hi"))
			r.wantRecord(KeyUpstreamSpare, true)
		})
	}
}

// TestNoSpare: a session does without.
func TestNoSpare(t *testing.T) {
	r := newSpareRig(t, nil, echo)
	r.wantReady()
	r.end()
	r.ended.Wait()
	exchange(t, r.dial(), []byte("hi"), []byte("hi"))
	r.wantRecord(KeyUpstream, r.endpoint.String(), KeyUpstreamSpare, nil)
}

// TestSpareFollowsTheEndpoint: one that is reached in another way has another connection, and the old one is closed.
func TestSpareFollowsTheEndpoint(t *testing.T) {
	left := make(chan struct{}, 10)
	r := newSpareRig(t, nil, func(conn net.Conn) {
		silence(conn)
		left <- struct{}{}
	})
	r.wantReady()
	same := *r.endpoint
	r.backup(&same)
	select {
	case <-left:
	case <-time.After(patient):
		t.Fatal("the old connection is not closed")
	}
	r.wantReady()
}
