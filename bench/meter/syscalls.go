package meter

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Calls is how many system calls there were, by name.
type Calls map[string]int

// Total is the number of all of them.
func (c Calls) Total() int {
	total := 0
	for _, n := range c {
		total += n
	}
	return total
}

// Trace is strace counting the system calls of a tree, which makes it several times as slow. What it does for each unit of work is counted
// truly; waits (epoll, futex, the sleep of Go's monitor) become rarer, because meanwhile there is always more to do.
type Trace struct {
	cmd     *exec.Cmd
	summary string
	said    io.Reader // strace's stderr
}

// Trace returns when all of the tree's processes are traced. Where there is no strace, the error wraps [exec.ErrNotFound].
func (t Tree) Trace(ctx context.Context, dir string) (*Trace, error) {
	pids, err := t.PIDs()
	if err != nil {
		return nil, err
	}
	trace := &Trace{summary: filepath.Join(dir, "strace")}
	args := []string{"-f", "-c", "-o", trace.summary}
	for _, pid := range pids {
		args = append(args, "-p", strconv.Itoa(pid))
	}
	trace.cmd = exec.Command("strace", args...)
	out, err := trace.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := trace.cmd.Start(); err != nil {
		return nil, fmt.Errorf("count system calls: %w", err)
	}
	// Nothing below waits for longer than this: the pipe ends with strace.
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { trace.cmd.Process.Kill() })
	defer stop()
	lines := bufio.NewReader(out)
	trace.said = lines
	if err := attached(lines, len(pids)); err != nil {
		trace.cmd.Process.Kill()
		trace.cmd.Wait()
		return nil, fmt.Errorf("count system calls: %w", err)
	}
	return trace, nil
}

// attached reads what strace says until it has attached to so many processes.
func attached(said *bufio.Reader, processes int) error {
	var last string
	for processes > 0 {
		line, err := said.ReadString('\n')
		if err != nil {
			return fmt.Errorf("strace does not attach: %s", strings.TrimSpace(last+line))
		}
		if strings.HasPrefix(line, "strace: Process ") && strings.Contains(line, " attached") {
			processes--
			continue
		}
		last = line
	}
	return nil
}

// Stop ends the counting, not the processes, and returns what was counted.
func (t *Trace) Stop() (Calls, error) {
	if err := t.cmd.Process.Signal(os.Interrupt); err != nil {
		t.cmd.Process.Kill()
	}
	late := time.AfterFunc(10*time.Second, func() { t.cmd.Process.Kill() })
	defer late.Stop()
	said, _ := io.ReadAll(t.said) // threads and children that came and went
	t.cmd.Wait()                  // its exit code tells of the signal
	text, err := os.ReadFile(t.summary)
	if err != nil {
		return nil, fmt.Errorf("count system calls: %w", err)
	}
	calls, err := parseCalls(text)
	if err != nil {
		return nil, fmt.Errorf("count system calls: %w: %s", err, bytes.TrimSpace(said))
	}
	return calls, nil
}

// parseCalls reads the table of strace -c: each line ends with the name, the number of calls is in the fourth column, and the errors after it
// are left out where there were none. The total is checked.
func parseCalls(table []byte) (Calls, error) {
	calls := make(Calls)
	for line := range strings.Lines(string(table)) {
		fields := strings.Fields(line)
		if len(fields) < 5 {
			continue
		}
		n, err := strconv.Atoi(fields[3])
		if err != nil {
			continue // heading and rules
		}
		if name := fields[len(fields)-1]; name != "total" {
			calls[name] += n
		} else if n != calls.Total() {
			return nil, fmt.Errorf("strace says that %d calls are %d in all", calls.Total(), n)
		} else {
			return calls, nil
		}
	}
	return nil, errors.New("strace's table has no total")
}
