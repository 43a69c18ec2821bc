//go:build integration

package integration

import (
	"io"
	"net"
	"net/netip"
	"strconv"
	"testing"

	proxyproto "github.com/pires/go-proxyproto"
)

const claimedConfig = `
[limits]
header_timeout = "1s"

[[application]]
name = "echo"
certificate     = "${certificate}"
certificate_key = "${key}"
  [application.upstream]
  primary = "builtin:echo"
  [[application.port]]
  id     = "behind"
  listen = "${behind}"
  mode   = "plaintext"
  proxy_protocol = "require"
  proxy_trusted  = ["127.0.0.1/32"]
  [[application.port]]
  id     = "either"
  listen = "${either}"
  mode   = "auto-detect"
  proxy_protocol = "require"
  proxy_trusted  = ["127.0.0.1/32"]
  [[application.port]]
  id     = "direct"
  listen = "${direct}"
  mode   = "auto-detect"
  [[application.port]]
  id     = "secure"
  listen = "${secure}"
  mode   = "secure"
`

// The pinned client is behind the balancer; 127.0.0.26 may come directly.
const claimedPolicy = `
[[client]]
name = "pinned"
addresses = ["192.0.2.5", "2001:db8:2::5", "127.0.0.25"]
ports = ["20001-20004"]

[[allow]]
id = "pinned-behind-balancer"
from = ["pinned"]
to = ["echo/behind", "echo/either"]
tls = "any"
owner = "test"

[[allow]]
id = "direct"
from = ["127.0.0.26"]
to = ["echo/direct", "echo/secure"]
tls = "any"
owner = "test"
`

func startClaimed(t *testing.T, ca *authority) (*sallyport, vars) {
	t.Helper()
	server := ca.server(t)
	at := vars{"certificate": server.certificate, "key": server.key}
	for _, id := range []string{"behind", "either", "direct", "secure"} {
		at[id] = freeAddress(t)
	}
	return startPoliced(t, expand(t, claimedConfig, at), claimedPolicy), at
}

// headerV1 claims a source in a PROXY header of version 1.
func headerV1(source string) string {
	from := netip.MustParseAddrPort(source)
	family, to := "TCP4", "192.0.2.1"
	if from.Addr().Is6() {
		family, to = "TCP6", "2001:db8::1"
	}
	return "PROXY " + family + " " + from.Addr().String() + " " + to + " " + strconv.Itoa(int(from.Port())) + " 2021\r\n"
}

// headerV2 claims the same in version 2; an IPv4-mapped address stays one.
func headerV2(source string) string {
	from := netip.MustParseAddrPort(source)
	h := proxyproto.Header{
		Version: 2, Command: proxyproto.PROXY, TransportProtocol: proxyproto.TCPv4,
		SourceAddr: net.TCPAddrFromAddrPort(from), DestinationAddr: &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 2021},
	}
	if from.Addr().Is6() {
		h.TransportProtocol, h.DestinationAddr = proxyproto.TCPv6, &net.TCPAddr{IP: net.ParseIP("2001:db8::1"), Port: 2021}
	}
	header, err := h.Format()
	if err != nil {
		panic(err) // a mistake in the test
	}
	return string(header)
}

