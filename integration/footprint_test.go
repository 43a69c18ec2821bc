//go:build integration

package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestFootprint holds the size of the binary that is given out, and how much memory it takes at the start: most of that is the
// binary itself, of which the system maps nearly every page.
func TestFootprint(t *testing.T) {
	const mostBinary, mostResident, mostPrivate = 18 << 20, 18 << 10, 6 << 10 // bytes, KiB, KiB
	path := filepath.Join(t.TempDir(), "sallyport")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, "sallyport/cmd/sallyport")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > mostBinary {
		t.Errorf("the binary has %d bytes, want at most %d; has something brought in text/template or reflect's methods by name?", info.Size(), mostBinary)
	}

	t.Setenv(binaryVariable, path)
	s, _, _ := startTwoPorts(t, newAuthority(t, "CA"), serve(t, echo))
	if got := s.memory(t, "VmRSS"); got > mostResident {
		t.Errorf("%d KiB are resident after the start, want at most %d", got, mostResident)
	}
	if got := s.memory(t, "RssAnon"); got > mostPrivate {
		t.Errorf("%d KiB are the process's own after the start, want at most %d", got, mostPrivate)
	}
}

// memory reads a figure of the process's status, in KiB.
func (p *process) memory(t *testing.T, name string) (n int) {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if _, err := fmt.Sscanf(line, name+": %d kB", &n); err == nil {
			return n
		}
	}
	t.Fatalf("no %s in\n%s", name, text)
	return 0
}
