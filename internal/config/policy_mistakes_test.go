package config

import (
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Every mistake in the form of a policy has a fixture with the exact text that
// is reported for it. The files of one policy have its name in front of theirs.
func TestPolicyMistakes(t *testing.T) {
	archives, err := filepath.Glob("testdata/policy/mistakes/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	for _, path := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) { testPolicyMistakes(t, path) })
	}
}

func testPolicyMistakes(t *testing.T, archive string) {
	comment, sections := readArchive(t, archive)
	for i := 0; i < len(sections); {
		name := path.Dir(sections[i].name)
		files, want := policyOf(name, sections[i:])
		if want == nil || len(files) == 0 {
			t.Fatalf("%s: %q has no files or no want", archive, name)
		}
		i += len(files) + 1
		t.Run(name, func(t *testing.T) {
			got := reportPolicy(files)
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
		writeArchive(t, archive, comment, sections)
	}
}

// policyOf returns the files of a policy, and the section behind them with what
// is reported.
func policyOf(name string, sections []section) (files []NamedData, want *section) {
	for i := range sections {
		s := &sections[i]
		switch s.name {
		case name + "/want":
			return files, s
		case name + "/" + path.Base(s.name):
			files = append(files, NamedData{path.Base(s.name), []byte(s.data)})
		default:
			return files, nil
		}
	}
	return files, nil
}

func reportPolicy(files []NamedData) string {
	parsed, problems := ParsePolicy(files)
	if len(problems) == 0 {
		return "fine\n"
	}
	text := problems.Error() + "\n"
	if parsed == nil {
		text += "(nothing to go on with)\n"
	}
	return text
}
