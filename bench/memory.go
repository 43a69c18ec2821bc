package main

import (
	"cmp"
	"context"
	"os"
	"time"

	"sallyport/bench/meter"
	"sallyport/bench/report"
	"sallyport/bench/subject"
)

// What is needed until memory counts as settled, and how long idleness is watched.
const (
	settlePart   = 0.005 // by which it may change
	settleWindow = 3 * time.Second
	settleAtMost = 45 * time.Second
	settleLook   = 250 * time.Millisecond
	idleTime     = 5 * time.Second
	idleShort    = time.Second // of a workload that is for a quick run
)

// remembering is a turn in which connections are opened and memory is measured, in a process that has done nothing before. A workload
// without connections is about the process alone.
func (c *contest) remembering(ctx context.Context, who contestant) (report.Sample, error) {
	sample := report.Sample{Values: make(map[report.Metric]float64)}
	defer c.stop(who)
	p, err := c.process(ctx, who)
	if err != nil {
		return sample, err
	}
	start, err := c.beginning(ctx, p.Tree)
	if err != nil {
		return sample, cmp.Or(p.Err(), err)
	}
	sample.Values[report.StartRSS] = float64(start.RSS)
	if ours, is := who.subject.(subject.Sallyport); is {
		if info, err := os.Stat(ours.Path); err == nil {
			sample.Values[report.Binary] = float64(info.Size())
		}
	}
	job := c.jobOf(who, p, 100*time.Millisecond)
	if job.Connections == 0 {
		return sample, nil
	}
	if err := c.load.prepare(job); err != nil {
		return sample, cmp.Or(p.Err(), err)
	}
	held, err := c.holding(ctx, p, job.AtOnce)
	result, loadErr := c.load.measured() // whatever else went wrong
	if err := cmp.Or(loadErr, p.Err(), err); err != nil {
		return sample, err
	}
	sample.Seen, sample.Failures = result.Seen, result.Failures
	sample.Values[report.Peak] = float64(held.memory.Peak)
	if !job.AtOnce {
		sample.Values[report.Pss] = float64(held.memory.Pss-start.Pss) / float64(job.Connections)
		sample.Values[report.IdleCPU] = held.idle
	}
	return sample, nil
}

// beginning is the memory of a process that has done nothing. It has to settle only where it is the figure: among thousands of connections
// it hardly counts.
func (c *contest) beginning(ctx context.Context, tree meter.Tree) (meter.Memory, error) {
	if c.job.Connections > 1 {
		return tree.Memory()
	}
	return c.settled(ctx, tree, settleWindow)
}

// held is what connections cost on which nothing happens.
type held struct {
	memory meter.Memory
	idle   float64 // part of a processor
}

// holding measures open connections. Of those that were opened at once the peak is what counts, and that has been already.
func (c *contest) holding(ctx context.Context, p *subject.Process, atOnce bool) (held, error) {
	if atOnce {
		memory, err := p.Tree.Memory()
		return held{memory: memory}, err
	}
	memory, err := c.settled(ctx, p.Tree, c.settle)
	if err != nil {
		return held{}, err
	}
	length := idleTime
	if c.once {
		length = idleShort
	}
	idle, err := using(ctx, p.Tree, length)
	return held{memory, idle}, err
}

// settled waits, not shorter than atLeast, until memory no longer changes, and returns what it is then. It does not wait for ever, and says so.
func (c *contest) settled(ctx context.Context, tree meter.Tree, atLeast time.Duration) (meter.Memory, error) {
	start := time.Now()
	var size calm
	for {
		now, err := tree.Memory()
		if err != nil {
			return now, err
		}
		since := time.Since(start)
		if size.look(since, now.Pss) && since >= atLeast {
			return now, nil
		}
		if since > settleAtMost {
			c.tell("%s: memory still changes after %s", c.Name, settleAtMost)
			return now, nil
		}
		if err := pause(ctx, settleLook); err != nil {
			return now, err
		}
	}
}

// calm watches a size for the time when it has stayed near one value for a whole window. The zero value is ready.
type calm struct {
	value int64
	since time.Duration // when it was first near value
	seen  bool
}

// look takes the size at a time, and reports whether it has been calm until now.
func (c *calm) look(at time.Duration, size int64) bool {
	change := max(size-c.value, c.value-size)
	if !c.seen || float64(change) > settlePart*float64(c.value) {
		*c = calm{value: size, since: at, seen: true}
	}
	return at-c.since >= settleWindow
}
