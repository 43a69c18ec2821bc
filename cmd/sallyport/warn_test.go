package main

import (
	"testing"

	"sallyport/internal/admin"
)

// TestWarn: a warning is logged when it comes, not as long as it stays.
func TestWarn(t *testing.T) {
	log := new(logText)
	d := newDaemon("", newLogHandler(log), nil)
	for i, step := range []struct {
		ok       bool
		warnings []string
		a, b     int // how often each was logged by then
	}{
		{true, []string{"a"}, 1, 0},
		{true, []string{"a", "b"}, 1, 1},
		{false, nil, 1, 1}, // a file that cannot be read at all
		{true, []string{"a", "b"}, 1, 1},
		{false, []string{"b"}, 1, 1},
		{true, []string{"a"}, 1, 1},
		{true, []string{"a", "b"}, 1, 2},
	} {
		d.warn(&admin.Reload{OK: step.ok, Warnings: step.warnings})
		if a, b := log.count("problem=a"), log.count("problem=b"); a != step.a || b != step.b {
			t.Errorf("step %d: a %d times, b %d times, want %d and %d", i, a, b, step.a, step.b)
		}
	}
}
