//go:build integration

package integration

import (
	"net"
	"testing"
)

const sourcePortConfig = `
[[application]]
name = "echo"
certificate     = "${certificate}"
certificate_key = "${key}"
  [application.upstream]
  primary = "builtin:echo"
  [[application.port]]
  id     = "four"
  listen = "127.0.0.1:${four}"
  mode   = "plaintext"
  [[application.port]]
  id     = "six"
  listen = "[::1]:${six}"
  mode   = "plaintext"
  [[application.port]]
  id     = "dual"
  listen = "[::]:${dual}"
  mode   = "plaintext"
  [[application.port]]
  id     = "secure"
  listen = "127.0.0.1:${secure}"
  mode   = "secure"
`

const sourcePortPolicy = `
[[client]]
name = "pinned"
addresses = ["127.0.0.21"]
ports = ["20001-20004", "20011"]

[[client]]
name = "pinned-six"
addresses = ["::1"]
ports = ["20001-20004"]

[[allow]]
id = "pinned-to-echo"
from = ["pinned", "pinned-six"]
to = ["echo/*"]
tls = "any"
owner = "test"
`

// TestSourcePorts connects from real source ports: the definition of a client holds at both ends of its range, and
// nowhere beyond.
func TestSourcePorts(t *testing.T) {
	ca := newAuthority(t, "CA")
	server := ca.server(t)
	at := vars{"certificate": server.certificate, "key": server.key}
	for _, id := range []string{"four", "six", "dual", "secure"} {
		at[id] = portOf(t, freeAddress(t))
	}
	s := startPoliced(t, expand(t, sourcePortConfig, at), sourcePortPolicy)
	const four, six = "127.0.0.1:", "[::1]:"
	tests := []struct {
		name, host, port, source string
		refused                  string // reason code; empty for allowed
	}{
		{"first port of the range", four, "four", "127.0.0.21:20001", ""},
		{"last port of the range", four, "four", "127.0.0.21:20004", ""},
		{"single port", four, "four", "127.0.0.21:20011", ""},
		{"one below the range", four, "four", "127.0.0.21:20000", "source_port_mismatch"},
		{"one above the range", four, "four", "127.0.0.21:20005", "source_port_mismatch"},
		{"one below the single port", four, "four", "127.0.0.21:20010", "source_port_mismatch"},
		{"one above the single port", four, "four", "127.0.0.21:20012", "source_port_mismatch"},
		{"another address with the right port", four, "four", "127.0.0.22:20001", "no_rule"},

		{"IPv6, first port", six, "six", "[::1]:20001", ""},
		{"IPv6, last port", six, "six", "[::1]:20004", ""},
		{"IPv6, one below", six, "six", "[::1]:20000", "source_port_mismatch"},
		{"IPv6, one above", six, "six", "[::1]:20005", "source_port_mismatch"},

		{"IPv4 on a dual-stack port", four, "dual", "127.0.0.21:20001", ""},
		{"IPv4 on a dual-stack port, wrong port", four, "dual", "127.0.0.21:20005", "source_port_mismatch"},
		{"IPv4 on a dual-stack port, wrong address", four, "dual", "127.0.0.22:20001", "no_rule"},
		{"IPv6 on a dual-stack port", six, "dual", "[::1]:20001", ""},
		{"IPv6 on a dual-stack port, wrong port", six, "dual", "[::1]:20005", "source_port_mismatch"},

		{"TLS", four, "secure", "127.0.0.21:20001", ""},
		{"TLS, wrong port", four, "secure", "127.0.0.21:20005", "source_port_mismatch"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			conn := dialFrom(t, test.host+at[test.port], test.source)
			want := fields{keyPort: test.port, keySource: test.source, keyPeer: ""}
			if test.refused == "" {
				if test.port == "secure" {
					conn = ca.overTLS(conn, nil)
				}
				wantServed(t, conn)
				want[keyVerdict], want[keyRule], want[keyReason] = verdictAllow, "pinned-to-echo", "allowed"
				s.wantRecord(t, want)
				return
			}
			wantRefused(t, conn)
			want[keyVerdict], want[keyReason], want[keyCloseReason] = verdictDeny, test.refused, test.refused
			want[keyRule], want[keyNearest], want[keyUpstreamLocal] = "", "pinned-to-echo", ""
			want[keyFailed], want[keyHint] = "address", ""
			if test.refused == "source_port_mismatch" {
				want[keyFailed], want[keyHint] = "source port", "address translation on the way?"
			}
			r := s.wantRecord(t, want)
			if test.port == "secure" && r.text("handshake_ms") != "" {
				t.Errorf("a handshake was paid for: %v", r)
			}
		})
	}
}

// A client that comes back from its one source port is served each time, however its connection before ended.
func TestSourcePortAgain(t *testing.T) {
	four := freeAddress(t)
	s := startPoliced(t, `
[[application]]
name = "echo"
  [application.upstream]
  primary = "builtin:echo"
  [[application.port]]
  id     = "four"
  listen = "`+four+`"
  mode   = "plaintext"
`, `
[[client]]
name = "pinned"
addresses = ["127.0.0.21"]
ports = ["20001"]

[[allow]]
id = "pinned-to-echo"
from = ["pinned"]
to = ["echo/four"]
tls = "plaintext"
max_connections = 1
owner = "test"
`)
	for range 5 {
		wantServed(t, dialFrom(t, four, "127.0.0.21:20001"))
		s.wantRecord(t, fields{keyVerdict: verdictAllow, keyCloseReason: "end_of_stream"})
		lost := dialFrom(t, four, "127.0.0.21:20001")
		exchange(t, lost, "hello\n")
		lost.(*net.TCPConn).SetLinger(0)
		lost.Close()
		s.wantRecord(t, fields{keyVerdict: verdictAllow, keyCloseReason: "reset"})
	}
}
