//go:build integration

package integration

import (
	"crypto/tls"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const syscallsConfig = `
[[application]]
name = "app"
certificate     = "${certificate}"
certificate_key = "${key}"

  [application.upstream]
  primary = "${upstream}"

  [[application.port]]
  id     = "secure"
  listen = "${secure}"
  mode   = "secure"

  [[application.port]]
  id     = "plain"
  listen = "${plain}"
  mode   = "plaintext"
`

// sessionCalls are the system calls of one session that has nothing to do but one message and its answer. One of write is the
// record in the log; one of accept4 finds nobody else, where clients come one after the other.
func sessionCalls(writes int) map[string]int {
	return map[string]int{
		"accept4": 2, "getsockname": 2, "setsockopt": 2, "epoll_ctl": 4,
		"socket": 1, "connect": 1, "getsockopt": 1, "getpeername": 1,
		"write": writes, "shutdown": 1, "close": 2,
	}
}

// TestSystemCalls counts the system calls of a session exactly, but for reads, of which every other one may find nothing yet,
// and for those by which the runtime of Go waits and gets memory. Start and end of the process cancel out: it is run twice, with different
// numbers of sessions.
func TestSystemCalls(t *testing.T) {
	need(t, "strace")
	ca := newAuthority(t, "system calls CA")
	server := ca.server(t)
	full := ca.ClientConfig("localhost", nil)
	resuming := full.Clone()
	resuming.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	for _, tt := range []struct {
		name  string
		port  string
		tls   *tls.Config // nil: plaintext
		reads int         // at most
		want  map[string]int
	}{
		{"TLS", "secure", full, 12, sessionCalls(5)},
		{"TLS, resumed", "secure", resuming, 12, sessionCalls(5)},
		{"plaintext", "plain", nil, 8, sessionCalls(3)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			at := vars{
				"certificate": server.certificate, "key": server.key,
				"upstream": serve(t, echo), "secure": freeAddress(t), "plain": freeAddress(t),
			}
			session := func() { shortSession(t, at[tt.port], tt.tls) }
			const few, many = 50, 250
			calls := callsOf(t, at, few, session)
			for name, n := range callsOf(t, at, many, session) {
				calls[name] = n - calls[name]
			}
			got := make(map[string]int)
			for name, n := range calls {
				if each := (n + (many-few)/2) / (many - few); each > 0 && !ofRuntime(name) {
					got[name] = each
				}
			}
			if got["read"] > tt.reads {
				t.Errorf("%d reads for each session, want at most %d", got["read"], tt.reads)
			}
			delete(got, "read")
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("system calls of a session (-want +got):\n%s", diff)
			}
		})
	}
}

// ofRuntime names calls whose number depends on time and on the number of processors.
func ofRuntime(call string) bool {
	return slices.Contains([]string{
		"futex", "nanosleep", "epoll_pwait", "epoll_wait", "sched_yield", "tgkill", "getpid", "rt_sigreturn", "rt_sigprocmask",
		"madvise", "mmap", "munmap", "restart_syscall", "clock_gettime",
	}, call)
}

// callsOf runs sallyport with so many sessions and returns all its system calls, by name.
func callsOf(t *testing.T, at vars, sessions int, session func()) map[string]int {
	t.Helper()
	out := filepath.Join(t.TempDir(), "calls")
	// The tracer stands aside (-D), so that signals and the exit code are those of sallyport.
	// With one processor nobody has to be woken on another, which the runtime of Go does by writing.
	s := launch{env: []string{"GOMAXPROCS=1"}, prefix: []string{need(t, "strace"), "-D", "-f", "-c", "-U", "calls,name", "-o", out}}.start(t, expand(t, syscallsConfig, at))
	for range sessions {
		session()
	}
	s.terminate(t)
	var calls map[string]int
	waitFor(t, "the tracer's table", func() bool {
		table, _ := os.ReadFile(out)
		calls = callsIn(string(table))
		return calls["total"] > 0
	})
	delete(calls, "total")
	return calls
}

// callsIn reads a table of strace.
func callsIn(table string) map[string]int {
	calls := make(map[string]int)
	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		if len(fields) != 2 {
			continue
		}
		if n, err := strconv.Atoi(fields[0]); err == nil {
			calls[fields[1]] = n
		}
	}
	return calls
}

// shortSession sends a message through sallyport, takes the answer, and returns when the other end has closed as well.
func shortSession(t *testing.T, address string, config *tls.Config) {
	t.Helper()
	raw := dial(t, address, "")
	defer raw.Close()
	var conn interface {
		net.Conn
		CloseWrite() error
	} = raw
	if config != nil {
		conn = tls.Client(raw, config)
	}
	message := make([]byte, 128)
	if _, err := conn.Write(message); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(conn, message); err != nil {
		t.Fatal(err)
	}
	if err := conn.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if config != nil {
		raw.CloseWrite()
	}
	if _, err := io.Copy(io.Discard, conn); err != nil {
		t.Fatal(err)
	}
}
