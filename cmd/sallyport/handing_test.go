//go:build linux || darwin || freebsd

package main

import (
	"context"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sallyport/internal/admin"
	"sallyport/internal/handover"
	"sallyport/policy"
)

const handingConfig = `
[admin]
listen = "off"
[policy]
files = ["policy.toml"]
[[application]]
name = "demo"
upstream.primary = "builtin:echo"
[[application.port]]
id = "plain"
listen = "127.0.0.1:0"
mode = "plaintext"
[[application.port]]
id = "file"
listen = "unix:file.sock"
mode = "plaintext"
`

const handingPolicy = `
[[allow]]
id = "here"
from = ["loopback"]
to = ["demo/*"]
tls = "any"
owner = "test"
[lockout]
failures = 1
`

// startHanding runs a daemon in this process that can be asked for its sockets.
func startHanding(t *testing.T) (*daemon, *logText) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"config.toml": handingConfig, "policy.toml": handingPolicy} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	log := &logText{}
	d := newDaemon(filepath.Join(dir, "config.toml"), newLogHandler(log), nil)
	if first := d.change(t.Context(), admin.TriggerStart); !first.OK {
		t.Fatal(first.Problems)
	}
	d.keeper.start()
	close(d.up)
	t.Cleanup(func() {
		d.stop()
		d.sockets.Close()
		d.serving.Wait()
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		d.server.Drain(ctx)
		d.keeper.end()
	})
	return d, log
}

func (d *daemon) meetingPoint(t *testing.T) *net.UnixConn {
	t.Helper()
	path, err := rendezvousPath(d.stateDir(), d.path)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn.(*net.UnixConn)
}

// serves fails the test unless both ports answer.
func (d *daemon) serves(t *testing.T) {
	t.Helper()
	for _, p := range d.Status().Ports {
		network := "tcp"
		if p.ID == "file" {
			network = "unix"
		}
		conn, err := net.Dial(network, p.Address)
		if err != nil {
			t.Fatal(err)
		}
		if err := exchange(conn); err != nil {
			t.Errorf("%s: %v", p.ID, err)
		}
		conn.Close()
	}
}

// TestTakerThatFails takes over half way and goes away, at every step. The process goes on each time.
func TestTakerThatFails(t *testing.T) {
	taker := handover.Process{PID: 4711, Version: "next"}
	ask := func(t *testing.T, conn *net.UnixConn) *handover.Taking {
		t.Helper()
		taking, sockets, err := handover.Ask(conn, taker, handover.Patience{})
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, s := range sockets {
			names = append(names, s.Name)
			s.File.Close()
		}
		if len(names) != 4 { // three sockets, and the stream of leases
			t.Errorf("sockets: %q", names)
		}
		return taking
	}
	for _, c := range []struct {
		name string
		fail func(t *testing.T, conn *net.UnixConn)
		says string
	}{
		{"says nothing", func(*testing.T, *net.UnixConn) {}, "a process asked for the sockets and got none"},
		{"talks nonsense", func(_ *testing.T, conn *net.UnixConn) { io.WriteString(conn, "GET / HTTP/1.1\r\n\r\n") }, "malformed message"},
		{"dies with the offer", func(t *testing.T, conn *net.UnixConn) { ask(t, conn) }, "the other process is gone"},
		{"gives up", func(t *testing.T, conn *net.UnixConn) { ask(t, conn).Abort("not started: 2 problems") }, "gave up: not started: 2 problems"},
		{"dies after take", func(t *testing.T, conn *net.UnixConn) {
			if _, err := ask(t, conn).Take(); err != nil {
				t.Fatal(err)
			}
		}, "the other process is gone"},
		{"gives up after take", func(t *testing.T, conn *net.UnixConn) {
			taking := ask(t, conn)
			if _, err := taking.Take(); err != nil {
				t.Fatal(err)
			}
			taking.Abort("the disk is on fire")
		}, "gave up: the disk is on fire"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, log := startHanding(t)
			conn := d.meetingPoint(t)
			c.fail(t, conn)
			conn.Close()
			eventually(t, "the log says "+c.says, func() bool { return log.has(c.says) })
			d.serves(t)
			if result := d.change(t.Context(), admin.TriggerRequest); !result.OK {
				t.Errorf("it takes no reload any more: %v", result.Problems)
			}
			if d.isStopping() || d.wasHandedOver() {
				t.Error("it takes itself for handed over")
			}
			// What it makes is still its own to remove.
			path := filepath.Join(filepath.Dir(d.path), "file.sock")
			d.sockets.Close()
			if _, err := os.Lstat(path); err == nil {
				t.Error("the UNIX socket's file is left")
			}
		})
	}
}

