package watch

import (
	"context"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// TestWhileReading changes files between the snapshot and Follow, where a reader may have seen either.
func TestWhileReading(t *testing.T) {
	tests := []struct {
		name  string
		do    func(t *testing.T, dir string)
		want  bool // a signal
		stamp bool // which takes inodes and times of change
	}{
		{"nothing", func(*testing.T, string) {}, false, false},
		{"changed", func(t *testing.T, dir string) { write(t, filepath.Join(dir, "file"), "longer") }, true, false},
		{"changed, as long as before", func(t *testing.T, dir string) { replace(t, filepath.Join(dir, "file"), "txet") }, true, false},
		{"changed and restored", func(t *testing.T, dir string) {
			replace(t, filepath.Join(dir, "file"), "else")
			replace(t, filepath.Join(dir, "file"), "text")
		}, true, true},
		{"gone", func(t *testing.T, dir string) { remove(t, filepath.Join(dir, "file")) }, true, false},
		{"appeared", func(t *testing.T, dir string) { write(t, filepath.Join(dir, "absent"), "") }, true, false},
		{"appeared and went", func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "absent"), "")
			remove(t, filepath.Join(dir, "absent"))
		}, true, true},
		{"another match", func(t *testing.T, dir string) { write(t, filepath.Join(dir, "p.d", "a.toml"), "") }, true, false},
		{"another match came and went", func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "p.d", "a.toml"), "")
			remove(t, filepath.Join(dir, "p.d", "a.toml"))
		}, true, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if test.stamp && !stampsTell {
				return // the periodic full comparison is what there is
			}
			dir := t.TempDir()
			mkdir(t, filepath.Join(dir, "p.d"))
			write(t, filepath.Join(dir, "file"), "text")
			set := Set{
				Files: []string{filepath.Join(dir, "file"), filepath.Join(dir, "absent")},
				Globs: []string{filepath.Join(dir, "p.d", "*.toml")},
			}
			r := still(t, Set{})
			before := r.Snapshot(set)
			test.do(t, dir)
			r.Follow(set, before)
			r.glance()
			if r.pace.pending() != test.want {
				t.Fatalf("something to tell: %t, want %t", r.pace.pending(), test.want)
			}
			if test.want && !r.decide() {
				t.Error("no signal")
			}
			if r.glance(); r.pace.pending() {
				t.Error("one signal is not enough")
			}
		})
	}
}

// TestUncovered: what a snapshot does not show is told of, once.
func TestUncovered(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a"), "text")
	write(t, filepath.Join(dir, "b"), "text")
	one := Set{Files: []string{filepath.Join(dir, "a")}}
	two := Set{Files: append([]string{filepath.Join(dir, "b")}, one.Files...)}
	pattern := Set{Files: one.Files, Globs: []string{filepath.Join(dir, "*.toml")}}
	tests := []struct {
		name   string
		before func(w *Watcher) *Snapshot
		set    Set
		covers bool
	}{
		{"the same files", func(w *Watcher) *Snapshot { return w.Snapshot(one) }, one, true},
		{"fewer", func(w *Watcher) *Snapshot { return w.Snapshot(two) }, one, true},
		{"more", func(w *Watcher) *Snapshot { return w.Snapshot(one) }, two, false},
		{"another pattern", func(w *Watcher) *Snapshot { return w.Snapshot(one) }, pattern, false},
		{"the pattern is known", func(w *Watcher) *Snapshot { return w.Snapshot(pattern) }, pattern, true},
		{"no snapshot", func(*Watcher) *Snapshot { return nil }, one, false},
		{"no files and no snapshot", func(*Watcher) *Snapshot { return nil }, Set{}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := still(t, Set{})
			before := test.before(r.Watcher)
			if covers := before.Covers(test.set); covers != test.covers {
				t.Errorf("covers: %t, want %t", covers, test.covers)
			}
			r.Follow(test.set, before)
			r.glance()
			want := !test.covers && len(test.set.Files) > 0
			if r.pace.pending() != want {
				t.Errorf("something to tell: %t, want %t", r.pace.pending(), want)
			}
			if want && !r.decide() {
				t.Error("no signal")
			}
			if r.glance(); r.pace.pending() {
				t.Error("one signal is not enough")
			}
		})
	}
}

// TestFailedReading: a reader that hands nothing over is not told again until something changes again.
func TestFailedReading(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	write(t, file, "good")
	r := still(t, Set{Files: []string{file}})
	for _, text := range []string{"bad", "worse", "good"} {
		write(t, file, text)
		r.pace.heard(time.Now())
		if !r.decide() {
			t.Fatalf("no signal for %q", text)
		}
		r.pace.heard(time.Now())
		if r.decide() {
			t.Fatalf("two signals for %q", text)
		}
	}
}

// TestOvertaken: there is no signal for what Follow hands over while it is about to be told.
func TestOvertaken(t *testing.T) {
	set := Set{Files: []string{filepath.Join(t.TempDir(), "file")}}
	write(t, set.Files[0], "old")
	r := still(t, set)
	write(t, set.Files[0], "new")
	if f, _ := r.look(false); !f.differs {
		t.Fatal("no difference")
	}
	r.Follow(set, r.Snapshot(set))
	if r.tell() {
		t.Error("told of what the reader knows")
	}
}

// TestConcurrentUse is for the race detector.
func TestConcurrentUse(t *testing.T) {
	dir := t.TempDir()
	sets := []Set{{Files: []string{filepath.Join(dir, "a")}}, {Files: []string{filepath.Join(dir, "b")}, Globs: []string{filepath.Join(dir, "*")}}}
	w := newSilent(t, Options{Quiet: time.Millisecond, Recheck: time.Millisecond, Full: 5 * time.Millisecond})
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() { w.Run(ctx, func() { w.Follow(sets[0], w.Snapshot(sets[0])) }) })
	var some sync.WaitGroup
	for _, set := range sets {
		some.Go(func() {
			for i := range 50 {
				write(t, set.Files[0], string(rune('a'+i%26)))
				w.Follow(set, w.Snapshot(set))
				_ = w.State()
			}
		})
	}
	some.Wait()
	cancel()
	all.Wait()
}
