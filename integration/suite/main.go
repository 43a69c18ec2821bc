// Suite runs everything that decides whether the tree is good, goes on after failures, and ends with one account of it:
// what failed, and above all what could not run on this machine, so that a skipped test is never mistaken for a passed
// one. It is the program behind `make test`.
//
//	go run ./integration/suite [lint] [unit] [integration] [soak] [fuzz]
//
// Without arguments: lint, unit and integration. The exit code is 1 if anything failed.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	groups := os.Args[1:]
	if len(groups) == 0 {
		groups = []string{"lint", "unit", "integration"}
	}
	// An interrupt reaches the running step too, which ends; the account of what ran so far is still wanted.
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt, syscall.SIGTERM)

	s := &suite{out: os.Stdout, began: time.Now()}
	for _, group := range groups {
		steps, known := s.group(group)
		if !known {
			fmt.Fprintf(os.Stderr, "suite: unknown group %q\n  hint: lint, unit, integration, soak, fuzz\n", group)
			os.Exit(2)
		}
		for _, step := range steps {
			select {
			case <-interrupted:
				s.fail("interrupted", "")
				s.account()
				os.Exit(1)
			default:
				step()
			}
		}
	}
	if s.account() {
		return
	}
	os.Exit(1)
}

// command prepares a program of a step with variables added to the environment.
func command(env []string, name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), env...)
	return cmd
}
