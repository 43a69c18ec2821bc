package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/config/document"
	"sallyport/policy"
)

const faultyA = `[[client]]
name = "a"
addresses = ["10.0.0.1", "10.0.0.2"]

[[allow]]
id = "one"
from = ["a"]

[lockout]
`

const faultyB = `[[allow]]
id = "two"
from = ["a",
  "b"]
to = []

[[test]]
from = "unix"
to = "x/y"
expect = "deny"
`

func fault(section policy.Section, index int, field string, element int) policy.Fault {
	return policy.Fault{Section: section, Index: index, Field: field, Element: element, Message: "m"}
}

// A fault is shown where it was written; its key counts within that file.
func TestPolicyFaultsHavePlaces(t *testing.T) {
	files := parsePolicy(t, faultyA, faultyB)
	for _, tc := range []struct {
		name  string
		fault policy.Fault
		want  string
	}{
		{"a key", fault(policy.AllowSection, 0, "id", -1), "a.toml:6:6: allow[0].id: m"},
		{"an element", fault(policy.ClientSection, 0, "addresses", 1), "a.toml:3:26: client[0].addresses[1]: m"},
		{"the second file", fault(policy.AllowSection, 1, "id", -1), "b.toml:2:6: allow[0].id: m"},
		{"an element on its own line", fault(policy.AllowSection, 1, "from", 1), "b.toml:4:3: allow[0].from[1]: m"},
		{"a whole list", fault(policy.AllowSection, 1, "from", -1), "b.toml:3:8: allow[0].from: m"},
		{"an empty list", fault(policy.AllowSection, 1, "to", -1), "b.toml:5:6: allow[0].to: m"},
		{"a key that was left out", fault(policy.AllowSection, 0, "owner", -1), "a.toml:5:3: allow[0].owner: m"},
		{"a list that was left out", fault(policy.AllowSection, 0, "to", -1), "a.toml:5:3: allow[0].to: m"},
		{"a table", fault(policy.TestSection, 0, "", -1), "b.toml:7:3: test[0]: m"},
		{"a table that there is one of", fault(policy.LockoutSection, 0, "failures", -1), "a.toml:9:2: lockout.failures: m"},
		{"a table that no file has", fault(policy.DefaultsSection, 0, "burst", -1), "a.toml: defaults.burst: m"},
		{"beyond the list", fault(policy.AllowSection, 0, "from", 7), "a.toml:7:8: allow[0].from: m"},
		{"an unknown key", fault(policy.AllowSection, 0, "colour", -1), "a.toml:5:3: allow[0]: m"},
		{"an unknown table", fault("tunnel", 3, "id", -1), "a.toml: tunnel[3].id: m"},
		{"beyond the tables", fault(policy.AllowSection, 2, "id", -1), "a.toml: allow[2].id: m"},
		{"before the tables", fault(policy.AllowSection, -1, "id", -1), "a.toml: allow[-1].id: m"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, files.Problems([]policy.Fault{tc.fault}).Error()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestPolicyFaultsComeInFileOrder(t *testing.T) {
	late, early := NamedData{"z.toml", []byte(faultyA)}, NamedData{"a.toml", []byte(faultyB)}
	files, _ := ParsePolicy([]NamedData{late, early})
	warning := fault(policy.AllowSection, 0, "id", -1)
	warning.Warning, warning.Hint = true, "h"
	got := files.Problems([]policy.Fault{
		fault(policy.TestSection, 0, "", -1), fault(policy.AllowSection, 1, "id", -1), fault(policy.LockoutSection, 0, "", -1), warning,
	})
	want := `z.toml:6:6: allow[0].id: warning: m
  hint: h
z.toml:9:2: lockout: m
a.toml:2:6: allow[0].id: m
a.toml:7:3: test[0]: m`
	if diff := cmp.Diff(want, got.Error()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What could not be read is not judged on top of it; everything else is.
func TestPolicyFaultsAreNotReportedTwice(t *testing.T) {
	files, problems := ParsePolicy([]NamedData{{"a.toml", []byte(`
[[client]]
name = "a"
addresses = ["10.0.0.0/33", "10.0.0.1"]
nmae = "b"
[[client]]
name = "b"
addresses = ["10.0.0.0/33"]
[[allow]]
from = "a"
id = 1
`)}})
	if len(problems) != 5 {
		t.Fatalf("problems:\n%v", problems)
	}
	for _, tc := range []struct {
		name  string
		fault policy.Fault
		kept  bool
	}{
		{"the same element", fault(policy.ClientSection, 0, "addresses", 0), false},
		{"another element", fault(policy.ClientSection, 0, "addresses", 1), true},
		{"the list around it", fault(policy.ClientSection, 0, "addresses", -1), false},
		{"the table around it", fault(policy.ClientSection, 0, "", -1), false},
		{"another key", fault(policy.ClientSection, 0, "name", -1), true},
		{"the same key of another table", fault(policy.AllowSection, 0, "to", -1), true},
		{"a key of the wrong type", fault(policy.AllowSection, 0, "id", -1), false},
		{"an element of a list of the wrong type", fault(policy.AllowSection, 0, "from", 0), false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := files.Problems([]policy.Fault{tc.fault}); (len(got) == 1) != tc.kept {
				t.Errorf("problems = %v, kept: want %v", got, tc.kept)
			}
		})
	}
}

// Both halves together: what is wrong with the form of one file and with the
// meaning of another is told at once.
func TestPolicyIsJudgedAsAWhole(t *testing.T) {
	files, problems := ParsePolicy([]NamedData{
		{"clients.toml", []byte("[[client]]\nname = 'a'\naddresses = ['10.0.0.1/33']\n")},
		{"rules.toml", []byte("[[allow]]\nid = 'r'\nfrom = ['a', 'nobody']\nto = ['a/p']\nowner = 'o'\n")},
	})
	_, judged := compile(t, files, []policy.Port{{Application: "a", ID: "p", Mode: policy.Secure}})
	var got []string
	for _, p := range append(problems, judged...).Errors() {
		got = append(got, p.Pos.String()+" "+p.Key)
	}
	want := []string{"clients.toml:3:14 client[0].addresses[0]", "rules.toml:3:14 allow[0].from[1]"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("places (-want +got):\n%s", diff)
	}
}

// Every key of the files can be the place of a fault.
func TestPolicyFaultsFindEveryKey(t *testing.T) {
	files := parsePolicy(t, everyPolicyKey)
	for _, k := range document.Keys[rawPolicyFile]() {
		section, field, ok := strings.Cut(k.Path, ".")
		if !ok {
			continue
		}
		got := files.Problems([]policy.Fault{fault(policy.Section(section), 0, field, -1)})
		if len(got) != 1 || withoutIndexes(got[0].Key) != k.Path || got[0].Pos.Column < len(field) {
			t.Errorf("%s is found at %v", k.Path, got)
		}
	}
}
