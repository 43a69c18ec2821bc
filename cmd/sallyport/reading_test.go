package main

import (
	"os"
	"path/filepath"
	"testing"

	"sallyport/internal/admin"
)

// TestFailureIsToldOnce: what names other files than before and fails leaves both to be followed. Of neither may the watch
// say that it has changed since.
func TestFailureIsToldOnce(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "config.toml")
	if err := os.WriteFile(filepath.Join(dir, "old.toml"), []byte("[defaults]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	d := newDaemon(path, newLogHandler(new(logText)), nil)
	t.Cleanup(func() {
		d.sockets.Close()
		d.serving.Wait()
	})
	writePort(t, path, "127.0.0.1:0", "[policy]\nfiles = [\"old.toml\"]\n")
	if first := d.change(t.Context(), admin.TriggerStart); !first.OK {
		t.Fatal(first.Problems)
	}
	writePort(t, path, "127.0.0.1:0", "[policy]\nfiles = [\"missing.toml\"]\n")
	r := d.read()
	if !r.problems.HasErrors() {
		t.Fatal("a missing file is no error")
	}
	if !r.before.Covers(union(d.followed, r.set)) {
		t.Errorf("not all files that will be followed were looked at before the reading: %v and %v", d.followed, r.set)
	}
}
