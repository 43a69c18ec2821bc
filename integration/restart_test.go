//go:build integration

package integration

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

const restartConfig = `
[[application]]
name = "echo"
certificate     = "${dir}/server.crt"
certificate_key = "${dir}/server.key"
  [application.upstream]
  primary = "builtin:echo"
  [[application.port]]
  id     = "secure"
  listen = "${secure}"
  mode   = "secure"
  [[application.port]]
  id     = "plain"
  listen = "${plain}"
  mode   = "plaintext"
  [[application.port]]
  id     = "file"
  listen = "unix:${dir}/file.sock"
  mode   = "plaintext"
`

func startRestartable(t *testing.T) *reloadable {
	t.Helper()
	r := &reloadable{ca: newAuthority(t, "CA"), dir: t.TempDir()}
	r.values = vars{"dir": r.dir, "secure": freeAddress(t), "plain": freeAddress(t)}
	r.rotate(t)
	r.sallyport = startSallyport(t, expand(t, restartConfig, r.values))
	return r
}

// pid asks who answers at the admin endpoint; 0 if nobody does.
func (s *sallyport) pid() int {
	out, err := exec.Command(binary(), "status", "--config", s.config, "--json").Output()
	if err != nil {
		return 0
	}
	var status struct{ PID int }
	if json.Unmarshal(out, &status) != nil {
		return 0
	}
	return status.PID
}

// waitSuccessor waits until another process than before answers.
func (s *sallyport) waitSuccessor(t *testing.T, before int) int {
	t.Helper()
	pid := before
	waitFor(t, "another process to serve", func() bool {
		pid = s.pid()
		return pid != 0 && pid != before
	})
	return pid
}

// dialers connect without a pause until they are stopped, in every way that the ports offer.
type dialers struct {
	stop    atomic.Bool
	tried   atomic.Int64
	lost    chan error
	losses  int // once they have ended
	clients sync.WaitGroup
}

func newDialers() *dialers { return &dialers{lost: make(chan error, 100)} }

func startDialers(r *reloadable) *dialers {
	s := newDialers()
	config := r.ca.ClientConfig("localhost", nil)
	for name, dial := range map[string]func() (net.Conn, error){
		"tls":         func() (net.Conn, error) { return tls.Dial("tcp", r.values["secure"], config) },
		"plain one":   func() (net.Conn, error) { return dialReset(r.values["plain"]) },
		"plain two":   func() (net.Conn, error) { return dialReset(r.values["plain"]) },
		"UNIX":        func() (net.Conn, error) { return net.Dial("unix", filepath.Join(r.dir, "file.sock")) },
		"TLS as ever": func() (net.Conn, error) { return tls.Dial("tcp", r.values["secure"], config) },
	} {
		s.repeat(name, func(n int) error { return oneSession(dial, fmt.Sprintf("%s %d\n", name, n)) })
	}
	return s
}

// repeat has one session after the other until they are stopped.
func (s *dialers) repeat(name string, session func(n int) error) {
	s.clients.Go(func() {
		for n := 0; !s.stop.Load(); n++ {
			s.tried.Add(1)
			if err := session(n); err != nil {
				select {
				case s.lost <- fmt.Errorf("%s, connection %d: %w", name, n, err):
				default:
				}
			}
		}
	})
}

// dialReset connects in a way that leaves nothing in TIME_WAIT, of which they would run out.
func dialReset(address string) (net.Conn, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	return conn, conn.(*net.TCPConn).SetLinger(0)
}

func oneSession(dial func() (net.Conn, error), message string) error {
	conn, err := dial()
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(conn, message); err != nil {
		return err
	}
	answer := make([]byte, len(message))
	if _, err := io.ReadFull(conn, answer); err != nil {
		return err
	}
	if string(answer) != message {
		return fmt.Errorf("answer %q to %q", answer, message)
	}
	return nil
}

// waitMore waits until they have gone on for a while.
func (s *dialers) waitMore(t *testing.T, n int64) {
	t.Helper()
	before := s.tried.Load()
	waitFor(t, "more connections", func() bool { return s.tried.Load() > before+n })
}

// end stops them and fails the test for each connection that was lost.
func (s *dialers) end(t *testing.T) {
	t.Helper()
	s.stop.Store(true)
	s.clients.Wait()
	close(s.lost)
	for err := range s.lost {
		s.losses++
		t.Errorf("lost: %v", err)
	}
}

// TestStormRestarts connects without a pause through many restarts, started anew and by SIGUSR2 in turn, and one in between that fails.
// No connection is refused, reset or answered wrongly, and sessions that were there before the first restart live through all of them.
func TestStormRestarts(t *testing.T) {
	r := startRestartable(t)
	established := []net.Conn{dial(t, r.values["plain"], ""), r.ca.dialTLS(t, r.values["secure"], nil)}
	clients := startDialers(r)
	pid := r.cmd.Process.Pid
	var runs []*process
	restarts := storms(10, 100)
	for i := range restarts {
		switch {
		case i%2 == 1:
			syscall.Kill(pid, syscall.SIGUSR2)
		default:
			runs = append(runs, start(t, exec.Command(binary(), "run", "--config", r.config)))
		}
		pid = r.waitSuccessor(t, pid)
		if i == 5 {
			r.failToStart(t)
		}
		clients.waitMore(t, 1000)
		for n, conn := range established {
			exchange(t, conn, fmt.Sprintf("session %d after restart %d\n", n, i))
		}
		// One that begins here ends two processes later.
		established = append(established, dial(t, r.values["plain"], ""))
		exchange(t, established[len(established)-1], "new\n")
	}
	clients.end(t)
	t.Logf("storm: %d connections attempted during %d restarts and one that failed; lost: %d", clients.tried.Load(), restarts, clients.losses)
	for _, conn := range established {
		conn.Close()
	}
	if code := r.wait(t); code != 0 {
		t.Errorf("exit code %d of the first process", code)
	}
	if got := r.pid(); got != pid {
		t.Errorf("process %d answers, want %d", got, pid)
	}
	syscall.Kill(pid, syscall.SIGTERM)
	for _, p := range runs {
		if code := p.wait(t); code != 0 {
			t.Errorf("exit code %d of a later process", code)
		}
	}
}

