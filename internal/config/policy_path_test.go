package config

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sallyport/policy"
)

const rulesA, rulesB = "[[allow]]\nid = 'a'\n", "[[allow]]\nid = 'b'\n"

// policyTree has policies of every kind, and returns its root with a slash behind it.
func policyTree(t *testing.T) string {
	t.Helper()
	root := t.TempDir() + "/"
	for name, content := range map[string]string{
		"a.toml":             rulesA,
		"policies/a.toml":    rulesA,
		"policies/b.toml":    rulesB,
		"policies/.a.toml":   "= broken by an editor",
		"policies/notes.txt": "no policy",
		"odd[1]/b.toml":      rulesB,
		"empty/notes.txt":    "no policy",
		"mixed/a.toml":       rulesA,
		"mixed/config.toml":  "[policy]\nfiles = ['a.toml']\n",
		"mixed/wrong.toml":   "[[alow]]\n",
		"faulty.toml":        "[[alow]]\n",
		"config.toml":        configFor("policies/*.toml"),
		"nowhere.toml":       configFor("nowhere/a.toml"),
		"none.toml":          strings.Replace(configFor(""), "[policy]\nfiles = ['']\n", "", 1),
		"unfinished.toml":    "[policy]\nfiles = ['a.toml']\n",
	} {
		path := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func configFor(files string) string {
	return "[policy]\nfiles = ['" + files + "']\n" +
		"[[application]]\nname = 'a'\nupstream.primary = 'builtin:echo'\n[[application.port]]\nid = 'p'\nlisten = '127.0.0.1:0'\nmode = 'plaintext'\n"
}

func TestLoadPolicyAt(t *testing.T) {
	root := policyTree(t)
	for _, c := range []struct {
		name, path string
		rules      string // ids; "nil" for no policy at all
		problems   []string
	}{
		{"file", "a.toml", "a", nil},
		{"directory", "policies", "a b", nil},
		{"directory with a wildcard in its name", "odd[1]", "b", nil},
		{"glob", "policies/b*.toml", "b", nil},
		{"configuration", "config.toml", "a b", nil},
		{"configuration without a policy", "none.toml", "", []string{"none.toml: warning: no [policy]: every connection is denied"}},
		{"configuration that names no file", "nowhere.toml", "nil", []string{`nowhere.toml:2:10: policy.files[0]: no such file: "nowhere/a.toml"`}},
		{"configuration that is not complete", "unfinished.toml", "nil", []string{"unfinished.toml: application: missing: no application is configured"}},
		{"no such file", "b.toml", "nil", []string{"b.toml: no such file"}},
		{"no match", "policies/c*.toml", "nil", []string{`policies/c*.toml: no file matches "policies/c*.toml"`}},
		{"no glob", "policies/[", "nil", []string{"policies/[: syntax error in pattern"}},
		{"directory without a policy", "empty", "nil", []string{`empty: no file matches "empty/*.toml"`}},
		{"directory with a configuration", "mixed", "nil", []string{
			"mixed/config.toml: is a configuration, not a policy file",
			`mixed/wrong.toml:1:3: alow: unknown key`,
		}},
		{"faulty file", "faulty.toml", "", []string{`faulty.toml:1:3: alow: unknown key`}},
	} {
		if runtime.GOOS == "windows" && strings.Contains(c.path, "[1]") {
			continue // a wildcard cannot be quoted there
		}
		t.Run(c.name, func(t *testing.T) {
			files, problems := LoadPolicyAt(filepath.FromSlash(root + c.path))
			var got []string
			for _, p := range problems {
				first, _, _ := strings.Cut(p.String(), "\n")
				got = append(got, strings.ReplaceAll(filepath.ToSlash(first), root, ""))
			}
			if diff := cmp.Diff(c.problems, got); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
			if ids := ruleIDs(files); ids != c.rules {
				t.Errorf("rules %q, want %q", ids, c.rules)
			}
		})
	}
}

func ruleIDs(files *PolicyFiles) string {
	if files == nil {
		return "nil"
	}
	var ids []string
	for _, r := range files.Source.Rules {
		ids = append(ids, r.ID)
	}
	return strings.Join(ids, " ")
}

func TestPolicyPosition(t *testing.T) {
	files, problems := ParsePolicy([]NamedData{
		{"a.toml", []byte(rulesA + "owner = 'voice'\n[defaults]\n")},
		{"b.toml", []byte("\n" + rulesB)},
	})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	for _, c := range []struct {
		section policy.Section
		index   int
		field   string
		want    string
	}{
		{policy.AllowSection, 0, "id", "a.toml:2:6"},
		{policy.AllowSection, 0, "owner", "a.toml:3:9"},
		{policy.AllowSection, 1, "id", "b.toml:3:6"},
		{policy.AllowSection, 1, "owner", "b.toml:2:3"},
		{policy.AllowSection, 1, "", "b.toml:2:3"},
		{policy.AllowSection, 2, "id", ""},
		{policy.AllowSection, -1, "id", ""},
		{policy.DefaultsSection, 0, "", "a.toml:4:2"},
		{policy.LockoutSection, 0, "", ""},
	} {
		if got := files.Position(c.section, c.index, c.field).String(); got != c.want {
			t.Errorf("%s[%d].%s is at %q, want %q", c.section, c.index, c.field, got, c.want)
		}
	}
}
