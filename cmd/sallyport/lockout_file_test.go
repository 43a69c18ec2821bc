package main

import (
	"bytes"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/policy"
)

// locksFor returns locks that a single failure makes.
func locksFor(now time.Time) *policy.Lockouts {
	return policy.NewLockouts(now, 0, policy.LockoutRules{Failures: 1, Window: time.Hour, Duration: time.Hour})
}

func lockOut(locks *policy.Lockouts, sources ...string) {
	for _, source := range sources {
		locks.Failed(time.Now(), netip.MustParseAddr(source), policy.NotTLS)
	}
}

func lockedOut(locks *policy.Lockouts) []string {
	var list []string
	for _, lock := range locks.List(time.Now()) {
		list = append(list, sourceText(lock.Source))
	}
	return list
}

// fileIn returns a file in a directory with its log.
func fileIn(dir string, locks *policy.Lockouts) (*lockoutFile, *bytes.Buffer) {
	var log bytes.Buffer
	return newLockoutFile(locks, slog.New(slog.NewTextHandler(&log, nil)), func() string { return dir }), &log
}

// snapshotOf returns what a file has that keeps these sources.
func snapshotOf(sources ...string) string {
	locks := locksFor(time.Now())
	lockOut(locks, sources...)
	var b strings.Builder
	locks.Snapshot(time.Now(), &b)
	return b.String()
}

func TestLockoutFileSurvivesRestart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	locks := locksFor(time.Now())
	file, log := fileIn(dir, locks)
	file.load(time.Now())
	if !file.save() {
		t.Error("nothing to write was not written")
	}
	if _, err := os.Stat(dir); err == nil || log.Len() > 0 {
		t.Errorf("nobody is locked out, and something was written:\n%s", log)
	}
	lockOut(locks, "203.0.113.9", "2001:db8::5")
	if !file.save() {
		t.Errorf("not written:\n%s", log)
	}

	for range 2 { // the second time what was restored is there already
		again := locksFor(time.Now())
		file, log = fileIn(dir, again)
		file.load(time.Now())
		if diff := cmp.Diff([]string{"203.0.113.9", "2001:db8::/64"}, lockedOut(again)); diff != "" {
			t.Errorf("restored (-want +got):\n%s", diff)
		}
		if want := "sources=2"; !strings.Contains(log.String(), want) {
			t.Errorf("the log does not say %q:\n%s", want, log)
		}
		file.write = func(string, func(io.Writer) error) error { t.Error("written though nothing changed"); return nil }
		file.save()
	}
	if diff := cmp.Diff([]string{"lockouts.json"}, names(t, dir)); diff != "" {
		t.Errorf("in the directory (-want +got):\n%s", diff)
	}
}

