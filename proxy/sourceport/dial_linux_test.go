package sourceport

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sallyport/policy"
)

// patience is how long something may take that happens at once where the machine has nothing else to do.
const patience = 30 * time.Second

// families are hosts of both families to connect from and to. The IPv4 one is nobody else's source.
var families = []struct {
	name   string
	host   netip.Addr
	absent netip.Addr // not on this host
}{
	{"IPv4", netip.MustParseAddr("127.83.2.5"), netip.MustParseAddr("192.0.2.5")},
	{"IPv6", netip.IPv6Loopback(), netip.MustParseAddr("2001:db8::5")},
}

// server accepts connections and lets each handle end one.
func server(t *testing.T, host netip.Addr, handle func(*net.TCPConn)) netip.AddrPort {
	l, err := net.Listen("tcp", netip.AddrPortFrom(host, 0).String())
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	group.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			group.Go(func() { handle(conn.(*net.TCPConn)) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		group.Wait()
	})
	return addrPort(l)
}

// untilEnd reads until the client ends, and closes.
func untilEnd(conn *net.TCPConn) {
	io.Copy(io.Discard, conn)
	conn.Close()
}

// TestBackToBack: one port serves thousands of connections one after the other, whoever closes first and however.
func TestBackToBack(t *testing.T) {
	ends := []struct {
		name   string
		server func(*net.TCPConn)
		client func(*net.TCPConn)
	}{
		{"client closes first", untilEnd, func(c *net.TCPConn) { c.Close() }},
		{"server closes first", func(c *net.TCPConn) { c.Close() }, untilEnd},
		{"client ends its stream first", untilEnd, func(c *net.TCPConn) { c.CloseWrite(); untilEnd(c) }},
		{"client resets", untilEnd, func(c *net.TCPConn) { abort(c) }},
		// Not before the client is sure to have been connected.
		{"server resets", func(c *net.TCPConn) { c.Read(make([]byte, 1)); abort(c) }, func(c *net.TCPConn) { c.Write([]byte{0}); untilEnd(c) }},
	}
	connections := 2000
	if testing.Short() {
		connections = 200
	}
	for _, family := range families {
		for i, end := range ends {
			t.Run(family.name+" "+end.name, func(t *testing.T) {
				p := New()
				port := uint16(21000 + i)
				r := Request{Source: family.host, Ports: ports(port, port), Destination: server(t, family.host, end.server), Wait: patience}
				for range connections {
					conn, lease, _, err := p.Dial(t.Context(), r, patience, nil)
					if err != nil {
						t.Fatalf("%v; failures %v", err, p.Failures())
					}
					if got := conn.LocalAddr().(*net.TCPAddr).AddrPort(); got != lease.Tuple().Source || got.Port() != port {
						t.Fatalf("connected from %s, leased %s", got, lease.Tuple())
					}
					end.client(conn.(*net.TCPConn))
					lease.Release()
				}
				if n := p.Failures()[policy.SourceTaken]; n > 0 {
					t.Errorf("the port was refused at bind %d times: SO_REUSEADDR does not work", n)
				}
			})
		}
	}
}

