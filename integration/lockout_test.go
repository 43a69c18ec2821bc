//go:build integration

package integration

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

const lockoutConfig = `
[[application]]
name = "echo"
certificate     = "${certificate}"
certificate_key = "${key}"
trusted_ca      = "${ca}"
  [application.upstream]
  primary = "builtin:echo"
  [[application.port]]
  id     = "open"
  listen = "${open}"
  mode   = "plaintext"
  [[application.port]]
  id     = "closed"
  listen = "${closed}"
  mode   = "plaintext"
  [[application.port]]
  id     = "mutual"
  listen = "${mutual}"
  mode   = "secure"
  client_auth = "require"
  [[application.port]]
  id     = "behind-open"
  listen = "${behind-open}"
  mode   = "plaintext"
  proxy_protocol = "require"
  proxy_trusted  = ["127.0.0.1/32"]
  [[application.port]]
  id     = "behind-closed"
  listen = "${behind-closed}"
  mode   = "plaintext"
  proxy_protocol = "require"
  proxy_trusted  = ["127.0.0.1/32"]
`

const lockoutPolicy = `
[lockout]
failures = 3
window = "30m"
duration = "30m"
exempt = ["monitoring"]

[[client]]
name = "monitoring"
addresses = ["127.0.0.69"]

[[allow]]
id = "open"
from = ["127.0.0.0/8", "2001:db8::/32", "monitoring"]
to = ["echo/open", "echo/mutual", "echo/behind-open"]
tls = "any"
owner = "test"

[[block]]
id = "scanner"
addresses = ["127.0.0.68", "2001:db8:bad::/48"]
`

// lockable is a sallyport that locks sources out, and where to fail at it.
type lockable struct {
	*sallyport
	ca *authority
	at vars
}

func startLockable(t *testing.T, policy string) *lockable {
	t.Helper()
	l := &lockable{ca: newAuthority(t, "CA")}
	server := l.ca.server(t)
	l.at = vars{"certificate": server.certificate, "key": server.key, "ca": l.ca.file}
	for _, id := range []string{"open", "closed", "mutual", "behind-open", "behind-closed"} {
		l.at[id] = freeAddress(t)
	}
	l.sallyport = startPoliced(t, expand(t, lockoutConfig, l.at), policy)
	return l
}

// refused connects from a source, behind the balancer if the port is, and returns the record of its refusal.
func (l *lockable) refused(t *testing.T, port, source, reason string) record {
	t.Helper()
	if conn := l.connect(t, port, source); conn != nil {
		wantRefused(t, conn)
	}
	return l.wantRecord(t, fields{keyPort: port, keyVerdict: verdictDeny, keyReason: reason, keySource: containing(source), keyUpstreamLocal: ""})
}

func (l *lockable) served(t *testing.T, port, source string) {
	t.Helper()
	wantServed(t, l.connect(t, port, source))
	l.wantRecord(t, fields{keyPort: port, keyVerdict: verdictAllow, keySource: containing(source)})
}

func (l *lockable) connect(t *testing.T, port, source string) net.Conn {
	t.Helper()
	if !strings.HasPrefix(port, "behind-") {
		conn, err := tryDial(t, l.at[port], source)
		if err != nil {
			return nil
		}
		return conn
	}
	conn := dial(t, l.at[port], "127.0.0.1")
	io.WriteString(conn, headerV2("["+source+"]:20001"))
	return conn
}

// wantLock expects that a record says of a lock that it ends in half an hour.
func wantLock(t *testing.T, r record) {
	t.Helper()
	until, err := time.Parse(time.RFC3339, r.text(keyLocked))
	if left := time.Until(until); err != nil || left > 30*time.Minute+time.Second || // rounded to a second
		left < 30*time.Minute-3*patience {
		t.Errorf("locked until %q (%v, %v) in %v", r.text(keyLocked), left, err, r)
	}
}

func TestLockOutAfterRefusals(t *testing.T) {
	l := startLockable(t, lockoutPolicy)
	const bad, other, monitoring, scanner = "127.0.0.61", "127.0.0.62", "127.0.0.69", "127.0.0.68"
	established := dial(t, l.at["open"], bad)
	exchange(t, established, "before\n")
	for i := range 3 {
		r := l.refused(t, "closed", bad, "no_rule")
		if i < 2 && r.text(keyLocked) != "" {
			t.Fatalf("locked out after %d failures: %v", i+1, r)
		}
		if i == 2 {
			wantLock(t, r)
		}
	}
	l.refused(t, "open", bad, "source_locked")
	l.refused(t, "mutual", bad, "source_locked")
	l.refused(t, "closed", bad, "no_rule") // who is denied anyway learns why
	l.served(t, "open", other)
	exchange(t, established, "an established session goes on\n")

	l.reload(t)
	l.refused(t, "open", bad, "source_locked")
	l.served(t, "open", other)

	for range 5 {
		if r := l.refused(t, "closed", monitoring, "no_rule"); r.text(keyLocked) != "" {
			t.Fatalf("an exempt source is locked out: %v", r)
		}
	}
	l.served(t, "open", monitoring)

	for range 5 {
		if r := l.refused(t, "open", scanner, "blocked"); r.text(keyLocked) != "" || r.text(keyRule) != "scanner" {
			t.Fatalf("a blocked source: %v", r)
		}
	}
}

