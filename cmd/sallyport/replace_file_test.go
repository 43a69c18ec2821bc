package main

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// names returns what is in a directory.
func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

// writes returns what writes a text.
func writes(text string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	}
}

func TestReplaceFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "state")
	path := filepath.Join(dir, "a.json")
	for _, content := range []string{"first", "second, and longer", ""} {
		if err := replaceFile(path, writes(content)); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != content {
			t.Errorf("%q, %v, want %q", got, err, content)
		}
	}
	if diff := cmp.Diff([]string{"a.json"}, names(t, dir)); diff != "" {
		t.Errorf("in the directory (-want +got):\n%s", diff)
	}
	if runtime.GOOS == "windows" {
		return // which has no such modes
	}
	for path, want := range map[string]fs.FileMode{path: 0o600, dir: 0o700} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s has mode %v, %v, want %v", path, info.Mode(), err, want)
		}
	}
}

// The old file stays as it is and nothing is left behind, whatever fails.
func TestReplaceFileFails(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.json")
	if err := os.MkdirAll(filepath.Join(path, "full"), 0o700); err != nil { // nothing can be renamed to that
		t.Fatal(err)
	}
	if err := replaceFile(path, writes("x")); err == nil {
		t.Error("a file has replaced a directory with something in it")
	}
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := replaceFile(filepath.Join(dir, "file", "a.json"), writes("x")); err == nil {
		t.Error("a file was made in what is no directory")
	}
	half := func(w io.Writer) error { return errors.Join(writes("half")(w), syscall.ENOSPC) }
	if err := replaceFile(filepath.Join(dir, "file"), half); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("a disk that is full: %v", err)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "file")); err != nil || len(got) > 0 {
		t.Errorf("what could not be replaced is %q, %v", got, err)
	}
	if diff := cmp.Diff([]string{"a.json", "file"}, names(t, dir)); diff != "" {
		t.Errorf("in the directory (-want +got):\n%s", diff)
	}
	if err := syncDir(filepath.Join(dir, "nowhere")); runtime.GOOS != "windows" && !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("sync of a directory that there is not: %v", err)
	}
}

func TestRemoveTemporary(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a.json", "a.json.123.tmp", "a.json.tmp", "a.json.damaged", "b.json.123.tmp", "xa.json.1.tmp", "admin.token"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "a.json.dir.tmp"), 0o700); err != nil {
		t.Fatal(err)
	}
	removeTemporary(filepath.Join(dir, "a.json"))
	removeTemporary(filepath.Join(dir, "nowhere", "a.json"))
	want := []string{"a.json", "a.json.damaged", "a.json.dir.tmp", "admin.token", "b.json.123.tmp", "xa.json.1.tmp"}
	if diff := cmp.Diff(want, names(t, dir)); diff != "" {
		t.Errorf("left in the directory (-want +got):\n%s", diff)
	}
}