// TestClaimedSource sends PROXY headers that claim what they like. Only those of a trusted sender count, and what they
// claim is held to the rules.
func TestClaimedSource(t *testing.T) {
	s, at := startClaimed(t, newAuthority(t, "CA"))
	const trusted, stranger = "127.0.0.1", "127.0.0.7"
	tests := []struct {
		name, sender, header string
		source               string // that the rules saw; empty for the sender's own
		reason               string // empty for allowed
	}{
		{"version 1", trusted, headerV1("192.0.2.5:20001"), "192.0.2.5:20001", ""},
		{"version 2", trusted, headerV2("192.0.2.5:20004"), "192.0.2.5:20004", ""},
		{"IPv6, version 1", trusted, headerV1("[2001:db8:2::5]:20001"), "[2001:db8:2::5]:20001", ""},
		{"IPv6, version 2", trusted, headerV2("[2001:db8:2::5]:20001"), "[2001:db8:2::5]:20001", ""},
		{"IPv4-mapped, version 1", trusted, headerV1("[::ffff:192.0.2.5]:20002"), "192.0.2.5:20002", ""},
		{"IPv4-mapped, version 2", trusted, headerV2("[::ffff:192.0.2.5]:20003"), "192.0.2.5:20003", ""},
		{"wrong port", trusted, headerV1("192.0.2.5:20005"), "192.0.2.5:20005", "source_port_mismatch"},
		{"wrong port, version 2", trusted, headerV2("192.0.2.5:20000"), "192.0.2.5:20000", "source_port_mismatch"},
		{"wrong address", trusted, headerV2("192.0.2.6:20001"), "192.0.2.6:20001", "no_rule"},
		{"nobody, whom the balancer itself asks for", trusted, "PROXY UNKNOWN\r\n", "", "no_rule"},
		{"plain client of a trusted address", trusted, "", "", "header_missing"},

		{"untrusted, version 1", stranger, headerV1("192.0.2.5:20001"), "", "header_untrusted"},
		{"untrusted, version 2", stranger, headerV2("192.0.2.5:20001"), "", "header_untrusted"},
		{"untrusted, claims to be trusted", stranger, headerV1("127.0.0.1:20001"), "", "header_untrusted"},
		{"untrusted, no header", stranger, "", "", "header_untrusted"},
		{"the pinned client itself, untrusted", "127.0.0.25", "", "", "header_untrusted"},
	}
	for _, test := range tests {
		for _, port := range []string{"behind", "either"} {
			t.Run(test.name+", "+port, func(t *testing.T) {
				conn, err := tryDial(t, at[port], test.sender)
				if err != nil { // refused at once, and the sender's port is not known
					s.wantRecord(t, fields{keyPort: port, keyVerdict: verdictDeny, keyReason: test.reason, keySource: containing(test.sender)})
					return
				}
				io.WriteString(conn, test.header)
				want := fields{keyPort: port, keySource: test.source, keyPeer: conn.LocalAddr().String()}
				if test.source == "" {
					want[keySource], want[keyPeer] = conn.LocalAddr().String(), ""
				}
				if test.reason == "" {
					wantServed(t, conn)
					want[keyVerdict], want[keyRule] = verdictAllow, "pinned-behind-balancer"
				} else {
					wantRefused(t, conn)
					want[keyVerdict], want[keyReason], want[keyUpstreamLocal] = verdictDeny, test.reason, ""
				}
				s.wantRecord(t, want)
			})
		}
	}
}

// TestHeaderThatIsPayload sends PROXY headers where none is read: they come back from the echo, and the source stays what it is.
func TestHeaderThatIsPayload(t *testing.T) {
	ca := newAuthority(t, "CA")
	s, at := startClaimed(t, ca)
	const source = "127.0.0.26"
	inTLS := func(conn net.Conn) net.Conn { return ca.overTLS(conn, nil) }
	bare := func(conn net.Conn) net.Conn { return conn }
	for _, header := range []string{headerV1("192.0.2.5:20001"), headerV2("192.0.2.5:20001")} {
		for _, test := range []struct {
			name, port string
			wrap       func(net.Conn) net.Conn
		}{
			{"a port that reads none", "direct", bare},
			{"inside TLS", "secure", inTLS},
			{"inside TLS that was detected", "direct", inTLS},
		} {
			t.Run(test.name, func(t *testing.T) {
				conn := test.wrap(dial(t, at[test.port], source))
				exchange(t, conn, header)
				from := conn.LocalAddr().String()
				conn.Close()
				s.wantRecord(t, fields{keyPort: test.port, keyVerdict: verdictAllow, keyRule: "direct", keySource: from, keyPeer: "", keyBytesIn: len(header)})
			})
		}
		t.Run("a second header", func(t *testing.T) {
			conn := dial(t, at["behind"], "127.0.0.1")
			io.WriteString(conn, headerV1("192.0.2.5:20002"))
			exchange(t, conn, header)
			conn.Close()
			s.wantRecord(t, fields{keyPort: "behind", keyVerdict: verdictAllow, keySource: "192.0.2.5:20002", keyBytesIn: len(header)})
		})
		t.Run("where TLS is demanded", func(t *testing.T) {
			conn := dial(t, at["secure"], source)
			io.WriteString(conn, header)
			conn.CloseWrite()
			if answer, _ := io.ReadAll(conn); len(answer) > 0 && answer[0] != 0x15 { // an alert is no answer
				t.Errorf("%q came back", answer)
			}
			s.wantRecord(t, fields{keyPort: "secure", keyVerdict: verdictDeny, keyReason: "not_tls", keySource: conn.LocalAddr().String()})
		})
	}
}

