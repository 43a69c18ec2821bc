//go:build integration

package integration

import (
	"fmt"
	"io"
	"maps"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// manager is what a service manager is to the program: it takes notices, and keeps descriptors.
type manager struct {
	path   string
	socket *net.UnixConn
	seen   []string // lines of notices that nobody has waited for
	store  map[string]*os.File
}

func newManager(t *testing.T) *manager {
	t.Helper()
	m := &manager{path: filepath.Join(accountOf(t, "root").dir(t), "notify"), store: make(map[string]*os.File)}
	var err error
	if m.socket, err = net.ListenUnixgram("unixgram", &net.UnixAddr{Name: m.path, Net: "unixgram"}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		m.socket.Close()
		for _, file := range m.store {
			file.Close()
		}
	})
	return m
}

// told waits for a line and returns those that came before it.
func (m *manager) told(t *testing.T, line string) (before []string) {
	t.Helper()
	for {
		for i, got := range m.seen {
			if got == line {
				before, m.seen = m.seen[:i], m.seen[i+1:]
				return before
			}
		}
		m.read(t, line)
	}
}

// read takes one notice, and does what it asks for.
func (m *manager) read(t *testing.T, waiting string) {
	t.Helper()
	message, oob := make([]byte, 4096), make([]byte, 1024)
	m.socket.SetReadDeadline(time.Now().Add(patience))
	n, oobn, _, _, err := m.socket.ReadMsgUnix(message, oob)
	if err != nil {
		t.Fatalf("no notice %s: %v; there were %q", waiting, err, m.seen)
	}
	lines := strings.Split(strings.TrimSpace(string(message[:n])), "\n")
	m.seen = append(m.seen, strings.Join(lines, " "))
	if len(lines) != 2 || !strings.HasPrefix(lines[1], "FDNAME=") {
		return
	}
	switch name := strings.TrimPrefix(lines[1], "FDNAME="); lines[0] {
	case "FDSTORE=1":
		messages, err := syscall.ParseSocketControlMessage(oob[:oobn])
		if err != nil || len(messages) != 1 {
			t.Fatalf("%d control messages with %q, %v", len(messages), lines, err)
		}
		fds, err := syscall.ParseUnixRights(&messages[0])
		if err != nil || len(fds) != 1 {
			t.Fatalf("%d descriptors with %q, %v", len(fds), lines, err)
		}
		if m.store[name] != nil {
			t.Errorf("%s was stored already", name)
		}
		m.store[name] = os.NewFile(uintptr(fds[0]), name)
	case "FDSTOREREMOVE=1":
		if m.store[name] == nil {
			t.Fatalf("%s was not stored", name)
		}
		m.store[name].Close()
		delete(m.store, name)
	}
}

func (m *manager) names() []string { return slices.Sorted(maps.Keys(m.store)) }

// command is what starts the program with what the store has.
func (m *manager) command(config string) *exec.Cmd {
	cmd := exec.Command("/bin/sh", "-c", `LISTEN_PID=$$ exec "$0" "$@"`, binary(), "run", "--config", config)
	for _, name := range m.names() {
		cmd.ExtraFiles = append(cmd.ExtraFiles, m.store[name])
	}
	cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+m.path, "WATCHDOG_USEC=60000000",
		"LISTEN_FDS="+strconv.Itoa(len(m.store)), "LISTEN_FDNAMES="+strings.Join(m.names(), ":"))
	return cmd
}

func stored(key string) string { return "sallyport+" + url.QueryEscape(key) }

const storedConfig = `
[[application]]
name = "echo"
  [application.upstream]
  primary = "builtin:echo"
  [[application.port]]
  id     = "plain"
  listen = "${plain}"
  mode   = "plaintext"
  [[application.port]]
  id     = "any"
  listen = "127.0.0.1:0"
  mode   = "plaintext"
  [[application.port]]
  id     = "file"
  listen = "unix:${dir}/file.sock"
  mode   = "plaintext"
`

const moreStored = `
  [[application.port]]
  id     = "more"
  listen = "unix:${dir}/more.sock"
  mode   = "plaintext"
`

