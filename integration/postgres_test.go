//go:build integration

package integration

import (
	"encoding/hex"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"sallyport/internal/testpki"
)

// pairOfSallyports is the whole loop: plaintext into the one beside the client, TLS with a client certificate to the one
// beside the server, plaintext to the server.
type pairOfSallyports struct {
	ingress, egress *sallyport
	address         string // where clients connect
	inner           string // where the ingress listens
}

func startPair(t *testing.T, upstream string) pairOfSallyports {
	t.Helper()
	ca := newAuthority(t, "pair CA")
	server, user := ca.server(t, "db.example.com"), ca.client(t, "the egress")
	p := pairOfSallyports{address: freeAddress(t), inner: freeAddress(t)}
	p.ingress = startSallyport(t, expand(t, `
[[application]]
name = "database"
certificate     = "${certificate}"
certificate_key = "${key}"
trusted_ca      = "${ca}"
  [application.upstream]
  primary = "${upstream}"
  [[application.port]]
  id     = "secure"
  listen = "${inner}"
  mode   = "secure"
  client_auth = "require"
`, vars{"certificate": server.certificate, "key": server.key, "ca": ca.file, "upstream": upstream, "inner": p.inner}))
	p.egress = startSallyport(t, expand(t, `
[[application]]
name = "to-database"
  [application.upstream]
  primary = "${inner}"
    [application.upstream.tls]
    server_name     = "db.example.com"
    trusted_ca      = "${ca}"
    certificate     = "${certificate}"
    certificate_key = "${key}"
  [[application.port]]
  id     = "local"
  listen = "${address}"
  mode   = "plaintext"
`, vars{"certificate": user.certificate, "key": user.key, "ca": ca.file, "inner": p.inner, "address": p.address}))
	return p
}

// psql prepares the arguments of psql or pgbench for a server without TLS.
func psql(t *testing.T, address string, args ...string) []string {
	t.Helper()
	return plus([]string{"-h", "127.0.0.1", "-p", portOf(t, address), "-U", "postgres"}, args...)
}

func TestPostgresThroughAPair(t *testing.T) {
	upstream := startPostgres(t)
	p := startPair(t, upstream)

	t.Run("query", func(t *testing.T) {
		if out := (client{}).must(t, need(t, "psql"), psql(t, p.address, "-Atc", "select 6*7")...); out != "42\n" {
			t.Errorf("select: %q", out)
		}
		out := p.egress.wantRecord(t, fields{
			keyApplication: "to-database", keyPort: "local", keyMode: modePlain, keyVerdict: verdictAllow,
			keyUpstream: containing(p.inner), keyUpstreamTLS: tls13, keyBytesOut: atLeast(10),
		})
		in := p.ingress.wantRecord(t, fields{
			keyApplication: "database", keyPort: "secure", keyMode: modeTLS, keyVersion: tls13, keyVerdict: verdictAllow,
			keySNI: "db.example.com", keySubject: containing("the egress"), keyUpstream: containing(upstream),
		})
		if in.text(keySource) != out.text(keyUpstreamLocal) {
			t.Errorf("the ingress saw %s, the egress dialled from %s", in.text(keySource), out.text(keyUpstreamLocal))
		}
		for _, key := range []string{keyBytesIn, keyBytesOut} {
			if in.text(key) != out.text(key) {
				t.Errorf("%s differs: egress %s, ingress %s", key, out.text(key), in.text(key))
			}
		}
	})
	t.Run("pgbench", func(t *testing.T) {
		client{}.must(t, need(t, "pgbench"), psql(t, p.address, "-i", "-q", "postgres")...)
		out := client{}.must(t, need(t, "pgbench"), psql(t, p.address, "-c", "8", "-j", "2", "-t", "100", "postgres")...)
		if !strings.Contains(out, "actually processed: 800/800") || !strings.Contains(out, "failed transactions: 0 ") {
			t.Errorf("pgbench:\n%s", out)
		}
	})
	t.Run("pgbench with a connection a transaction", func(t *testing.T) {
		out := client{}.must(t, need(t, "pgbench"), psql(t, p.address, "-C", "-S", "-c", "4", "-t", "20", "postgres")...)
		if !strings.Contains(out, "actually processed: 80/80") {
			t.Errorf("pgbench:\n%s", out)
		}
		p.ingress.wantRecord(t, fields{keyPort: "secure", keyVerdict: verdictAllow, keyResumed: "true"})
	})
	t.Run("copy both ways", func(t *testing.T) { copyBothWays(t, p) })
	t.Run("cancel", func(t *testing.T) { cancelQuery(t, p) })
}

// copyBothWays sends some megabytes into a table and compares what comes back.
func copyBothWays(t *testing.T, p pairOfSallyports) {
	var lines strings.Builder
	data := noise(4 << 20)
	for len(data) > 0 {
		lines.WriteString(hex.EncodeToString(data[:64]) + "\n")
		data = data[64:]
	}
	file := testpki.WriteFile(t, filepath.Join(t.TempDir(), "lines"), []byte(lines.String()))
	client{}.must(t, need(t, "psql"), psql(t, p.address, "-c", "create table lines (line text)", "-c", `\copy lines from '`+file+`'`)...)
	out := client{}.must(t, need(t, "psql"), psql(t, p.address, "-qc", `\copy lines to stdout`)...)
	if got, want := checksum(t, strings.NewReader(out)), checksum(t, strings.NewReader(lines.String())); got != want {
		t.Errorf("%d bytes with checksum %s came back of %d with %s", len(out), got, lines.Len(), want)
	}
	p.ingress.wantRecord(t, fields{keyVerdict: verdictAllow, keyBytesIn: atLeast(int64(lines.Len()))})
	p.ingress.wantRecord(t, fields{keyVerdict: verdictAllow, keyBytesOut: atLeast(int64(lines.Len()))})
}

// cancelQuery interrupts psql, which asks for the cancellation on a second connection.
func cancelQuery(t *testing.T, p pairOfSallyports) {
	query := start(t, exec.Command(need(t, "psql"), psql(t, p.address, "-c", "select pg_sleep(600)")...))
	waitFor(t, "the query to run", func() bool {
		out := client{}.must(t, need(t, "psql"), psql(t, p.address, "-Atc",
			"select count(*) from pg_stat_activity where query like 'select pg_sleep%' and state = 'active'")...)
		return out == "1\n"
	})
	query.signal(t, syscall.SIGINT)
	if code := query.wait(t); code == 0 {
		t.Error("the query ended as if it had not been cancelled")
	}
	query.out.waitLine(t, "canceling statement due to user request")
}
