package main

import (
	"cmp"
	"context"
	"fmt"
	"os/exec"
	"slices"

	"sallyport/bench/report"
)

// canTrace reports whether system calls can be counted, and notes once that they cannot.
func (c *contest) canTrace() bool {
	_, err := exec.LookPath("strace")
	if err == nil {
		return true
	}
	none := report.Skip{Contestant: "all", Why: "system calls are not counted: strace is not installed"}
	if !slices.Contains(c.run.Skipped, none) {
		c.run.Skipped = append(c.run.Skipped, none)
	}
	return false
}

// traced is a turn in which system calls are counted. That makes them expensive, so nothing else is told of it.
func (c *contest) traced(ctx context.Context, who contestant) (report.Sample, error) {
	var sample report.Sample
	p, err := c.ready(ctx, who, c.time)
	if err != nil {
		return sample, err
	}
	trace, err := p.Tree.Trace(ctx, c.dir)
	result, loadErr := c.load.measured() // whatever else went wrong
	if err != nil {
		return sample, cmp.Or(loadErr, err)
	}
	calls, err := trace.Stop()
	if err := cmp.Or(loadErr, p.Err(), err); err != nil {
		return sample, err
	}
	units := c.units(result)
	if c.Unit == "GiB" {
		units *= 1 << 10 // MiB
	}
	if units == 0 {
		return sample, fmt.Errorf("nothing was done: %v", result.Failures)
	}
	sample.Seen, sample.Failures = result.Seen, result.Failures
	sample.Values = map[report.Metric]float64{report.Syscalls: float64(calls.Total()) / units}
	sample.Calls = make(map[string]float64, len(calls))
	for name, n := range calls {
		sample.Calls[name] = float64(n) / units
	}
	return sample, nil
}
