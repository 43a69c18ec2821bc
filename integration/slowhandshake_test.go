//go:build integration

package integration

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

const slowConfig = `
[limits]
handshake_timeout = "2s"

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
`

const slowPolicy = `
[defaults]
handshakes = "${handshakes}"
rate = "off"
max_connections = 0

[lockout]
failures = 3
exempt = ["127.0.0.1"]

[[allow]]
id = "everybody"
from = ["127.0.0.0/8"]
to = ["echo/secure", "echo/either"]
tls = "any"
owner = "test"
`

// clientHello returns what a client sends first.
func clientHello(t *testing.T, config *tls.Config) []byte {
	t.Helper()
	near, far := net.Pipe()
	defer far.Close()
	go tls.Client(near, config).HandshakeContext(t.Context())
	far.SetDeadline(time.Now().Add(patience))
	header := make([]byte, 5)
	if _, err := io.ReadFull(far, header); err != nil {
		t.Fatal(err)
	}
	body := make([]byte, int(header[3])<<8|int(header[4]))
	if _, err := io.ReadFull(far, body); err != nil {
		t.Fatal(err)
	}
	return append(header, body...)
}

// dribble sends a genuine hello: what shows that it is one, and then a byte at a time, so slowly that it will not be complete,
// until the other end has enough.
func dribble(conn net.Conn, hello []byte) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		io.Copy(io.Discard, conn)
	}()
	const shown = 11
	conn.Write(hello[:shown])
	for i := range hello[shown:] {
		if _, err := conn.Write(hello[shown+i:][:1]); err != nil {
			break
		}
		select {
		case <-tick.C:
		case <-ended:
			return
		}
	}
	<-ended
}

// TestSlowHandshakes has many clients dribble their hello: a good client is served beside them, and all of them are cut when
// their time for the whole handshake is over, however steadily they send. It counts as a failure of their sources.
func TestSlowHandshakes(t *testing.T) {
	ca := newAuthority(t, "CA")
	server := ca.server(t)
	at := vars{"certificate": server.certificate, "key": server.key, "secure": freeAddress(t), "either": freeAddress(t)}
	s := startPoliced(t, expand(t, slowConfig, at), expand(t, slowPolicy, vars{"handshakes": "off"}))
	hello := clientHello(t, ca.ClientConfig("localhost", nil))
	const slow, sources = 200, 50
	var dribblers sync.WaitGroup
	for i := range slow {
		port := []string{"secure", "either"}[i/sources%2] // each source twice on both
		conn := dial(t, at[port], fmt.Sprintf("127.0.1.%d", 1+i%sources))
		dribblers.Go(func() { dribble(conn, hello) })
	}
	for _, address := range []string{at["secure"], at["either"]} {
		exchange(t, ca.dialTLS(t, address, nil), "served meanwhile\n")
	}
	exchange(t, dial(t, at["either"], ""), "served meanwhile\n")
	for _, r := range s.sessions() {
		if r.text(keyVerdict) == verdictDeny {
			t.Fatalf("a slow client was refused before its time, so it may not have been in the way: %v", r)
		}
	}
	locked := 0
	for range slow {
		r := s.wantRecord(t, fields{keyVerdict: verdictDeny, keyReason: "handshake_timeout", keySource: containing("127.0.1."), keyUpstreamLocal: ""})
		if r.text(keyLocked) != "" {
			locked++
		}
	}
	if locked != sources {
		t.Errorf("%d sources were locked out, want %d", locked, sources)
	}
	dribblers.Wait()
	if conn, err := tryDial(t, at["either"], "127.0.1.1"); err == nil {
		wantRefused(t, conn)
	}
	s.wantRecord(t, fields{keyVerdict: verdictDeny, keyReason: "source_locked", keySource: containing("127.0.1.1:")})
	exchange(t, ca.dialTLS(t, at["secure"], nil), "served afterwards\n")
}

// TestSlowHandshakesAreBounded lets one source begin no more handshakes than it may, which is all that it can have in the way.
func TestSlowHandshakesAreBounded(t *testing.T) {
	ca := newAuthority(t, "CA")
	server := ca.server(t)
	at := vars{"certificate": server.certificate, "key": server.key, "secure": freeAddress(t), "either": freeAddress(t)}
	policy := strings.Replace(expand(t, slowPolicy, vars{"handshakes": "1/h"}), "failures = 3", "failures = 0", 1)
	s := startPoliced(t, strings.Replace(expand(t, slowConfig, at), `"2s"`, `"1s"`, 1), policy)
	hello := clientHello(t, ca.ClientConfig("localhost", nil))
	const slow = 20
	var dribblers sync.WaitGroup
	for range slow {
		if conn, err := tryDial(t, at["secure"], "127.0.1.99"); err == nil {
			dribblers.Go(func() { dribble(conn, hello) })
		}
	}
	for range slow - 1 {
		s.wantRecord(t, fields{keyVerdict: verdictDeny, keyReason: "source_handshakes", keySource: containing("127.0.1.99:"), keyUpstreamLocal: ""})
	}
	s.wantRecord(t, fields{keyVerdict: verdictDeny, keyReason: "handshake_timeout", keySource: containing("127.0.1.99:")})
	dribblers.Wait()
	wantServed(t, dial(t, at["either"], "127.0.1.99")) // in plaintext
	wantServed(t, ca.dialTLS(t, at["secure"], nil))
}
