package watch

import (
	"path/filepath"
	"testing"
	"time"
)

// TestRecheck changes the interval of the periodic look while it runs.
func TestRecheck(t *testing.T) {
	dir := t.TempDir()
	set := Set{Files: []string{filepath.Join(dir, "file")}}
	r := still(t, set)
	for _, test := range []struct {
		name  string
		every time.Duration
		never bool
	}{
		{"an interval", time.Second, false},
		{"another", time.Minute, false},
		{"zero", 0, true},
		{"negative", -time.Second, true},
		{"again", time.Second, false},
	} {
		r.Recheck(test.every)
		r.Follow(set, r.Snapshot(set))
		r.glance()
		switch next := time.Until(r.routine); {
		case test.never && next < never/2:
			t.Errorf("%s: the next look is in %s, want never", test.name, next)
		case !test.never && next > test.every:
			t.Errorf("%s: the next look is in %s, want at most %s", test.name, next, test.every)
		}
	}
}
