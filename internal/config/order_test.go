package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestProblemsComeInTheOrderOfTheFiles(t *testing.T) {
	cfg := &Config{Path: "site.toml", Policy: Policy{Files: []Located[string]{{Value: "a.toml"}, {Value: "rules.toml"}}}}
	problem := func(file string, line, column int, message string) Problem {
		return Problem{Pos: Position{File: file, Line: line, Column: column}, Message: message}
	}
	problems := Problems{
		problem("rules.toml", 85, 8, "a fault"),
		problem("rules.toml", 2, 8, "a failing test"),
		problem("a.toml", 9, 1, "another file of the policy"),
		problem("rules.toml", 0, 0, "a whole file"),
		problem("server.crt", 1, 1, "what the configuration names"),
		problem("site.toml", 7, 3, "the first of one place"),
		problem("site.toml", 7, 3, "another of it"),
		problem("site.toml", 7, 2, "before both"),
		problem("", 0, 0, "no file"),
	}
	cfg.Sort(problems)
	want := `: no file
site.toml:7:2: before both
site.toml:7:3: the first of one place
site.toml:7:3: another of it
server.crt:1:1: what the configuration names
a.toml:9:1: another file of the policy
rules.toml: a whole file
rules.toml:2:8: a failing test
rules.toml:85:8: a fault`
	if diff := cmp.Diff(want, strings.TrimSpace(problems.Error())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
