//go:build integration

package integration

import (
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

const serverFirstConfig = `
[[application]]
name = "mail"
certificate     = "${certificate}"
certificate_key = "${key}"
trusted_ca      = "${ca}"
  [application.upstream]
  primary = "${upstream}"
  [[application.port]]
  id     = "plain"
  listen = "${plain}"
  mode   = "plaintext"
  [[application.port]]
  id     = "secure"
  listen = "${secure}"
  mode   = "secure"
  client_auth = "request"
  [[application.port]]
  id     = "either"
  listen = "${either}"
  mode   = "auto-detect"
  client_auth = "request"
  detect_timeout = "50ms"
`

// 127.0.0.31 may do everything, 127.0.0.32 only what it proves an identity for, 127.0.0.34 only what it encrypts, 127.0.0.33
// nothing.
const serverFirstPolicy = `
[[client]]
name = "postmaster"
addresses = ["127.0.0.32"]
identities = ["cn:postmaster"]

[[allow]]
id = "open"
from = ["127.0.0.31"]
to = ["mail/*"]
tls = "any"
owner = "test"

[[allow]]
id = "proven"
from = ["postmaster"]
to = ["mail/secure", "mail/either"]
tls = "required"
owner = "test"

[[allow]]
id = "encrypted"
from = ["127.0.0.34"]
to = ["mail/secure", "mail/either"]
tls = "required"
owner = "test"
`

// TestServerFirst denies clients of servers that speak first, early and finally: not a byte of the banner reaches them,
// and no connection reaches the server.
func TestServerFirst(t *testing.T) {
	const banner = "220 mail.example.com ESMTP\r\n"
	var arrived atomic.Int64
	ca := newAuthority(t, "CA")
	server, right, wrong := ca.server(t), ca.client(t, "postmaster"), ca.client(t, "somebody")
	at := vars{"certificate": server.certificate, "key": server.key, "ca": ca.file, "plain": freeAddress(t), "secure": freeAddress(t), "either": freeAddress(t)}
	at["upstream"] = serve(t, func(conn *net.TCPConn) {
		arrived.Add(1)
		io.WriteString(conn, banner)
		io.Copy(io.Discard, conn)
	})
	s := startPoliced(t, expand(t, serverFirstConfig, at), serverFirstPolicy)
	const open, proven, nobody, encrypted = "127.0.0.31", "127.0.0.32", "127.0.0.33", "127.0.0.34"
	tests := []struct {
		name, port, source string
		tls                bool
		certificate        *pair
		reason             string // empty for allowed
	}{
		{"allowed", "plain", open, false, nil, ""},
		{"allowed", "secure", open, true, nil, ""},
		{"allowed", "either", open, false, nil, ""},
		{"allowed in TLS", "either", open, true, nil, ""},
		{"allowed by identity", "secure", proven, true, &right, ""},
		{"allowed by identity", "either", proven, true, &right, ""},

		{"denied early", "plain", nobody, false, nil, "no_rule"},
		{"denied early", "secure", nobody, true, &right, "no_rule"},
		{"denied early", "either", nobody, false, nil, "no_rule"},
		{"denied early in TLS", "either", nobody, true, &right, "no_rule"},
		{"denied early, rules are for other ports", "plain", proven, false, nil, "no_rule"},

		{"denied finally, another identity", "secure", proven, true, &wrong, "identity_mismatch"},
		{"denied finally, another identity", "either", proven, true, &wrong, "identity_mismatch"},
		{"denied finally, no certificate", "secure", proven, true, nil, "identity_missing"},
		{"denied finally, no certificate", "either", proven, true, nil, "identity_missing"},
		{"denied finally, plaintext", "either", encrypted, false, nil, "tls_required"},
	}
	for _, test := range tests {
		t.Run(test.name+", "+test.port, func(t *testing.T) {
			before := arrived.Load()
			got, err := hearken(t, ca, at[test.port], test.source, test.tls, test.certificate, len(banner))
			if test.reason == "" {
				if got != banner {
					t.Errorf("the server says %q, %v", got, err)
				}
				s.wantRecord(t, fields{keyPort: test.port, keyVerdict: verdictAllow, keyBytesOut: len(banner), keyUpstreamLocal: present})
				return
			}
			if got != "" || err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("it got %q, %v", got, err)
			}
			s.wantRecord(t, fields{
				keyPort: test.port, keyVerdict: verdictDeny, keyReason: test.reason, keyBytesOut: 0, keyUpstream: "", keyUpstreamLocal: "",
				keySource: containing(test.source + ":"),
			})
			if now := arrived.Load(); now != before {
				t.Errorf("%d connections reached the server", now-before)
			}
		})
	}
}

