//go:build integration

package integration

import (
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"
)

const limitsConfig = `
[[application]]
name = "echo"
certificate     = "${certificate}"
certificate_key = "${key}"
  [application.upstream]
  primary = "${upstream}"
  [[application.port]]
  id     = "few"
  listen = "${few}"
  mode   = "plaintext"
  [[application.port]]
  id     = "rated"
  listen = "${rated}"
  mode   = "auto-detect"
`

func limitsPorts(t *testing.T, ca *authority, upstream string) vars {
	t.Helper()
	server := ca.server(t)
	return vars{"certificate": server.certificate, "key": server.key, "upstream": upstream, "few": freeAddress(t), "rated": freeAddress(t)}
}

// Nothing comes back to a bucket of one in an hour while a test runs.
const ruleLimitsPolicy = `
[[client]]
name = "twins"
addresses = ["127.0.0.54", "127.0.0.55"]

[[allow]]
id = "few"
from = ["twins", "127.0.0.51", "127.0.0.52"]
to = ["echo/few"]
tls = "plaintext"
max_connections = 3
owner = "test"

[[allow]]
id = "rated"
from = ["twins", "127.0.0.51", "127.0.0.52"]
to = ["echo/rated"]
tls = "any"
rate = "1/h"
burst = 3
owner = "test"
`

// TestRuleLimits brings clients to the bounds of a rule. Who counts for itself and who counts as one depends on how the rule
// names them; a reload changes nothing as long as the rule is the same.
func TestRuleLimits(t *testing.T) {
	at := limitsPorts(t, newAuthority(t, "CA"), "builtin:echo")
	s := startPoliced(t, expand(t, limitsConfig, at), ruleLimitsPolicy)
	hold := func(t *testing.T, port string, sources ...string) (held []net.Conn) {
		t.Helper()
		for _, source := range sources {
			conn := dial(t, at[port], source)
			exchange(t, conn, "hello\n")
			held = append(held, conn)
		}
		return held
	}
	wantOver := func(t *testing.T, port, source, reason string, held []net.Conn) {
		t.Helper()
		if conn, err := tryDial(t, at[port], source); err == nil {
			wantRefused(t, conn)
		}
		s.wantRecord(t, fields{keyPort: port, keyVerdict: verdictDeny, keyReason: reason, keyRule: port, keySource: containing(source + ":"), keyUpstreamLocal: ""})
		for _, conn := range held {
			exchange(t, conn, "unharmed\n")
		}
	}
	const one, another, twin, itsTwin = "127.0.0.51", "127.0.0.52", "127.0.0.54", "127.0.0.55"

	t.Run("connections at once", func(t *testing.T) {
		held := hold(t, "few", one, one, one)
		wantOver(t, "few", one, "rule_connections", held)
		others := hold(t, "few", another, another, another)
		wantOver(t, "few", another, "rule_connections", others)
		together := hold(t, "few", twin, itsTwin, twin)
		wantOver(t, "few", itsTwin, "rule_connections", together)

		s.enforce(t, ruleLimitsPolicy+"# the same policy\n")
		wantOver(t, "few", one, "rule_connections", held)
		wantOver(t, "few", twin, "rule_connections", together)
		held[0].Close()
		s.wantRecord(t, fields{keyPort: "few", keyVerdict: verdictAllow, keySource: held[0].LocalAddr()})
		held = append(held[1:], hold(t, "few", one)...)
		wantOver(t, "few", one, "rule_connections", held)

		s.enforce(t, strings.Replace(ruleLimitsPolicy, "max_connections = 3", "max_connections = 4", 1))
		held = append(held, hold(t, "few", one)...) // those that were there count under the new bound
		wantOver(t, "few", one, "rule_connections", held)
	})
	t.Run("rate", func(t *testing.T) {
		for _, sources := range [][]string{{one, one, one}, {another, another, another}, {twin, itsTwin, twin}} {
			held := hold(t, "rated", sources...)
			wantOver(t, "rated", sources[1], "rule_rate", held)
		}
		s.enforce(t, ruleLimitsPolicy)
		for _, source := range []string{one, another, itsTwin} {
			wantOver(t, "rated", source, "rule_rate", nil)
		}
	})
}

const sourceLimitsPolicy = `
[defaults]
max_connections = 4
rate = "1/h"
burst = 6
handshakes = "1/h"

[[allow]]
id = "everybody"
from = ["any"]
to = ["echo/few", "echo/rated"]
tls = "any"
owner = "test"
`

