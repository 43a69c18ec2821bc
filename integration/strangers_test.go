//go:build integration

package integration

import (
	"io"
	"net"
	"strings"
	"testing"
)

const strangersConfig = `
[limits]
handshake_timeout = "1s"
header_timeout    = "1s"

[[application]]
name = "echo"
certificate     = "${certificate}"
certificate_key = "${key}"
  [application.upstream]
  primary = "builtin:echo"
  [[application.port]]
  id     = "secure"
  listen = "${secure}"
  mode   = "secure"
  [[application.port]]
  id     = "either"
  listen = "${either}"
  mode   = "auto-detect"
  detect_timeout = "500ms"
  silent_client  = "refuse"
  [[application.port]]
  id     = "header"
  listen = "${header}"
  mode   = "plaintext"
  proxy_protocol = "require"
  proxy_trusted  = ["127.0.0.1/32"]
`

// hello is the begin of a genuine ClientHello: a record of 512 bytes, of which what follows the header is cut off.
const hello = "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"

// nonsense is a record that holds a whole ClientHello by its header, and nothing that makes sense behind it.
var nonsense = "\x16\x03\x01\x00\x2d\x01\x00\x00\x29\x03\x03" + strings.Repeat("\xff", 39)

// TestStrangers connects as those do who mean no good or do not know better. Each is refused with its own reason, and
// a well-behaved client beside them is served all the while.
func TestStrangers(t *testing.T) {
	ca := newAuthority(t, "CA")
	server := ca.server(t)
	at := vars{"certificate": server.certificate, "key": server.key, "secure": freeAddress(t), "either": freeAddress(t), "header": freeAddress(t)}
	s := startSallyport(t, expand(t, strangersConfig, at))
	tests := []struct {
		name   string
		port   string
		source string
		send   string
		leave  bool // the client ends its side; otherwise it waits for what comes
		reason string
	}{
		{name: "silence", port: "secure", reason: "handshake_timeout"},
		{name: "half a hello", port: "secure", send: hello, reason: "handshake_timeout"},
		{name: "half a hello and gone", port: "secure", send: hello, leave: true, reason: "handshake_closed"},
		{name: "gone at once", port: "secure", leave: true, reason: "handshake_closed"},
		{name: "plaintext", port: "secure", send: "GET / HTTP/1.0\r\n\r\n", reason: "not_tls"},
		{name: "SSLv2", port: "secure", send: "\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10", reason: "detect_sslv2"},
		{name: "hello that is nonsense", port: "secure", send: nonsense, reason: "handshake_failed"},

		{name: "silence", port: "either", reason: "silent_client"},
		{name: "gone at once", port: "either", leave: true, reason: "detect_closed"},
		{name: "one byte of a hello", port: "either", send: "\x16", reason: "detect_broken"},
		{name: "one byte of a hello and gone", port: "either", send: "\x16", leave: true, reason: "detect_closed"},
		{name: "half a hello", port: "either", send: hello, reason: "handshake_timeout"},
		{name: "record that holds no hello", port: "either", send: "\x16\x03\x01\x02\x00hello", reason: "detect_broken"},
		{name: "SSLv2", port: "either", send: "\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10", reason: "detect_sslv2"},
		{name: "hello that is nonsense", port: "either", send: nonsense, reason: "handshake_failed"},

		{name: "silence", port: "header", reason: "header_timeout"},
		{name: "half a header", port: "header", send: "PROXY TCP4 1.2", reason: "header_timeout"},
		{name: "no header", port: "header", send: "hello\r\n", reason: "header_missing"},
		{name: "broken header of version 1", port: "header", send: "PROXY TCP4 1.2.3 nonsense\r\n", reason: "header_invalid"},
		{name: "endless header of version 1", port: "header", send: "PROXY TCP4 " + strings.Repeat("1", 200), reason: "header_invalid"},
		{name: "broken header of version 2", port: "header", send: "\r\n\r\n\x00\r\nQUIT\n\x3f\x11\x00\x0c" + strings.Repeat("\x01", 12), reason: "header_invalid"},
		{name: "stranger with a good header", port: "header", source: "127.0.0.7", send: "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\nhello", reason: "header_untrusted"},
	}
	for _, test := range tests {
		t.Run(test.name+", "+test.port, func(t *testing.T) {
			conn, err := tryDial(t, at[test.port], test.source)
			want := fields{keyPort: test.port, keyPeer: "", keyVerdict: verdictDeny, keyReason: test.reason, keyUpstreamLocal: ""}
			if err != nil { // refused at once
				s.wantRecord(t, want)
				return
			}
			io.WriteString(conn, test.send)
			if test.leave {
				conn.CloseWrite()
			}
			serveMeanwhile(t, ca, at)
			if answer, _ := io.ReadAll(conn); strings.Contains(string(answer), "hello") {
				t.Errorf("the upstream was reached: %q", answer)
			}
			want[keySource] = conn.LocalAddr().String()
			s.wantRecord(t, want)
		})
	}
}

// serveMeanwhile is a client that behaves: on every port it is served.
func serveMeanwhile(t *testing.T, ca *authority, at vars) {
	t.Helper()
	for _, conn := range []net.Conn{ca.dialTLS(t, at["secure"], nil), ca.dialTLS(t, at["either"], nil), dial(t, at["either"], "")} {
		exchange(t, conn, "all is well\n")
		conn.Close()
	}
	behind := dial(t, at["header"], "")
	io.WriteString(behind, "PROXY TCP4 1.2.3.4 5.6.7.8 1000 2000\r\n")
	exchange(t, behind, "all is well\n")
	behind.Close()
}

// TestStrangersByTheDozen lets many silent clients hang, more than handshakes may run at once, and is served beside them.
func TestStrangersByTheDozen(t *testing.T) {
	ca := newAuthority(t, "CA")
	server := ca.server(t)
	at := vars{"certificate": server.certificate, "key": server.key, "secure": freeAddress(t), "either": freeAddress(t), "header": freeAddress(t)}
	s := startSallyport(t, expand(t, strings.ReplaceAll(strangersConfig, `"1s"`, `"20s"`), at))
	for range 50 {
		for _, port := range []string{"secure", "either"} {
			io.WriteString(dial(t, at[port], ""), hello)
		}
		dial(t, at["secure"], "")
		dial(t, at["header"], "")
	}
	serveMeanwhile(t, ca, at)
	for _, port := range []string{"secure", "either", "header"} {
		s.wantRecord(t, fields{keyPort: port, keyVerdict: verdictAllow, keyBytesIn: 12, keyBytesOut: 12})
	}
	for _, r := range s.sessions() {
		if r.text(keyVerdict) == verdictDeny {
			t.Errorf("a stranger was refused before its time, so it may not have been in the way: %v", r)
		}
	}
}
