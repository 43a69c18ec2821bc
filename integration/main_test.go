//go:build integration

package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// binaryVariable names the environment variable that holds the path of the binary under test. Set from outside, it
// saves the build.
const binaryVariable = "SALLYPORT_BINARY"

func TestMain(m *testing.M) {
	// A binary with the race detector waits for a second at its end unless told otherwise, and the tests run it often.
	os.Setenv("GORACE", "atexit_sleep_ms=0 "+os.Getenv("GORACE"))
	os.Exit(withBinary(m))
}

// withBinary builds the binary once for all tests; with the race detector if SALLYPORT_RACE is 1.
func withBinary(m *testing.M) int {
	if os.Getenv(binaryVariable) != "" {
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "sallyport-bin-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	binary := filepath.Join(dir, "sallyport")
	args := []string{"build", "-o", binary}
	if os.Getenv("SALLYPORT_RACE") == "1" {
		args = append(args, "-race")
	}
	build := exec.Command("go", append(args, "sallyport/cmd/sallyport")...)
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "integration: build of the binary:", err)
		return 1
	}
	os.Setenv(binaryVariable, binary)
	return m.Run()
}
