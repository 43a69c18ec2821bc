//go:build integration

package integration

import (
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestConnectionLimit floods a program with few descriptors: it refuses what it cannot hold, in order and on record,
// and serves afterwards.
func TestConnectionLimit(t *testing.T) {
	ca := newAuthority(t, "CA")
	server := ca.server(t)
	plain, secure := freeAddress(t), freeAddress(t)
	few := launch{prefix: []string{need(t, "prlimit"), "--nofile=64:64"}}
	s := few.start(t, expand(t, twoPorts, vars{
		"certificate": server.certificate, "key": server.key, "upstream": serve(t, echo), "plain": plain, "secure": secure,
	}))
	conns := flood(t, plain, 200)
	s.wantRecord(t, fields{keyPort: "plain", keyVerdict: verdictDeny, keyReason: "connection_limit"})
	served := 0
	for _, conn := range conns {
		if echoes(conn) {
			served++
		}
	}
	if served == 0 || served > 64/2 {
		t.Errorf("%d connections were served with 64 descriptors", served)
	}
	closeAll(conns)
	waitFor(t, "the program to serve again", func() bool { return oneEcho(t, plain) })
	exchange(t, ca.dialTLS(t, secure, nil), "hello\n")
	boundedLog(t, s, 200)
}

// TestDescriptorsRunOut takes the descriptors away from a running program: accept fails with EMFILE. It must neither
// spin nor give up.
func TestDescriptorsRunOut(t *testing.T) {
	ca := newAuthority(t, "CA")
	s, plain, secure := startTwoPorts(t, ca, serve(t, echo))
	established := dial(t, plain, "")
	exchange(t, established, "before\n")

	pid := strconv.Itoa(s.cmd.Process.Pid)
	limit := client{}.must(t, need(t, "prlimit"), "--pid", pid, "--nofile", "--noheadings", "--raw", "--output=SOFT,HARD")
	client{}.must(t, need(t, "prlimit"), "--pid", pid, "--nofile=20:")
	conns := flood(t, plain, 200)
	exchange(t, established, "a session that was there goes on\n")
	closeAll(conns)
	waitFor(t, "the program to serve with few descriptors", func() bool { return oneEcho(t, plain) })

	client{}.must(t, need(t, "prlimit"), "--pid", pid, "--nofile="+strings.Join(strings.Fields(limit), ":"))
	waitFor(t, "the program to serve with many descriptors", func() bool {
		conns := flood(t, plain, 50)
		defer closeAll(conns)
		return len(conns) == 50 && !slices.ContainsFunc(conns, func(c net.Conn) bool { return !echoes(c) })
	})
	exchange(t, established, "still there\n")
	exchange(t, ca.dialTLS(t, secure, nil), "hello\n")
	boundedLog(t, s, 400)
}

// boundedLog expects about a line for each connection, not one for each failed call.
func boundedLog(t *testing.T, s *sallyport, connections int) {
	t.Helper()
	if lines, _ := s.out.since(0); len(lines) > 3*connections+100 {
		t.Errorf("%d lines of log for some %d connections; the last ones:\n%s", len(lines), connections, s.out.tail(10))
	}
}

// flood connects n times and keeps what is not refused at once.
func flood(t *testing.T, address string, n int) []net.Conn {
	t.Helper()
	var conns []net.Conn
	for range n {
		if conn, err := tryDial(t, address, ""); err == nil {
			conns = append(conns, conn)
		}
	}
	return conns
}

func closeAll(conns []net.Conn) {
	for _, conn := range conns {
		conn.Close()
	}
}

// echoes reports whether a line comes back, now or never.
func echoes(conn net.Conn) bool {
	if _, err := io.WriteString(conn, "hello\n"); err != nil {
		return false
	}
	_, err := io.ReadFull(conn, make([]byte, 6))
	return err == nil
}

// oneEcho reports whether a new connection is served.
func oneEcho(t *testing.T, address string) bool {
	conns := flood(t, address, 1)
	defer closeAll(conns)
	return len(conns) == 1 && echoes(conns[0])
}
