package main

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"syscall"

	"github.com/rogpeppe/go-internal/testscript"
)

// heldSessions are the sessions that a script keeps open, by name.
type heldSessions struct {
	mu    sync.Mutex
	conns map[string]net.Conn
}

func setUpHeld(env *testscript.Env) error {
	held := &heldSessions{conns: make(map[string]net.Conn)}
	env.Values[heldKey{}] = held
	env.Defer(func() {
		held.mu.Lock()
		defer held.mu.Unlock()
		for _, conn := range held.conns {
			conn.Close()
		}
	})
	return nil
}

type heldKey struct{}

func holdSession(ts *testscript.TestScript, _ bool, args []string) {
	conn, err := connect(ts, args[1:])
	ts.Check(err)
	ts.Check(exchange(conn))
	held := ts.Value(heldKey{}).(*heldSessions)
	held.mu.Lock()
	defer held.mu.Unlock()
	held.conns[args[0]] = conn
}

func heldSession(ts *testscript.TestScript, neg bool, args []string) {
	held := ts.Value(heldKey{}).(*heldSessions)
	held.mu.Lock()
	defer held.mu.Unlock()
	switch err := exchange(held.conns[args[0]]); {
	case neg && err == nil:
		ts.Fatalf("session %s goes on", args[0])
	case !neg:
		ts.Check(err)
	}
}

func dropSession(ts *testscript.TestScript, _ bool, args []string) {
	held := ts.Value(heldKey{}).(*heldSessions)
	held.mu.Lock()
	defer held.mu.Unlock()
	held.conns[args[0]].Close()
	delete(held.conns, args[0])
}

func pidOf(ts *testscript.TestScript, _ bool, args []string) {
	s, err := status(ts, args[0])
	ts.Check(err)
	ts.Setenv(args[1], strconv.Itoa(s.PID))
}

func waitNewPID(ts *testscript.TestScript, _ bool, args []string) {
	until(ts, "another process than "+args[1], func() bool {
		s, err := status(ts, args[0])
		return err == nil && fmt.Sprint(s.PID) != args[1]
	})
}

func signalPID(ts *testscript.TestScript, _ bool, args []string) {
	pid, err := strconv.Atoi(args[0])
	ts.Check(err)
	const usr2 = syscall.Signal(12) // it has no name on Windows
	signals := map[string]syscall.Signal{"TERM": syscall.SIGTERM, "KILL": syscall.SIGKILL, "USR2": usr2}
	process, err := os.FindProcess(pid)
	ts.Check(err)
	ts.Check(process.Signal(signals[args[1]]))
}

func addressOf(ts *testscript.TestScript, _ bool, args []string) {
	s, err := status(ts, args[0])
	ts.Check(err)
	for _, port := range s.Ports {
		if port.Application+"/"+port.ID == args[1] {
			ts.Setenv(args[2], port.Address)
			return
		}
	}
	ts.Fatalf("no port %s", args[1])
}
