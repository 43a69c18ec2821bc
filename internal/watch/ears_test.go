package watch

import (
	"bytes"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/google/go-cmp/cmp"
)

// fakeSystem hands out feeds that hear nothing but what a test says.
type fakeSystem struct {
	mu     sync.Mutex
	open   error            // of the next open
	limit  int              // directories that can be watched; 0: any number
	refuse map[string]error // by base name
	dirs   map[string]bool
	adds   int
	twice  []string // what was added while it was watched
	opened int
	events chan fsnotify.Event
	errors chan error
}

func (s *fakeSystem) feed() (*feed, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open != nil {
		return nil, s.open
	}
	s.opened++
	s.dirs = make(map[string]bool)
	s.events, s.errors = make(chan fsnotify.Event), make(chan error)
	return &feed{s, s.events, s.errors}, nil
}

func (s *fakeSystem) Add(dir string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.refuse[filepath.Base(dir)]; err != nil {
		return err
	}
	if s.limit > 0 && len(s.dirs) >= s.limit && !s.dirs[dir] {
		return syscall.ENOSPC
	}
	if s.adds++; s.dirs[dir] {
		s.twice = append(s.twice, dir)
	}
	s.dirs[dir] = true
	return nil
}

func (s *fakeSystem) Remove(dir string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.dirs, dir)
	return nil
}

func (s *fakeSystem) Close() error { return nil }

func (s *fakeSystem) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

func (s *fakeSystem) channels() (chan fsnotify.Event, chan error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.events, s.errors
}

// logged is a log that a test reads while it is written.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) count(what string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), what)
}

// followOn is follow on a fake system, with a log.
func followOn(t *testing.T, system *fakeSystem, opt Options, set Set) (*reader, *logged) {
	t.Helper()
	log := new(logged)
	r := &reader{t: t, w: New(slog.New(slog.NewTextHandler(log, nil)), opt), set: set}
	r.w.open = system.feed
	r.run()
	return r, log
}

func threeDirectories(t *testing.T) Set {
	t.Helper()
	dir := t.TempDir()
	var set Set
	for _, name := range []string{"a", "b", "c"} {
		mkdir(t, filepath.Join(dir, name))
		set.Files = append(set.Files, filepath.Join(dir, name, "file"))
		write(t, filepath.Join(dir, name, "file"), "old")
	}
	return set
}

// TestLimits: what cannot be watched is polled, the log says so once and how to help, and events are used again as
// soon as that is possible.
func TestLimits(t *testing.T) {
	tests := []struct {
		name  string
		limit func(s *fakeSystem)
		lift  func(s *fakeSystem)
		hint  string
	}{
		{"watches", func(s *fakeSystem) { s.limit = 1 }, func(s *fakeSystem) { s.limit = 0 }, "fs.inotify.max_user_watches"},
		{"instances", func(s *fakeSystem) { s.open = syscall.EMFILE }, func(s *fakeSystem) { s.open = nil }, "fs.inotify.max_user_instances"},
		{"descriptors", func(s *fakeSystem) { s.open = syscall.ENFILE }, func(s *fakeSystem) { s.open = nil }, "fs.file-max"},
		{"permission", func(s *fakeSystem) { s.refuse = map[string]error{"b": syscall.EACCES} }, func(s *fakeSystem) { s.refuse = nil }, "read the directory"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			system := new(fakeSystem)
			test.limit(system)
			opt := Options{Quiet: time.Millisecond, Recheck: -1, Full: -1, Poll: 5 * time.Millisecond}
			r, log := followOn(t, system, opt, threeDirectories(t))
			for i, file := range r.set.Files {
				write(t, file, strings.Repeat("new", i+1))
				r.catchUp(file + " is read")
			}
			if s := r.w.State(); s.Deaf == 0 || s.Err == nil {
				t.Errorf("state: %+v", s)
			}
			looks := r.w.State().Looks
			eventually(t, "there were more looks", func() bool { return r.w.State().Looks > looks+3 })
			if said, hinted := log.count("cannot be watched"), log.count(test.hint); said != 1 || hinted != 1 {
				t.Errorf("said %d times, with a hint %d times, want once:\n%s", said, hinted, log.text.String())
			}
			system.set(func() { test.lift(system) })
			eventually(t, "all is watched", func() bool { s := r.w.State(); return s.Deaf == 0 && s.Directories >= 3 && s.Err == nil })
			if said := log.count("every directory is watched again"); said != 1 {
				t.Errorf("the good news was told %d times", said)
			}
		})
	}
}

// TestAncestorsOptional: directories above may be unreadable, since only a shortcut needs them.
func TestAncestorsOptional(t *testing.T) {
	set := threeDirectories(t)
	above := filepath.Base(filepath.Dir(filepath.Dir(set.Files[0])))
	system := &fakeSystem{refuse: map[string]error{above: syscall.EACCES}}
	r, log := followOn(t, system, Options{Quiet: time.Millisecond}, set)
	if s := r.w.State(); s.Deaf != 0 || s.Err != nil || log.count("cannot") != 0 {
		t.Errorf("state: %+v\n%s", s, log.text.String())
	}
}

// TestWithoutEvents: on some file systems everything can be watched and nothing is heard.
func TestWithoutEvents(t *testing.T) {
	r, _ := followOn(t, new(fakeSystem), Options{Quiet: time.Millisecond, Recheck: 5 * time.Millisecond, Full: 50 * time.Millisecond}, threeDirectories(t))
	for _, file := range r.set.Files {
		replace(t, file, "new")
		r.catchUp(file + " is read")
	}
}

