package lint

import (
	"bytes"
	"fmt"
	"path"
	"regexp"
	"strings"
	"unicode/utf8"
)

const (
	maxLines     = 500
	maxTestLines = 800
)

// vague are file names that say nothing of what is in them.
var vague = []string{"util", "utils", "common", "helper", "helpers", "types", "misc"}

// The words are put together here so that this file does not contain them.
var unfinished = regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X|HA` + `CK)\b`)

// layout holds what can be said of a file without understanding it.
func layout(name string, content []byte) []Finding {
	var findings []Finding
	if !utf8.Valid(content) || bytes.IndexByte(content, 0) >= 0 {
		return nil // a binary file
	}
	if path.Ext(name) == ".go" {
		findings = append(findings, size(name, content)...)
		stem := strings.TrimSuffix(strings.TrimSuffix(path.Base(name), ".go"), "_test")
		for _, word := range vague {
			if stem == word {
				findings = append(findings, Finding{File: name, Text: "a file is named after its one concern, not " + word})
			}
		}
	}
	for i, line := range strings.Split(string(content), "\n") {
		if word := unfinished.FindString(line); word != "" {
			findings = append(findings, Finding{File: name, Line: i + 1, Text: word + " belongs into an issue, not into the tree"})
		}
	}
	return findings
}

func size(name string, content []byte) []Finding {
	limit := maxLines
	if strings.HasSuffix(name, "_test.go") {
		limit = maxTestLines
	}
	if lines := bytes.Count(content, []byte("\n")); lines > limit {
		return []Finding{{File: name, Text: fmt.Sprintf("%d lines, the limit is %d", lines, limit)}}
	}
	return nil
}
