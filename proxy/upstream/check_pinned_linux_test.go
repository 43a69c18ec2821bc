package upstream

import (
	"crypto/tls"
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sallyport/internal/testpki"
	"sallyport/policy"
	"sallyport/proxy/sourceport"
)

// Ports outside the ephemeral range.
const (
	payloadPort = 27301
	healthPort  = 27321
)

// pinned returns a dialer with a pool, and makes the endpoint one that is reached from one port, and checked from another.
func pinned(e *Endpoint, wait time.Duration, addrs ...string) *Dialer {
	d := newDialer()
	d.Ports = sourceport.New()
	e.Source = &Source{
		Addresses:   addresses(addrs...),
		Ports:       []policy.PortRange{{First: payloadPort, Last: payloadPort}},
		HealthPorts: []policy.PortRange{{First: healthPort, Last: healthPort}},
		Wait:        wait,
	}
	return d
}

// TestDialPinned: a session has the source port, also where the system chooses the address; the next one has it when the
// first has given it back, and a spare connection not before.
func TestDialPinned(t *testing.T) {
	for _, tt := range []struct {
		name, listen, want string
		addrs              []string
	}{
		{"IPv4", "127.0.0.1:0", "127.0.0.2:27301", []string{"127.0.0.2"}},
		{"IPv6", "[::1]:0", "[::1]:27301", []string{"127.0.0.2", "::1"}},
		{"any address", "127.0.0.1:0", "127.0.0.1:27301", nil},
		{"any IPv6 address", "[::1]:0", "[::1]:27301", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := serveAt(t, "tcp", tt.listen, silence)
			d := pinned(e, 0, tt.addrs...)
			conn, err := d.Dial(t.Context(), e, Payload, longEnough)
			if err != nil {
				t.Fatal(err)
			}
			want := netip.MustParseAddrPort(tt.want)
			if got := remote(t, conn); got != want || conn.Lease.Tuple().Source != want {
				t.Errorf("the connection comes from %s, the lease is %s, want %s", got, conn.Lease.Tuple(), want)
			}
			if left := time.Until(conn.Deadline); left <= 0 || left > longEnough {
				t.Errorf("%v are left of %v", left, longEnough)
			}
			for _, purpose := range []Purpose{Payload, Spare} {
				_, err = d.Dial(t.Context(), e, purpose, longEnough)
				wantRefusal(t, err, policy.SourceExhausted)
			}
			resetConn(conn.Conn)
			conn.Lease.Release()
			spare, err := d.Dial(t.Context(), e, Spare, longEnough)
			if err != nil {
				t.Fatal(err)
			}
			resetConn(spare.Conn)
			spare.Lease.Release()
		})
	}
}

// TestDialPinnedInTurn: an address that refuses does not keep the source port from the next one.
func TestDialPinnedInTurn(t *testing.T) {
	e := serve(t, silence)
	_, port, _ := net.SplitHostPort(e.Address)
	e.Address = "server.example:" + port
	d := pinned(e, 0, "127.0.0.2")
	d.Resolver = leadsTo("127.0.0.9", "::1", "127.0.0.1")
	conn, err := d.Dial(t.Context(), e, Payload, longEnough)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Lease.Release()
	defer resetConn(conn.Conn)
	if got := conn.RemoteAddr().String(); got != "127.0.0.1:"+port {
		t.Errorf("connected to %s", got)
	}
}

func TestDialPinnedFromAbsentAddress(t *testing.T) {
	e := serve(t, silence)
	_, err := pinned(e, time.Second, "192.0.2.1").Dial(t.Context(), e, Payload, longEnough)
	wantRefusal(t, err, policy.SourceAbsent, "192.0.2.1")
}

// TestDialPinnedWithoutRoute: where the system knows no address to connect from, the destination cannot be reached.
func TestDialPinnedWithoutRoute(t *testing.T) {
	e := &Endpoint{Network: "tcp", Address: "[fe80::1%nowhere]:25"}
	_, err := pinned(e, 0).Dial(t.Context(), e, Payload, longEnough)
	wantRefusal(t, err, policy.UpstreamUnreachable, "fe80::1%nowhere")
}

