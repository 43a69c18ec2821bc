package config

import (
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

// fakeDirectory answers for a file system in memory. The working directory is
// its root.
type fakeDirectory struct{ fstest.MapFS }

func (d fakeDirectory) Glob(pattern string) ([]string, error) {
	return fs.Glob(d.MapFS, filepath.ToSlash(pattern))
}

func (d fakeDirectory) Stat(name string) (fs.FileInfo, error) {
	if strings.HasPrefix(name, "secret") {
		return nil, &fs.PathError{Op: "stat", Path: name, Err: fs.ErrPermission}
	}
	return fs.Stat(d.MapFS, filepath.ToSlash(name))
}

func TestPolicyFilesAreFound(t *testing.T) {
	in := fakeDirectory{fstest.MapFS{}}
	for _, name := range []string{
		"policy.toml", "p/20.toml", "p/10.toml", "p/.10.toml.swp", "p/.#10.toml", "p/README", "p/old.toml/x", "q/30.toml", "secret.toml",
	} {
		in.MapFS[name] = &fstest.MapFile{}
	}
	in.MapFS["p/dangling.toml"] = &fstest.MapFile{Mode: fs.ModeSymlink, Data: []byte("gone")}
	for _, tc := range []struct{ name, files, want string }{
		{"one", `"policy.toml"`, "policy.toml@0"},
		{"sorted", `"q/30.toml", "policy.toml", "p/20.toml"`, "p/20.toml@2 policy.toml@1 q/30.toml@0"},
		{"a glob takes no directory and nothing hidden", `"p/?0.toml", "p/o*.toml", "p/R*"`,
			"p/10.toml@0 p/20.toml@0 p/README@2\nconfig.toml:2:23: policy.files[1]: no file matches \"p/o*.toml\"\n  hint: relative paths start from the directory of this file"},
		{"hidden files that are asked for", `"p/.*.swp"`, "p/.10.toml.swp@0"},
		{"each once", `"p/20.toml", "p/[12]0.toml", "./p/20.toml", "p/2*.toml"`, "p/10.toml@1 p/20.toml@0"},
		{"the directory too", `"?/30.toml"`, "q/30.toml@0"},
		{"what cannot be read is for the reader to report", `"p/d*.toml"`, "p/dangling.toml@0"},
		{"missing", `"absent.toml"`, "\nconfig.toml:2:10: policy.files[0]: no such file: \"absent.toml\"\n  hint: relative paths start from the directory of this file"},
		{"a directory", `"p"`, "\nconfig.toml:2:10: policy.files[0]: \"p\" is a directory\n  hint: for all files in it write \"p/*.toml\""},
		{"no permission", `"secret/policy.toml"`, "\nconfig.toml:2:10: policy.files[0]: permission denied: \"secret/policy.toml\""},
		{"no match, and the others still count", `"x*.toml", "policy.toml"`,
			"policy.toml@1\nconfig.toml:2:10: policy.files[0]: no file matches \"x*.toml\"\n  hint: relative paths start from the directory of this file"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := policyTable(t, "[policy]\nfiles = ["+tc.files+"]\n"+application)
			problems := p.find(in)
			var found []string
			for _, f := range p.Files {
				index := strings.TrimSuffix(strings.TrimPrefix(f.Key, "policy.files["), "]")
				found = append(found, filepath.ToSlash(f.Value)+"@"+index)
			}
			got := strings.Join(found, " ")
			if len(problems) > 0 {
				got += "\n" + strings.ReplaceAll(problems.Error(), `\\`, "/")
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("files@pattern, problems (-want +got):\n%s", diff)
			}
		})
	}
}

func policyTable(t *testing.T, text string) Policy {
	t.Helper()
	cfg, problems := Parse("config.toml", []byte(text))
	if len(problems) > 0 {
		t.Fatalf("problems:\n%v", problems)
	}
	if cfg.Policy.Files != nil {
		t.Fatalf("Parse found files: %v", cfg.Policy.Files)
	}
	return cfg.Policy
}

