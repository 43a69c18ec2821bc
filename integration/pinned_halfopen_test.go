//go:build integration

package integration

import (
	"errors"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// torrent is a server that sends without end, once it is asked to, and an echo until then.
func torrent(conn *net.TCPConn) {
	line := make([]byte, 64)
	for {
		n, err := conn.Read(line)
		if err != nil {
			return
		}
		if strings.HasPrefix(string(line[:n]), "begin") {
			break
		}
		conn.Write(line[:n])
	}
	for data := noise(1 << 16); ; {
		if _, err := conn.Write(data); err != nil {
			return
		}
	}
}

// TestPinnedHalfOpen breaks the cable at either end, and lets one of the two sidecars die meanwhile, so that it cannot
// say so: the other one still believes in the connection. There is one source port.
func TestPinnedHalfOpen(t *testing.T) {
	t.Parallel()
	r := newRig(t, pins{ports: "20001"})
	r.primary.serves(t, torrent)
	r.primary.start(t)
	r.startEgress(t, near{})

	t.Log("an outage is shorter than dead_peer_timeout")
	conn := r.connect(t)
	exchange(t, conn, "before\n")
	r.clients.unplug(t)
	_, err := io.WriteString(conn, "meanwhile\n")
	must(t, err)
	r.clients.plug(t, clientSocket)
	back := make([]byte, len("meanwhile\n"))
	if _, err := io.ReadFull(conn, back); err != nil || string(back) != "meanwhile\n" {
		t.Errorf("after the outage: %q, %v", back, err)
	}

	for _, test := range []struct{ name, last string }{
		{"the client's sidecar dies while the session is quiet", ""},
		// With bytes that it has not read a process that dies resets its connections, and keeps nothing of them.
		{"the client's sidecar dies while the server sends", "begin\n"},
	} {
		t.Log(test.name)
		if test.last != "" {
			_, err := io.WriteString(conn, test.last)
			must(t, err)
			waitFor(t, "the client's side to be full", func() bool { return r.clients.unread(t, farPort) > 1<<16 })
		}
		r.clients.unplug(t)
		r.egress.signal(t, syscall.SIGKILL)
		<-r.egress.exited
		r.clients.plug(t, clientSocket)
		r.egress.rerun(t, r.clients.exec...)
		conn = r.connect(t)
		exchange(t, conn, "from the same port\n")
		lost := r.primary.sidecar.wantRecord(t, fields{keyVerdict: verdictAllow})
		t.Logf("the far sidecar ended the lost session by: %s %s", lost.text(keyClosedBy), lost.text(keyCloseReason))
	}

	t.Log("an outage is longer than dead_peer_timeout")
	r.clients.unplug(t)
	wantLetGo(t, conn)
	r.egress.wantRecord(t, fields{keyClosedBy: "upstream", keyCloseReason: "peer_dead"})
	r.primary.sidecar.wantRecord(t, fields{keyClosedBy: "client", keyCloseReason: "peer_dead"})
	r.clients.plug(t, clientSocket)
	conn = r.connect(t)
	exchange(t, conn, "after the outage\n")

	t.Log("the server's sidecar dies")
	r.primary.unplug(t)
	r.primary.sidecar.signal(t, syscall.SIGKILL)
	wantLetGo(t, conn)
	r.egress.wantRecord(t, fields{keyClosedBy: "upstream", keyCloseReason: "peer_dead"})
	r.primary.plug(t, primarySocket)
	r.primary.again(t)
	waitFor(t, "the server to be reached again", func() bool {
		conn, err := r.clients.connect(nearAddress)
		if err != nil {
			return false
		}
		defer conn.Close()
		return echoes(conn)
	})
}

// wantLetGo expects that a connection is ended from the other side.
func wantLetGo(t *testing.T, conn net.Conn) {
	t.Helper()
	if rest, err := io.ReadAll(conn); len(rest) > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the client was left hanging: %q, %v", rest, err)
	}
}

// unread returns how many bytes the connections of a host to a port have received and nobody has read.
func (ns namespace) unread(t *testing.T, port string) (bytes int) {
	t.Helper()
	for line := range strings.Lines(ns.run(t, need(t, "ss"), "-Htn", "state", "established", "dport", "= :"+port)) {
		if columns := strings.Fields(line); len(columns) > 0 {
			n, err := strconv.Atoi(columns[0])
			must(t, err)
			bytes += n
		}
	}
	return bytes
}