// hearken connects, says nothing, and returns what a server that speaks first says, up to n bytes.
func hearken(t *testing.T, ca *authority, address, source string, secured bool, certificate *pair, n int) (string, error) {
	t.Helper()
	raw, err := tryDial(t, address, source)
	if err != nil {
		return "", err
	}
	defer raw.Close()
	conn := net.Conn(raw)
	if secured {
		conn = ca.overTLS(raw, certificate)
	}
	buffer := make([]byte, n)
	got, err := io.ReadFull(conn, buffer)
	return string(buffer[:got]), err
}

// TestDeniedMail has real mail servers behind: swaks and curl do not come as far as the banner, and Exim's own log knows of nobody.
func TestDeniedMail(t *testing.T) {
	ca := newAuthority(t, "CA")
	server := ca.server(t)
	upstream, box := startSMTP(t)
	at := vars{"certificate": server.certificate, "key": server.key, "ca": ca.file, "upstream": upstream, "plain": freeAddress(t), "secure": freeAddress(t), "either": freeAddress(t)}
	s := startPoliced(t, expand(t, serverFirstConfig, at), serverFirstPolicy)
	came := func() int {
		return strings.Count(strings.Join(readAll(t, box.log()), ""), "(TCP/IP connection count = ")
	}
	waitFor(t, "exim to log that it was probed", func() bool { return came() > 0 })
	swaks := func(source string, args ...string) result {
		return client{}.run(t, need(t, "swaks"), plus(args, "--local-interface", source, "--from", "a@example.com", "--to", "b@example.com", "--timeout", "20")...)
	}
	need(t, "Net::SSLeay")
	tests := []struct {
		name, port, source string
		args               []string
		reason             string
	}{
		{"plaintext", "plain", "127.0.0.33", nil, "no_rule"},
		{"TLS", "secure", "127.0.0.33", []string{"--tls-on-connect"}, "no_rule"},
		{"detected plaintext, finally", "either", "127.0.0.34", nil, "tls_required"},
		{"TLS without identity", "secure", "127.0.0.32", []string{"--tls-on-connect"}, "identity_missing"},
	}
	before := came()
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := swaks(test.source, plus(test.args, "--server", at[test.port])...)
			if got.code == 0 || strings.Contains(got.all, "220 ") {
				t.Errorf("exit code %d:\n%s", got.code, got.all)
			}
			s.wantRecord(t, fields{keyPort: test.port, keyVerdict: verdictDeny, keyReason: test.reason})
		})
	}
	if got := swaks("127.0.0.31", "--server", at["plain"]); got.code != 0 {
		t.Errorf("the allowed client: exit code %d\n%s", got.code, got.all)
	}
	// Exim writes its log in the order in which clients come.
	waitFor(t, "exim to log the allowed client", func() bool { return came() > before })
	if n := came() - before; n != 1 {
		t.Errorf("%d connections reached Exim, want 1", n)
	}
}

// TestEarlyDenialIsSilent holds what an early denial costs against the socket: no byte, not even an alert, at once.
func TestEarlyDenialIsSilent(t *testing.T) {
	ca := newAuthority(t, "CA")
	server := ca.server(t)
	at := vars{"certificate": server.certificate, "key": server.key, "ca": ca.file, "upstream": serve(t, echo), "plain": freeAddress(t), "secure": freeAddress(t), "either": freeAddress(t)}
	s := startPoliced(t, expand(t, serverFirstConfig, at), serverFirstPolicy)
	for _, port := range []string{"plain", "secure", "either"} {
		conn, err := tryDial(t, at[port], "127.0.0.33")
		if err == nil {
			conn.SetDeadline(time.Now().Add(patience))
			var answer []byte
			if answer, err = io.ReadAll(conn); len(answer) > 0 || err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("%s: %q, %v", port, answer, err)
			}
		}
		r := s.wantRecord(t, fields{keyPort: port, keyVerdict: verdictDeny, keyReason: "no_rule", keyMode: ""})
		for _, step := range []string{"detect_ms", "handshake_ms", "dial_ms"} {
			if r.text(step) != "" {
				t.Errorf("%s: %s in %v", port, step, r)
			}
		}
	}
}
