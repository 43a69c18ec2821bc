package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sallyport/bench/report"
)

// TestRun makes a run as users do, only shorter, and looks at all that comes out.
func TestRun(t *testing.T) {
	dir := t.TempDir()
	document := filepath.Join(dir, "doc.md")
	if err := os.WriteFile(document, []byte("a\n"+report.FiguresBegin+"\n"+report.FiguresEnd+"\nb\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	args := []string{"-only", "^(resumed|bulk-down)$", "-against", "none", "-rounds", "2", "-time", "100ms", "-out", dir, "-markdown", document}
	if err := bench(t.Context(), args, &out); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	run := written(t, dir)
	if run.Header.Incomplete != "" || run.Header.Subjects[ours] == "" || run.Header.Machine.CPUs == 0 {
		t.Errorf("header = %+v", run.Header)
	}
	for workload, metrics := range map[string][]report.Metric{
		"resumed":   {report.ProxyCPU, report.TotalCPU, report.Rate, report.P50, report.P99},
		"bulk-down": {report.ProxyCPU, report.TotalCPU, report.Rate},
	} {
		for _, m := range metrics {
			for _, who := range []string{ours, report.Direct} {
				if s := run.Summary(workload, who, m); s.Min <= 0 || len(s.Rounds) != 2 {
					t.Errorf("%s, %s, %s: %+v, want two positive rounds\n%s", workload, who, m, s, out.String())
				}
			}
		}
	}
	for _, want := range []string{"resumed: resumed handshake", "bulk-down: bulk from the server", "the same again: go run ./bench -against none", "goals\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in:\n%s", want, out.String())
		}
	}
	if text, err := os.ReadFile(document); err != nil || !strings.Contains(string(text), "### Resumed handshake") {
		t.Errorf("the document is not filled (%v):\n%s", err, text)
	}
	if pages, _ := filepath.Glob(filepath.Join(dir, "*.html")); len(pages) != 1 {
		t.Errorf("pages = %v, want one", pages)
	}
}

// TestInterruptedRun ends a run by the context that Ctrl-C ends: it is still there, and says what became of it.
func TestInterruptedRun(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("enough"))
	run, err := (&options{rounds: 1, time: 1, only: regexp.MustCompile(""), against: []string{}, sallyport: "/nonexistent"}).run(ctx)
	if err == nil || run == nil || !strings.HasPrefix(run.Header.Incomplete, "interrupted") {
		t.Fatalf("run = %+v, error = %v; want an incomplete one", run, err)
	}
}
