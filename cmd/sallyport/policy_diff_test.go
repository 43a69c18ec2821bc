package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

func TestPolicyDiffExitCodes(t *testing.T) {
	inSite(t)
	if err := os.WriteFile("other.toml", []byte("[audit]\nall = true\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args string
		want int
	}{
		{"rules.toml config.toml", 0},
		{"rules.toml config.toml --exit-code", 0},
		{"rules.toml rules.toml --exit-code --json", 0},
		{"rules.toml other.toml", 0},
		{"rules.toml other.toml --exit-code", exitNo},
		{"other.toml config.toml --exit-code --json", exitNo},
		{"rules.toml nowhere.toml --exit-code", exitFailure},
		{"broken.toml rules.toml", exitFailure},
		{"rules.toml", exitUsage},
		{"rules.toml rules.toml rules.toml", exitUsage},
		{"- -", exitUsage},
		{"rules.toml rules.toml --exit", exitUsage},
	} {
		var out bytes.Buffer
		if got := execute(append([]string{"policy", "diff"}, strings.Fields(c.args)...), &out, &out); got != c.want {
			t.Errorf("%s: exit code %d, want %d\n%s", c.args, got, c.want, out.String())
		}
	}
}
