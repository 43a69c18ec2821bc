// Package subject knows the proxies that are measured: how each is configured for the same task, started and stopped.
//
// All of them get one worker and no log unless the task asks for one, and whatever else their documentation says makes them fast.
package subject

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"sallyport/bench/meter"
	"sallyport/bench/pin"
)

// Task is what a proxy is to do: take connections in one way and pass them on in plaintext.
type Task struct {
	Mode       Mode
	RSA        bool // the server's certificate has an RSA key of 2048 bits, otherwise an ECDSA one on P-256
	ClientAuth bool // clients have to show a certificate of the CA
	Hybrid     bool // the key exchange is X25519MLKEM768, otherwise X25519
	Buffers    int  // size of the proxy's buffers in bytes; 0: its default

	// Only sallyport knows these; with them, the others cannot.
	Definitions int  // of clients in the policy; 0: no policy
	AccessLog   bool // to a file
	Reload      bool // Process.Reload is going to be called
}

// Mode is how a proxy takes connections.
type Mode string

const (
	Secure     Mode = "secure"
	Plaintext  Mode = "plaintext"
	AutoDetect Mode = "auto-detect"
)

// special reports whether a task asks for more than the peers have.
func (t Task) special() bool { return t.Mode == AutoDetect || t.Definitions > 0 || t.Reload }

// Subject is one of the proxies.
type Subject interface {
	Name() string
	Version(ctx context.Context) (string, error) // an error wraps exec.ErrNotFound where it is not installed
	Can(Task) (why string)                       // empty: it can
	prepare(Place, Task) (command, error)
}

// Place is where a subject runs.
type Place struct {
	Dir     string // its own, for its files
	Keys    Keys
	Backend string // host:port
	CPU     int    // that it is pinned to; negative: none
	Room    int    // sessions at once that it has descriptors for, two each and a few
}

// command is what starts a subject.
type command struct {
	path    string
	args    []string
	env     []string
	address string              // where it will listen
	reload  func(pid int) error // nil: it cannot
}

// Process is a running subject.
type Process struct {
	Address string // where it takes connections
	Tree    meter.Tree
	cmd     *exec.Cmd
	ended   chan struct{}
	reload  func(pid int) error
	output  string // file
}

// Start starts s and returns when it takes connections.
func Start(ctx context.Context, s Subject, place Place, task Task) (*Process, error) {
	if err := os.MkdirAll(place.Dir, 0o755); err != nil {
		return nil, err
	}
	c, err := s.prepare(place, task)
	if err != nil {
		return nil, fmt.Errorf("configure %s: %w", s.Name(), err)
	}
	p := &Process{Address: c.address, ended: make(chan struct{}), reload: c.reload, output: filepath.Join(place.Dir, "output")}
	out, err := os.Create(p.output)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	p.cmd = exec.Command(c.path, c.args...)
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = place.Dir, out, out
	p.cmd.Env = append(os.Environ(), c.env...)
	p.cmd.SysProcAttr = ownGroup()
	if err := pin.Start(p.cmd, place.CPU); err != nil {
		return nil, fmt.Errorf("start %s: %w", s.Name(), err)
	}
	p.Tree.PID = p.cmd.Process.Pid
	go func() {
		p.cmd.Wait()
		close(p.ended)
	}()
	if err := p.listens(ctx); err != nil {
		p.Stop()
		return nil, fmt.Errorf("start %s: %w", s.Name(), err)
	}
	return p, nil
}

// listens waits until connections are taken.
func (p *Process) listens(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for {
		conn, err := net.Dial("tcp", p.Address)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-p.ended:
			text, _ := os.ReadFile(p.output)
			return fmt.Errorf("it has ended:\n%s", text)
		case <-ctx.Done():
			return fmt.Errorf("it does not listen on %s", p.Address)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// Reload has the process read its configuration again.
func (p *Process) Reload() error { return p.reload(p.Tree.PID) }

// Stop ends the process and its children at once.
func (p *Process) Stop() {
	killGroup(p.cmd.Process.Pid)
	<-p.ended
}

// Output is the file that holds what the process printed.
func (p *Process) Output() string { return p.output }

// freeAddress returns an address on loopback that nobody listens on, below the range that the kernel chooses ports from.
func freeAddress() (string, error) {
	for port := 21000; port < 23000; port++ {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			return l.Addr().String(), l.Close()
		}
	}
	return "", fmt.Errorf("no free port between 21000 and 23000: %w", syscall.EADDRINUSE)
}
