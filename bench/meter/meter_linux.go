package meter

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// CPU returns the processor time that the tree has used: in nanoseconds for processes that live, in the kernel's ticks of 10 ms for
// children that ended and were waited for.
func (t Tree) CPU() (time.Duration, error) {
	var sum time.Duration
	pids, err := t.PIDs()
	if err != nil {
		return 0, err
	}
	for _, pid := range pids {
		used, err := cpuOf(pid)
		if err != nil {
			return 0, err
		}
		ended, err := endedChildren(pid)
		if err != nil {
			return 0, err
		}
		sum += used + ended
	}
	return sum, nil
}

// endedChildren is what the children of a process used that are gone, as workers are after a reload.
func endedChildren(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("children of process %d: %w", pid, err)
	}
	return parseEndedChildren(string(text))
}

// cpuOf reads the CPU-time clock of a process, which counts nanoseconds, threads that ended included. Its id is made from the process
// id as clock_getcpuclockid(3) does.
func cpuOf(pid int) (time.Duration, error) {
	const scheduled = 2
	var ts unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|scheduled), &ts); err != nil {
		return 0, fmt.Errorf("cpu clock of process %d: %w", pid, err)
	}
	return time.Duration(ts.Nano()), nil
}

// PIDs returns the processes of the tree, parents first.
func (t Tree) PIDs() ([]int, error) {
	all := []int{t.PID}
	for i := 0; i < len(all); i++ {
		tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", all[i]))
		if err != nil {
			return nil, fmt.Errorf("threads of process %d: %w", all[i], err)
		}
		for _, task := range tasks {
			text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", all[i], task.Name()))
			if err != nil {
				continue // the thread has ended
			}
			for _, field := range strings.Fields(string(text)) {
				if pid, err := strconv.Atoi(field); err == nil {
					all = append(all, pid)
				}
			}
		}
	}
	return all, nil
}

// Memory returns the memory that the tree uses.
func (t Tree) Memory() (Memory, error) {
	pids, err := t.PIDs()
	if err != nil {
		return Memory{}, err
	}
	var sum Memory
	for _, pid := range pids {
		rollup, err := kilobytes(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err != nil {
			return Memory{}, err
		}
		status, err := kilobytes(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			return Memory{}, err
		}
		sum.Pss += rollup["Pss"]
		sum.RSS += status["VmRSS"]
		sum.Peak += status["VmHWM"]
	}
	return sum, nil
}

// kilobytes reads the lines "name: N kB" of a file of /proc, in bytes.
func kilobytes(path string) (map[string]int64, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	values := make(map[string]int64)
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		name, rest, _ := strings.Cut(lines.Text(), ":")
		number, isSize := strings.CutSuffix(strings.TrimSpace(rest), " kB")
		if n, err := strconv.ParseInt(number, 10, 64); isSize && err == nil {
			values[name] = n << 10
		}
	}
	return values, lines.Err()
}

// Read takes a whole reading.
func (t Tree) Read() (Reading, error) {
	cpu, err := t.CPU()
	if err != nil {
		return Reading{}, err
	}
	memory, err := t.Memory()
	return Reading{At: time.Now(), CPU: cpu, Memory: memory}, err
}
