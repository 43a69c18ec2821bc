//go:build unix

package listener

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func socketPath(t *testing.T) (string, Spec) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	return path, Spec{Network: "unix", Address: path}
}

// stale leaves the socket file of a process that is gone.
func stale(t *testing.T, path string) {
	t.Helper()
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	l.Close()
}

func TestUnixStaleFile(t *testing.T) {
	path, spec := socketPath(t)
	stale(t, path)
	if l := open(t, &Set{}, spec); !answers(t, l) {
		t.Error("the socket in place of a stale one does not answer")
	}
}

func TestUnixRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		prepare func(t *testing.T, path string)
		want    string
	}{
		"live socket": {func(t *testing.T, path string) {
			l, err := net.Listen("unix", path)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { l.Close() })
		}, "in use by another process"},
		"datagram socket": {func(t *testing.T, path string) {
			l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { l.Close() })
		}, "in use by another process"},
		"ordinary file": {func(t *testing.T, path string) {
			if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, "the file exists and is no socket (hint: it is never removed"},
		"directory": {func(t *testing.T, path string) {
			if err := os.Mkdir(path, 0o700); err != nil {
				t.Fatal(err)
			}
		}, "the file exists and is no socket"},
		"link to a socket": {func(t *testing.T, path string) {
			stale(t, path+"2")
			if err := os.Symlink(path+"2", path); err != nil {
				t.Fatal(err)
			}
		}, "the file exists and is no socket"},
	} {
		t.Run(name, func(t *testing.T) {
			path, spec := socketPath(t)
			tt.prepare(t, path)
			before, err := os.Lstat(path)
			if err != nil {
				t.Fatal(err)
			}
			_, err = (&Set{}).Stage(context.Background(), []Spec{spec})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Stage = %v, want %q", err, tt.want)
			}
			if after, err := os.Lstat(path); err != nil || !os.SameFile(before, after) {
				t.Errorf("the file was replaced: %v", err)
			}
		})
	}
}

func TestUnixFileIsRemoved(t *testing.T) {
	path, spec := socketPath(t)
	set := &Set{}
	l := open(t, set, spec)
	if again := open(t, set, spec); again != l {
		t.Error("a reload replaced the socket of the same path")
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file is left: %v", err)
	}
}

// TestUnixFileOfOthersStays: another process replaced the file; ours must not take it down.
func TestUnixFileOfOthersStays(t *testing.T) {
	path, spec := socketPath(t)
	l := open(t, &Set{}, spec)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	other, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("the other's file is gone: %v", err)
	}
}

// TestUnixFileGone: clients cannot find the socket any more, as after its directory was replaced.
func TestUnixFileGone(t *testing.T) {
	tests := []struct {
		name   string
		before func(t *testing.T, path string)
		again  bool
	}{
		{"removed", func(*testing.T, string) {}, true},
		{"another file", func(t *testing.T, path string) {
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}, false},
		{"its directory, too", func(t *testing.T, path string) {
			if err := os.Remove(filepath.Dir(path)); err != nil {
				t.Fatal(err)
			}
		}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path, spec := socketPath(t)
			set := &Set{}
			defer set.Close()
			old := open(t, set, spec)
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			tt.before(t, path)
			l := open(t, set, spec)
			if again := l != old; again != tt.again {
				t.Fatalf("opened again = %t, want %t", again, tt.again)
			}
			if !tt.again {
				return
			}
			client, err := net.Dial("unix", path)
			if err != nil {
				t.Fatal(err)
			}
			client.Close()
			if !old.isClosed() {
				t.Error("the old socket stays open")
			}
		})
	}
}

func TestUnixFileStaysAfterHandOver(t *testing.T) {
	path, spec := socketPath(t)
	l := open(t, &Set{}, spec)
	file, err := l.File()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	client, err := net.Dial("unix", path)
	if err != nil {
		t.Fatalf("whoever took the socket over cannot be reached: %v", err)
	}
	client.Close()
}

func TestUnixAbortRemovesFile(t *testing.T) {
	path, spec := socketPath(t)
	stage, err := (&Set{}).Stage(context.Background(), []Spec{spec})
	if err != nil {
		t.Fatal(err)
	}
	stage.Abort()
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file is left: %v", err)
	}
}

// TestUnixFileGoneWithClients: a socket whose file was removed gets a new one with the next stage, whoever had connected is served, and where
// it cannot be made, the old socket stays.
func TestUnixFileGoneWithClients(t *testing.T) {
	path, spec := socketPath(t)
	set := &Set{}
	defer set.Close()
	old := open(t, set, spec)
	waiting := connectTo(t, old)
	defer waiting.Close()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	next := open(t, set, spec)
	if next == old || !answers(t, next) {
		t.Error("the socket cannot be found")
	}
	conn, err := old.Accept()
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	if err := os.RemoveAll(filepath.Dir(path)); err != nil {
		t.Fatal(err)
	}
	if open(t, set, spec) != next {
		t.Error("the socket was given up for none")
	}
}
