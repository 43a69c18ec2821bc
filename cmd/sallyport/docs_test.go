package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/config"
	"sallyport/policy"
	"sallyport/proxy"
)

var update = flag.Bool("update", false, "write the generated parts of the documents")

// section replaces what stands between a marker of this name and the next end.
func section(t *testing.T, page, name, content string) string {
	t.Helper()
	begin := strings.Index(page, "<!-- "+name+":")
	if begin < 0 {
		t.Fatalf("no section %q", name)
	}
	start := begin + strings.Index(page[begin:], "\n") + 1
	end := start + strings.Index(page[start:], "<!-- end -->")
	return page[:start] + content + page[end:]
}

func TestLogPage(t *testing.T) {
	const path = "../../docs/log.md"
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var attributes, reasons strings.Builder
	fmt.Fprint(&attributes, "| attribute | meaning |\n|---|---|\n")
	for _, a := range proxy.Attributes() {
		fmt.Fprintf(&attributes, "| `%s` | %s |\n", a.Name, a.Text)
	}
	fmt.Fprint(&reasons, "| code | meaning |\n|---|---|\n")
	for _, r := range policy.Reasons() {
		fmt.Fprintf(&reasons, "| `%s` | %s |\n", r.Reason, r.Text)
	}
	page := section(t, string(old), "attributes", attributes.String())
	page = section(t, page, "reasons", reasons.String())
	if *update {
		if err := os.WriteFile(path, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(page, string(old)); diff != "" {
		t.Errorf("docs/log.md differs from the code; run go test ./cmd/sallyport -run TestLogPage -update (-want +got):\n%s", diff)
	}
}

var link = regexp.MustCompile(`\]\(([^)#]+)(#[^)]*)?\)`)

func TestDocumentsLinkToFilesThatExist(t *testing.T) {
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	if len(pages) < 5 {
		t.Fatalf("only %d pages found", len(pages))
	}
	for _, page := range append(pages, "../../README.md", "../../CHANGELOG.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range link.FindAllStringSubmatch(string(text), -1) {
			target := match[1]
			if strings.Contains(target, "://") {
				continue
			}
			linked, err := os.ReadFile(filepath.Join(filepath.Dir(page), target))
			if err != nil {
				t.Errorf("%s links to %s: %v", page, target, err)
			}
			if anchor := match[2]; anchor != "" && !hasHeading(linked, anchor) {
				t.Errorf("%s links to %s, which has no such heading", page, target+anchor)
			}
		}
	}
}

var heading = regexp.MustCompile(`(?m)^#+ (.*)$`)

// hasHeading reports whether a page has the heading of an anchor, such as "#choosing-source-ports".
func hasHeading(page []byte, anchor string) bool {
	for _, match := range heading.FindAllSubmatch(page, -1) {
		plain := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case strings.ContainsRune(".,:?!()`", r):
				return -1
			}
			return r
		}, strings.ToLower(string(match[1])))
		if "#"+plain == anchor {
			return true
		}
	}
	return false
}

var (
	namedFile   = regexp.MustCompile("`([a-z/_]+\\.go)`")
	namedMethod = regexp.MustCompile("`(session|Server)\\.([A-Za-z]+)`")
)

// The page that shows the way through the code names files and methods of package proxy that exist.
func TestArchitecturePage(t *testing.T) {
	page, err := os.ReadFile("../../docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	var source strings.Builder
	for _, file := range []string{"session.go", "serve.go", "server.go", "upstream.go"} {
		text, err := os.ReadFile(filepath.Join("../../proxy", file))
		if err != nil {
			t.Fatal(err)
		}
		source.Write(text)
	}
	files := namedFile.FindAllStringSubmatch(string(page), -1)
	methods := namedMethod.FindAllStringSubmatch(string(page), -1)
	if len(files) < 10 || len(methods) < 2 {
		t.Fatalf("%d files and %d methods found, so this test looks at the wrong thing", len(files), len(methods))
	}
	for _, match := range files {
		if _, err := os.Stat(filepath.Join("../..", match[1])); err != nil {
			t.Error(err)
		}
	}
	for _, match := range methods {
		if !strings.Contains(source.String(), "(s *"+match[1]+") "+match[2]+"(") {
			t.Errorf("there is no method %s of %s", match[2], match[1])
		}
	}
}

var tomlBlock = regexp.MustCompile("(?s)```toml\n(.*?)```")

// policyTable is what policy files have and configurations do not.
var policyTable = regexp.MustCompile(`(?m)^\[(\[(client|group|allow|block|test)\]|defaults|lockout|audit)\]`)

// Every complete configuration in the documents has to be one that works.
func TestDocumentedConfigurationsParse(t *testing.T) {
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, page := range append(pages, "../../README.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for i, match := range tomlBlock.FindAllStringSubmatch(string(text), -1) {
			found++
			name, data := fmt.Sprintf("%s#%d", page, i), []byte(match[1])
			if policyTable.Match(data) {
				if _, problems := config.ParsePolicy([]config.NamedData{{Name: name, Data: data}}); problems.HasErrors() {
					t.Error(problems)
				}
				continue
			}
			if _, problems := config.Parse(name, data); problems.HasErrors() {
				t.Error(problems)
			}
		}
	}
	if found < 2 {
		t.Errorf("%d configurations found; the README alone has two", found)
	}
}
