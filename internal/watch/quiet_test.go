package watch

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestNoSignal does what changes no content and expects that the next signal is that of a change.
func TestNoSignal(t *testing.T) {
	tests := []struct {
		name string
		do   func(t *testing.T, dir, file string)
	}{
		{"chmod", func(t *testing.T, _, file string) {
			if err := os.Chmod(file, 0o640); err != nil {
				t.Fatal(err)
			}
		}},
		{"touch", func(t *testing.T, _, file string) {
			later := time.Now().Add(time.Hour)
			if err := os.Chtimes(file, later, later); err != nil {
				t.Fatal(err)
			}
		}},
		{"read", func(t *testing.T, _, file string) {
			if _, err := os.ReadFile(file); err != nil {
				t.Fatal(err)
			}
		}},
		{"the same written again", func(t *testing.T, _, file string) { write(t, file, "old") }},
		{"the same renamed over it", func(t *testing.T, _, file string) { replace(t, file, "old") }},
		{"deleted and made again at once", func(t *testing.T, _, file string) {
			remove(t, file)
			write(t, file, "old")
		}},
		{"other files", func(t *testing.T, dir, _ string) {
			write(t, filepath.Join(dir, "other"), "1")
			replace(t, filepath.Join(dir, "other"), "2")
			remove(t, filepath.Join(dir, "other"))
		}},
		{"hidden files and directories that match", func(t *testing.T, dir, _ string) {
			link(t, "user@host.1:2", filepath.Join(dir, ".#p.toml"))
			write(t, filepath.Join(dir, ".p.toml"), "")
			mkdir(t, filepath.Join(dir, "d.toml"))
		}},
		{"the same through another link", func(t *testing.T, dir, file string) {
			write(t, filepath.Join(dir, "twin"), "old")
			flip(t, "twin", file)
		}},
		{"moved away and back", func(t *testing.T, dir, file string) {
			rename(t, dir, dir+".away")
			rename(t, dir+".away", dir)
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "d")
			mkdir(t, dir)
			file, sentinel := filepath.Join(dir, "tls.crt"), filepath.Join(dir, "sentinel")
			write(t, file, "old")
			write(t, sentinel, "old")
			opt := byEvents()
			opt.Quiet, opt.Longest = 100*time.Millisecond, 2*time.Second // what is not atomic happens within it
			r := follow(t, opt, Set{Files: []string{file, sentinel}, Globs: []string{filepath.Join(dir, "*.toml")}})
			test.do(t, dir, file)
			r.settle()
			if seen, signals := r.known(); signals != 0 || seen[sentinel] != "old" {
				t.Fatalf("%d signals, want none", signals)
			}
			write(t, sentinel, "new")
			r.catchUp("the sentinel is read")
			r.settle()
			if _, signals := r.known(); signals != 1 && signals != 2 { // two, if the write was seen half done
				t.Errorf("%d signals, want that of the sentinel", signals)
			}
		})
	}
}

// still returns a Watcher in a run of its own, which looks only when it is told to.
func still(t *testing.T, set Set) *run {
	t.Helper()
	opt := Options{Quiet: time.Minute, Longest: time.Hour, Recheck: -1, Full: -1, Poll: -1}
	w := newSilent(t, opt)
	w.Follow(set, w.Snapshot(set))
	r := newRun(w)
	t.Cleanup(r.ears.close)
	r.glance()
	return r
}

// TestHalfway: what looks as if somebody were at it waits for another quiet time, and is told of if it stays.
func TestHalfway(t *testing.T) {
	tests := []struct {
		name string
		do   func(t *testing.T, file string)
		undo func(t *testing.T, file string)
	}{
		{"truncated", func(t *testing.T, file string) { write(t, file, "") }, func(t *testing.T, file string) { write(t, file, "old") }},
		{"gone", remove, func(t *testing.T, file string) { write(t, file, "old") }},
		{"unreadable", func(t *testing.T, file string) {
			rename(t, file, file+".away")
			link(t, filepath.Base(file), file) // a circle stops root, too
		}, func(t *testing.T, file string) { rename(t, file+".away", file) }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "p.toml")
			write(t, file, "old")
			r := still(t, Set{Files: []string{file}, Globs: []string{filepath.Join(filepath.Dir(file), "*.toml")}})
			burst := func() { r.pace.heard(time.Now()) }

			test.do(t, file)
			burst()
			if r.decide() || !r.pace.pending() {
				t.Fatal("it does not wait")
			}
			test.undo(t, file)
			if r.decide() || r.pace.pending() {
				t.Fatal("a signal, though all is as it was")
			}

			test.do(t, file)
			burst()
			if r.decide() || !r.decide() {
				t.Fatal("no signal when it stays")
			}
			test.undo(t, file)
			burst()
			if !r.decide() {
				t.Fatal("no signal when it is whole again")
			}

			test.do(t, file)
			r.pace.heard(time.Now().Add(-2 * time.Hour)) // which is over the bound
			if !r.decide() {
				t.Error("it waits for ever")
			}
		})
	}
}

// TestUnheard: what no event tells of is told once two looks find the same.
func TestUnheard(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	write(t, file, "old")
	r := still(t, Set{Files: []string{file}})
	write(t, file, "half")
	r.glance()
	if !r.pace.pending() {
		t.Fatal("a difference is not found")
	}
	write(t, file, "half, and more")
	if r.decide() {
		t.Fatal("a signal, though it goes on")
	}
	if !r.decide() {
		t.Fatal("no signal, though it is quiet")
	}
	if r.glance(); r.pace.pending() {
		t.Error("it is found again after it was told")
	}
}
