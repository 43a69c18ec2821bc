package upstream

import (
	"context"
	"net"
	"net/netip"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"sallyport/policy"
)

// remote returns the address that a server sees, of a client that has just connected.
func remote(t *testing.T, conn *Conn) netip.AddrPort {
	t.Helper()
	return netip.MustParseAddrPort(conn.LocalAddr().String())
}

// TestDialFromAddress: connections have the source's address, each a port of its own, and the options of the template.
func TestDialFromAddress(t *testing.T) {
	for _, tt := range []struct{ name, listen, source string }{
		{"IPv4", "127.0.0.1:0", "127.0.0.2"},
		{"IPv4 in IPv6", "127.0.0.1:0", "::ffff:127.0.0.3"},
		{"IPv6", "[::1]:0", "::1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			seen := make(chan string, 2)
			e := serveAt(t, "tcp", tt.listen, func(conn net.Conn) { seen <- conn.RemoteAddr().String() })
			e.Source = &Source{Addresses: addresses(tt.source)}
			d := newDialer()
			var late int
			d.Net.Control = func(_, _ string, raw syscall.RawConn) error {
				return raw.Control(func(fd uintptr) { late, _ = unix.GetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT) })
			}
			for _, purpose := range []Purpose{Payload, Check} {
				conn, err := d.Dial(t.Context(), e, purpose, longEnough)
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				if late != 1 {
					t.Error("the port is chosen at bind, or the template's Control was not asked")
				}
				if got := remote(t, conn); got.Addr() != netip.MustParseAddr(tt.source).Unmap() || got.String() != <-seen {
					t.Errorf("the connection comes from %s", got)
				}
				if conn.Lease != nil {
					t.Error("a source port is leased")
				}
			}
		})
	}
}

// TestDialControlContext: of a template with both, only the one with a context is asked, as net.Dialer does.
func TestDialControlContext(t *testing.T) {
	e := serve(t, silence)
	e.Source = &Source{Addresses: addresses("127.0.0.2")}
	d := newDialer()
	asked := 0
	d.Net.Control = func(string, string, syscall.RawConn) error { t.Error("Control was asked"); return nil }
	d.Net.ControlContext = func(context.Context, string, string, syscall.RawConn) error { asked++; return nil }
	conn, err := d.Dial(t.Context(), e, Payload, longEnough)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	if asked != 1 || d.Net.LocalAddr != nil {
		t.Errorf("asked %d times; the template's address is %v", asked, d.Net.LocalAddr)
	}
}

func TestDialFromAbsentAddress(t *testing.T) {
	e := serve(t, silence)
	e.Source = &Source{Addresses: addresses("192.0.2.1")}
	_, err := newDialer().Dial(t.Context(), e, Payload, longEnough)
	wantRefusal(t, err, policy.SourceAbsent, "not an address of this host", "192.0.2.1")
}

// TestDialEphemeralPorts: one ephemeral port serves for a connection to each destination, and for one more it is told
// that there is none.
func TestDialEphemeralPorts(t *testing.T) {
	first, second := serve(t, silence), serve(t, silence)
	source := &Source{Addresses: addresses("127.0.0.2")}
	first.Source, second.Source = source, source
	d := newDialer()
	conn := dialFromOnePort(t, d, first)
	defer conn.Close()

	_, err := d.Dial(t.Context(), first, Payload, longEnough)
	wantRefusal(t, err, policy.SourceExhausted, "net.ipv4.ip_local_port_range")
	other, err := d.Dial(t.Context(), second, Payload, longEnough)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if got, want := remote(t, other), remote(t, conn); got != want {
		t.Errorf("the connection to another destination comes from %s and not from %s", got, want)
	}
}

// dialFromOnePort connects with a dialer that then has a single ephemeral port, one that nobody else has.
func dialFromOnePort(t *testing.T, d *Dialer, e *Endpoint) *Conn {
	t.Helper()
	conn, err := d.Dial(t.Context(), e, Payload, longEnough)
	if err != nil {
		t.Fatal(err)
	}
	port := int(remote(t, conn).Port())
	d.Net.Control = func(_, _ string, raw syscall.RawConn) (err error) {
		raw.Control(func(fd uintptr) {
			err = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_LOCAL_PORT_RANGE, port<<16|port)
		})
		return err
	}
	return conn
}