// TestOverflow: after events got lost, everything is read, and watched once more.
func TestOverflow(t *testing.T) {
	system := new(fakeSystem)
	r, _ := followOn(t, system, Options{Quiet: time.Millisecond, Recheck: -1, Full: -1}, threeDirectories(t))
	r.w.mu.Lock()
	for path, found := range r.w.last.files { // as if stat could not tell
		found.sum[0]++
		found.racy = false
		r.w.last.files[path] = found
	}
	r.w.told = r.w.last
	r.w.mu.Unlock()
	r.settle()
	if _, signals := r.known(); signals != 0 {
		t.Fatal("files were read without a reason")
	}
	_, errs := system.channels()
	errs <- fsnotify.ErrEventOverflow
	eventually(t, "everything was read", func() bool { _, signals := r.known(); return signals == 1 })
}

// TestNothingIsAddedTwice: fsnotify loses its way when a path that it watches is added anew.
func TestNothingIsAddedTwice(t *testing.T) {
	system := new(fakeSystem)
	set := threeDirectories(t)
	followOn(t, system, Options{Recheck: time.Millisecond}, set)
	adds := func() (n int) { system.set(func() { n = system.adds }); return n }
	first := adds()
	eventually(t, "everything is added several times", func() bool { return adds() > first+10*len(set.Files) })
	system.set(func() {
		if len(system.twice) > 0 {
			t.Errorf("added while it was watched: %q", system.twice)
		}
	})
}

// TestFeedDies: a feed that ends is replaced; an error of it is logged.
func TestFeedDies(t *testing.T) {
	system := new(fakeSystem)
	r, log := followOn(t, system, Options{Quiet: time.Millisecond, Recheck: -1, Full: -1}, threeDirectories(t))
	events, errs := system.channels()
	errs <- errors.New("some trouble")
	eventually(t, "the error is logged", func() bool { return log.count("some trouble") == 1 })
	close(events)
	eventually(t, "there is another feed", func() bool { again, _ := system.channels(); return again != events })
	r.settle()
	write(t, r.set.Files[0], "new")
	again, _ := system.channels()
	again <- fsnotify.Event{Name: r.set.Files[0], Op: fsnotify.Write}
	r.catchUp("the change is read")
}

// TestOtherEvents: files that do not count cause no look, however busy their directory is.
func TestOtherEvents(t *testing.T) {
	set := threeDirectories(t)
	at := locate(set)
	for name, want := range map[string]bool{set.Files[0]: true, set.Files[0] + ".log": false, filepath.Dir(set.Files[0]): true} {
		if got := new(news).event(fsnotify.Event{Name: name, Op: fsnotify.Write}, true, at); got != want {
			t.Errorf("%s matters: %t, want %t", name, got, want)
		}
	}
}

// TestListenAgain: what is no longer watched although the directory is the same is watched anew.
func TestListenAgain(t *testing.T) {
	set := threeDirectories(t)
	dir, err := filepath.EvalSymlinks(filepath.Dir(set.Files[0]))
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		say  func(s *fakeSystem)
	}{
		{"removed and made again", func(s *fakeSystem) { s.events <- fsnotify.Event{Name: dir, Op: fsnotify.Remove} }},
		{"moved away and back", func(s *fakeSystem) { s.events <- fsnotify.Event{Name: dir, Op: fsnotify.Rename} }},
		{"events got lost", func(s *fakeSystem) { s.errors <- fsnotify.ErrEventOverflow }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			system := new(fakeSystem)
			e := newEars(system.feed)
			t.Cleanup(e.close)
			e.listen(locate(set))
			test.say(system)
			<-e.heard
			if c := e.listen(locate(set)); !c.fresh {
				t.Errorf("coverage: %+v", c)
			}
		})
	}
}

// TestListen: exactly what is wanted is watched, and what became another directory is watched anew.
func TestListen(t *testing.T) {
	system := new(fakeSystem)
	e := newEars(system.feed)
	t.Cleanup(e.close)
	set := threeDirectories(t)
	if c := e.listen(locate(set)); !c.fresh || c.deaf != 0 {
		t.Fatalf("coverage: %+v", c)
	}
	if c := e.listen(locate(set)); c.fresh {
		t.Fatalf("fresh although nothing changed: %+v", c)
	}
	dir := filepath.Dir(set.Files[0])
	rename(t, dir, dir+".away")
	mkdir(t, dir)
	if c := e.listen(locate(set)); !c.fresh {
		t.Fatalf("another directory is taken for the old one: %+v", c)
	}
	set.Files = set.Files[1:]
	e.listen(locate(set))
	var watched []string
	for _, file := range threePaths(system) {
		watched = append(watched, filepath.Base(file))
	}
	if diff := cmp.Diff([]string{"b", "c"}, watched); diff != "" {
		t.Errorf("watched (-want +got):\n%s", diff)
	}
}

// threePaths returns those of the test's directories that are watched, in order.
func threePaths(s *fakeSystem) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var paths []string
	for dir := range s.dirs {
		if len(filepath.Base(dir)) == 1 && filepath.Base(dir) != string(filepath.Separator) {
			paths = append(paths, dir)
		}
	}
	slices.Sort(paths)
	return paths
}
