package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
)

// successor starts this program anew, as the file of its name is now, to take over from this process.
type successor struct {
	program string   // path; empty if it is not known
	args    []string // with the program's name
	env     []string

	mu    sync.Mutex
	child *os.Process // while one is under way
}

// newSuccessor remembers what to start. It is called at the start, since a binary that has been replaced cannot be found
// through the process any more.
func newSuccessor() *successor {
	return &successor{program: ownProgram(), args: os.Args, env: heirEnvironment(os.Environ())}
}

// ownProgram is the path by which this program was started, if that leads to it: a symbolic link that will lead to the next
// version has to be followed then, and not now.
func ownProgram() string {
	actual, err := os.Executable()
	if err != nil {
		return ""
	}
	named, err := exec.LookPath(os.Args[0])
	if err != nil {
		return actual
	}
	if named, err = filepath.Abs(named); err != nil {
		return actual
	}
	a, errA := os.Stat(actual)
	b, errB := os.Stat(named)
	if errA != nil || errB != nil || !os.SameFile(a, b) {
		return actual
	}
	return named
}

// heirEnvironment leaves out of an environment what systemd meant for one process alone. The watchdog's interval and the socket
// for notices (WATCHDOG_USEC, NOTIFY_SOCKET) stay: they are meant for whoever speaks for the service.
func heirEnvironment(env []string) []string {
	own := []string{"WATCHDOG_PID", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"}
	return slices.DeleteFunc(slices.Clone(env), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return slices.Contains(own, name)
	})
}

// start starts the program and returns how to wait for its end. It fails while one is under way.
func (s *successor) start() (pid int, wait func() error, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.child != nil {
		return s.child.Pid, nil, errUpgrading
	}
	if s.program == "" {
		return 0, nil, errors.New("this program's file is not known")
	}
	cmd := &exec.Cmd{Path: s.program, Args: s.args, Env: s.env, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}
	if err := cmd.Start(); err != nil {
		return 0, nil, err
	}
	s.child = cmd.Process
	return cmd.Process.Pid, func() error {
		defer s.over()
		return cmd.Wait()
	}, nil
}

var errUpgrading = errors.New("one is under way")

func (s *successor) over() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.child = nil
}

// end ends a process that is under way: it must not outlive the wish that there be none.
func (s *successor) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.child != nil {
		_ = s.child.Signal(syscall.SIGTERM) // fails only if it has ended already
	}
}

// upgrade starts the program anew. Everything else is done by the new process, which finds this one: see meet.
func (d *daemon) upgrade() {
	switch {
	case d.isStopping():
		d.log.Warn("upgrade ignored: this process is draining")
		return
	case !d.canBeMet():
		d.log.Error("upgrade failed, everything goes on", "error", "there is no socket in the state directory at which a new process could take over")
		return
	}
	pid, wait, err := d.successor.start()
	switch {
	case errors.Is(err, errUpgrading):
		d.log.Warn("upgrade ignored: one is under way", "to_pid", pid)
		return
	case err != nil:
		d.log.Error("upgrade failed, everything goes on", "program", d.successor.program, "error", err)
		return
	}
	d.log.Info("upgrading", "program", d.successor.program, "to_pid", pid)
	go func() {
		err := wait()
		if d.wasHandedOver() {
			return // it took over, and its end is no failure of this process' upgrade
		}
		if err == nil {
			err = errors.New("it ended without having taken over")
		}
		d.log.Error("upgrade failed, everything goes on", "program", d.successor.program, "to_pid", pid, "error", err)
	}()
}

// canBeMet reports whether a new process can find this one; if the file at which it would has gone, it is made again.
func (d *daemon) canBeMet() bool {
	d.applying.Lock()
	defer d.applying.Unlock()
	d.rendezvous.stage(d.stateDir(), d.path)()
	open := d.rendezvous.sockets.Listeners()
	return len(open) > 0 && open[0].Reachable()
}

func (d *daemon) wasHandedOver() bool {
	select {
	case <-d.handed:
		return true
	default:
		return false
	}
}
