//go:build unix

package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// What a program leaves behind may keep its standard output open for as long as it likes.
func TestOutputIsNotWaitedForForever(t *testing.T) {
	left := filepath.Join(t.TempDir(), "pid")
	_, err := output(t.Context(), "/bin/sh", "-c", `sleep 3600 & echo $! > "$0"; echo rules`, left)
	text, unread := os.ReadFile(left)
	if unread != nil {
		t.Fatal(unread)
	}
	pid, bad := strconv.Atoi(strings.TrimSpace(string(text)))
	if bad != nil {
		t.Fatal(bad)
	}
	defer syscall.Kill(pid, syscall.SIGKILL)
	if !errors.Is(err, exec.ErrWaitDelay) {
		t.Errorf("got %v", err)
	}
}

func TestOutputSaysWhyItEnded(t *testing.T) {
	why := errors.New("the question was taken back")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	if _, err := output(ctx, "/bin/sh", "-c", "echo rules"); !errors.Is(err, why) {
		t.Errorf("got %v", err)
	}
	got, err := output(t.Context(), "/bin/sh", "-c", "echo $TZ")
	if err != nil || string(got) != "UTC\n" {
		t.Errorf("%q, %v", got, err)
	}
}
