package config

import (
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/config/document"
)

const policyReferencePage = "../../docs/policy-reference.md"

// The page lists all keys with their defaults. What they mean, the reference policy.toml says, and nothing else.
func TestPolicyReferencePage(t *testing.T) {
	data, err := os.ReadFile(policyReferencePage)
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "<!-- keys: written by go test ./internal/config -run TestPolicyReferencePage -update -->\n", "<!-- end -->"
	old := string(data)
	before, rest, found := strings.Cut(old, begin)
	_, after, ends := strings.Cut(rest, end)
	if !found || !ends {
		t.Fatal("the page has no table of keys")
	}
	page := before + begin + policyKeyTable(t) + end + after
	if *update {
		if err := os.WriteFile(policyReferencePage, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(page, old); diff != "" {
		t.Errorf("docs/policy-reference.md differs from the code; run go test ./internal/config -run TestPolicyReferencePage -update (-want +got):\n%s", diff)
	}
}

// policyKeyTable has one row for each table of policy files, and one for what the configuration says of them.
func policyKeyTable(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("| table | | keys (and their defaults) |\n|---|---|---|\n")
	row := func(header, title string, keys []string) {
		if len(keys) < 2 {
			t.Errorf("%s has the keys %q only", header, keys)
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", header, title, strings.Join(keys, ", "))
	}
	row("[policy]", "which files, and what a change does", keysOf(document.Keys[rawFile](), "policy"))
	titles := policyTitles(t)
	for _, f := range reflect.VisibleFields(reflect.TypeFor[rawPolicyFile]()) {
		name := f.Tag.Get("toml")
		if f.Tag.Get("instead") != "" {
			continue
		}
		header := "[" + name + "]"
		if f.Type.Kind() == reflect.Slice {
			header = "[" + header + "]"
		}
		if titles[header] == "" {
			t.Errorf("%s is in no section of the reference", header)
		}
		keys := keysOf(document.Keys[rawPolicyFile](), name)
		if name == "lockout" {
			exempt := parsePolicy(t, "[lockout]\n").Source.Lockout.Exempt
			keys[len(keys)-1] += fmt.Sprintf(" (`%q`)", exempt) // the one default that no tag can hold
		}
		row(header, titles[header], keys)
	}
	return b.String()
}

// keysOf returns the keys of a table, each with its default in brackets.
func keysOf(all []document.Key, table string) []string {
	var keys []string
	for _, k := range all {
		name, inTable := strings.CutPrefix(k.Path, table+".")
		if !inTable {
			continue
		}
		text := "`" + name + "`"
		if k.Default != "" {
			text += " (`" + k.Default + "`)"
		}
		keys = append(keys, text)
	}
	return keys
}

var (
	sectionTitle = regexp.MustCompile(`^# ---- [^:]+: (.*?) -+$`)
	tableHeader  = regexp.MustCompile(`^(?:# )?(\[+[a-z]+\]+)$`)
)

// policyTitles returns what the reference calls the section that each table is in.
func policyTitles(t *testing.T) map[string]string {
	t.Helper()
	data, err := os.ReadFile(policyReference)
	if err != nil {
		t.Fatal(err)
	}
	titles, title := make(map[string]string), ""
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		if m := sectionTitle.FindStringSubmatch(line); m != nil {
			title = m[1]
		}
		if m := tableHeader.FindStringSubmatch(line); m != nil {
			titles[m[1]] = title
		}
	}
	return titles
}
