package report

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func terminalText(t *testing.T, run *Run, fancy bool) string {
	t.Helper()
	var out strings.Builder
	if err := Text(&out, run, fancy); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestText(t *testing.T) {
	text := terminalText(t, exampleRun(), true)
	want := `side by side, 2026-07-01 12:00, 3 rounds of 2s
Example CPU, 2 processors, Linux 6.18, go1.26; proxies on processor 0, load and backend on 1
the same again: go run ./bench -rounds 3

handshake-ecdsa: full handshake
              proxy CPU  min–max  ratio        rate   p50   p99  CPU of all   p90  p99.9  longest  noise
             µs/session                  sessions/s    ms    ms  µs/session    ms     ms       ms      %
`
	if diff := cmp.Diff(want, text[:min(len(want), len(text))]); diff != "" {
		t.Errorf("beginning (-want +got):\n%s", diff)
	}
	for _, line := range []string{
		"  sallyport         306  300–312  1.00×       3,060  3.06  15.3         918  6.12   27.5     61.2   1.00",
		"  nginx             337  330–343  1.10×       2,782  3.16  15.8       1,010  6.32   28.5     63.2   1.00",
		"  ✓ idle CPU                                             0.00 %                   goal ≤ 0.05 %",
		"  ✗ system calls                                         36.7/MiB                 goal ≤ 34.0/MiB",
		"  · not measured (not part of this run):\n      mutual TLS",
		"  · not measured (stunnel: is not installed):\n      against stunnel",
		"noise: others took 1.0 % of the proxy's processor (median of all turns; worst 2.0 %); the rounds of one contestant's CPU lie 3.9 % apart (median; worst 3.9 %)",
		"skipped: stunnel in log, idle: is not installed",
		"!!! FAILURES. What failed does not count:",
		"!!!   bulk-down, nginx, round 1: wrong bytes <b> (2 times)",
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("no line %q in:\n%s", line, text)
		}
	}
}

func TestTablesFitATerminal(t *testing.T) {
	run := exampleRun()
	for i := range run.Samples {
		if run.Samples[i].Contestant == "haproxy" {
			run.Samples[i].Contestant = "haproxy with a name that is much longer than usual"
		}
	}
	tables, _, _ := strings.Cut(terminalText(t, run, true), "\ngoals\n")
	for line := range strings.Lines(tables) {
		if n := utf8.RuneCountInString(line) - 1; n > width && strings.HasPrefix(line, "  ") {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}

func TestPlainTextIsASCII(t *testing.T) {
	run := exampleRun()
	fancy, plain := terminalText(t, run, true), terminalText(t, run, false)
	for _, r := range plain {
		if r >= utf8.RuneSelf {
			t.Fatalf("%q in plain text", r)
		}
	}
	if strings.Count(fancy, "\n") != strings.Count(plain, "\n") {
		t.Error("plain text has other lines")
	}
	if !strings.Contains(plain, "\n  ok"+"idle CPU") && !strings.Contains(plain, "\n  ok idle CPU") {
		t.Errorf("no goal that was met in:\n%s", plain)
	}
}

func TestIncompleteIsSaid(t *testing.T) {
	run := exampleRun()
	run.Header.Incomplete = "interrupted in round 2"
	if text := terminalText(t, run, true); !strings.Contains(text, "INCOMPLETE: interrupted in round 2\n") {
		t.Errorf("nothing of it in:\n%s", text)
	}
}
