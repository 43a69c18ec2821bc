package main

import (
	"fmt"
	"os"
	"time"
)

// progress says on the terminal what is being done and how long it may take: in one line that is written anew where that is possible.
type progress struct {
	out      *os.File
	terminal bool
	began    time.Time
	weights  map[string]time.Duration // of a turn by workload: how long it is thought to take
	whole    time.Duration            // of all turns
	done     time.Duration            // of those that ended
	now      time.Duration            // of the one that runs
}

// What a turn takes besides its measurement: starting programs, connecting; and memory that has to settle.
const (
	turnOverhead   = 500 * time.Millisecond
	memoryOverhead = 5 * time.Second
	perConnection  = time.Millisecond
)

func newProgress(out *os.File, plans []plan, o *options) *progress {
	p := &progress{out: out, began: time.Now(), weights: make(map[string]time.Duration)}
	if info, err := out.Stat(); err == nil {
		p.terminal = info.Mode()&os.ModeCharDevice != 0
	}
	for _, one := range plans {
		turn := o.time + turnOverhead
		if one.memory {
			turn = memoryOverhead + one.settle + perConnection*time.Duration(one.job.Connections)
		}
		p.weights[one.Name] = turn
		p.whole += turn * time.Duration(one.turns(o.rounds, o.quick))
	}
	return p
}

// turns is how many there are of a workload.
func (p plan) turns(rounds int, quick bool) int {
	all := len(p.contestants)
	switch {
	case p.once:
		return all
	case p.memory:
		return min(rounds, memoryRounds)*all + max(rounds-memoryRounds, 0)
	case quick:
		return rounds*all + 1 // system calls of ours
	default:
		return (rounds + 1) * all
	}
}

// turn says that one begins.
func (p *progress) turn(workload, contestant, turn string) {
	p.done += p.now
	p.now = p.weights[workload]
	text := fmt.Sprintf("%s: %s, %s%s", workload, contestant, turn, p.left())
	if p.terminal {
		fmt.Fprintf(p.out, "\r\x1b[K%s", cut(text))
		return
	}
	fmt.Fprintln(p.out, text)
}

// left is the time that the rest should take, once something is known of how long things take here.
func (p *progress) left() string {
	rest := p.whole - p.done
	if p.done > 0 {
		rest = time.Duration(float64(rest) * float64(time.Since(p.began)) / float64(p.done))
	}
	return fmt.Sprintf(", about %s left", max(rest, 0).Round(time.Second))
}

// cut keeps a line from being wrapped, after which it could not be written anew.
func cut(text string) string {
	const most = 79
	return text[:min(len(text), most)]
}

// say prints a line that stays.
func (p *progress) say(format string, args ...any) {
	if p.terminal {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
	fmt.Fprintf(p.out, format+"\n", args...)
}

// end leaves the terminal at the beginning of a line.
func (p *progress) end() {
	if p.terminal {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}
