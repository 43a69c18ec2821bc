package main

import (
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"
)

// suite counts what ran and remembers what did not.
type suite struct {
	out     io.Writer
	began   time.Time
	isSetUp bool
	verbose bool // what passed is shown, with what it said

	passed  int
	failed  []string
	skipped []omission
	notes   []string
}

// omission is a test that could not run.
type omission struct{ name, why string }

func (s *suite) begin(step string) {
	fmt.Fprintf(s.out, "=== %s (%s)\n", step, seconds(time.Since(s.began)))
}

// run runs a step that is one command.
func (s *suite) run(name string, cmd *exec.Cmd) {
	s.begin(name)
	cmd.Stdout, cmd.Stderr = s.out, s.out
	if err := cmd.Run(); err != nil {
		s.fail(name, err.Error())
		return
	}
	s.passed++
}

func (s *suite) fail(name, output string) {
	s.failed = append(s.failed, name)
	fmt.Fprintf(s.out, "--- FAIL: %s\n", name)
	if output = strings.TrimRight(output, "\n"); output != "" {
		fmt.Fprintln(s.out, output)
	}
}

func (s *suite) skip(name, why string) { s.skipped = append(s.skipped, omission{name, why}) }

// note keeps a sentence for the account.
func (s *suite) note(text string) { s.notes = append(s.notes, text) }

// account prints what became of everything and reports whether all is well. What could not run does not fail the suite;
// it stands where nobody can miss it.
func (s *suite) account() bool {
	fmt.Fprintln(s.out)
	if len(s.skipped) > 0 {
		bar := strings.Repeat("!", 100)
		fmt.Fprintf(s.out, "%s\n!!! NOT RUN: %d of the checks could not run on this machine\n", bar, len(s.skipped))
		for _, omitted := range s.skipped {
			fmt.Fprintf(s.out, "!!!   %s: %s\n", omitted.name, omitted.why)
		}
		for _, note := range s.notes {
			fmt.Fprintf(s.out, "!!! %s\n", note)
		}
		fmt.Fprintln(s.out, bar)
	}
	for _, name := range s.failed {
		fmt.Fprintf(s.out, "--- FAIL: %s\n", name)
	}
	verdict := "ok  "
	if len(s.failed) > 0 {
		verdict = "FAIL"
	}
	fmt.Fprintf(s.out, "%s\t%s\t%s\n", verdict, "sallyport", seconds(time.Since(s.began)))
	fmt.Fprintf(s.out, "%d passed, %d failed, %d skipped\n", s.passed, len(s.failed), len(s.skipped))
	return len(s.failed) == 0
}