// TestKernel: what the kernel says in each case that there is, and what comes of it.
func TestKernel(t *testing.T) {
	const port = 21100
	tests := []struct {
		name    string
		prepare func(t *testing.T, r *Request)
		reason  policy.Reason
		err     error
		text    string
	}{
		{"another program listens on the port", func(t *testing.T, r *Request) {
			occupy(t, netip.AddrPortFrom(r.Source, port))
		}, policy.SourceTaken, syscall.EADDRINUSE, "another program has source port 21100"},
		{"another program is connected from the port", func(t *testing.T, r *Request) {
			other := &net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(r.Source, port))}
			conn, err := other.Dial("tcp", server(t, r.Source, untilEnd).String())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { abort(conn) })
		}, policy.SourceTaken, syscall.EADDRINUSE, "net.ipv4.ip_local_reserved_ports"},
		{"another program has the tuple", func(t *testing.T, r *Request) {
			conn, _, _, err := New().Dial(t.Context(), *r, patience, nil)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { abort(conn) })
		}, policy.SourceInUse, syscall.EADDRNOTAVAIL, "still has a connection"},
		{"another program has the port towards another destination", func(t *testing.T, r *Request) {
			elsewhere := *r
			elsewhere.Destination = server(t, r.Source, untilEnd)
			conn, _, _, err := New().Dial(t.Context(), elsewhere, patience, nil)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { abort(conn) })
		}, "", nil, ""},
		{"not an address of this host", func(t *testing.T, r *Request) {
			r.Source = families[0].absent
			if r.Destination.Addr().Is6() {
				r.Source = families[1].absent
			}
		}, policy.SourceAbsent, syscall.EADDRNOTAVAIL, "is not an address of this host"},
		{"privileged", func(t *testing.T, r *Request) {
			r.Ports = ports(unprivileged(t)-1, unprivileged(t)-1)
		}, policy.SourcePrivileged, syscall.EACCES, "may not bind"},
		{"nobody listens", func(t *testing.T, r *Request) {
			l, err := net.Listen("tcp", netip.AddrPortFrom(r.Source, 0).String())
			if err != nil {
				t.Fatal(err)
			}
			r.Destination = addrPort(l)
			l.Close()
		}, "", syscall.ECONNREFUSED, "connection refused"},
		{"nobody listens on the port itself", func(t *testing.T, r *Request) {
			r.Destination = netip.AddrPortFrom(r.Source, port)
		}, "", syscall.ECONNREFUSED, "connection refused"},
		{"nobody answers", func(t *testing.T, r *Request) { r.Destination = silent(t, r.Source) }, "", os.ErrDeadlineExceeded, "timeout"},
	}
	for _, family := range families {
		for _, test := range tests {
			t.Run(family.name+" "+test.name, func(t *testing.T) {
				r := Request{Source: family.host, Ports: ports(port, port), Destination: server(t, family.host, untilEnd)}
				test.prepare(t, &r)
				p := New()
				within := patience
				if test.err == os.ErrDeadlineExceeded {
					within = 50 * time.Millisecond
				}
				conn, lease, err := dialUnprivileged(t, p, r, within)
				if test.reason == "" && test.err == nil && err == nil {
					abort(conn)
					lease.Release()
					return
				}
				if err == nil || policy.ReasonOf(err, "") != test.reason || !strings.Contains(err.Error(), test.text) || !isError(err, test.err) {
					t.Fatalf("reason %q: %v; want %q: %v, %s", policy.ReasonOf(err, ""), err, test.reason, test.err, test.text)
				}
				if use := p.Stats()[0]; use.Leased > 0 {
					t.Errorf("leased still: %+v", use)
				}
			})
		}
	}
}

// isError reports whether err is one of net's many faces of a time-out, or wraps want.
func isError(err, want error) bool {
	if timeout, ok := errors.AsType[net.Error](err); ok && want == os.ErrDeadlineExceeded {
		return timeout.Timeout()
	}
	return errors.Is(err, want)
}

// abort closes without leaving anything behind in the kernel.
func abort(conn net.Conn) {
	conn.(*net.TCPConn).SetLinger(0)
	conn.Close()
}

// occupy listens on a port as other programs do.
func occupy(t *testing.T, at netip.AddrPort) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", at.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// unprivileged is the first port that takes no privilege.
func unprivileged(t *testing.T) uint16 {
	text, err := os.ReadFile("/proc/sys/net/ipv4/ip_unprivileged_port_start")
	if err != nil {
		t.Fatal(err)
	}
	first := uint16(0)
	for _, digit := range strings.TrimSpace(string(text)) {
		first = 10*first + uint16(digit-'0')
	}
	if first < 2 {
		t.Skip("no port takes a privilege on this host")
	}
	return first
}

// dialUnprivileged dials on a thread without capabilities, which ends with it.
func dialUnprivileged(t *testing.T, p *Pool, r Request, within time.Duration) (conn net.Conn, lease *Lease, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked: the thread is of no use to others
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var none [2]unix.CapUserData
		if err = unix.Capset(&header, &none[0]); err != nil {
			return
		}
		conn, lease, _, err = p.Dial(t.Context(), r, within, nil)
	}()
	<-done
	return conn, lease, err
}