func TestPolicyTable(t *testing.T) {
	cfg := parse(t, application)
	if p := cfg.Policy; p.Set || p.Patterns != nil || p.OnChange != ChangeKeep {
		t.Errorf("without [policy]: %+v", p)
	}
	p := parse(t, "[policy]\nfiles = ['a.toml', '/etc/p/*.toml']\non_policy_change = 'close'\nclose_spread = '3s'\n"+application).Policy
	if !p.Set || p.OnChange != ChangeClose || p.CloseSpread.String() != "3s" {
		t.Errorf("policy = %+v", p)
	}
	if len(p.Patterns) != 2 || p.Patterns[0].Glob || !p.Patterns[1].Glob || p.Patterns[0].Value != filepath.Join("dir", "a.toml") {
		t.Errorf("patterns = %+v", p.Patterns)
	}
	if p := parse(t, "[policy]\nfiles = ['a.toml']\n"+application).Policy; p.OnChange != ChangeKeep || p.CloseSpread.String() != "10s" {
		t.Errorf("defaults = %+v", p)
	}
}

// writePolicy makes a directory with a configuration and the files of a policy,
// and returns the configuration's path.
func writePolicy(t *testing.T, dir, patterns string, files map[string]string) string {
	t.Helper()
	files["config.toml"] = "[policy]\nfiles = [" + patterns + "]\n" + application
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "config.toml")
}

func TestLoadPolicy(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a[b]?*")
	if runtime.GOOS == "windows" {
		dir = t.TempDir() // it has no such names, and could not quote them
	}
	path := writePolicy(t, dir, `"blocks.toml", "p.d/*.toml"`, map[string]string{
		"blocks.toml":  "[[block]]\nid = 'b'\naddresses = ['10.0.0.1']\n",
		"p.d/2.toml":   "[[allow]]\nid = '2'\n",
		"p.d/1.toml":   "[[allow]]\nid = '1'\n",
		"p.d/no.txt":   "no TOML",
		"p.d/.1.toml~": "no TOML",
	})
	cfg, problems := Load(path)
	if len(problems) > 0 {
		t.Fatalf("problems:\n%v", problems)
	}
	files, problems := LoadPolicy(cfg)
	if len(problems) > 0 {
		t.Fatalf("problems:\n%v", problems)
	}
	want := []string{filepath.Join(dir, "blocks.toml"), filepath.Join(dir, "p.d", "1.toml"), filepath.Join(dir, "p.d", "2.toml")}
	if diff := cmp.Diff(want, files.Files); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if len(files.Source.Blocks) != 1 || len(files.Source.Rules) != 2 || files.Source.Rules[0].ID != "1" {
		t.Errorf("source = %+v", files.Source)
	}
}

func TestLoadFindsNoPolicy(t *testing.T) {
	path := writePolicy(t, t.TempDir(), `"absent.toml"`, map[string]string{})
	cfg, problems := Load(path)
	if cfg == nil || len(problems) != 1 || !strings.HasPrefix(problems[0].String(), path+`:2:10: policy.files[0]: no such file`) {
		t.Errorf("problems:\n%v", problems)
	}
}

// What goes between finding a file and reading it is reported with everything
// that is wrong with the others.
func TestLoadPolicyWithoutOneOfItsFiles(t *testing.T) {
	dir := t.TempDir()
	cfg, problems := Load(writePolicy(t, dir, `"?.toml"`, map[string]string{"a.toml": "x = 1\n", "b.toml": "#\n"}))
	if len(problems) > 0 {
		t.Fatalf("problems:\n%v", problems)
	}
	gone := filepath.Join(dir, "b.toml")
	if err := os.Remove(gone); err != nil {
		t.Fatal(err)
	}
	files, problems := LoadPolicy(cfg)
	if files != nil {
		t.Error("there is a policy")
	}
	var got []string
	for _, p := range problems {
		got = append(got, p.Pos.File+" "+p.Message)
	}
	slices.Sort(got)
	if diff := cmp.Diff([]string{filepath.Join(dir, "a.toml") + " unknown key", gone + " no such file"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestLoadPolicyWithoutPolicy(t *testing.T) {
	files, problems := LoadPolicy(parse(t, application))
	if files == nil || len(files.Source.Rules) > 0 || files.Hash == "" {
		t.Errorf("policy = %+v", files)
	}
	want := "dir/config.toml: warning: no [policy]: every connection is denied"
	if len(problems) != 1 || !strings.HasPrefix(problems[0].String(), want) {
		t.Errorf("problems = %v, want %q", problems, want)
	}
}