// TestSourceLimits brings sources to the bounds that hold for each of them, over all ports.
func TestSourceLimits(t *testing.T) {
	ca := newAuthority(t, "CA")
	at := limitsPorts(t, ca, "builtin:echo")
	s := startPoliced(t, expand(t, limitsConfig, at), sourceLimitsPolicy)
	serveOnce := func(t *testing.T, port, source string) {
		t.Helper()
		conn := dial(t, at[port], source)
		wantServed(t, conn)
		s.wantRecord(t, fields{keyPort: port, keyVerdict: verdictAllow, keySource: conn.LocalAddr()})
	}
	wantOver := func(t *testing.T, port, source, reason string) {
		t.Helper()
		if conn, err := tryDial(t, at[port], source); err == nil {
			wantRefused(t, conn)
		}
		s.wantRecord(t, fields{keyPort: port, keyVerdict: verdictDeny, keyReason: reason, keySource: containing(source + ":"), keyUpstreamLocal: ""})
	}
	reload := func(t *testing.T) { s.enforce(t, sourceLimitsPolicy+"# the same policy\n") }

	t.Run("connections at once", func(t *testing.T) {
		const source = "127.0.0.56"
		var held []net.Conn
		for i := range 4 {
			held = append(held, dial(t, at[[]string{"few", "rated"}[i%2]], source))
			exchange(t, held[i], "hello\n")
		}
		wantOver(t, "few", source, "source_connections")
		reload(t)
		wantOver(t, "rated", source, "source_connections")
		for _, conn := range held {
			exchange(t, conn, "unharmed\n")
		}
		held[0].Close()
		s.wantRecord(t, fields{keyVerdict: verdictAllow, keySource: held[0].LocalAddr()})
		serveOnce(t, "few", source) // refusals have used up nothing of the rate
	})
	t.Run("rate", func(t *testing.T) {
		const source = "127.0.0.57"
		for i := range 6 {
			serveOnce(t, []string{"few", "rated"}[i%2], source)
		}
		wantOver(t, "few", source, "source_rate")
		reload(t)
		wantOver(t, "rated", source, "source_rate")
		serveOnce(t, "few", "127.0.0.60")
	})
	t.Run("handshakes", func(t *testing.T) {
		const source = "127.0.0.58"
		held := ca.overTLS(dial(t, at["rated"], source), nil)
		exchange(t, held, "hello\n")
		for range 2 {
			conn := ca.overTLS(dial(t, at["rated"], source), nil)
			if err := conn.Handshake(); err == nil {
				t.Error("another handshake")
			}
			s.wantRecord(t, fields{keyPort: "rated", keyVerdict: verdictDeny, keyReason: "source_handshakes", keySource: conn.LocalAddr(), keyMode: modeTLS})
			reload(t)
		}
		exchange(t, held, "unharmed\n")
		serveOnce(t, "rated", source) // plaintext costs no handshake
	})
}

// TestLimitsUnderLoad has real load generators run against the bounds: what is above them is refused by its reason, and who
// was there before does not feel it.
func TestLimitsUnderLoad(t *testing.T) {
	ca := newAuthority(t, "CA")
	at := limitsPorts(t, ca, startRedis(t))
	s := startPoliced(t, expand(t, limitsConfig, at), `
[defaults]
max_connections = 0
rate = "off"
handshakes = "5/s"

[[allow]]
id = "few"
from = ["127.0.0.1"]
to = ["echo/few"]
tls = "plaintext"
max_connections = 10
owner = "test"

[[allow]]
id = "rated"
from = ["127.0.0.1", "127.0.0.59"]
to = ["echo/rated"]
tls = "any"
owner = "test"
`)
	plain := dial(t, at["few"], "")
	secured := ca.overTLS(dial(t, at["rated"], ""), nil)
	alive := func(t *testing.T) {
		t.Helper()
		for _, conn := range []net.Conn{plain, secured} {
			wantPong(t, conn)
		}
	}
	alive(t)
	t.Run("redis-benchmark with too many clients", func(t *testing.T) {
		// It ends at the first refusal, or waits for ever for those that were refused.
		load := start(t, exec.Command(need(t, "redis-benchmark"), "-h", "127.0.0.1", "-p", portOf(t, at["few"]), "-c", "40", "-n", "1000000", "-t", "set"))
		s.wantRecord(t, fields{keyPort: "few", keyVerdict: verdictDeny, keyReason: "rule_connections", keyRule: "few", keyUpstreamLocal: ""})
		alive(t)
		load.stop()
	})
	t.Run("redis-benchmark with as many as may be", func(t *testing.T) {
		waitFor(t, "the refused clients to be gone", func() bool { return redisClient(t, at["few"], "PING").stdout == "PONG\n" })
		out := client{}.must(t, need(t, "redis-benchmark"), "-h", "127.0.0.1", "-p", portOf(t, at["few"]), "-c", "8", "-n", "4000", "-t", "set", "--csv")
		if !strings.Contains(out, `"SET"`) {
			t.Errorf("no results:\n%s", out)
		}
		alive(t)
	})
	t.Run("openssl s_time", func(t *testing.T) {
		deadline := time.Now().Add(patience)
		refused := fields{keyPort: "rated", keyVerdict: verdictDeny, keyReason: "source_handshakes", keySource: containing("127.0.0.1:")}
		for found := false; !found; { // it may be slow
			if time.Now().After(deadline) {
				t.Fatal("no handshake was refused")
			}
			client{}.run(t, need(t, "openssl"), "s_time", "-connect", at["rated"], "-new", "-time", "1", "-CAfile", ca.file)
			for _, r := range s.sessions() {
				found = found || refused.match(r)
			}
		}
		alive(t)
		other := ca.overTLS(dial(t, at["rated"], "127.0.0.59"), nil)
		wantPong(t, other)
	})
}
