//go:build integration

package integration

import (
	"io"
	"net"
	"strings"
	"testing"
)

// TestRequireTLS has Redis behind, to which everybody may connect in plaintext, but for a client that is held to TLS: as
// a secure user is refused on the plaintext port.
func TestRequireTLS(t *testing.T) {
	ca := newAuthority(t, "redis CA")
	server := ca.server(t)
	at := vars{"certificate": server.certificate, "key": server.key, "upstream": startRedis(t), "either": freeAddress(t), "plain": freeAddress(t)}
	s := startPoliced(t, expand(t, `
[[application]]
name = "redis"
certificate     = "${certificate}"
certificate_key = "${key}"
  [application.upstream]
  primary = "${upstream}"
  [[application.port]]
  id     = "either"
  listen = "${either}"
  mode   = "auto-detect"
  [[application.port]]
  id     = "plain"
  listen = "${plain}"
  mode   = "plaintext"
`, at), `
[[client]]
name = "secure-user"
addresses = ["127.0.0.1"]
require_tls = true

[[client]]
name = "secure-by-port"
addresses = ["127.0.0.41"]
ports = ["20001-20002"]
require_tls = true

[[allow]]
id = "everybody"
from = ["any", "secure-user", "secure-by-port"]
to = ["redis/*"]
tls = "any"
owner = "test"
`)
	tls := []string{"--tls", "--cacert", ca.file}
	t.Run("plaintext is refused", func(t *testing.T) {
		for _, port := range []string{"either", "plain"} {
			if got := redisClient(t, at[port], "PING"); strings.Contains(got.stdout, "PONG") {
				t.Errorf("%s: the server was reached", port)
			}
			s.wantRecord(t, fields{keyPort: port, keyVerdict: verdictDeny, keyReason: "require_tls", keyUpstreamLocal: "", keyFailed: "tls"})
		}
	})
	t.Run("TLS passes", func(t *testing.T) {
		if got := redisClient(t, at["either"], plus(tls, "PING")...); got.stdout != "PONG\n" {
			t.Errorf("%+v", got)
		}
		s.wantRecord(t, fields{keyPort: "either", keyVerdict: verdictAllow, keyMode: modeTLS, keyRule: "everybody"})
	})
	t.Run("others pass in plaintext", func(t *testing.T) {
		for _, source := range []string{"127.0.0.42:20001", "127.0.0.41:20003"} {
			for _, port := range []string{"either", "plain"} {
				ping(t, dialFrom(t, at[port], source))
				s.wantRecord(t, fields{keyPort: port, keySource: source, keyVerdict: verdictAllow, keyMode: modePlain})
			}
		}
	})
	t.Run("by source port", func(t *testing.T) {
		const source = "127.0.0.41:20002"
		for _, port := range []string{"either", "plain"} {
			wantRefused(t, dialFrom(t, at[port], source))
			s.wantRecord(t, fields{keyPort: port, keySource: source, keyVerdict: verdictDeny, keyReason: "require_tls"})
		}
	})
}

// ping asks Redis for a sign of life and closes the connection.
func ping(t *testing.T, conn net.Conn) {
	t.Helper()
	if conn == nil {
		t.Fatal("refused")
	}
	wantPong(t, conn)
	conn.Close()
}

// wantPong asks Redis for a sign of life.
func wantPong(t *testing.T, conn net.Conn) {
	t.Helper()
	io.WriteString(conn, "PING\r\n")
	answer := make([]byte, len("+PONG\r\n"))
	if _, err := io.ReadFull(conn, answer); err != nil || string(answer) != "+PONG\r\n" {
		t.Fatalf("%q, %v", answer, err)
	}
}
