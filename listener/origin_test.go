package listener

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/policy"
)

// between is a connection whose two ends have addresses.
type between struct {
	net.Conn
	local, remote net.Addr
}

func (b between) LocalAddr() net.Addr  { return b.local }
func (b between) RemoteAddr() net.Addr { return b.remote }

func tcpAddr(s string) net.Addr { return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(s)) }

const (
	balancer   = "10.0.0.5:40000"
	socketEnds = balancer + " 10.0.0.1:2022"
)

func headerFront() *Front {
	return &Front{ProxyProtocol: true, Trusted: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/24")}, HeaderTimeout: time.Second}
}

// origin lets a sender act on one end of a pipe, and tells what Origin makes of it on the other.
func origin(t *testing.T, front *Front, remote net.Addr, sender func(net.Conn)) (_ Origin, _ policy.Reason, rest []byte) {
	t.Helper()
	near, far := net.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		sender(far)
		far.Close()
	}()
	defer func() { near.Close(); <-done }()
	conn, from, err := front.Origin(between{near, tcpAddr("[::ffff:10.0.0.1]:2022"), remote})
	if err != nil {
		if conn != nil {
			t.Errorf("Origin returned a connection with %v", err)
		}
		return from, policy.ReasonOf(err, "no refusal"), nil
	}
	if rest, err = io.ReadAll(conn); err != nil {
		t.Errorf("read after Origin: %v", err)
	}
	return from, "", rest
}

func TestOriginVectors(t *testing.T) {
	all := map[string][]vector{"v1": v1Vectors(), "v2": v2Vectors()}
	if n := len(all["v1"]) + len(all["v2"]); n < 90 {
		t.Fatalf("%d vectors, want at least 90", n)
	}
	for version, vectors := range all {
		for _, tt := range vectors {
			for _, size := range []int{1, 7, 100000} {
				if len(tt.header) > 5000 && size < 100 {
					size = 999
				}
				t.Run(fmt.Sprintf("%s/%s/in pieces of %d", version, tt.name, size), func(t *testing.T) {
					checkVector(t, tt, size)
				})
			}
		}
	}
}

func checkVector(t *testing.T, tt vector, size int) {
	synctest.Test(t, func(t *testing.T) {
		const behind = "HELO behind the header\r\n"
		sent := []byte(tt.header)
		if tt.reason == "" {
			sent = append(sent, behind...)
		}
		got, reason, rest := origin(t, headerFront(), tcpAddr("[::ffff:10.0.0.5]:40000"), pieces(sent, size))
		if reason != tt.reason {
			t.Fatalf("reason %q, want %q", reason, tt.reason)
		}
		if tt.reason != "" {
			return
		}
		ends := fmt.Sprint(got.Source, " ", got.Destination)
		want := tt.ends
		switch tt.ends {
		case "socket":
			want = socketEnds
		case "unix":
			want = fmt.Sprint(netip.AddrPort{}, " ", netip.AddrPort{})
		}
		if ends != want || got.Local != (tt.ends == "socket") || !got.Header || got.Peer.String() != balancer {
			t.Errorf("got %+v, want %s", got, want)
		}
		if string(rest) != behind {
			t.Errorf("behind the header: %q, want %q", rest, behind)
		}
	})
}

func TestOriginTrust(t *testing.T) {
	header := []byte("PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n")
	for _, tt := range []struct {
		name    string
		remote  net.Addr
		trusted []string
		want    policy.Reason
	}{
		{"inside", tcpAddr("10.0.0.5:1"), []string{"10.0.0.0/24"}, ""},
		{"inside, on a dual-stack socket", tcpAddr("[::ffff:10.0.0.5]:1"), []string{"10.0.0.0/24"}, ""},
		{"second prefix", tcpAddr("[2001:db8::5]:1"), []string{"10.0.0.0/24", "2001:db8::/64"}, ""},
		{"link-local with a zone", tcpAddr("[fe80::5%eth0]:1"), []string{"fe80::/10"}, ""},
		{"UNIX socket", &net.UnixAddr{Net: "unix"}, nil, ""},
		{"outside", tcpAddr("10.0.1.5:1"), []string{"10.0.0.0/24"}, policy.HeaderUntrusted},
		{"nobody is trusted", tcpAddr("10.0.0.5:1"), nil, policy.HeaderUntrusted},
		{"other family", tcpAddr("[2001:db8::5]:1"), []string{"0.0.0.0/0"}, policy.HeaderUntrusted},
		{"an address of no kind", opaqueAddr{}, []string{"0.0.0.0/0", "::/0"}, policy.HeaderUntrusted},
	} {
		t.Run(tt.name, func(t *testing.T) {
			front := &Front{ProxyProtocol: true}
			for _, p := range tt.trusted {
				front.Trusted = append(front.Trusted, netip.MustParsePrefix(p))
			}
			if _, got, _ := origin(t, front, tt.remote, pieces(header, 100)); got != tt.want {
				t.Errorf("reason %q, want %q", got, tt.want)
			}
		})
	}
}

type opaqueAddr struct{}

func (opaqueAddr) Network() string { return "opaque" }
func (opaqueAddr) String() string  { return "opaque" }

// unreadable fails the test when somebody reads.
type unreadable struct {
	between
	t *testing.T
}

func (u unreadable) Read([]byte) (int, error) {
	u.t.Error("read from an untrusted sender")
	return 0, io.EOF
}

