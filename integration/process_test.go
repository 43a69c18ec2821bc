//go:build integration

package integration

import (
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// process is a program that runs beside the test and ends with it.
type process struct {
	cmd    *exec.Cmd
	out    *output       // stdout and stderr
	exited chan struct{} // closed when it ended; then cmd.ProcessState is set
}

// start runs cmd in a process group of its own until it ends or the test does, and shows its output if the test fails.
func start(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{cmd: cmd, out: newOutput(), exited: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = p.out, p.out
	cmd.WaitDelay = time.Second
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL // the test may be interrupted before it cleans up
	name := filepath.Base(cmd.Path)
	if err := cmd.Start(); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	go func() {
		defer close(p.exited)
		cmd.Wait() // the exit code is in ProcessState
	}()
	t.Cleanup(func() {
		p.stop()
		if t.Failed() {
			t.Logf("output of %s %v:\n%s", name, cmd.Args[1:], p.out.tail(60))
		}
	})
	return p
}

// stop ends the process and its children: politely, then not.
func (p *process) stop() {
	group := -p.cmd.Process.Pid
	select {
	case <-p.exited:
	default:
		syscall.Kill(p.cmd.Process.Pid, syscall.SIGTERM)
		select {
		case <-p.exited:
		case <-time.After(5 * time.Second):
		}
	}
	syscall.Kill(group, syscall.SIGKILL) // children that it left behind
	<-p.exited
}

// signal sends a signal to the process itself, not to its children.
func (p *process) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatalf("%s: signal %v: %v", filepath.Base(p.cmd.Path), s, err)
	}
}

// running reports whether the process has not ended yet.
func (p *process) running() bool {
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

// wait returns the exit code of the process, -1 if a signal ended it.
func (p *process) wait(t *testing.T) int {
	t.Helper()
	select {
	case <-p.exited:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		t.Fatalf("%s did not end within %s:\n%s", filepath.Base(p.cmd.Path), patience, p.out.tail(60))
		return -1
	}
}

// waitUp waits until the program serves, and fails at once if it ends instead.
func (p *process) waitUp(t *testing.T, what string, up func() bool) {
	t.Helper()
	waitFor(t, what+" to serve", func() bool {
		if !p.running() {
			t.Fatalf("%s ended: exit code %d", what, p.cmd.ProcessState.ExitCode())
		}
		return up()
	})
}
