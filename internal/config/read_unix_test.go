//go:build unix

package config

import (
	"path/filepath"
	"syscall"
	"testing"
)

// TestOpenRefusesLatePipe: a FIFO takes the place of a file after it was looked at. Waiting for its writer would end all reloads.
func TestOpenRefusesLatePipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "late.toml")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	file, problem := open(path, "config.toml")
	if file != nil || problem == nil || problem.Message != "is a named pipe, not a file" {
		t.Errorf("open = %v, %v", file, problem)
	}
}

func TestReadRefusesDevices(t *testing.T) {
	_, problem := read("/dev/null", "config.toml")
	if problem == nil || problem.Message != "is a device, not a file" {
		t.Errorf("problem = %v", problem)
	}
}