// TestDescriptorStore restarts as systemd does, which keeps the sockets between the end of one process and the start of the next.
func TestDescriptorStore(t *testing.T) {
	m := newManager(t)
	dir := accountOf(t, "root").dir(t)
	values := vars{"dir": dir, "plain": freeAddress(t)}
	names := vars{
		"plain": stored("tcp4 " + values["plain"]),
		"any":   stored("tcp4 127.0.0.1:0 echo/any"),
		"file":  stored("unix " + dir + "/file.sock"),
		"more":  stored("unix " + dir + "/more.sock"),
	}
	s := &sallyport{config: filepath.Join(dir, "config.toml"), returned: make(map[int]bool)}
	s.write(t, expand(t, storedConfig, values))
	s.process = start(t, m.command(s.config))
	m.told(t, "READY=1")
	m.wantNames(t, names["plain"], names["any"], names["file"])
	number := addressOf(t, s, "any")

	// A port that comes is kept, one that goes is not, and its file goes with it.
	s.write(t, expand(t, storedConfig+moreStored, values))
	s.reload(t)
	m.told(t, "FDSTORE=1 FDNAME="+names["more"])
	s.write(t, expand(t, storedConfig, values))
	s.reload(t)
	m.told(t, "FDSTOREREMOVE=1 FDNAME="+names["more"])
	if _, err := os.Lstat(filepath.Join(dir, "more.sock")); err == nil {
		t.Error("the file of a port that has gone is left")
	}

	// Stopped. Who connects now waits for the next process.
	s.terminate(t)
	m.told(t, "STOPPING=1")
	var waiting []net.Conn
	for _, c := range []struct{ network, address string }{
		{"tcp", values["plain"]}, {"tcp", number}, {"unix", filepath.Join(dir, "file.sock")},
	} {
		conn, err := net.Dial(c.network, c.address)
		if err != nil {
			t.Fatalf("between two processes: %v", err)
		}
		defer conn.Close()
		if _, err := io.WriteString(conn, "early\n"); err != nil {
			t.Fatal(err)
		}
		waiting = append(waiting, conn)
	}

	// The next process, whose configuration has one port less.
	less := strings.Replace(expand(t, storedConfig, values), `  [[application.port]]
  id     = "any"
  listen = "127.0.0.1:0"
  mode   = "plaintext"
`, "", 1)
	s.write(t, less)
	waiting[1].Close()
	waiting = append(waiting[:1], waiting[2])
	s.process = start(t, m.command(s.config))
	before := m.told(t, "READY=1")
	if diff := cmp.Diff([]string{"FDSTOREREMOVE=1 FDNAME=" + names["any"]}, before); diff != "" {
		t.Errorf("notices before READY (-want +got):\n%s", diff)
	}
	for _, conn := range waiting {
		answer := make([]byte, len("early\n"))
		if _, err := io.ReadFull(conn, answer); err != nil || string(answer) != "early\n" {
			t.Errorf("a client that connected between two processes reads %q, %v", answer, err)
		}
		conn.Close()
	}
	s.out.waitLine(t, "a socket that systemd kept is not wanted any more")
	if strings.Contains(s.out.String(), "passed a socket that no port uses") {
		t.Errorf("the store is taken for a .socket unit:\n%s", s.out)
	}

	// SIGUSR2 on top of it: systemd learns of the new process, and that keeps track of the store.
	held := dial(t, values["plain"], "")
	exchange(t, held, "hello\n")
	s.signal(t, syscall.SIGUSR2)
	pid := s.waitSuccessor(t, s.cmd.Process.Pid)
	before = m.told(t, fmt.Sprintf("MAINPID=%d", pid))
	for _, line := range before {
		if !strings.HasPrefix(line, "WATCHDOG=") {
			t.Errorf("%q before MAINPID", line)
		}
	}
	m.told(t, "READY=1")
	exchange(t, held, "in the old one\n")
	s.write(t, expand(t, storedConfig+moreStored, values))
	s.reload(t)
	m.told(t, "FDSTORE=1 FDNAME="+names["more"])
	m.wantNames(t, names["plain"], names["any"], names["file"], names["more"])

	// The old process must not speak for the service any more.
	held.Close()
	if code := s.wait(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	syscall.Kill(pid, syscall.SIGTERM)
	if before := m.told(t, "STOPPING=1"); strings.Contains(strings.Join(before, "\n"), "STOPPING") {
		t.Errorf("notices: %q", before)
	}
	waitFor(t, "the end of the last process", func() bool { return s.pid() == 0 })
}

func (m *manager) wantNames(t *testing.T, want ...string) {
	t.Helper()
	if diff := cmp.Diff(slices.Sorted(slices.Values(want)), m.names()); diff != "" {
		t.Errorf("kept by systemd (-want +got):\n%s", diff)
	}
}

// addressOf asks where a port listens.
func addressOf(t *testing.T, s *sallyport, port string) string {
	t.Helper()
	for line := range strings.Lines(s.command(t, "status").all) {
		fields := strings.Fields(line)
		if len(fields) > 2 && fields[0] == "echo/"+port {
			return fields[2]
		}
	}
	t.Fatalf("no port %s", port)
	return ""
}
