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

	"sallyport/internal/config"
	"sallyport/policy"
	"sallyport/proxy"
)

// fence is a block of a page. Where the paragraph before it ends with the name of a file and a colon, it is that file.
var fence = regexp.MustCompile("(?s)(?:`([a-z/-]+\\.toml)`:\n\n)?```(toml|console)\n(.*?)```\n")

var (
	// "10.2.0.5 . 20001-20004 . 10.1.0.4 . 12020"
	openedTuple = regexp.MustCompile(`([0-9.]+) \. ([0-9-]+) \. ([0-9.]+) \. ([0-9]+)`)
	// "| t-server | 10.2.0.5, ports 20001-20004 | 10.1.0.4:12020 |"
	listedTuple = regexp.MustCompile(`\| ([a-z-]+) \| ([0-9.]+), ports? ([0-9-]+) \| ([0-9.]+):([0-9]+) \|`)
)

// The page for firewall teams opens exactly what the tutorial's policy allows.
func TestFirewallPageOpensThePolicy(t *testing.T) {
	page := readPage(t, "policy-firewall.md")
	ruleset := regexp.MustCompile("(?s)```nft\n(.*?)```").FindStringSubmatch(page)
	if ruleset == nil {
		t.Fatal("the page has no rule set")
	}
	var want, opened, listed []string
	for _, c := range tutorialClients(t) {
		for _, a := range c.Addresses {
			for _, p := range c.Ports {
				want = append(want, fmt.Sprintf("%s %s 10.1.0.4 12020", a.Addr(), p))
			}
		}
	}
	for _, m := range openedTuple.FindAllStringSubmatch(ruleset[1], -1) {
		opened = append(opened, strings.Join(m[1:], " "))
	}
	for _, m := range listedTuple.FindAllStringSubmatch(page, -1) {
		listed = append(listed, strings.Join(m[2:], " "))
	}
	slices.Sort(want)
	slices.Sort(opened)
	slices.Sort(listed)
	if len(want) < 3 {
		t.Fatalf("the tutorial pins only %q", want)
	}
	if diff := cmp.Diff(want, opened); diff != "" {
		t.Errorf("what the rule set opens (-policy +page):\n%s", diff)
	}
	if diff := cmp.Diff(want, listed); diff != "" {
		t.Errorf("what the table says (-policy +page):\n%s", diff)
	}
}

// tutorialClients returns the clients of the policy that the tutorial writes.
func tutorialClients(t *testing.T) []policy.Client {
	t.Helper()
	var files []config.NamedData
	page := readPage(t, "policy.md")
	for _, m := range fence.FindAllStringSubmatch(page, -1) {
		if strings.HasPrefix(m[1], "policy/") {
			files = append(files, config.NamedData{Name: m[1], Data: []byte(m[3])})
		}
	}
	if !strings.Contains(page, "10.1.0.4") || !strings.Contains(page, `":12020"`) {
		t.Error("the tutorial's server is not at 10.1.0.4:12020 any more")
	}
	all, problems := config.ParsePolicy(files)
	if problems.HasErrors() {
		t.Fatal(problems)
	}
	return all.Source.Clients
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
	for _, name := range []string{"policy-reference.md", "policy-firewall.md"} {
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
