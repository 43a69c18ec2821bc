package config

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func FuzzParse(f *testing.F) {
	data, err := os.ReadFile(reference)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add(example.ReplaceAll(data, []byte("$1$2")))
	f.Add([]byte(levels))
	archives, _ := filepath.Glob("testdata/mistakes/*.txtar")
	for _, path := range archives {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		for _, part := range marker.Split(string(data), -1) {
			f.Add([]byte(part))
		}
	}
	f.Fuzz(fuzzParse)
}

func fuzzParse(t *testing.T, data []byte) {
	cfg, problems := Parse("config.toml", data)
	if cfg == nil && !problems.HasErrors() {
		t.Fatal("neither a configuration nor an error")
	}
	if !slices.IsSortedFunc(problems, func(a, b Problem) int { return a.Pos.Compare(b.Pos) }) {
		t.Errorf("not in file order:\n%v", problems)
	}
	for _, p := range problems {
		inside(t, data, p)
	}
	again, sameProblems := Parse("config.toml", data)
	if diff := cmp.Diff(problems, sameProblems); diff != "" {
		t.Errorf("problems differ from run to run:\n%s", diff)
	}
	if diff := cmp.Diff(cfg, again, cmpopts.EquateComparable(netip.Prefix{})); diff != "" {
		t.Errorf("configurations differ from run to run:\n%s", diff)
	}
	if cfg != nil {
		if changes := Diff(cfg, again); len(changes) > 0 {
			t.Errorf("a file differs from itself: %v", changes)
		}
	}
	if cfg == nil || strings.HasPrefix(string(data), "\ufeff") {
		return
	}
	// What no editor shows changes nothing.
	marked, _ := Parse("config.toml", slices.Concat([]byte("\ufeff"), data, []byte("\n# end\n")))
	if diff := cmp.Diff(cfg, marked, cmpopts.EquateComparable(netip.Prefix{})); diff != "" {
		t.Errorf("a byte order mark and a comment change the configuration:\n%s", diff)
	}
	complete(t, cfg, problems)
}

// inside checks that a problem points into the file.
func inside(t *testing.T, data []byte, p Problem) {
	t.Helper()
	if p.Message == "" {
		t.Errorf("a problem without a message: %+v", p)
	}
	if p.Pos.Line == 0 {
		return // about the file as a whole
	}
	lines := strings.Split(strings.TrimPrefix(string(data), "\ufeff"), "\n")
	if p.Pos.Line > len(lines) || p.Pos.Column < 1 || p.Pos.Column > len(lines[p.Pos.Line-1])+1 {
		t.Errorf("outside of the file: %v", p)
	}
}

// complete checks what everybody may rely on when there is no error.
func complete(t *testing.T, cfg *Config, problems Problems) {
	t.Helper()
	if problems.HasErrors() {
		return
	}
	if len(cfg.Applications) == 0 {
		t.Error("no application")
	}
	for _, app := range cfg.Applications {
		if app.Name.Value == "" || app.Upstream.Primary.Value.Network == "" || len(app.Ports) == 0 {
			t.Errorf("an incomplete application: %+v", app)
		}
		for _, p := range app.Ports {
			if p.Listen.Value.Network == "" || p.Mode.Value == "" || p.TLSProfile.Level == "" || p.ClientAuth.Value == "" {
				t.Errorf("an incomplete port: %+v", p)
			}
			if p.Mode.Value != ModePlaintext && p.ClientAuth.Value != ClientAuthNone && p.Credentials.TrustedCA.Value == "" {
				t.Errorf("port %s asks for certificates and trusts nobody in particular", p.Name())
			}
		}
	}
}