// silent returns where the kernel answers no connection: its queue is full and nobody accepts.
func silent(t *testing.T, host netip.Addr) netip.AddrPort {
	l := occupy(t, netip.AddrPortFrom(host, 0)).(*net.TCPListener)
	raw, err := l.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	raw.Control(func(fd uintptr) { err = unix.Listen(int(fd), 0) })
	if err != nil {
		t.Fatal(err)
	}
	for {
		conn, err := net.DialTimeout("tcp", l.Addr().String(), 200*time.Millisecond)
		if err != nil {
			return addrPort(l)
		}
		t.Cleanup(func() { conn.Close() })
	}
}

// TestTakenPortComesFree: who waits for a port that another program has gets it once that is done.
func TestTakenPortComesFree(t *testing.T) {
	for _, family := range families {
		t.Run(family.name, func(t *testing.T) {
			p := New()
			r := Request{Source: family.host, Ports: ports(21200, 21200), Destination: server(t, family.host, untilEnd), Wait: patience}
			thief := occupy(t, netip.AddrPortFrom(family.host, 21200))
			result := make(chan error)
			go func() {
				conn, lease, _, err := p.Dial(t.Context(), r, patience, nil)
				if err == nil {
					abort(conn)
					lease.Release()
				}
				result <- err
			}()
			for deadline := time.Now().Add(patience); p.Failures()[policy.SourceTaken] < 3; runtime.Gosched() {
				if time.Now().After(deadline) {
					t.Fatal("the port is not tried")
				}
			}
			thief.Close()
			if err := <-result; err != nil {
				t.Error(err)
			}
		})
	}
}

// TestTwoProcesses: two pools that know nothing of each other share one port, the kernel between them.
func TestTwoProcesses(t *testing.T) {
	for _, family := range families {
		t.Run(family.name, func(t *testing.T) {
			r := Request{Source: family.host, Ports: ports(21210, 21210), Destination: server(t, family.host, untilEnd), Wait: patience}
			var group sync.WaitGroup
			for range 2 {
				p := New()
				for range 2 {
					group.Go(func() {
						for range 20 {
							conn, lease, _, err := p.Dial(t.Context(), r, patience, nil)
							if err != nil {
								t.Error(err)
								return
							}
							abort(conn)
							lease.Release()
						}
					})
				}
			}
			group.Wait()
		})
	}
}

// TestRangeOfSockets: both ends of a range are bound and nothing beyond.
func TestRangeOfSockets(t *testing.T) {
	for _, family := range families {
		t.Run(family.name, func(t *testing.T) {
			p := New()
			r := Request{Source: family.host, Ports: ports(21221, 21223), Destination: server(t, family.host, untilEnd)}
			for want := uint16(21221); want <= 21223; want++ {
				conn, _, _, err := p.Dial(t.Context(), r, patience, nil)
				if err != nil {
					t.Fatal(err)
				}
				defer abort(conn)
				if got := conn.LocalAddr().(*net.TCPAddr).Port; got != int(want) {
					t.Errorf("port %d, want %d", got, want)
				}
			}
			if conn, _, _, err := p.Dial(t.Context(), r, patience, nil); policy.ReasonOf(err, "") != policy.SourceExhausted {
				t.Errorf("one more: %v, %v", conn, err)
			}
		})
	}
}

// TestSocketOptions: what the dialled socket is.
func TestSocketOptions(t *testing.T) {
	for _, family := range families {
		t.Run(family.name, func(t *testing.T) {
			r := Request{Source: family.host, Ports: ports(21230, 21230), Destination: server(t, family.host, untilEnd), Wait: patience}
			template := &net.Dialer{}
			template.SetMultipathTCP(true)
			conn, _, deadline, err := New().Dial(t.Context(), r, patience, template)
			if err != nil {
				t.Fatal(err)
			}
			defer abort(conn)
			if left := time.Until(deadline); left <= 0 || left > patience {
				t.Errorf("deadline in %s", left)
			}
			raw, err := conn.(*net.TCPConn).SyscallConn()
			if err != nil {
				t.Fatal(err)
			}
			raw.Control(func(fd uintptr) {
				for _, option := range []struct {
					name      string
					key, want int
				}{
					{"SO_REUSEADDR", unix.SO_REUSEADDR, 1},
					{"SO_REUSEPORT", unix.SO_REUSEPORT, 0},
					{"SO_PROTOCOL", unix.SO_PROTOCOL, unix.IPPROTO_TCP},
				} {
					if got, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, option.key); got != option.want {
						t.Errorf("%s is %d, want %d (%v)", option.name, got, option.want, err)
					}
				}
			})
		})
	}
}
