//go:build unix

package watch

import (
	"path/filepath"
	"syscall"
	"testing"
)

// TestNeverBlocks puts what blocks, or never ends, in the place of a file.
func TestNeverBlocks(t *testing.T) {
	tests := []struct {
		name string
		put  func(t *testing.T, file string)
	}{
		{"FIFO", func(t *testing.T, file string) {
			if err := syscall.Mkfifo(file, 0o600); err != nil {
				t.Fatal(err)
			}
		}},
		{"device", func(t *testing.T, file string) { link(t, "/dev/zero", file) }},
		{"directory", mkdir},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "file")
			write(t, file, "old")
			r := follow(t, byEvents(), Set{Files: []string{file}, Globs: []string{file + "*"}})
			remove(t, file)
			test.put(t, file)
			r.catchUp("the reader knows that it is no file")
			remove(t, file)
			write(t, file, "new")
			r.catchUp("the reader has read the file")
		})
	}
}

// TestOpenedTooLate: a FIFO takes the place of a file after it was looked at.
func TestOpenedTooLate(t *testing.T) {
	file := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(file, 0o600); err != nil {
		t.Fatal(err)
	}
	if found := newEye(100).read(file); found.kind != odd {
		t.Errorf("kind %d, want odd", found.kind)
	}
}
