//go:build integration

package integration

import (
	"fmt"
	"maps"
	"net/netip"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// startDatabase puts a PostgreSQL server on a host, and the sidecar before it. It returns where the data is, too.
func (f *far) startDatabase(t *testing.T) (p *process, data string) {
	t.Helper()
	data = newCluster(t)
	p = runPostgres(t, f.namespace.start, data, serverAddress)
	f.start(t)
	return p, data
}

// psql runs psql or pgbench beside the client.
func (r *rig) psql(t *testing.T, program string, args ...string) result {
	t.Helper()
	return client{}.run(t, r.clients.exec[0], slices.Concat(r.clients.exec[1:], []string{need(t, program)}, psql(t, nearAddress, args...))...)
}

// query is psql for a query that has to succeed.
func (r *rig) query(t *testing.T, sql string) string {
	t.Helper()
	got := r.psql(t, "psql", "-Atqc", sql)
	if got.code != 0 {
		t.Fatalf("%s: exit code %d\n%s", sql, got.code, got.all)
	}
	return strings.TrimSpace(got.stdout)
}

// TestPinnedPostgres has psql and pgbench go through both sidecars and a firewall that opens the pinned tuples alone. All
// source ports of the range are used, its ends too, and nothing beyond.
func TestPinnedPostgres(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		upstream string // empty: over IPv4
		source   string
	}{
		{"IPv4", "", clientSocket.four},
		{"IPv6", `primary = "[` + primarySocket.six + `]:` + farPort + `"`, clientSocket.six},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, pins{ports: "20001-20004"})
			r.primary.startDatabase(t)
			r.startEgress(t, near{upstream: test.upstream, address: test.source})
			if got := r.query(t, "select 6*7"); got != "42" {
				t.Errorf("select: %q", got)
			}
			bench := r.psql(t, "pgbench", "-n", "-c", "4", "-j", "2", "-t", "20", "-f", r.primary.write(t, "select 1;\n"), "postgres")
			if bench.code != 0 || !strings.Contains(bench.all, "actually processed: 80/80") {
				t.Errorf("pgbench: exit code %d\n%s", bench.code, bench.all)
			}
			used := make(map[int]int)
			for range 6 { // pgbench begins with a connection to look around
				out := r.egress.wantRecord(t, fields{keyVerdict: verdictAllow, keyCloseReason: "end_of_stream"})
				in := r.primary.sidecar.wantRecord(t, fields{keyVerdict: verdictAllow, keyRule: "pinned-to-server", keySource: out.text(keyUpstreamLocal)})
				source, err := netip.ParseAddrPort(in.text(keySource))
				if err != nil || source.Addr() != netip.MustParseAddr(test.source) {
					t.Errorf("source %s, want one at %s", in.text(keySource), test.source)
				}
				used[int(source.Port())]++
			}
			if diff := cmp.Diff([]int{20001, 20002, 20003, 20004}, slices.Sorted(maps.Keys(used))); diff != "" {
				t.Errorf("source ports (-want +got):\n%s", diff)
			}
			for _, counter := range []string{"strangers", "strays"} {
				if n := r.dropped(t, counter); n != 0 {
					t.Errorf("the firewall dropped %d %s", n, counter)
				}
			}
		})
	}
}

// write puts a file where the programs of a host can read it.
func (f *far) write(t *testing.T, content string) string {
	t.Helper()
	user := accountOf(t, "root")
	return user.write(t, user.dir(t), "file", content)
}

// TestPinnedCrashes kills every process between client and data in turn, while a query runs from the one source port
// there is. The client learns of it, and its next session needs nobody's help.
func TestPinnedCrashes(t *testing.T) {
	t.Parallel()
	r := newRig(t, pins{ports: "20001"})
	database, data := r.primary.startDatabase(t)
	r.startEgress(t, near{})
	for _, test := range []struct {
		name  string
		crash func(backend int)
		heal  func()
	}{
		{"sidecar of the client", func(int) { r.egress.signal(t, syscall.SIGKILL) }, func() {
			r.egress.rerun(t, r.clients.exec...)
		}},
		{"sidecar of the server", func(int) { r.primary.sidecar.signal(t, syscall.SIGKILL) }, func() {
			r.primary.again(t)
		}},
		{"backend", func(backend int) { must(t, syscall.Kill(backend, syscall.SIGKILL)) }, func() {
			database.out.waitLine(t, "all server processes terminated") // and are made anew
			waitFor(t, "the server to be ready again", func() bool { return r.psql(t, "psql", "-c", "select 1").code == 0 })
		}},
		{"server", func(backend int) {
			database.signal(t, syscall.SIGKILL)
			must(t, syscall.Kill(backend, syscall.SIGKILL)) // which would go on without it
		}, func() {
			if got := r.psql(t, "psql", "-c", "select 1"); got.code == 0 {
				t.Errorf("somebody answers:\n%s", got.all)
			}
			runPostgres(t, r.primary.namespace.start, data, serverAddress)
		}},
	} {
		t.Log(test.name) // not in tests of their own, with which what they start would end
		session, backend := r.sleeper(t)
		test.crash(backend)
		if code := session.wait(t); code == 0 {
			t.Errorf("%s: the query ended as if nothing had happened", test.name)
		}
		test.heal()
		// The far sidecar may still have the lost session, whose backend sleeps on: it comes from the same port.
		if got := r.query(t, "select 6*7"); got != "42" {
			t.Errorf("%s: select: %q", test.name, got)
		}
	}
}

// sleeper starts a query that lasts, and returns it with the process that serves it.
func (r *rig) sleeper(t *testing.T) (query *process, backend int) {
	t.Helper()
	query = r.clients.start(t, exec.Command(need(t, "psql"), psql(t, nearAddress, "-Atq",
		"-c", `select 'backend', pg_backend_pid()`, "-c", "select pg_sleep(600)")...))
	query.out.waitLine(t, "backend|")
	lines, _ := query.out.since(0)
	backend, err := strconv.Atoi(strings.TrimPrefix(lines[0], "backend|"))
	if err != nil {
		t.Fatal(fmt.Errorf("backend: %w", err))
	}
	return query, backend
}
