package meter

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of processor time in the files of /proc: the kernel converts to it, whatever it is built with.
const tick = 10 * time.Millisecond

// parseEndedChildren reads cutime and cstime of a /proc/PID/stat (proc(5)). The name of the program stands in parentheses and may hold
// anything, those included.
func parseEndedChildren(stat string) (time.Duration, error) {
	const user, system = 16 - 3, 17 - 3 // fields are counted from 1, and the third is the first behind the name
	end := strings.LastIndexByte(stat, ')')
	fields := strings.Fields(stat[end+1:])
	if end < 0 || len(fields) <= system {
		return 0, fmt.Errorf("stat of a process: cannot read %.80q", stat)
	}
	var sum time.Duration
	for _, field := range []int{user, system} {
		n, err := strconv.ParseInt(fields[field], 10, 64)
		if err != nil {
			return 0, fmt.Errorf("stat of a process: %w", err)
		}
		sum += time.Duration(n) * tick
	}
	return sum, nil
}

// Busy is the time that a processor was not idle.
type Busy struct {
	Used  time.Duration // by programs of this machine and by its kernel
	Steal time.Duration // by other machines on the same host
}

// Since returns what came to be after an earlier reading.
func (b Busy) Since(earlier Busy) Busy {
	return Busy{b.Used - earlier.Used, b.Steal - earlier.Steal}
}

// Noise is the time that was taken from somebody who was meant to have the processor for himself and used own of it.
// It is never negative, although the kernel counts own more exactly than the rest.
func (b Busy) Noise(own time.Duration) time.Duration {
	return max(0, b.Used-own) + b.Steal
}

// parseBusy finds a processor in a /proc/stat.
func parseBusy(stat string, cpu int) (Busy, error) {
	name := fmt.Sprintf("cpu%d", cpu)
	for line := range strings.Lines(stat) {
		fields := strings.Fields(line)
		if len(fields) == 0 || fields[0] != name {
			continue
		}
		// user nice system idle iowait irq softirq steal, of which guests are a part
		const idle, wait, steal = 3, 4, 7
		var b Busy
		for i, field := range fields[1:min(len(fields), 2+steal)] {
			n, err := strconv.ParseInt(field, 10, 64)
			if err != nil {
				return Busy{}, fmt.Errorf("stat of %s: %w", name, err)
			}
			switch i {
			case idle, wait:
			case steal:
				b.Steal = time.Duration(n) * tick
			default:
				b.Used += time.Duration(n) * tick
			}
		}
		return b, nil
	}
	return Busy{}, fmt.Errorf("stat of processors: no %s", name)
}

// parseLoad reads the load average of the last minute from a /proc/loadavg.
func parseLoad(text string) (float64, error) {
	first, _, _ := strings.Cut(text, " ")
	load, err := strconv.ParseFloat(first, 64)
	if err != nil {
		return 0, fmt.Errorf("load average: %w", err)
	}
	return load, nil
}
