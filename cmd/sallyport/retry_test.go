package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sallyport/internal/admin"
)

// writePort makes the configuration of a daemon with one port. The policy allows nothing, which is what nobody here asks.
func writePort(t *testing.T, path, listen, more string) {
	t.Helper()
	text := fmt.Sprintf(`
[admin]
listen = "off"
[[application]]
name = "a"
upstream.primary = "builtin:echo"
[[application.port]]
id = "p"
listen = %q
mode = "plaintext"
%s`, listen, more)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestRetry: a reload that failed is tried again although no file has changed, and only news are told.
func TestRetry(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.toml")
	var log logText
	d := newDaemon(path, newLogHandler(&log), nil)
	t.Cleanup(func() {
		d.sockets.Close()
		d.serving.Wait()
	})
	writePort(t, path, "127.0.0.1:0", "")
	if first := d.change(t.Context(), admin.TriggerStart); !first.OK {
		t.Fatal(first.Problems)
	}
	d.tryAgain(t.Context())
	if log.count("reloaded") != 0 || d.Status().Generation != 1 {
		t.Errorf("it was tried again although nothing had failed:\n%s", &log)
	}

	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	writePort(t, path, other.Addr().String(), "")
	d.reload(t.Context(), admin.TriggerWatch)
	failure := d.Status().LastFailure
	d.tryAgain(t.Context())
	if n := log.count("reload failed"); n != 1 || d.Status().LastFailure != failure {
		t.Errorf("one failure was told of %d times:\n%s", n, &log)
	}

	other.Close()
	d.tryAgain(t.Context())
	if s := d.Status(); s.Generation != 2 || s.LastSuccess.Trigger != admin.TriggerRetry || log.count("msg=reloaded trigger=retry") != 1 {
		t.Errorf("after the obstacle had gone: generation %d\n%s", s.Generation, &log)
	}
	d.tryAgain(t.Context())
	if s := d.Status(); s.Generation != 2 {
		t.Errorf("generation %d after the success", s.Generation)
	}
}

// TestRetryUnwatched: where changes count only when somebody says so, nothing is tried again.
func TestRetryUnwatched(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.toml")
	d := newDaemon(path, newLogHandler(new(logText)), nil)
	t.Cleanup(func() {
		d.sockets.Close()
		d.serving.Wait()
	})
	const off = "[reload]\nwatch = false\n"
	writePort(t, path, "127.0.0.1:0", off)
	d.change(t.Context(), admin.TriggerStart)
	writePort(t, path, "nowhere", off)
	d.reload(t.Context(), admin.TriggerRequest)
	writePort(t, path, "127.0.0.1:0", off)
	d.tryAgain(t.Context())
	if s := d.Status(); s.Generation != 1 || s.LastFailure == nil {
		t.Errorf("generation %d, failure %v", s.Generation, s.LastFailure)
	}
}

// TestManyProblems: a file that is another kind of file has a problem in every line, which must not fill the log.
func TestManyProblems(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.toml")
	var log logText
	d := newDaemon(path, newLogHandler(&log), nil)
	t.Cleanup(func() {
		d.sockets.Close()
		d.serving.Wait()
	})
	writePort(t, path, "127.0.0.1:0", "")
	if first := d.change(t.Context(), admin.TriggerStart); !first.OK {
		t.Fatal(first.Problems)
	}
	var junk strings.Builder
	for i := range 2 * mostChanges {
		fmt.Fprintf(&junk, "junk%d = 1\n", i)
	}
	writePort(t, path, "127.0.0.1:0", junk.String())
	if result := d.reload(t.Context(), admin.TriggerRequest); len(result.Problems) != 2*mostChanges {
		t.Errorf("who asked is told of %d problems, want all", len(result.Problems))
	}
	if n := log.count("unknown key"); n != mostChanges || log.count("and 100 more") != 1 {
		t.Errorf("the log has %d problems, want %d and the number of the others", n, mostChanges)
	}
	if n := len(d.Status().LastFailure.Problems); n != mostChanges+1 {
		t.Errorf("status has %d lines", n)
	}
	if d.tryAgain(t.Context()); log.count("reload failed") != 1 {
		t.Error("the same failure was told of twice")
	}
}
