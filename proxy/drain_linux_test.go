package proxy

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	"sallyport/policy"
	"sallyport/proxy/upstream"
)

// descriptors returns how many files the process has open.
func descriptors(t testing.TB) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// phases are all the places in which a session can be when it is cut. Each but the last ones would take an hour.
var phases = []struct {
	name    string
	prepare func(r *rig, reached func())
	client  func(r *rig, conn net.Conn)
	ending  bool // sessions may be over for a reason of their own
}{
	{"reading the PROXY header", func(r *rig, reached func()) {
		r.port.Front = testFront{origin: func(conn net.Conn) (net.Conn, policy.Origin, error) {
			reached()
			_, err := conn.Read(make([]byte, 1))
			return nil, policy.Origin{}, policy.Refuse(policy.HeaderTimeout, err)
		}}
	}, nil, false},
	{"detecting", func(r *rig, reached func()) {
		r.port.Mode = AutoDetect
		r.port.Front = testFront{detect: func(conn net.Conn) (net.Conn, bool, error) {
			reached()
			_, err := conn.Read(make([]byte, 1))
			return nil, false, policy.Refuse(policy.DetectClosed, err)
		}}
	}, nil, false},
	{"in the handshake, before a byte", func(r *rig, reached func()) { r.secure(0); reached() }, nil, false},
	{"in the handshake, within the hello", func(r *rig, reached func()) { r.secure(0); reached() }, func(r *rig, conn net.Conn) {
		conn.Write(hello(r, r.clientConfig())[:300])
	}, false},
	{"in the handshake, behind the hello", func(r *rig, reached func()) { r.secure(0); reached() }, func(r *rig, conn net.Conn) {
		conn.Write(hello(r, r.clientConfig()))
		conn.Read(make([]byte, 1))
	}, false},
	{"lingering behind an alert", func(r *rig, reached func()) { r.secure(0); reached() }, func(r *rig, conn net.Conn) {
		conn.Write([]byte("\x16\x03\x01\x00\x10" + "garbage garbage "))
		conn.Read(make([]byte, 1))
	}, true},
	{"resolving", func(r *rig, reached func()) {
		r.endpoint.Address = "server.example:1"
		r.target.Dialer.Resolver = upstream.NewResolver(lookup(func(context.Context, string) ([]netip.Addr, error) {
			reached()
			<-r.over
			return nil, errors.New("too late")
		}))
	}, nil, false},
	{"dialling", func(r *rig, reached func()) {
		r.target.Dialer.Unbound = dialWith(func(ctx context.Context, network, address string) (net.Conn, error) {
			reached()
			return hang(ctx, network, address)
		})
	}, nil, false},
	{"in the handshake with the upstream", func(r *rig, reached func()) {
		r.serveOn("tcp", nil, func(conn net.Conn) {
			conn.Read(make([]byte, 1))
			reached()
			silence(conn)
		})
		r.endpoint.TLS = r.clientConfig()
	}, nil, false},
	{"relaying, idle", func(r *rig, reached func()) {
		r.serveOn("tcp", nil, func(conn net.Conn) {
			reached()
			silence(conn)
		})
	}, nil, false},
	{"relaying TLS, half closed", func(r *rig, reached func()) {
		r.serveTLS(func(conn net.Conn) {
			io.Copy(io.Discard, conn)
			reached()
			<-r.over
		})
	}, func(r *rig, conn net.Conn) { halfClose(conn) }, false},
	{"relaying to a client that does not read", func(r *rig, reached func()) {
		r.serveOn("tcp", nil, func(conn net.Conn) {
			var once sync.Once
			for {
				conn.SetWriteDeadline(time.Now().Add(300 * time.Millisecond))
				_, err := conn.Write(make([]byte, 64<<10))
				if errors.Is(err, os.ErrDeadlineExceeded) {
					once.Do(reached)
				} else if err != nil {
					return
				}
			}
		})
	}, nil, false},
}

// TestDrainCuts: sessions in every phase end promptly, are logged as cut, and leave nothing behind.
func TestDrainCuts(t *testing.T) {
	for _, phase := range phases {
		t.Run(phase.name, func(t *testing.T) {
			before := descriptors(t)
			r := newRig(t, echo)
			r.limits.HandshakeTimeout, r.dialTimeout = time.Hour, time.Hour
			const clients = 3
			reached := make(chan struct{}, clients)
			phase.prepare(r, func() {
				select {
				case reached <- struct{}{}:
				default:
				}
			})
			r.start()
			var held []net.Conn
			for range clients {
				conn := r.dial()
				held = append(held, conn)
				if phase.client != nil {
					phase.client(r, conn)
				}
			}
			<-reached
			eventually(t, "all sessions have begun", func() bool { return r.server.Sessions() == clients })
			done, cancel := context.WithCancel(t.Context())
			cancel()
			begun := time.Now()
			cut, err := r.server.Drain(done)
			if took := time.Since(begun); cut != clients || !errors.Is(err, context.Canceled) || took > patient {
				t.Errorf("Drain = %d, %v after %v, want %d sessions cut at once", cut, err, took, clients)
			}
			for range clients {
				if phase.ending {
					r.record()
				} else {
					r.wantRecord(KeyCloseReason, policy.Shutdown, KeyClosedBy, Proxy)
				}
			}
			for _, conn := range held {
				conn.SetReadDeadline(time.Now().Add(patient))
				if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
					t.Error("a client's connection is still open")
				}
				conn.Close()
			}
			r.end()
			for _, l := range append(r.servers, r.listener) {
				l.Close()
			}
			r.answers.Wait()
			eventually(t, "all descriptors are closed", func() bool { return descriptors(t) <= before })
		})
	}
}

// TestDrainWaits: sessions end by themselves, and new ones are refused meanwhile.
func TestDrainWaits(t *testing.T) {
	r := newRig(t, echo).start()
	conn := r.dial()
	conn.Write([]byte("a"))
	io.ReadFull(conn, make([]byte, 1))
	drained := make(chan error, 2)
	for range cap(drained) { // whoever calls for it, and again
		go func() {
			cut, err := r.server.Drain(t.Context())
			if cut != 0 {
				t.Errorf("%d sessions were cut", cut)
			}
			drained <- err
		}()
	}
	eventually(t, "draining", r.server.draining.Load)
	r.wantTurnedAway(nil)
	r.wantRecord(KeyReason, policy.Draining, KeyVerdict, "deny")
	conn.Write([]byte("b"))
	if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
		t.Errorf("the session does not go on: %v", err)
	}
	select {
	case err := <-drained:
		t.Errorf("Drain = %v with a session going on", err)
	default:
	}
	sendAll(t, conn, nil)
	wantAll(t, conn, nil)
	r.wantRecord(KeyCloseReason, policy.EndOfStream)
	for range cap(drained) {
		select {
		case err := <-drained:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(patient):
			t.Fatal("Drain does not return")
		}
	}
}
