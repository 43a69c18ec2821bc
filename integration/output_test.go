//go:build integration

package integration

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience bounds every wait for a condition. It is far beyond what any of them takes, so that reaching it is a failure
// and not a busy machine.
const patience = 20 * time.Second

// output collects what a program prints, line by line, and wakes those who wait for a line.
type output struct {
	mu      sync.Mutex
	partial []byte
	lines   []string
	changed chan struct{} // closed and replaced at every new line
}

func newOutput() *output { return &output{changed: make(chan struct{})} }

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.partial = append(o.partial, p...)
	before := len(o.lines)
	for {
		line, rest, found := bytes.Cut(o.partial, []byte("\n"))
		if !found {
			break
		}
		o.lines = append(o.lines, string(line))
		o.partial = rest
	}
	if len(o.lines) > before {
		close(o.changed)
		o.changed = make(chan struct{})
	}
	return len(p), nil
}

// since returns the lines from index n on, and a channel that is closed when there are more.
func (o *output) since(n int) ([]string, <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.lines[min(n, len(o.lines)):], o.changed
}

// String returns everything so far.
func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.Join(o.lines, "\n") + "\n" + string(o.partial)
}

// tail returns the last n lines.
func (o *output) tail(n int) string {
	lines, _ := o.since(0)
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// waitLine waits until a line contains text.
func (o *output) waitLine(t *testing.T, text string) {
	t.Helper()
	deadline := time.After(patience)
	seen := 0
	for {
		lines, changed := o.since(seen)
		for _, line := range lines {
			if strings.Contains(line, text) {
				return
			}
		}
		seen += len(lines)
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("no line with %q; the last ones:\n%s", text, o.tail(30))
		}
	}
}

// waitFor polls until the condition holds. It is for what gives no other sign.
func waitFor(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited %s in vain: %s", patience, what)
		}
	}
}
