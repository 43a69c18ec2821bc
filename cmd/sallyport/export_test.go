package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/firewall"
	"sallyport/internal/firewall/export"
)

func TestExportExitCodes(t *testing.T) {
	inSite(t)
	const dated = " --as-of 2026-06-01"
	for _, c := range []struct {
		args string
		want int
	}{
		{"csv", 0},
		{"html" + dated, 0},
		{"csv --reproducible" + dated, 0},
		{"csv --config nowhere.toml", exitFailure},
		{"csv --config broken.toml", exitFailure},
		{"csv --out .", exitFailure},
		{"--diff nowhere.csv", exitFailure},
		{"--diff rules.toml", exitFailure},
		{"", exitUsage},
		{"cvs", exitUsage},
		{"csv html", exitUsage},
		{"csv --diff rules.toml", exitUsage},
		{"aws-sg", exitUsage},
		{"csv --at there", exitUsage},
		{"csv --client nobody", exitUsage},
		{"csv --no-such-flag", exitUsage},
	} {
		var out bytes.Buffer
		if got := execute(append([]string{"export"}, strings.Fields(c.args)...), &out, &out); got != c.want {
			t.Errorf("%s: exit code %d, want %d\n%s", c.args, got, c.want, out.String())
		}
	}
}

// TestExportWritesFiles puts the files of an artefact where they were asked for, and keeps apart what is one file and what is several.
func TestExportWritesFiles(t *testing.T) {
	t.Chdir(t.TempDir())
	format := export.Format{Name: "several"}
	one := &export.Artefact{Files: []export.File{{Name: "a.txt", Data: []byte("a")}}}
	two := &export.Artefact{Files: []export.File{{Name: "a.txt", Data: []byte("a")}, {Name: "def/b.txt", Data: []byte("b")}}}
	for _, c := range []struct {
		name     string
		artefact *export.Artefact
		out      string
		want     map[string]string // content by file; "" is standard output
		says     string
	}{
		{"one to standard output", one, "", map[string]string{"": "a"}, ""},
		{"one to a file", one, "x/rules.txt", map[string]string{"x/rules.txt": "a"}, ""},
		{"one over another", one, "x/rules.txt", map[string]string{"x/rules.txt": "a"}, ""},
		{"several to standard output", two, "", nil, "several consists of 2 files: say --out DIRECTORY"},
		{"several to a directory", two, "rules", map[string]string{"rules/a.txt": "a", "rules/def/b.txt": "b"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var stdout bytes.Buffer
			e := exporter{out: c.out, stdout: &stdout}
			says := ""
			if err := e.write(format, c.artefact); err != nil {
				says = err.Error()
			}
			if says != c.says {
				t.Errorf("error %q, want %q", says, c.says)
			}
			got := make(map[string]string)
			if stdout.Len() > 0 {
				got[""] = stdout.String()
			}
			for name := range c.want {
				if name == "" {
					continue
				}
				data, err := os.ReadFile(filepath.FromSlash(name))
				if err != nil {
					t.Fatal(err)
				}
				got[name] = string(data)
			}
			if diff := cmp.Diff(c.want, got); c.want != nil && diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if c.want == nil && len(got) > 0 {
				t.Errorf("wrote %q all the same", got)
			}
		})
	}
}

// TestExportOfNamesThatAreUnknown says what helps where a server's name has no address.
func TestExportOfNamesThatAreUnknown(t *testing.T) {
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	asked, err := (&exportFlags{at: "host"}).understand()
	if err != nil {
		t.Fatal(err)
	}
	_, err = asked.lookUp(gone, "partner.invalid", make(map[string]firewall.Resolved))
	if err == nil || !strings.Contains(err.Error(), "partner.invalid") || !strings.HasSuffix(err.Error(), "\n  hint: --resolve partner.invalid=ADDRESS says it") {
		t.Errorf("%v", err)
	}
}
