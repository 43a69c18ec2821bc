package config

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// An example on the page: indented lines that begin with the header of a table.
var pageExample = regexp.MustCompile(`(?m)^    (\[application\.upstream[a-z.]*\])\n((?:    .*\n)+)`)

// What the page shows works as it is shown.
func TestUpstreamPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/upstream.md")
	if err != nil {
		t.Fatal(err)
	}
	const port = "[[application.port]]\nid = 'p'\nlisten = '127.0.0.1:2021'\nmode = 'plaintext'\n"
	shown := make(map[string]bool)
	for _, m := range pageExample.FindAllStringSubmatch(strings.ReplaceAll(string(page), "\r\n", "\n"), -1) {
		table := m[1]
		shown[table] = true
		text := "[[application]]\nname = 'a'\n"
		if table != "[application.upstream]" {
			text += "[application.upstream]\nprimary = 'one.example.com:1'\nbackup = 'two.example.com:1'\n"
		}
		if _, problems := Parse("upstream.md", []byte(text+m[0]+port)); len(problems) > 0 {
			t.Errorf("%s\nproblems:\n%v", m[0], problems)
		}
	}
	for _, table := range []string{
		"[application.upstream]", "[application.upstream.health]", "[application.upstream.source]", "[application.upstream.tls]",
	} {
		if !shown[table] {
			t.Errorf("no example of %s was found", table)
		}
	}
}