func TestLockOutAfterHandshakes(t *testing.T) {
	l := startLockable(t, lockoutPolicy)
	good, stranger := l.ca.client(t, "good"), newAuthority(t, "other CA").client(t, "stranger")
	const bad, other, hasty = "127.0.0.63", "127.0.0.64", "127.0.0.65"
	trust := []string{"-CAfile", l.ca.file, "-servername", "localhost"}
	withGood := plus(trust, "-cert", good.certificate, "-key", good.key)
	from := func(source string, args []string, more ...string) spoken {
		return sClient(t, l.at["mutual"], plus(plus(args, "-bind", source+":0"), more...)...)
	}
	failures := []struct {
		reason string
		args   []string
	}{
		{"client_cert_missing", trust},
		{"version_mismatch", plus(withGood, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0")},
		{"client_cert_unknown_ca", plus(trust, "-cert", stranger.certificate, "-key", stranger.key)},
	}
	for i, failure := range failures {
		if from(bad, failure.args).echoed {
			t.Fatalf("%s: served", failure.reason)
		}
		r := l.wantRecord(t, fields{keyPort: "mutual", keyVerdict: verdictDeny, keyReason: failure.reason, keySource: containing(bad + ":")})
		if i < 2 && r.text(keyLocked) != "" {
			t.Fatalf("locked out after %d failures: %v", i+1, r)
		}
		if i == 2 {
			wantLock(t, r)
		}
	}
	if from(bad, withGood).echoed {
		t.Error("a good client of the locked source was served")
	}
	l.wantRecord(t, fields{keyPort: "mutual", keyVerdict: verdictDeny, keyReason: "source_locked", keySource: containing(bad + ":"), keyMode: ""})
	l.refused(t, "open", bad, "source_locked")
	if got := from(other, withGood); !got.echoed {
		t.Errorf("a good client of another source was not served:\n%s", got.out)
	}

	// Who only connects and goes, as health checks do all day, has done nothing wrong.
	for range 5 {
		conn := dial(t, l.at["mutual"], hasty)
		conn.CloseWrite()
		io.ReadAll(conn)
		l.wantRecord(t, fields{keyPort: "mutual", keyReason: "handshake_closed", keySource: conn.LocalAddr(), keyLocked: ""})
	}
	conn := l.ca.overTLS(dial(t, l.at["mutual"], hasty), &good)
	wantServed(t, conn)
}

// An IPv6 source has more addresses than could be locked out one by one: all of its /64 are.
func TestLockOutOfIPv6(t *testing.T) {
	l := startLockable(t, lockoutPolicy)
	for i, source := range []string{"2001:db8:1:1::1", "2001:db8:1:1:2::", "2001:db8:1:1:ffff:ffff:ffff:ffff"} {
		if r := l.refused(t, "behind-closed", source, "no_rule"); (r.text(keyLocked) != "") != (i == 2) {
			t.Fatalf("failure %d: %v", i+1, r)
		}
	}
	l.refused(t, "behind-open", "2001:db8:1:1::99", "source_locked")
	l.served(t, "behind-open", "2001:db8:1:2::1")
	l.served(t, "behind-open", "2001:db8:1::1")
	l.refused(t, "behind-open", "2001:db8:bad:1::1", "blocked")
	l.served(t, "open", "127.0.0.1") // the balancer does not pay for its clients
}

func TestLockOutUntil(t *testing.T) {
	const source = "127.0.0.66"
	t.Run("it is over", func(t *testing.T) {
		l := startLockable(t, strings.Replace(lockoutPolicy, `duration = "30m"`, `duration = "2s"`, 1))
		for range 3 {
			l.refused(t, "closed", source, "no_rule")
		}
		l.refused(t, "open", source, "source_locked")
		waitFor(t, "the lock to end", func() bool {
			conn := l.connect(t, "open", source)
			return conn != nil && echoes(conn)
		})
		if r := l.refused(t, "closed", source, "no_rule"); r.text(keyLocked) != "" {
			t.Errorf("failures of before the lock count again: %v", r)
		}
	})
	t.Run("for ever", func(t *testing.T) {
		l := startLockable(t, strings.Replace(lockoutPolicy, `duration = "30m"`, `duration = "forever"`, 1))
		l.refused(t, "closed", source, "no_rule")
		l.refused(t, "closed", source, "no_rule")
		if r := l.refused(t, "closed", source, "no_rule"); r.text(keyLocked) != "forever" {
			t.Errorf("locked_until: %v", r)
		}
		l.refused(t, "open", source, "source_locked")
	})
}
