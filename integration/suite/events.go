package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"regexp"
	"strings"
	"time"
)

// event is a line of `go test -json`.
type event struct {
	Action     string
	Package    string
	ImportPath string // of build events
	Test       string
	Output     string
}

// tests runs a `go test -json` command and shows of it what plain `go test` would.
func (s *suite) tests(name string, cmd *exec.Cmd) {
	s.begin(name)
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		s.fail(name, err.Error())
		return
	}
	cmd.Stderr = s.out
	if err := cmd.Start(); err != nil {
		s.fail(name, err.Error())
		return
	}
	failedBefore := len(s.failed)
	s.read(pipe)
	if err := cmd.Wait(); err != nil && len(s.failed) == failedBefore {
		s.fail(name, err.Error()) // nothing in the stream said why
	}
}

type runningTest struct{ pkg, test string }

// read follows the events of a run to their end. Lines that are no events are shown as they are.
func (s *suite) read(r io.Reader) {
	output := make(map[runningTest]*strings.Builder)
	failures := make(map[string]bool) // packages with a failed test
	seeds := make(map[string]string)  // the order in which a package's tests ran
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadString('\n')
		if line != "" {
			var e event
			if json.Unmarshal([]byte(line), &e) != nil || e.Action == "" {
				fmt.Fprint(s.out, line)
				continue
			}
			k := runningTest{e.Package, e.Test}
			switch e.Action {
			case "output":
				switch {
				case e.Test == "" && strings.HasPrefix(e.Output, "-test.shuffle"):
					seeds[e.Package] = e.Output
					continue
				case e.Test == "":
					s.packageOutput(e.Output)
					continue
				}
				if output[k] == nil {
					output[k] = new(strings.Builder)
				}
				output[k].WriteString(e.Output)
				continue
			case "build-output":
				fmt.Fprint(s.out, e.Output)
				continue
			}
			if e.Action == "fail" && e.Test == "" {
				fmt.Fprint(s.out, seeds[e.Package])
				s.unfinished(e.Package, output)
			}
			text := ""
			if output[k] != nil {
				text = output[k].String()
			}
			if s.finished(e, text, failures) {
				delete(output, k)
			}
		}
		if err != nil {
			return
		}
	}
}

// unfinished shows what the tests of a package said that were running when its process died.
func (s *suite) unfinished(pkg string, output map[runningTest]*strings.Builder) {
	for test, said := range output {
		if test.pkg == pkg {
			fmt.Fprint(s.out, said)
			delete(output, test)
		}
	}
}

// finished takes the end of a test or a package into account and reports whether the event was one.
func (s *suite) finished(e event, output string, failures map[string]bool) bool {
	name := e.Test
	if name == "" {
		name = e.Package
	}
	switch {
	case e.Action == "pass" && e.Test != "":
		s.passed++
		if s.verbose {
			s.said(name, output)
		}
	case e.Action == "skip" && e.Test != "":
		s.skip(name, skipReason(output))
	case e.Action == "fail" && e.Test != "":
		failures[e.Package] = true
		s.fail(name+" ("+e.Package+")", output)
	case e.Action == "fail" && !failures[e.Package]:
		s.fail(name, "") // a build that failed, a panic, a timeout
	}
	return e.Action == "pass" || e.Action == "skip" || e.Action == "fail"
}

// packageOutput shows the line of a package, without the packages that have no tests.
func (s *suite) packageOutput(line string) {
	if strings.HasPrefix(line, "?") || line == "PASS\n" || line == "FAIL\n" {
		return
	}
	fmt.Fprint(s.out, line)
}

var position = regexp.MustCompile(`^\s*[\w.-]+\.go:\d+: `)

// said shows what a test that passed has to say.
func (s *suite) said(name, output string) {
	fmt.Fprintf(s.out, "--- ok   %s\n", name)
	for line := range strings.Lines(output) {
		if at := position.FindString(line); at != "" {
			fmt.Fprintf(s.out, "         %s", line[len(at):])
		}
	}
}

// skipReason finds the message of t.Skip in a test's output.
func skipReason(output string) string {
	reason := "no reason given"
	for line := range strings.Lines(output) {
		if at := position.FindString(line); at != "" {
			reason = strings.TrimSpace(line[len(at):])
		}
	}
	return reason
}

// seconds is a duration as go test prints it.
func seconds(d time.Duration) string { return fmt.Sprintf("%.1fs", d.Seconds()) }