// TestHandOver is a taker that goes all the way. The lock-outs are in their file before it is told to go on, clients that connect
// meanwhile wait for it, and the files of UNIX sockets stay.
func TestHandOver(t *testing.T) {
	d, log := startHanding(t)
	locked := netip.MustParseAddr("203.0.113.9")
	d.lockouts.Failed(time.Now(), locked, policy.NoRule)
	conn := d.meetingPoint(t)
	taking, sockets, err := handover.Ask(conn, handover.Process{PID: 4711, Version: "next"}, handover.Patience{})
	if err != nil {
		t.Fatal(err)
	}
	if taking.Giver() != self() {
		t.Errorf("giver %+v", taking.Giver())
	}
	d.serves(t) // until the taker asks for more
	if _, err := taking.Take(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(d.stateDir(), "lockouts.json"))
	if err != nil || !strings.Contains(string(text), locked.String()) {
		t.Errorf("the lock-outs are not in their file: %s, %v", text, err)
	}
	reloaded := make(chan bool, 1)
	go func() { reloaded <- d.change(context.Background(), admin.TriggerRequest).OK }()
	early := make([]net.Conn, 0, 3)
	sockets, leases := withoutLeases(sockets)
	if len(leases) != 1 {
		t.Errorf("%d streams of leases", len(leases))
	}
	defer leases[0].Close()
	for _, s := range sockets {
		l, err := net.FileListener(s.File)
		if err != nil {
			t.Fatal(err)
		}
		s.File.Close()
		defer l.Close()
		client, err := net.Dial(l.Addr().Network(), l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		early = append(early, client)
		if s.Name == "handover unix "+l.Addr().String() {
			continue
		}
		served, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		served.Close() // by the taker: the other process would have answered nothing yet
	}
	if len(early) != 3 {
		t.Errorf("%d sockets", len(early))
	}
	if err := taking.Ready(); err != nil {
		t.Fatal(err)
	}
	if err := taking.Settled(patience); err != nil {
		t.Error(err)
	}
	<-d.handed
	if <-reloaded {
		t.Error("a reload after the handover counts")
	}
	if !log.has(`msg="handed over" to_pid=4711 to_version=next sockets=3`) {
		t.Errorf("log:\n%s", log.text.String())
	}
	if _, err := os.Lstat(filepath.Join(filepath.Dir(d.path), "file.sock")); err != nil {
		t.Errorf("the taker cannot be reached: %v", err)
	}
	d.upgrade()
	if !log.has("upgrade ignored: this process is draining") {
		t.Error("a process that has handed over can be upgraded")
	}
}

func TestRendezvousPath(t *testing.T) {
	a, err := rendezvousPath("/s", "/etc/a.toml")
	if err != nil {
		t.Fatal(err)
	}
	b, _ := rendezvousPath("/s", "/etc/b.toml")
	again, _ := rendezvousPath("/s", "/etc/../etc/a.toml")
	if a == b || a != again || filepath.Dir(a) != "/s" {
		t.Errorf("%s, %s, %s", a, b, again)
	}
}

// TestWithoutRendezvous: the program runs, and says what it cannot do.
func TestWithoutRendezvous(t *testing.T) {
	log := &logText{}
	r := &rendezvous{log: newDaemon("", newLogHandler(log), nil).log}
	long := filepath.Join(t.TempDir(), strings.Repeat("x", 100))
	for range 3 {
		r.stage(long, "config.toml")()
	}
	if n := log.count("a restart will not be able to take over from this process"); n != 1 {
		t.Errorf("said %d times:\n%s", n, log.text.String())
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r.stage(file, "config.toml")()
	if !log.has("not a directory") {
		t.Errorf("log:\n%s", log.text.String())
	}
	r.close()
}
