//go:build unix

package certs

import (
	"path/filepath"
	"syscall"
	"testing"
)

// TestOpenRefusesLatePipe: a FIFO takes the place of a file after it was looked at. Waiting for its writer would end all reloads.
func TestOpenRefusesLatePipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "late.crt")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	file, _, problem := open(path, maxFile)
	if file != nil || problem == nil || problem.err.Error() != "is not a regular file" {
		t.Errorf("open = %v, %v", file, problem)
	}
}
