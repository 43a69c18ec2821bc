//go:build integration

package integration

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

const activated = `
[[application]]
name = "echo"
  [application.upstream]
  primary = "builtin:echo"
  [[application.port]]
  id     = "named"
  listen = "systemd:front"
  mode   = "plaintext"
  [[application.port]]
  id     = "by-address"
  listen = "${address}"
  mode   = "plaintext"
`

// TestSocketActivation passes listening sockets as systemd does, by descriptor from 3 on, one found by its name, the
// other by its address. Connections that were made before the program ran are served.
func TestSocketActivation(t *testing.T) {
	front, back := listen(t), listen(t)
	early := dial(t, front.Addr().String(), "")
	config := expand(t, activated, vars{"address": back.Addr().String()})

	dir := accountOf(t, "root").dir(t)
	s := &sallyport{config: filepath.Join(dir, "config.toml"), returned: make(map[int]bool)}
	s.write(t, config)
	// LISTEN_PID must be the id of the process that becomes the program.
	cmd := exec.Command("/bin/sh", "-c", `LISTEN_PID=$$ exec "$0" "$@"`, binary(), "run", "--config", s.config)
	cmd.Env = append(os.Environ(), "LISTEN_FDS=2", "LISTEN_FDNAMES=front:back")
	cmd.ExtraFiles = []*os.File{file(t, front), file(t, back)}
	s.process = start(t, cmd)
	front.Close()
	back.Close() // from here on, only the program holds them
	s.waitReady(t)

	exchange(t, early, "hello to the name, early\n")
	early.Close()
	exchange(t, dial(t, front.Addr().String(), ""), "hello to the name\n")
	exchange(t, dial(t, back.Addr().String(), ""), "hello to the address\n")
	s.reload(t)
	exchange(t, dial(t, front.Addr().String(), ""), "hello to the name again\n")
	exchange(t, dial(t, back.Addr().String(), ""), "hello to the address again\n")
}

// TestSystemdSocketActivate has systemd's own program pass the socket.
func TestSystemdSocketActivate(t *testing.T) {
	address := freeAddress(t)
	dir := accountOf(t, "root").dir(t)
	s := &sallyport{config: filepath.Join(dir, "config.toml"), returned: make(map[int]bool)}
	s.write(t, strings.ReplaceAll(expand(t, activated, vars{"address": freeAddress(t)}), "systemd:front", "systemd:web"))
	s.process = start(t, exec.Command(need(t, "systemd-socket-activate"), "--listen", address, "--fdname", "web",
		binary(), "run", "--config", s.config))
	s.out.waitLine(t, "Listening on")
	for _, line := range []string{"the first connection starts the program\n", "the second finds it running\n"} {
		conn := dial(t, address, "")
		exchange(t, conn, line)
		conn.Close()
	}
	s.terminate(t)
	s.wantRecord(t, fields{keyPort: "named", keyVerdict: verdictAllow, keyBytesIn: 40})
}

// TestNotify is systemd for a moment: it expects to be told of readiness, reload, life and stopping.
func TestNotify(t *testing.T) {
	path := filepath.Join(accountOf(t, "root").dir(t), "notify")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { socket.Close() })
	// told waits for a notice with this line in it, and returns all of it.
	told := func(line string) string {
		t.Helper()
		socket.SetReadDeadline(time.Now().Add(patience))
		message := make([]byte, 4096)
		for {
			n, err := socket.Read(message)
			if err != nil {
				t.Fatalf("no notice %s: %v", line, err)
			}
			for got := range strings.Lines(string(message[:n])) {
				if strings.TrimSpace(got) == line {
					return string(message[:n])
				}
			}
		}
	}
	address := freeAddress(t)
	config := expand(t, `
[[application]]
name = "echo"
  [application.upstream]
  primary = "builtin:echo"
  [[application.port]]
  id     = "plain"
  listen = "${address}"
  mode   = "plaintext"
[reload]
watch = true
`, vars{"address": address})
	s := launch{env: []string{"NOTIFY_SOCKET=" + path, "WATCHDOG_USEC=200000"}}.start(t, config)
	told("READY=1")
	for range 3 {
		told("WATCHDOG=1")
	}
	s.signal(t, syscall.SIGHUP)
	told("RELOADING=1")
	told("READY=1")
	// Files that change lead to the same. systemd tells reloads apart by the time, which has to be in the same notice.
	for i := range 100 {
		s.write(t, fmt.Sprintf("%s# %d\n", config, i))
	}
	notice := told("RELOADING=1")
	if !regexp.MustCompile(`(?m)^MONOTONIC_USEC=[1-9][0-9]*$`).MatchString(notice) {
		t.Errorf("a reload without its time: %q", notice)
	}
	told("READY=1")
	conn := dial(t, address, "") // has something to drain
	exchange(t, conn, "hello\n")
	s.signal(t, syscall.SIGTERM)
	told("STOPPING=1")
	told("WATCHDOG=1") // a long drain must not look like a hang
	conn.Close()
	if code := s.wait(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

func listen(t *testing.T) *net.TCPListener {
	t.Helper()
	ln, err := net.Listen("tcp", freeAddress(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	return ln.(*net.TCPListener)
}

func file(t *testing.T, ln *net.TCPListener) *os.File {
	t.Helper()
	f, err := ln.File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}
