package upstream

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/policy"
)

// longEnough is how long a test waits for what must happen; it is not a measure of anything.
const longEnough = 20 * time.Second

// dialWith is a dialer of one function.
type dialWith func(ctx context.Context, network, address string) (net.Conn, error)

func (d dialWith) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	return d(ctx, network, address)
}

// lookup is a name service of one function.
type lookup func(ctx context.Context, host string) ([]netip.Addr, error)

func (l lookup) LookupNetIP(ctx context.Context, _, host string) ([]netip.Addr, error) {
	return l(ctx, host)
}

// leadsTo is a name service that gives every name these addresses.
func leadsTo(addrs ...string) *Resolver {
	return NewResolver(lookup(func(context.Context, string) ([]netip.Addr, error) {
		var answer []netip.Addr
		for _, addr := range addrs {
			answer = append(answer, netip.MustParseAddr(addr))
		}
		return answer, nil
	}))
}

// hang waits for the end of the context.
func hang(ctx context.Context, _, _ string) (net.Conn, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// newDialer returns a dialer over the real network.
func newDialer() *Dialer {
	return &Dialer{Net: &net.Dialer{KeepAlive: -1}, Resolver: NewResolver(net.DefaultResolver)}
}

// serveAt has serve talk to everybody who connects, until the end of the test.
func serveAt(t testing.TB, network, address string, serve func(net.Conn)) *Endpoint {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conn.SetDeadline(time.Now().Add(longEnough))
			serve(conn)
			conn.Close()
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-served
	})
	return &Endpoint{Network: network, Address: l.Addr().String()}
}

func serve(t testing.TB, serve func(net.Conn)) *Endpoint {
	t.Helper()
	return serveAt(t, "tcp", "127.0.0.1:0", serve)
}

// silence reads until the client is gone and says nothing.
func silence(conn net.Conn) { io.Copy(io.Discard, conn) }

// unused returns the address of a server that is gone.
func unused(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	return l.Addr().String()
}

// socketPath returns a path that leaves room in a UNIX address.
func socketPath(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "sp")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "s")
}

