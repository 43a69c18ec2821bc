package report

import (
	"strings"
	"testing"
)

func TestFill(t *testing.T) {
	const document = "# Title\n\nbefore\n\n<!-- figures -->\nold figures\n<!-- /figures -->\n\nafter\n"
	once, err := Fill(document, exampleRun())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"# Title\n\nbefore\n\n<!-- figures -->\n\nFrom `go run ./bench -rounds 3` on 2026-07-01 (3 rounds of 2s): Example CPU",
		"| | proxy CPU, µs/session | ratio | rate, sessions/s | p50, ms |",
		"|---|---:|---:|---:|---:|---:|---:|---:|\n",
		"| nginx | 337 (330–343) | 1.10× | 2,782 | 3.16 |",
		"| bulk | not met | 0.897 × haproxy | ≤ 0.80 × best peer |",
		"- stunnel in log, idle: is not installed\n",
		"<!-- /figures -->\n\nafter\n",
	} {
		if !strings.Contains(once, want) {
			t.Errorf("no %q in:\n%s", want, once)
		}
	}
	if strings.Contains(once, "old figures") {
		t.Error("the old figures are still there")
	}
	if twice, err := Fill(once, exampleRun()); err != nil || twice != once {
		t.Errorf("filled again it is another document (%v)", err)
	}
}

func TestFillWantsItsPlace(t *testing.T) {
	for name, document := range map[string]string{
		"none":        "text\n",
		"only begin":  FiguresBegin + "\n",
		"only end":    FiguresEnd + "\n",
		"wrong order": FiguresEnd + "\n" + FiguresBegin + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Fill(document, exampleRun()); err == nil || !strings.Contains(err.Error(), FiguresBegin) {
				t.Errorf("error = %v, want one that names %s", err, FiguresBegin)
			}
		})
	}
}
