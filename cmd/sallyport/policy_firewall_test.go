package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/firewall/export"
	"sallyport/policy"
	"sallyport/proxy"
)

// The page for firewall teams names all targets.
func TestFirewallPageListsTargets(t *testing.T) {
	const path = "../../docs/firewall-teams.md"
	old := readFile(t, path)
	var targets strings.Builder
	fmt.Fprint(&targets, "| target | |\n|---|---|\n")
	for _, f := range export.Formats() {
		fmt.Fprintf(&targets, "| `%s` | %s", f.Name, f.Summary)
		if f.Weaker {
			fmt.Fprint(&targets, "; without source ports, so only with `--allow-weaker`")
		}
		fmt.Fprint(&targets, " |\n")
	}
	page := section(t, old, "targets", targets.String())
	if *update {
		if err := os.WriteFile(path, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(page, old); diff != "" {
		t.Errorf("docs/firewall-teams.md differs from the code; run go test ./cmd/sallyport -run %s -update (-want +got):\n%s", t.Name(), diff)
	}
}

// What a firewall engineer has to know before anything else.
func TestPolicyPageExplainsTheModel(t *testing.T) {
	page := strings.Join(strings.Fields(readPage(t, "policy.md")), " ")
	for _, sentence := range []string{
		"a narrower rule does not restrict a broader one",
		"the right source port is a firewall aid, not authentication",
	} {
		if !strings.Contains(page, sentence) {
			t.Errorf("docs/policy.md does not say: %s", sentence)
		}
	}
}

// A quoted record is indented and has an elision.
var quotedRecord = regexp.MustCompile(`(?m)(?:^    .*\n)+`)

// Records on the pages are such as were written: by sallyport, once, and by the code as it is now, as far as attributes and
// reason codes go.
func TestPolicyPagesQuoteTheLog(t *testing.T) {
	var lines []string
	for _, path := range recordings(t) {
		for line := range strings.Lines(readFile(t, path)) {
			if strings.Contains(line, "msg=session") {
				lines = append(lines, strings.TrimSpace(line))
			}
		}
	}
	quoted := 0
	for _, name := range []string{"policy-reference.md", "firewall-teams.md"} {
		for _, block := range quotedRecord.FindAllString(readPage(t, name), -1) {
			if !strings.Contains(block, "…") {
				continue
			}
			quoted++
			pattern := strings.ReplaceAll(regexp.QuoteMeta(strings.Join(strings.Fields(block), " ")), "…", ".*")
			if !slices.ContainsFunc(lines, regexp.MustCompile("^"+pattern+"$").MatchString) {
				t.Errorf("%s: nothing like this was ever logged:\n%s", name, block)
			}
		}
	}
	if quoted < 3 {
		t.Errorf("only %d records are quoted", quoted)
	}
	for _, line := range lines {
		knownRecord(t, line)
	}
}

func recordings(t *testing.T) []string {
	t.Helper()
	paths, err := filepath.Glob("testdata/policy_page/*.log")
	if err != nil {
		t.Fatal(err)
	}
	if len(paths) < 4 {
		t.Fatalf("only %q are recorded", paths)
	}
	return paths
}

var recordedAttribute = regexp.MustCompile(` ([a-z_]+)=("(?:[^"\\]|\\.)*"|\S*)`)

// knownRecord fails unless the code still has every attribute and every reason code of a record.
func knownRecord(t *testing.T, line string) {
	t.Helper()
	attributes, reasons := map[string]bool{"level": true, "msg": true}, make(map[string]bool)
	for _, a := range proxy.Attributes() {
		attributes[a.Name] = true
	}
	for _, e := range policy.Reasons() {
		reasons[string(e.Reason)] = true
	}
	found := recordedAttribute.FindAllStringSubmatch(line, -1)
	if len(found) < 10 {
		t.Errorf("only %d attributes: %s", len(found), line)
	}
	for _, m := range found {
		isReason := m[1] == proxy.KeyReason || m[1] == proxy.KeyCloseReason || m[1] == proxy.KeyDenialReason
		if !attributes[m[1]] || isReason && !reasons[m[2]] {
			t.Errorf("no record has %s=%s any more", m[1], m[2])
		}
	}
}

func readPage(t *testing.T, name string) string { return readFile(t, "../../docs/"+name) }

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
