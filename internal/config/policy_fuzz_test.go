package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/config/document"
	"sallyport/policy"
)

func FuzzParsePolicy(f *testing.F) {
	for _, path := range []string{policyReference, "testdata/policy/contract.toml"} {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, []byte("# nothing\n"))
		f.Add(example.ReplaceAll(data, []byte("$1$2")), []byte(faultyB))
	}
	f.Add([]byte(everyPolicyKey), []byte(faultyA))
	archives, _ := filepath.Glob("testdata/policy/mistakes/*.txtar")
	for _, path := range archives {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		parts := marker.Split(string(data), -1)
		for i, part := range parts {
			f.Add([]byte(part), []byte(parts[(i+1)%len(parts)]))
		}
	}
	f.Fuzz(fuzzParsePolicy)
}

// What ParseFrom takes it writes in one way, and takes again.
func FuzzParseFrom(f *testing.F) {
	for _, text := range []string{"10.2.0.5:20001", "10.2.0.5", "[2001:db8::5]:1", "2001:db8::5", "[2001:db8::5]", "unix", "::ffff:10.2.0.5", "1.2.3.4:0", ""} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		from, err := ParseFrom(text)
		if err != nil {
			if from.IsValid() {
				t.Errorf("%q is refused and is %v", text, from)
			}
			return
		}
		written := "unix"
		switch {
		case from.IsValid() && from.Port() == 0:
			written = from.Addr().String()
		case from.IsValid():
			written = from.String()
		}
		if again, err := ParseFrom(written); err != nil || again != from {
			t.Errorf("%q is %v, but %q is %v, %v", text, from, written, again, err)
		}
	})
}

func fuzzParsePolicy(t *testing.T, a, b []byte) {
	files := []NamedData{{"b.toml", a}, {"a.toml", b}} // not in the order of their names
	parsed, problems := ParsePolicy(files)
	if parsed == nil {
		if !problems.HasErrors() {
			t.Fatal("neither a policy nor an error")
		}
		return
	}
	order := func(p, q Problem) int {
		if p.Pos.File != q.Pos.File {
			return -p.Pos.Compare(q.Pos)
		}
		return p.Pos.Compare(q.Pos)
	}
	if !slices.IsSortedFunc(problems, order) {
		t.Errorf("not in file order:\n%v", problems)
	}
	for _, p := range problems {
		insideOneOf(t, files, p)
	}
	again, sameProblems := ParsePolicy(files)
	if diff := cmp.Diff(problems, sameProblems); diff != "" {
		t.Errorf("problems differ from run to run:\n%s", diff)
	}
	if diff := cmp.Diff(parsed.Source, again.Source, equateAddresses); diff != "" {
		t.Errorf("sources differ from run to run:\n%s", diff)
	}
	swapped, _ := ParsePolicy([]NamedData{files[1], files[0]})
	if (parsed.Hash == "") != problems.HasErrors() || parsed.Hash != again.Hash || parsed.Hash != swapped.Hash {
		t.Errorf("hashes %q, %q and of the other order %q", parsed.Hash, again.Hash, swapped.Hash)
	}
	testFaultPlaces(t, files, parsed, problems)
	compileAnything(t, files, parsed, problems)
}

func insideOneOf(t *testing.T, files []NamedData, p Problem) {
	t.Helper()
	for _, f := range files {
		if f.Name == p.Pos.File {
			inside(t, f.Data, p)
			return
		}
	}
	t.Errorf("in no file: %v", p)
}

// testFaultPlaces checks that every fault there could be has a place, and is
// left out only where there is an error already.
func testFaultPlaces(t *testing.T, files []NamedData, parsed *PolicyFiles, problems Problems) {
	t.Helper()
	for _, k := range document.Keys[rawPolicyFile]() {
		for _, element := range []int{-1, 0, 1} {
			section, field, _ := strings.Cut(k.Path, ".")
			f := policy.Fault{Section: policy.Section(section), Field: field, Element: element, Message: "m"}
			got := parsed.Problems([]policy.Fault{f})
			if len(got) != 1 && !problems.HasErrors() {
				t.Errorf("%s is nowhere", f.Place())
			}
			for _, p := range got {
				insideOneOf(t, files, p)
			}
		}
	}
}

// compileAnything checks that whatever was read can be judged, and that what
// [policy.Compile] then says has a place.
func compileAnything(t *testing.T, files []NamedData, parsed *PolicyFiles, problems Problems) {
	t.Helper()
	set, faults := policy.Compile(&parsed.Source, time.Unix(1e9, 0))
	for _, p := range parsed.Problems(faults) {
		insideOneOf(t, files, p)
	}
	if set != nil && !problems.HasErrors() {
		for _, p := range parsed.Problems(set.RunTests()) {
			insideOneOf(t, files, p)
		}
	}
}