// failToStart starts a process that gets as far as it can before it fails.
func (r *reloadable) failToStart(t *testing.T) {
	t.Helper()
	good := expand(t, restartConfig, r.values)
	r.write(t, good+"  [[application.port]]\n  id = \"taken\"\n  listen = \""+taken(t)+"\"\n  mode = \"plaintext\"\n")
	defer r.write(t, good)
	if got := r.command(t, "run"); got.code == 0 {
		t.Errorf("a port that is taken was opened:\n%s", got.all)
	}
}

// TestRestartAfterKill kills the process that a new one takes over from, at different moments of the takeover. Whatever comes of
// it, the new one serves in the end.
func TestRestartAfterKill(t *testing.T) {
	r := startRestartable(t)
	pid := r.cmd.Process.Pid
	for i := range 8 {
		next := start(t, exec.Command(binary(), "run", "--config", r.config))
		if i > 0 {
			// No condition can be waited for: the moment is meant to be any.
			<-time.After(time.Duration(i) * 4 * time.Millisecond)
		}
		syscall.Kill(pid, syscall.SIGKILL)
		pid = next.cmd.Process.Pid
		waitFor(t, "the next process to serve", func() bool {
			if !next.running() {
				t.Fatalf("it ended with exit code %d", next.cmd.ProcessState.ExitCode())
			}
			return r.pid() == pid
		})
		exchange(t, dial(t, r.values["plain"], ""), "hello\n")
		if err := oneSession(func() (net.Conn, error) { return net.Dial("unix", filepath.Join(r.dir, "file.sock")) }, "hello\n"); err != nil {
			t.Error(err)
		}
	}
}

// TestRestartOfAHangingProcess: one that does not answer keeps its sockets, and the new one says so in time.
func TestRestartOfAHangingProcess(t *testing.T) {
	r := startRestartable(t)
	syscall.Kill(r.cmd.Process.Pid, syscall.SIGSTOP)
	defer syscall.Kill(r.cmd.Process.Pid, syscall.SIGCONT)
	got := r.command(t, "run")
	if got.code == 0 || !strings.Contains(got.all, "nothing is handed over") || !strings.Contains(got.all, "port in use") {
		t.Errorf("exit code %d:\n%s", got.code, got.all)
	}
	syscall.Kill(r.cmd.Process.Pid, syscall.SIGCONT)
	exchange(t, dial(t, r.values["plain"], ""), "as before\n")
}

// TestReplacedBinary: SIGUSR2 starts what the name that the program was started by leads to now, be it another file of this name
// or where a symbolic link leads.
func TestReplacedBinary(t *testing.T) {
	next := filepath.Join(t.TempDir(), "next")
	build := exec.Command("go", "build", "-ldflags", "-X main.linkedVersion=replacement", "-o", next, "sallyport/cmd/sallyport")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, c := range []struct {
		name           string
		before, change func(program string) error
	}{
		{
			"file",
			func(program string) error { return copyFile(binary(), program) },
			func(program string) error {
				return errors.Join(copyFile(next, program+".new"), os.Rename(program+".new", program))
			},
		},
		{
			"symbolic link",
			func(program string) error { return os.Symlink(binary(), program) },
			func(program string) error {
				return errors.Join(os.Symlink(next, program+".new"), os.Rename(program+".new", program))
			},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := accountOf(t, "root").dir(t)
			program, address := filepath.Join(dir, "sallyport"), freeAddress(t)
			if err := c.before(program); err != nil {
				t.Fatal(err)
			}
			s := &sallyport{config: filepath.Join(dir, "config.toml"), returned: make(map[int]bool)}
			s.write(t, expand(t, plainConfig, vars{"address": address}))
			s.process = start(t, exec.Command(program, "run", "--config", s.config))
			s.waitReady(t)
			conn := dial(t, address, "")
			exchange(t, conn, "hello\n")
			if err := c.change(program); err != nil {
				t.Fatal(err)
			}
			s.signal(t, syscall.SIGUSR2)
			pid := s.waitSuccessor(t, s.cmd.Process.Pid)
			if r := s.command(t, "status"); !strings.Contains(r.all, "sallyport replacement, pid") {
				t.Errorf("what runs is not the new file:\n%s", r.all)
			}
			exchange(t, conn, "in the old one\n")
			exchange(t, dial(t, address, ""), "in the new one\n")
			syscall.Kill(pid, syscall.SIGTERM)
		})
	}
}

const plainConfig = `
[[application]]
name = "echo"
  [application.upstream]
  primary = "builtin:echo"
  [[application.port]]
  id     = "plain"
  listen = "${address}"
  mode   = "plaintext"
`

func copyFile(from, to string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, content, 0o755)
}
