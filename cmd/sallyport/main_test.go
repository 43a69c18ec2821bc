package main

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestExitCodes(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
		want int
		says string
	}{
		{"help", []string{"--help"}, 0, "sallyport check"},
		{"no command shows help", nil, 0, "Available Commands"},
		{"unknown command", []string{"chek"}, exitUsage, `unknown command "chek"`},
		{"unknown flag", []string{"run", "--confg", "x"}, exitUsage, "unknown flag"},
		{"superfluous argument", []string{"status", "x"}, exitUsage, `unknown command "x"`},
		{"server name alone", []string{"check", "x"}, exitUsage, "goes with --explain-certificate"},
		{"missing file", []string{"check", "--config", "testdata/nowhere.toml"}, exitFailure, "no such file"},
		{"nothing runs", []string{"status", "--config", "../../config.toml"}, exitFailure, "no sallyport is running"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			if got := execute(c.args, &out, &out); got != c.want {
				t.Errorf("exit code %d, want %d", got, c.want)
			}
			if !strings.Contains(out.String(), c.says) {
				t.Errorf("output does not say %q:\n%s", c.says, out.String())
			}
		})
	}
}

// logText collects a log.
type logText struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *logText) has(text string) bool { return strings.Contains(l.String(), text) }

func (l *logText) count(text string) int { return strings.Count(l.String(), text) }

// eventually polls a condition with a deadline.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s: not within %s", what, patience)
		}
	}
}