// wantRefusal compares an error's reason code, and looks for pieces in its text.
func wantRefusal(t testing.TB, err error, reason policy.Reason, pieces ...string) {
	t.Helper()
	var refusal *policy.Refusal
	if !errors.As(err, &refusal) || refusal.Reason != reason {
		t.Errorf("the error is %v, want reason %s", err, reason)
		return
	}
	for _, piece := range pieces {
		if !strings.Contains(err.Error(), piece) {
			t.Errorf("the error is %q, want %q in it", err, piece)
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// TestDialReaches: each kind of endpoint is reached, and echoes.
func TestDialReaches(t *testing.T) {
	echo := func(conn net.Conn) { io.Copy(conn, conn) }
	named := serve(t, echo)
	_, port, _ := net.SplitHostPort(named.Address)
	for _, tt := range []struct {
		name     string
		endpoint *Endpoint
	}{
		{"IPv4", serve(t, echo)},
		{"IPv6", serveAt(t, "tcp", "[::1]:0", echo)},
		{"IPv4 in IPv6", &Endpoint{Network: "tcp", Address: "[::ffff:127.0.0.1]:" + port}},
		{"name", &Endpoint{Network: "tcp", Address: "server.example:" + port}},
		{"socket file", serveAt(t, "unix", socketPath(t), echo)},
		{"built-in", &Endpoint{Network: "builtin", Address: "echo"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDialer()
			d.Resolver = leadsTo("127.0.0.1")
			conn, err := d.Dial(t.Context(), tt.endpoint, Payload, longEnough)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if left := time.Until(conn.Deadline); left <= 0 || left > longEnough {
				t.Errorf("%v are left of %v", left, longEnough)
			}
			if conn.Lease != nil {
				t.Error("a source port is leased")
			}
			conn.SetDeadline(time.Now().Add(longEnough))
			if _, err := io.WriteString(conn, "hello"); err != nil {
				t.Fatal(err)
			}
			conn.Conn.(interface{ CloseWrite() error }).CloseWrite()
			if answer, err := io.ReadAll(conn); string(answer) != "hello" || err != nil {
				t.Errorf("the answer is %q, %v", answer, err)
			}
		})
	}
}

// TestDialFails: each way in which a server is not reached has its reason.
func TestDialFails(t *testing.T) {
	dead := socketPath(t)
	l, err := net.Listen("unix", dead)
	if err != nil {
		t.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	l.Close()
	fails := func(err error) *Resolver {
		return NewResolver(lookup(func(context.Context, string) ([]netip.Addr, error) { return nil, err }))
	}
	for _, tt := range []struct {
		name             string
		network, address string
		prepare          func(d *Dialer)
		reason           policy.Reason
		text             string
	}{
		{"refused", "tcp", unused(t), nil, policy.UpstreamRefused, "refused"},
		{"no such socket file", "unix", socketPath(t), nil, policy.UpstreamUnreachable, "no such file"},
		{"socket file of a dead server", "unix", dead, nil, policy.UpstreamRefused, "refused"},
		{"template with an address that is not here", "tcp", unused(t), func(d *Dialer) {
			d.Net.LocalAddr = &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1)}
		}, policy.UpstreamUnreachable, "assign requested address"},
		{"silent network", "tcp", "192.0.2.1:25", func(d *Dialer) { d.Unbound = dialWith(hang) }, policy.UpstreamTimeout, "deadline exceeded"},
		{"socket file that nobody accepts from", "unix", "s", func(d *Dialer) { d.Unbound = dialWith(hang) }, policy.UpstreamTimeout, "deadline exceeded"},
		{"name that does not exist", "tcp", "server.example:1", func(d *Dialer) {
			d.Resolver = fails(&net.DNSError{Err: "no such host", Name: "server.example", IsNotFound: true})
		}, policy.UpstreamUnresolved, "no such host"},
		{"name without addresses", "tcp", "server.example:1", func(d *Dialer) { d.Resolver = fails(nil) }, policy.UpstreamUnresolved, "no address"},
		{"no port", "tcp", "127.0.0.1", nil, policy.UpstreamUnresolved, "missing port"},
		{"no such port", "tcp", "127.0.0.1:65536", nil, policy.UpstreamUnresolved, `"65536" is not a port number`},
		{"zone of no interface", "tcp", "[fe80::1%nowhere]:1", nil, policy.UpstreamUnreachable, "fe80::1%nowhere"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDialer()
			if tt.prepare != nil {
				tt.prepare(d)
			}
			conn, err := d.Dial(t.Context(), &Endpoint{Network: tt.network, Address: tt.address}, Payload, 100*time.Millisecond)
			if conn != nil {
				t.Fatal("connected")
			}
			wantRefusal(t, err, tt.reason, tt.text)
		})
	}
}

// TestDialInTurn: one address after the other, each with its share of the time that is left.
func TestDialInTurn(t *testing.T) {
	no := errors.New("no")
	for _, tt := range []struct {
		name   string
		within time.Duration
		answer map[string]error // nil: hangs
		want   []string         // address and the time that it is given
		left   time.Duration    // of a connection that is made
		err    string
	}{
		{"all hang", 9 * time.Second, nil, []string{"192.0.2.1:25 3s", "[2001:db8::2]:25 3s", "192.0.2.3:25 3s"}, 0, "upstream_timeout: context deadline exceeded"},
		{"one refuses", 9 * time.Second, map[string]error{"192.0.2.1:25": no},
			[]string{"192.0.2.1:25 3s", "[2001:db8::2]:25 4.5s", "192.0.2.3:25 4.5s"}, 0, "upstream_timeout: context deadline exceeded"},
		{"the last one refuses", 9 * time.Second, map[string]error{"192.0.2.3:25": no},
			[]string{"192.0.2.1:25 3s", "[2001:db8::2]:25 3s", "192.0.2.3:25 3s"}, 0, "upstream_unreachable: no"},
		{"the second one answers", 9 * time.Second, map[string]error{"[2001:db8::2]:25": nil},
			[]string{"192.0.2.1:25 3s", "[2001:db8::2]:25 3s"}, 6 * time.Second, ""},
		{"no limit", 0, map[string]error{"192.0.2.1:25": no, "[2001:db8::2]:25": no, "192.0.2.3:25": nil},
			[]string{"192.0.2.1:25 none", "[2001:db8::2]:25 none", "192.0.2.3:25 none"}, 0, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var got []string
				near, far := net.Pipe()
				defer near.Close()
				defer far.Close()
				d := &Dialer{Resolver: leadsTo("192.0.2.1", "2001:db8::2", "192.0.2.3"), Unbound: dialWith(func(ctx context.Context, network, address string) (net.Conn, error) {
					given := "none"
					if deadline, ok := ctx.Deadline(); ok {
						given = time.Until(deadline).String()
					}
					got = append(got, address+" "+given)
					if err, ok := tt.answer[address]; ok && err != nil {
						return nil, err
					} else if ok {
						return near, nil
					}
					return hang(ctx, network, address)
				})}
				conn, err := d.Dial(t.Context(), &Endpoint{Network: "tcp", Address: "server.example:25"}, Payload, tt.within)
				if text := errorText(err); text != tt.err {
					t.Errorf("dial = %q, want %q", text, tt.err)
				}
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("attempts (-want +got):\n%s", diff)
				}
				var deadline time.Time
				if tt.left > 0 {
					deadline = time.Now().Add(tt.left)
				}
				if conn != nil && !conn.Deadline.Equal(deadline) {
					t.Errorf("the deadline is %v, want %v", conn.Deadline, deadline)
				}
			})
		})
	}
}

// TestDialWaitsForTheName: looking a name up takes from the time for connecting, and one who has none left is told that
// the name is why.
func TestDialWaitsForTheName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer time.Sleep(time.Hour) // for what still runs behind the test
		names := &nameService{takes: 2 * time.Second}
		names.tell(nil, "192.0.2.1")
		d := &Dialer{Resolver: NewResolver(names), Unbound: dialWith(hang)}
		e := &Endpoint{Network: "tcp", Address: "server.example:25"}
		begun := time.Now()
		_, err := d.Dial(t.Context(), e, Payload, 5*time.Second)
		wantRefusal(t, err, policy.UpstreamTimeout)
		if took := time.Since(begun); took != 5*time.Second {
			t.Errorf("a name of 2s and a silent server took %v of 5s", took)
		}
		_, err = d.Dial(t.Context(), &Endpoint{Network: "tcp", Address: "other.example:25"}, Payload, time.Second)
		wantRefusal(t, err, policy.UpstreamUnresolved, "lookup other.example")
	})
}

// TestDialGivenUp: who does not want a connection any more does not try the other addresses.
func TestDialGivenUp(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	attempts := 0
	d := &Dialer{Resolver: leadsTo("192.0.2.1", "192.0.2.2"), Unbound: dialWith(func(ctx context.Context, network, address string) (net.Conn, error) {
		attempts++
		cancel()
		return hang(ctx, network, address)
	})}
	_, err := d.Dial(ctx, &Endpoint{Network: "tcp", Address: "server.example:25"}, Payload, longEnough)
	if !errors.Is(err, context.Canceled) || attempts != 1 {
		t.Errorf("%d attempts, and then %v", attempts, err)
	}
}