func TestLockoutFileLoad(t *testing.T) {
	good := snapshotOf("203.0.113.9")
	ended := `{"version":1,"locks":[{"source":"203.0.113.9/32","since":"2026-01-01T00:00:00Z","until":"2026-01-01T00:30:00Z","failures":3,"reason":"not_tls"}]}`
	content := func(text string) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, tt := range []struct {
		name  string
		make  func(t *testing.T, path string)
		says  string   // in the log; empty for nothing
		left  []string // in the directory
		locks int
	}{
		{"missing", func(*testing.T, string) {}, "", nil, 0},
		{"good", content(good), "lock-outs restored", []string{"lockouts.json"}, 1},
		{"all ended", content(ended), "", []string{"lockouts.json"}, 0},
		{"empty", content(""), "unexpected end of JSON input", []string{"lockouts.json.damaged"}, 0},
		{"truncated", content(good[:len(good)/2]), "unexpected end of JSON input", []string{"lockouts.json.damaged"}, 0},
		{"garbage", content("\x00\xff\x1b[31m"), "not a complete snapshot", []string{"lockouts.json.damaged"}, 0},
		{"zeroes, as after a power cut", content(strings.Repeat("\x00", 4096)), "not a complete snapshot", []string{"lockouts.json.damaged"}, 0},
		{"edited wrongly", content(strings.Replace(good, "/32", "/31", 1)), "203.0.113.9/31", []string{"lockouts.json.damaged"}, 0},
		{"newer", content(`{"version":2}`), "written by a newer program", []string{"lockouts.json.damaged"}, 0},
		{"huge", func(t *testing.T, path string) {
			content("")(t, path)
			if err := os.Truncate(path, lockoutsLongest+1); err != nil {
				t.Fatal(err)
			}
		}, "536870913 bytes are more than this program ever writes", []string{"lockouts.json.damaged"}, 0},
		{"a directory", func(t *testing.T, path string) {
			if err := os.MkdirAll(filepath.Join(path, "deep"), 0o700); err != nil {
				t.Fatal(err)
			}
		}, "is not a file", []string{"lockouts.json.damaged"}, 0},
		{"unreadable", func(t *testing.T, path string) {
			if err := os.Symlink(path, path); err != nil { // a circle; root reads whatever mode it has
				t.Fatal(err)
			}
		}, "lock-outs were not restored", []string{"lockouts.json.damaged"}, 0},
		{"a link to a file", func(t *testing.T, path string) {
			content(good)(t, path+"~")
			if err := os.Symlink(path+"~", path); err != nil {
				t.Fatal(err)
			}
		}, "lock-outs restored", []string{"lockouts.json", "lockouts.json~"}, 1},
		{"damaged again", func(t *testing.T, path string) {
			content("a")(t, path+".damaged")
			content("b")(t, path+".damaged.2")
			content("c")(t, path)
		}, "kept_as=", []string{"lockouts.json.damaged", "lockouts.json.damaged.2", "lockouts.json.damaged.3"}, 0},
		{"killed while it was written", func(t *testing.T, path string) {
			content(good)(t, path)
			content(good[:20])(t, path+".1234.tmp")
			content("")(t, path+".99.tmp")
		}, "lock-outs restored", []string{"lockouts.json"}, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			tt.make(t, filepath.Join(dir, "lockouts.json"))
			locks := locksFor(time.Now())
			file, log := fileIn(dir, locks)
			file.load(time.Now())
			if !strings.Contains(log.String(), tt.says) || tt.says == "" && log.Len() > 0 {
				t.Errorf("the log does not say %q:\n%s", tt.says, log)
			}
			if diff := cmp.Diff(tt.left, names(t, dir)); diff != "" {
				t.Errorf("left in the directory (-want +got):\n%s", diff)
			}
			if got := len(lockedOut(locks)); got != tt.locks {
				t.Errorf("%d sources are locked out, want %d", got, tt.locks)
			}

			lockOut(locks, "192.0.2.1") // whatever was there, from now on it works
			if !file.save() {
				t.Errorf("cannot be written:\n%s", log)
			}
			again := locksFor(time.Now())
			file, log = fileIn(dir, again)
			file.load(time.Now())
			if diff := cmp.Diff(lockedOut(locks), lockedOut(again)); diff != "" {
				t.Errorf("restored (-want +got):\n%s\n%s", diff, log)
			}
		})
	}
}

// A file that can be neither read nor moved is not written over until it can be moved.
func TestLockoutFileLosesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	if err := os.WriteFile(dir, nil, 0o600); err != nil { // a file where the directory should be
		t.Fatal(err)
	}
	locks := locksFor(time.Now())
	file, log := fileIn(dir, locks)
	file.load(time.Now())
	if want := "lock-outs were not restored, and none can be kept"; !strings.Contains(log.String(), want) {
		t.Errorf("the log does not say %q:\n%s", want, log)
	}
	lockOut(locks, "192.0.2.1")
	if file.save() {
		t.Error("written into what is no directory")
	}

	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "lockouts.json"), []byte("what could not be read"), 0o600); err != nil {
		t.Fatal(err)
	}
	if !file.save() {
		t.Errorf("not written:\n%s", log)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "lockouts.json.damaged")); err != nil || string(got) != "what could not be read" {
		t.Errorf("kept aside: %q, %v", got, err)
	}
	if want := "is out of the way"; !strings.Contains(log.String(), want) {
		t.Errorf("the log does not say %q:\n%s", want, log)
	}
}
