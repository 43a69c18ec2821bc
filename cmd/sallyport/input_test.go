package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestReadInputIsBounded reads what is as large as it may be, and refuses one byte more, of a file and of standard input.
func TestReadInputIsBounded(t *testing.T) {
	const most = 1 << 20
	for size, want := range map[int]string{
		most:     "",
		most + 1: "rules: it is larger than 1 MiB\n  hint: is this the right file?",
	} {
		text := strings.Repeat("x", size)
		path := filepath.Join(t.TempDir(), "rules")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, from := range []string{path, standardInput} {
			got := ""
			data, err := readInput(from, "rules", strings.NewReader(text), most)
			if err != nil {
				got = err.Error()
			} else if len(data) != size {
				t.Errorf("%s: %d bytes of %d", from, len(data), size)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s with %d bytes (-want +got):\n%s", from, size, diff)
			}
		}
	}
}
