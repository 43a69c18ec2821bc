//go:build integration

package integration

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// result is what a program that ran to its end left behind.
type result struct {
	stdout string
	all    string // stdout and stderr as they came
	code   int
}

// client is a program that runs to its end, with a deadline.
type client struct {
	stdin io.Reader
	env   []string // added to the test's own
}

// run returns what the program said, whatever its exit code.
func (c client) run(t *testing.T, name string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	var stdout, all bytes.Buffer
	both := &lockedWriter{w: &all}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = c.stdin, io.MultiWriter(&stdout, both), both
	cmd.Env = append(os.Environ(), c.env...)
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	if ctx.Err() != nil {
		t.Fatalf("%s %s did not end:\n%s", name, strings.Join(args, " "), all.String())
	}
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		t.Fatalf("%s: %v\n%s", name, err, all.String())
	}
	return result{stdout: stdout.String(), all: all.String(), code: cmd.ProcessState.ExitCode()}
}

// must is run for programs that have to succeed.
func (c client) must(t *testing.T, name string, args ...string) string {
	t.Helper()
	r := c.run(t, name, args...)
	if r.code != 0 {
		t.Fatalf("%s %s: exit code %d\n%s", name, strings.Join(args, " "), r.code, r.all)
	}
	return r.stdout
}

// lockedWriter lets stdout and stderr share a writer.
type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

// plus returns arguments followed by more; the first ones stay as they are.
func plus(args []string, more ...string) []string { return slices.Concat(args, more) }
