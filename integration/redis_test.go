//go:build integration

package integration

import (
	"slices"
	"strings"
	"testing"
)

const redisConfig = `
[[application]]
name = "redis"
certificate     = "${certificate}"
certificate_key = "${key}"
trusted_ca      = "${ca}"

  [application.upstream]
  primary = "${upstream}"

  [[application.port]]
  id     = "mutual"
  listen = "${mutual}"
  mode   = "secure"
  client_auth = "require"

  [[application.port]]
  id     = "either"
  listen = "${either}"
  mode   = "auto-detect"
`

// redisClient calls redis-cli through a port of sallyport.
func redisClient(t *testing.T, address string, args ...string) result {
	t.Helper()
	return client{}.run(t, need(t, "redis-cli"), plus([]string{"-h", "127.0.0.1", "-p", portOf(t, address)}, args...)...)
}

func TestRedis(t *testing.T) {
	ca := newAuthority(t, "redis CA")
	server, user, stranger := ca.server(t), ca.client(t, "alice"), newAuthority(t, "other CA").client(t, "mallory")
	upstream, mutual, either := startRedis(t), freeAddress(t), freeAddress(t)
	s := startSallyport(t, expand(t, redisConfig, vars{
		"certificate": server.certificate, "key": server.key, "ca": ca.file,
		"upstream": upstream, "mutual": mutual, "either": either,
	}))
	tls := []string{"--tls", "--cacert", ca.file}
	withUser := plus(tls, "--cert", user.certificate, "--key", user.key)

	t.Run("client certificate", func(t *testing.T) {
		value := strings.Repeat("a long value ", 10_000)
		set := client{stdin: strings.NewReader(value)}
		set.must(t, need(t, "redis-cli"), slices.Concat([]string{"-p", portOf(t, mutual), "-x"}, withUser, []string{"SET", "long"})...)
		s.wantRecord(t, fields{
			keyApplication: "redis", keyPort: "mutual", keyVerdict: verdictAllow, keyMode: modeTLS, keyVersion: tls13,
			keySubject: containing("alice"), keySource: containing("127.0.0.1:"), keyUpstream: containing(upstream),
			keyUpstreamLocal: containing("127.0.0.1:"), keyBytesIn: atLeast(int64(len(value))), keyBytesOut: atLeast(5),
			keyClosedBy: "client", keyCloseReason: "truncated", // redis-cli sends no close_notify
			keyCipher: present, keyID: present,
		})
		got := redisClient(t, mutual, plus(withUser, "GET", "long")...)
		if got.stdout != value+"\n" {
			t.Errorf("GET: exit code %d, %d bytes, want %d", got.code, len(got.stdout), len(value)+1)
		}
		s.wantRecord(t, fields{keyPort: "mutual", keyVerdict: verdictAllow, keyBytesOut: atLeast(int64(len(value)))})
	})
	t.Run("no client certificate", func(t *testing.T) {
		got := redisClient(t, mutual, plus(tls, "GET", "long")...)
		if strings.Contains(got.stdout, "a long value") {
			t.Error("the server was reached")
		}
		s.wantRecord(t, fields{keyPort: "mutual", keyVerdict: verdictDeny, keyReason: "client_cert_missing", keyUpstreamLocal: ""})
	})
	t.Run("client certificate of a stranger", func(t *testing.T) {
		got := redisClient(t, mutual, plus(tls, "--cert", stranger.certificate, "--key", stranger.key, "GET", "long")...)
		if strings.Contains(got.stdout, "a long value") {
			t.Error("the server was reached")
		}
		s.wantRecord(t, fields{keyPort: "mutual", keyVerdict: verdictDeny, keyReason: "client_cert_unknown_ca", keyUpstreamLocal: ""})
	})
	t.Run("plaintext on a secure port", func(t *testing.T) {
		if got := redisClient(t, mutual, "GET", "long"); strings.Contains(got.stdout, "a long value") {
			t.Error("the server was reached")
		}
		s.wantRecord(t, fields{keyPort: "mutual", keyVerdict: verdictDeny, keyReason: "not_tls"})
	})
	t.Run("plaintext and TLS on one port", func(t *testing.T) {
		if got := redisClient(t, either, "SET", "k", "plain"); got.stdout != "OK\n" {
			t.Errorf("plaintext SET: %+v", got)
		}
		s.wantRecord(t, fields{keyPort: "either", keyVerdict: verdictAllow, keyMode: modePlain, keyVersion: ""})
		if got := redisClient(t, either, plus(tls, "GET", "k")...); got.stdout != "plain\n" {
			t.Errorf("GET in TLS: %+v", got)
		}
		s.wantRecord(t, fields{keyPort: "either", keyVerdict: verdictAllow, keyMode: modeTLS, keyVersion: tls13})
	})
}

func TestRedisBenchmark(t *testing.T) {
	ca := newAuthority(t, "redis CA")
	server, user := ca.server(t), ca.client(t, "alice")
	mutual, either := freeAddress(t), freeAddress(t)
	s := startSallyport(t, expand(t, redisConfig, vars{
		"certificate": server.certificate, "key": server.key, "ca": ca.file,
		"upstream": startRedis(t), "mutual": mutual, "either": either,
	}))
	for _, test := range []struct{ name, address, keepAlive string }{
		{"kept connections", mutual, "1"},
		{"a connection a request", mutual, "0"},
	} {
		t.Run(test.name, func(t *testing.T) {
			requests := "5000"
			if test.keepAlive == "0" {
				requests = "300"
			}
			before := len(s.sessions())
			out := client{}.must(t, need(t, "redis-benchmark"), "-h", "127.0.0.1", "-p", portOf(t, test.address), "--tls",
				"--cacert", ca.file, "--cert", user.certificate, "--key", user.key,
				"-t", "set,get", "-n", requests, "-c", "10", "-k", test.keepAlive, "--csv")
			if !strings.Contains(out, `"SET"`) || !strings.Contains(out, `"GET"`) {
				t.Errorf("no results:\n%s", out)
			}
			// Its clients that are just connecting when a test has enough answers, it abandons.
			abandoned := 0
			for _, r := range s.sessions()[before:] {
				switch {
				case r.text(keyReason) == "handshake_closed":
					abandoned++
				case r.text(keyVerdict) != verdictAllow:
					t.Errorf("a session was not served: %v", r)
				}
			}
			if abandoned > 2*10 {
				t.Errorf("%d clients went during their handshake", abandoned)
			}
		})
	}
}
