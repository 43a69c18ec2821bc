package config

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write what is reported into testdata")

// What completes a fixture that is about something else.
const application = `
[[application]]
name = "a"
upstream.primary = "builtin:echo"
[[application.port]]
id = "p"
listen = "127.0.0.1:2021"
mode = "secure"
`

// Every mistake has a fixture with the exact text that is reported for it. A
// fixture without an application is completed with one.
func TestMistakes(t *testing.T) {
	archives, err := filepath.Glob("testdata/mistakes/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	for _, path := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) { testMistakes(t, path) })
	}
}

func testMistakes(t *testing.T, path string) {
	comment, sections := readArchive(t, path)
	if len(sections) == 0 || len(sections)%2 != 0 {
		t.Fatalf("%s: %d sections are not pairs", path, len(sections))
	}
	for i := 0; i < len(sections); i += 2 {
		fixture, want := sections[i], &sections[i+1]
		if want.name != "want" {
			t.Fatalf("%s: %q has no want", path, fixture.name)
		}
		t.Run(fixture.name, func(t *testing.T) {
			got := report([]byte(fixture.data))
			if *update {
				want.data = got
				return
			}
			if diff := cmp.Diff(want.data, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	if *update {
		writeArchive(t, path, comment, sections)
	}
}

// section is one file of an archive in the txtar form.
type section struct{ name, data string }

var marker = regexp.MustCompile(`(?m)^-- (.+) --\n`)

func readArchive(t *testing.T, path string) (comment string, sections []section) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(string(data), "\r\n", "\n") // as git checks out on Windows
	marks := append(marker.FindAllStringSubmatchIndex(text, -1), []int{len(text)})
	for i, m := range marks[:len(marks)-1] {
		sections = append(sections, section{text[m[2]:m[3]], text[m[1]:marks[i+1][0]]})
	}
	return text[:marks[0][0]], sections
}

func writeArchive(t *testing.T, path, comment string, sections []section) {
	t.Helper()
	for _, s := range sections {
		comment += "-- " + s.name + " --\n" + s.data
	}
	if err := os.WriteFile(path, []byte(comment), 0o644); err != nil {
		t.Fatal(err)
	}
}

// report is what a user reads about a file.
func report(data []byte) string {
	if !bytes.Contains(data, []byte("application")) {
		data = append(bytes.Clone(data), application...)
	}
	_, problems := Parse("config.toml", data)
	if len(problems) == 0 {
		return "fine\n"
	}
	return problems.Error() + "\n"
}
