package watch

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestLocate: which directories below the test's are watched for a path.
func TestLocate(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	at := func(names ...string) string { return filepath.Join(append([]string{dir}, names...)...) }
	mkdir(t, at("real", "sub"))
	mkdir(t, at("conf", "x"))
	mkdir(t, at("conf", "y"))
	write(t, at("real", "sub", "file"), "")
	link(t, "real", at("relative"))
	link(t, at("real"), at("absolute"))
	link(t, "relative/sub/../sub", at("winding"))
	link(t, "circle", at("circle"))
	link(t, "../real/sub/file", at("conf", "far"))
	tests := []struct {
		name string
		set  Set
		want []string // needed ones
	}{
		{"file", Set{Files: []string{at("real", "sub", "file")}}, []string{"real/sub"}},
		{"nothing there", Set{Files: []string{at("real", "none", "of", "this")}}, []string{"real"}},
		{"below a file", Set{Files: []string{at("real", "sub", "file", "more")}}, []string{"real/sub"}},
		{"through a link", Set{Files: []string{at("relative", "sub", "file")}}, []string{".", "real/sub"}},
		{"through an absolute link", Set{Files: []string{at("absolute", "sub", "file")}}, []string{".", "real/sub"}},
		{"through links and up again", Set{Files: []string{at("winding", "file")}}, []string{".", "real/sub"}},
		{"a circle", Set{Files: []string{at("circle", "file")}}, []string{"."}},
		{"the file is a link", Set{Files: []string{at("conf", "far")}}, []string{"conf", "real/sub"}},
		{"pattern", Set{Globs: []string{at("conf", "*.toml")}}, []string{"conf"}},
		{"pattern with a far match", Set{Globs: []string{at("conf", "fa*")}}, []string{"conf", "real/sub"}},
		{"pattern of directories", Set{Globs: []string{at("*", "[xy]", "*.toml")}}, []string{".", "conf", "conf/x", "conf/y", "real", "real/sub"}},
		{"pattern in a directory to come", Set{Globs: []string{at("none", "yet", "*.toml")}}, []string{"."}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for path, place := range locate(test.set).dirs {
				if rel, err := filepath.Rel(dir, path); err == nil && filepath.IsLocal(rel) && place.needed {
					got = append(got, filepath.ToSlash(rel))
				}
			}
			slices.Sort(got)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("directories (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMatter(t *testing.T) {
	dir := t.TempDir()
	mkdir(t, filepath.Join(dir, "certs"))
	link(t, "certs", filepath.Join(dir, "live"))
	p := locate(Set{Files: []string{filepath.Join(dir, "live", "tls.crt")}, Globs: []string{filepath.Join(dir, "*.toml")}})
	tests := []struct {
		name string
		want bool
	}{
		{"tls.crt", true},
		{"live", true},
		{"certs", true},
		{"p.toml", true},
		{"tls.crt~", false},
		{"tls.crt.swp", false},
		{"access.log", false},
	}
	for _, test := range tests {
		if got := p.matter(filepath.Join(dir, test.name)); got != test.want {
			t.Errorf("%s matters: %t, want %t", test.name, got, test.want)
		}
	}
	if p.matter(string(os.PathSeparator)) && !watchAncestors {
		t.Error("the root matters")
	}
}