func TestOriginUntrustedIsNotRead(t *testing.T) {
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	_, from, err := headerFront().Origin(unreadable{between{near, tcpAddr("10.0.0.1:2022"), tcpAddr("203.0.113.9:7")}, t})
	if got := policy.ReasonOf(err, ""); got != policy.HeaderUntrusted {
		t.Errorf("reason %q, want %q", got, policy.HeaderUntrusted)
	}
	if from.Source.String() != "203.0.113.9:7" {
		t.Errorf("source %v: the log would not say who it was", from.Source)
	}
}

func TestOriginTimeout(t *testing.T) {
	whole := v2(0x21, 0x11, v4Block)
	for n := range len(whole) {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			_, reason, _ := origin(t, headerFront(), tcpAddr(balancer), func(c net.Conn) {
				for _, b := range []byte(whole[:n]) {
					c.Write([]byte{b})
					time.Sleep(10 * time.Millisecond)
				}
				time.Sleep(time.Hour)
			})
			if reason != policy.HeaderTimeout {
				t.Errorf("silence after %d bytes: %q, want %q", n, reason, policy.HeaderTimeout)
			}
			if n == 0 && time.Since(start) < time.Second {
				t.Errorf("gave up after %v", time.Since(start))
			}
		})
	}
}

// TestOriginDecidesEarly: what cannot be a header any more is refused without a wait.
func TestOriginDecidesEarly(t *testing.T) {
	for name, tt := range map[string]struct {
		sent string
		want policy.Reason
	}{
		"first byte":           {"G", missingHeader},
		"fourth byte":          {"PROP", missingHeader},
		"first TLS byte":       {"\x16", missingHeader},
		"signature and letter": {"PROXYX", invalidHeader},
		"version":              {signatureV2 + "\x31", invalidHeader},
		"family":               {signatureV2 + "\x21\x51", invalidHeader},
		"length":               {signatureV2 + "\x21\x11\x00\x0b", invalidHeader},
		"line feed":            {"PROXY TCP4\n", invalidHeader},
		"107 bytes":            {"PROXY UNKNOWN" + string(bytes.Repeat([]byte("x"), 94)), invalidHeader},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				near, far := net.Pipe()
				defer near.Close()
				defer far.Close()
				go far.Write([]byte(tt.sent))
				start := time.Now()
				_, _, err := headerFront().Origin(between{near, tcpAddr("10.0.0.1:1"), tcpAddr(balancer)})
				if got := policy.ReasonOf(err, ""); got != tt.want || time.Since(start) != 0 {
					t.Errorf("%q after %v, want %q at once", got, time.Since(start), tt.want)
				}
			})
		})
	}
}

func TestOriginWithoutHeader(t *testing.T) {
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	bare := between{near, tcpAddr("[::ffff:10.0.0.1]:2022"), tcpAddr("[::ffff:203.0.113.9]:7")}
	conn, got, err := (&Front{}).Origin(bare)
	if err != nil || conn != net.Conn(bare) {
		t.Fatalf("Origin = %v, %v, want the connection untouched", conn, err)
	}
	want := Origin{
		Source: netip.MustParseAddrPort("203.0.113.9:7"), Peer: netip.MustParseAddrPort("203.0.113.9:7"),
		Destination: netip.MustParseAddrPort("10.0.0.1:2022"),
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); diff != "" {
		t.Errorf("origin (-want +got):\n%s", diff)
	}
}

// TestOriginThenDetect: two looks leave one wrapper, and the bytes whole.
func TestOriginThenDetect(t *testing.T) {
	hello := clientHello(t, nil)
	front := headerFront()
	front.AutoDetect = true
	for _, size := range []int{1, 3, 28, 29, 33, 100, 4096, 100000} {
		synctest.Test(t, func(t *testing.T) {
			near, far := net.Pipe()
			go func() {
				pieces(append([]byte(v2(0x21, 0x11, v4Block)), hello...), size)(far)
				far.Close()
			}()
			bare := between{near, tcpAddr("10.0.0.1:1"), tcpAddr(balancer)}
			conn, _, err := front.Origin(bare)
			if err != nil {
				t.Fatal(err)
			}
			conn, isTLS, err := front.Detect(conn)
			if err != nil || !isTLS {
				t.Fatalf("Detect = %v, %v", isTLS, err)
			}
			if p, ok := conn.(*Prefixed); !ok || p.NetConn() != net.Conn(bare) {
				t.Errorf("%T around %T, want one wrapper", conn, conn)
			}
			if got, err := io.ReadAll(conn); err != nil || !bytes.Equal(got, hello) {
				t.Errorf("pieces of %d: %d bytes, %v, want %d", size, len(got), err, len(hello))
			}
		})
	}
}

func TestOriginClearsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, reason, rest := origin(t, headerFront(), tcpAddr(balancer), func(c net.Conn) {
			c.Write([]byte(v2(0x21, 0x11, v4Block)))
			time.Sleep(time.Hour)
			c.Write([]byte("late"))
		})
		if reason != "" || string(rest) != "late" {
			t.Errorf("an hour behind the header: %q, %q", reason, rest)
		}
	})
}

func TestRefusalShowsCause(t *testing.T) {
	_, err := measureHeader([]byte("GET / HTTP/1.1"))
	var refusal *policy.Refusal
	if !errors.As(err, &refusal) || refusal.Err == nil {
		t.Fatalf("got %v, want a refusal with its cause", err)
	}
	if got, want := err.Error(), "header_missing: first bytes 47 45 54 20 2f 20 48 54 54 50 2f…"; got != want {
		t.Errorf("error %q, want %q", got, want)
	}
}
