//go:build integration

package integration

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// namespace is a network namespace of the test's own, with a loopback of its own.
type namespace struct {
	name string
	exec []string // puts a command into it
}

func newNamespace(t *testing.T) namespace {
	t.Helper()
	ip, nsenter := need(t, "ip"), need(t, "nsenter")
	name := fmt.Sprintf("sallyport-%d-%d", os.Getpid(), time.Now().UnixNano()%1e9)
	if out, err := exec.Command(ip, "netns", "add", name).CombinedOutput(); err != nil {
		t.Skipf("no network namespace can be made here: %s", bytes.TrimSpace(out))
	}
	t.Cleanup(func() { // not by client, which ends with the test
		if out, err := exec.Command(ip, "netns", "del", name).CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	})
	// Not ip netns exec, which mounts, and that is not allowed everywhere.
	ns := namespace{name: name, exec: []string{nsenter, "--net=/run/netns/" + name}}
	ns.run(t, ip, "link", "set", "lo", "up")
	return ns
}

func (ns namespace) run(t *testing.T, name string, args ...string) string {
	t.Helper()
	return client{}.must(t, ns.exec[0], slices.Concat(ns.exec[1:], []string{name}, args)...)
}

// cut drops everything on the namespace's loopback to and from a TCP port, as a dead host would.
func (ns namespace) cut(t *testing.T, port string) {
	t.Helper()
	nft := need(t, "nft")
	ns.run(t, nft, "add table ip cut; add chain ip cut in { type filter hook input priority 0; };"+
		" add rule ip cut in tcp dport "+port+" drop; add rule ip cut in tcp sport "+port+" drop")
}

// A server that falls silent is noticed whether nothing or something is on its way to it, and the client learns of it. Peers on the same
// host are not probed, since they cannot vanish: to count for another host, the server has an address that sallyport does not connect from.
func TestDeadUpstream(t *testing.T) {
	for _, c := range []struct {
		name string
		send bool
	}{
		{"while the session is quiet", false},
		{"while bytes are on their way", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			ns := newNamespace(t)
			socat := need(t, "socat")
			const upstream, near, far = "12345", "10.9.9.1", "10.9.9.2"
			for _, address := range []string{near, far} {
				ns.run(t, need(t, "ip"), "address", "add", address+"/32", "dev", "lo")
			}
			server := launch{prefix: ns.exec}.start(t, `
limits.dead_peer_timeout = "3s"
[[application]]
name = "a"
upstream.primary = "`+far+`:`+upstream+`"
upstream.source.address = "`+near+`"
upstream.source.ports = "20001-20009"
[[application.port]]
id = "p"
listen = "unix:p.sock"
mode = "plaintext"
`)
			start(t, exec.Command(ns.exec[0], plus(ns.exec[1:], socat, "TCP-LISTEN:"+upstream+",bind="+far+",fork,reuseaddr", "EXEC:cat")...))
			conn := dialThrough(t, filepath.Join(filepath.Dir(server.config), "p.sock"))
			ns.cut(t, upstream)
			if c.send {
				if _, err := conn.Write([]byte("into the void")); err != nil {
					t.Fatal(err)
				}
			}
			if rest, err := io.ReadAll(conn); errors.Is(err, os.ErrDeadlineExceeded) || len(rest) > 0 {
				t.Fatalf("the client was left hanging: %q, %v", rest, err)
			}
			server.wantRecord(t, fields{keyClosedBy: "upstream", keyCloseReason: "peer_dead"})
		})
	}
}

// dialThrough connects to an echo server behind a UNIX socket, and returns once a byte came back.
func dialThrough(t *testing.T, path string) net.Conn {
	t.Helper()
	var conn net.Conn
	waitFor(t, "the echo server", func() bool {
		var err error
		if conn, err = net.Dial("unix", path); err != nil {
			return false
		}
		conn.SetDeadline(time.Now().Add(2 * patience))
		if _, err = conn.Write([]byte("x")); err == nil {
			_, err = io.ReadFull(conn, make([]byte, 1))
		}
		if err != nil {
			conn.Close()
		}
		return err == nil
	})
	t.Cleanup(func() { conn.Close() })
	return conn
}