// TestCheckPinned: checks follow each other on one port, while a session has the other: parting in order, or a reset,
// gives the port back at once.
func TestCheckPinned(t *testing.T) {
	ca := testpki.New(t)
	for _, tt := range []struct {
		name   string
		checks int
		server func(net.Conn)
		config *tls.Config
		health Health
		reason policy.Reason // "": well
	}{
		{"plaintext", 300, silence, nil, Health{Timeout: longEnough}, ""},
		{"closes first", 300, func(net.Conn) {}, nil, Health{Timeout: longEnough}, ""},
		{"greets", 100, says("", "220 mail.example\r\n"), nil, Health{Timeout: longEnough}, ""},
		{"answers", 100, says("PING\r\n", "+PONG\r\n"), nil, Health{Timeout: longEnough, Send: "PING\r\n", Expect: pong}, ""},
		{"TLS", 50, overTLS(ca.ServerConfig(t, "localhost"), silence), ca.ClientConfig("localhost", nil), Health{Timeout: longEnough}, ""},
		{"resets", 100, func(conn net.Conn) { conn.Read(make([]byte, 1)); abort(conn) }, nil, Health{Timeout: longEnough}, ""},
		{"never answers", 10, silence, nil, Health{Timeout: 20 * time.Millisecond, Expect: pong}, policy.UpstreamTimeout},
		{"never says TLS", 10, silence, ca.ClientConfig("localhost", nil), Health{Timeout: 20 * time.Millisecond}, policy.UpstreamTimeout},
	} {
		t.Run(tt.name, func(t *testing.T) {
			seen := make(chan string, tt.checks)
			e := serve(t, func(conn net.Conn) {
				seen <- conn.RemoteAddr().String()
				tt.server(conn)
			})
			e.TLS = tt.config
			d := pinned(e, longEnough, "127.0.0.2")
			for range tt.checks {
				err := d.Check(t.Context(), e, &tt.health)
				if tt.reason != "" {
					wantRefusal(t, err, tt.reason)
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				if got := <-seen; got != "127.0.0.2:27321" {
					t.Fatalf("a check comes from %s", got)
				}
			}
		})
	}
}

// TestCheckResetsWhoNeverEnds: the tuple of a server that keeps its side open is given back on both sides.
func TestCheckResetsWhoNeverEnds(t *testing.T) {
	opened, over := make(chan *net.TCPConn, 1), make(chan struct{})
	e := serve(t, func(conn net.Conn) {
		opened <- conn.(*net.TCPConn)
		silence(conn)
		<-over
	})
	defer close(over)
	if err := pinned(e, 0, "127.0.0.2").Check(t.Context(), e, &Health{Timeout: longEnough}); err != nil {
		t.Fatal(err)
	}
	raw, err := (<-opened).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	const closed = 7 // TCP_CLOSE
	for deadline := time.Now().Add(longEnough); ; <-time.After(time.Millisecond) {
		var info *unix.TCPInfo
		if err := raw.Control(func(fd uintptr) { info, err = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO) }); err != nil {
			t.Fatal(err)
		}
		if info != nil && info.State == closed {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the server's socket is in state %+v, %v", info, err)
		}
	}
}

// TestCheckExhausted: a check without a port says so, not that the endpoint is unwell, and before its time is over.
func TestCheckExhausted(t *testing.T) {
	e := serve(t, silence)
	d := pinned(e, longEnough, "127.0.0.2")
	holder, err := d.Dial(t.Context(), e, Check, longEnough)
	if err != nil {
		t.Fatal(err)
	}
	err = d.Check(t.Context(), e, &Health{Timeout: 50 * time.Millisecond})
	wantRefusal(t, err, policy.SourceExhausted, "27321")
	resetConn(holder.Conn)
	holder.Lease.Release()
	if err := d.Check(t.Context(), e, &Health{Timeout: longEnough}); err != nil {
		t.Error(err)
	}
}