// TestSuperseded lets a client come back behind its balancer while its old connection looks alive: the new one is the
// client's, the old one ends.
func TestSuperseded(t *testing.T) {
	s, at := startClaimed(t, newAuthority(t, "CA"))
	claim := func(port, header string) net.Conn {
		conn := dial(t, at[port], "127.0.0.1")
		io.WriteString(conn, header)
		exchange(t, conn, "hello\n")
		return conn
	}
	const source, other = "192.0.2.5:20001", "192.0.2.5:20002"
	bystander, elsewhere := claim("behind", headerV1(other)), claim("either", headerV1(source))
	old := claim("behind", headerV1(source))
	again := claim("behind", headerV2(source))
	if _, err := io.ReadAll(old); err == nil {
		t.Error("the old connection ended as if all were well")
	}
	s.wantRecord(t, fields{keyPort: "behind", keySource: source, keyVerdict: verdictAllow, keyClosedBy: "sallyport", keyCloseReason: "superseded", keyBytesIn: 6})
	for _, conn := range []net.Conn{bystander, elsewhere, again} {
		exchange(t, conn, "still here\n")
	}
	for _, conn := range []net.Conn{bystander, elsewhere, again} {
		conn.Close()
		s.wantRecord(t, fields{keyVerdict: verdictAllow, keyCloseReason: "end_of_stream", keyBytesIn: 17})
	}

	// Who may not pass ends nobody's session.
	kept := claim("behind", headerV1(source))
	if spoof, err := tryDial(t, at["behind"], "127.0.0.7"); err == nil {
		io.WriteString(spoof, headerV1(source))
		wantRefused(t, spoof)
	}
	exchange(t, kept, "still here\n")
}

// TestHAProxyAndSourcePorts connects from real source ports through HAProxy, which keeps them only in its header.
func TestHAProxyAndSourcePorts(t *testing.T) {
	ca := newAuthority(t, "CA")
	s, at := startClaimed(t, ca)
	for _, version := range []string{"send-proxy", "send-proxy-v2"} {
		for _, port := range []string{"behind", "either"} {
			t.Run(version+", "+port, func(t *testing.T) {
				front := freeAddress(t)
				startHAProxy(t, front, "listen l\n  mode tcp\n  retries 0\n  bind "+front+"\n  server s "+at[port]+" "+version+"\n")
				pinned := dialFrom(t, front, "127.0.0.25:20001")
				if port == "either" {
					pinned = ca.overTLS(pinned, nil)
				}
				exchange(t, pinned, "hello\n")
				wantRefused(t, dialFrom(t, front, "127.0.0.25:20005"))
				s.wantRecord(t, fields{keyPort: port, keySource: "127.0.0.25:20005", keyVerdict: verdictDeny, keyReason: "source_port_mismatch", keyPeer: containing("127.0.0.1:")})
				wantRefused(t, dialFrom(t, front, "127.0.0.24:20001"))
				s.wantRecord(t, fields{keyPort: port, keySource: "127.0.0.24:20001", keyVerdict: verdictDeny, keyReason: "no_rule"})
				wantServed(t, pinned)
				s.wantRecord(t, fields{keyPort: port, keySource: "127.0.0.25:20001", keyVerdict: verdictAllow, keyRule: "pinned-behind-balancer", keyBytesIn: 12})
			})
		}
	}
}
