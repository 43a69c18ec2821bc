package subject

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"sallyport/bench/meter"
	"sallyport/bench/pin"
)

// Process is a running subject. It ends with its parent.
type Process struct {
	Address string // where it takes connections
	Tree    meter.Tree
	name    string
	cmd     *exec.Cmd
	ended   chan struct{}
	reloads func(output string) (int, error)
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
	p := &Process{
		Address: c.address,
		name:    s.Name(),
		ended:   make(chan struct{}),
		reloads: c.reloads,
		output:  filepath.Join(place.Dir, "output"),
	}
	out, err := os.Create(p.output)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	p.cmd = exec.Command(c.path, c.args...)
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = place.Dir, out, out
	p.cmd.Env = append(os.Environ(), c.env...)
	p.cmd.SysProcAttr = ownGroup()
	if err := pin.Start(p.cmd, place.CPUs...); err != nil {
		return nil, fmt.Errorf("start %s: %w", p.name, err)
	}
	p.Tree.PID = p.cmd.Process.Pid
	go func() {
		p.cmd.Wait()
		close(p.ended)
	}()
	if err := p.listens(ctx); err != nil {
		p.Stop()
		return nil, fmt.Errorf("start: %w", err)
	}
	return p, nil
}

// listens waits until connections are taken.
func (p *Process) listens(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 60*time.Second) // 100,000 definitions are not read in a moment
	defer cancel()
	for {
		conn, err := net.Dial("tcp", p.Address)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-p.ended:
			return p.Err()
		case <-ctx.Done():
			return fmt.Errorf("%s does not listen on %s%s", p.name, p.Address, p.said())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// Err says so with the last of what it printed if the process has ended although nobody stopped it; it is nil while it runs.
func (p *Process) Err() error {
	select {
	case <-p.ended:
		return fmt.Errorf("%s has ended (%s)%s", p.name, p.cmd.ProcessState, p.said())
	default:
		return nil
	}
}

// said is the end of the output.
func (p *Process) said() string {
	const enough = 2 << 10
	file, err := os.Open(p.output)
	if err != nil {
		return ""
	}
	defer file.Close()
	if _, err := file.Seek(-enough, io.SeekEnd); err != nil {
		file.Seek(0, io.SeekStart) // there is less
	}
	text, _ := io.ReadAll(io.LimitReader(file, enough))
	if len(text) == 0 {
		return ", and said nothing"
	}
	return ", and said:\n  " + strings.ReplaceAll(strings.TrimSpace(string(text)), "\n", "\n  ")
}

// Reload has the process read its configuration again. It does not wait for that: [Process.Reloads] tells.
func (p *Process) Reload() error {
	if p.reloads == nil {
		return fmt.Errorf("reload %s: %w", p.name, errors.ErrUnsupported)
	}
	if err := hangUp(p.Tree.PID); err != nil {
		return fmt.Errorf("reload %s: %w", p.name, err)
	}
	return nil
}

// Reloads returns how many reloads have succeeded so far; one that failed is an error.
func (p *Process) Reloads() (int, error) {
	if p.reloads == nil {
		return 0, fmt.Errorf("reloads of %s: %w", p.name, errors.ErrUnsupported)
	}
	n, err := p.reloads(p.output)
	if err != nil {
		return n, fmt.Errorf("reloads of %s: %w", p.name, err)
	}
	return n, nil
}

// Stop ends the process and its children at once.
func (p *Process) Stop() {
	killGroup(p.cmd.Process.Pid)
	<-p.ended
}

// Output is the file that holds what the process printed.
func (p *Process) Output() string { return p.output }
