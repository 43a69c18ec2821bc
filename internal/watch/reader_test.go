package watch

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// byEvents are Options with which only events lead to a signal, and soon. Elsewhere than on Linux the periodic look
// has to help.
func byEvents() Options {
	opt := Options{Quiet: 10 * time.Millisecond, Longest: 200 * time.Millisecond, Recheck: -1, Full: -1, Poll: -1}
	if runtime.GOOS != "linux" {
		opt.Full = 50 * time.Millisecond
	}
	return opt
}

// reader reads what it follows, as the protocol has it.
type reader struct {
	t   *testing.T
	w   *Watcher
	set Set

	mu      sync.Mutex
	seen    map[string]string
	signals int
	times   []time.Time
}

// follow starts a reader that has read everything and waits until it is watched.
func follow(t *testing.T, opt Options, set Set) *reader {
	t.Helper()
	r := &reader{t: t, w: newSilent(t, opt), set: set}
	r.run()
	return r
}

func newSilent(t *testing.T, opt Options) *Watcher {
	t.Helper()
	return New(slog.New(slog.DiscardHandler), opt)
}

func (r *reader) run() {
	r.t.Helper()
	r.read()
	<-r.w.followed // Run looks anyway: one look, and not another at some time
	ctx, cancel := context.WithCancel(r.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.w.Run(ctx, func() {
			r.mu.Lock()
			r.signals++
			r.times = append(r.times, time.Now())
			r.mu.Unlock()
			r.read()
		})
	}()
	r.t.Cleanup(func() { cancel(); <-done })
	eventually(r.t, "the watcher has begun", func() bool { s := r.w.State(); return s.Looks > 0 && !s.Pending })
}

// read reads everything until it is sure of what it has read, and hands it over.
func (r *reader) read() {
	before := r.w.Snapshot(r.set)
	seen := contents(r.set)
	r.mu.Lock()
	r.seen = seen
	r.mu.Unlock()
	r.w.Follow(r.set, before)
}

func (r *reader) known() (seen map[string]string, signals int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.seen, r.signals
}

// settle waits until the watcher has looked once more at everything and has nothing to wait for.
func (r *reader) settle() {
	r.t.Helper()
	looks := r.w.State().Looks
	r.w.followed <- struct{}{}
	eventually(r.t, "the watcher has looked", func() bool {
		s := r.w.State()
		return s.Looks > looks && !s.Pending
	})
}

// catchUp waits until the reader has read what is on disk.
func (r *reader) catchUp(what string) {
	r.t.Helper()
	eventually(r.t, what, func() bool {
		seen, _ := r.known()
		return same(seen, contents(r.set))
	})
}

func same(a, b map[string]string) bool {
	if len(a) != len(b) {
		return false
	}
	for path, text := range a {
		if other, ok := b[path]; !ok || other != text {
			return false
		}
	}
	return true
}

// contents reads a set without the package's help. What is not there is not in the map.
func contents(set Set) map[string]string {
	seen := make(map[string]string)
	paths := append([]string(nil), set.Files...)
	for _, pattern := range set.Globs {
		matches, _ := filepath.Glob(pattern)
		for _, path := range matches {
			if filepath.Base(path)[0] != '.' {
				paths = append(paths, path)
			}
		}
	}
	for _, path := range paths {
		if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
			continue
		}
		if data, err := os.ReadFile(path); err == nil {
			seen[path] = string(data)
		}
	}
	return seen
}

func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(20 * time.Second)
	for !condition() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// replace writes a temporary file and renames it.
func replace(t *testing.T, path, text string) {
	t.Helper()
	write(t, path+".tmp", text)
	rename(t, path+".tmp", path)
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.RemoveAll(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
}

func mkdir(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(path, 0o755); err != nil {
		t.Fatal(err)
	}
}

func link(t *testing.T, target, path string) {
	t.Helper()
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
}

// flip makes a link point elsewhere in one step.
func flip(t *testing.T, target, path string) {
	t.Helper()
	link(t, target, path+".new")
	rename(t, path+".new", path)
}
