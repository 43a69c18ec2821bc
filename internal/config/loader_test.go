package config

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestLoader: at every step the same comes of the file as when it is read for the first time, and it is parsed only
// if it says something else than before.
func TestLoader(t *testing.T) {
	dir := t.TempDir()
	path, other := filepath.Join(dir, "config.toml"), filepath.Join(dir, "other.toml")
	const good = "[policy]\nfiles = [\"p*.toml\"]\n[[application]]\nname = \"a\"\nupstream.primary = \"127.0.0.1:1\"\n" +
		"[[application.port]]\nid = \"p\"\nlisten = \"127.0.0.1:2\"\nmode = \"plaintext\"\n"
	put := func(name, text string) func() {
		return func() {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	var l Loader
	var last *Config
	for _, step := range []struct {
		name  string
		do    func()
		path  string
		fresh bool
	}{
		{"first, without its policy", put("config.toml", good), path, true},
		{"a policy appears", put("p1.toml", ""), path, false},
		{"another one", put("p2.toml", ""), path, false},
		{"the same bytes again", put("config.toml", good), path, false},
		{"wrong", put("config.toml", good+"nonsense = 1\n"), path, true},
		{"no TOML", put("config.toml", "["), path, true},
		{"still none", func() {}, path, true},
		{"good again", put("config.toml", good), path, true},
		{"another file of the same content", put("other.toml", good), other, true},
		{"gone", func() { os.Remove(other) }, other, true},
	} {
		step.do()
		got, problems := l.Load(step.path)
		want, wantProblems := Load(step.path)
		if diff := cmp.Diff(wantProblems, problems); diff != "" {
			t.Errorf("%s: problems (-want +got):\n%s", step.name, diff)
		}
		if (got == nil) != (want == nil) {
			t.Fatalf("%s: configuration %v, want %v", step.name, got, want)
		}
		if got != nil {
			if diff := cmp.Diff(want.Policy.Files, got.Policy.Files); diff != "" {
				t.Errorf("%s: policy files (-want +got):\n%s", step.name, diff)
			}
			if fresh := last == nil || &last.Applications[0] != &got.Applications[0]; fresh != step.fresh {
				t.Errorf("%s: parsed anew: %t, want %t", step.name, fresh, step.fresh)
			}
		}
		last = got
	}
}
