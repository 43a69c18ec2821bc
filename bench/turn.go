package main

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"sallyport/bench/load"
	"sallyport/bench/meter"
	"sallyport/bench/report"
	"sallyport/bench/subject"
)

// working is a turn in which something is done, and what that costs is measured.
func (c *contest) working(ctx context.Context, who contestant) (report.Sample, error) {
	var sample report.Sample
	p, err := c.ready(ctx, who, c.time)
	if err != nil {
		return sample, err
	}
	reloading, err := c.startReloading(who, p)
	if err != nil {
		c.load.measured() // it waits for the word
		return sample, err
	}
	average, _ := meter.LoadAverage()
	before, err := c.spent(p.Tree)
	result, loadErr := c.load.measured() // whatever else went wrong
	after, laterErr := c.spent(p.Tree)
	reloads, reloadErr := reloading.stop(ctx)
	if err := cmp.Or(loadErr, p.Err(), err, laterErr, reloadErr); err != nil {
		return sample, err
	}
	if result.Units == 0 {
		return sample, fmt.Errorf("nothing was done: %v", result.Failures)
	}
	used := after.since(before)
	sample.Seen, sample.Failures = result.Seen, result.Failures
	sample.Values = figures(c.workload, result, used)
	sample.Values[report.Load] = average
	if who.task.Reload {
		sample.Values[report.Reloads] = float64(reloads)
	}
	if c.proxyCPU >= 0 && who.task.Workers() == 1 {
		sample.Values[report.Noise] = used.busy.Noise(used.proxy).Seconds() / used.wall.Seconds()
	}
	return sample, nil
}

// ready returns a contestant's process for which the load has prepared: it waits for the word, and whoever got no error has to give
// it.
func (c *contest) ready(ctx context.Context, who contestant, d time.Duration) (*subject.Process, error) {
	p, err := c.process(ctx, who)
	if err != nil {
		return nil, err
	}
	return p, c.load.prepare(c.jobOf(who, p, d))
}

// jobOf is the workload's job as far as descriptors go.
func (c *contest) jobOf(who contestant, p *subject.Process, d time.Duration) load.Job {
	job := c.jobFor(who, p.Address, c.keys, d)
	job.Connections = min(job.Connections, c.room)
	return job
}

// spent is processor time by who used it.
type spent struct {
	at                   time.Time
	proxy, load, backend time.Duration
	busy                 meter.Busy    // of the proxy's processor
	wall                 time.Duration // of a difference
}

func (s *stage) spent(proxy meter.Tree) (spent, error) {
	now := spent{at: time.Now()}
	var err error
	if s.proxyCPU >= 0 {
		if now.busy, err = meter.BusyCPU(s.proxyCPU); err != nil {
			return now, err
		}
	}
	if now.proxy, err = proxy.CPU(); err != nil {
		return now, err
	}
	if now.load, err = s.load.tree.CPU(); err != nil {
		return now, err
	}
	now.backend, err = s.backend.tree.CPU()
	return now, err
}

func (s spent) since(before spent) spent {
	return spent{
		proxy:   s.proxy - before.proxy,
		load:    s.load - before.load,
		backend: s.backend - before.backend,
		busy:    s.busy.Since(before.busy),
		wall:    s.at.Sub(before.at),
	}
}

// units are those of the report that a result comes to.
func (w workload) units(r load.Result) float64 {
	if w.per > 0 {
		return r.Units / w.per
	}
	return r.Units
}

// figures are what a result and the time spent on it come to.
func figures(w workload, r load.Result, used spent) map[report.Metric]float64 {
	units := w.units(r)
	return map[report.Metric]float64{
		report.ProxyCPU: used.proxy.Seconds() / units,
		report.TotalCPU: (used.proxy + used.load + used.backend).Seconds() / units,
		report.Rate:     units / r.Wall.Seconds(),
		report.P50:      r.Latencies.P50.Seconds(),
		report.P90:      r.Latencies.P90.Seconds(),
		report.P99:      r.Latencies.P99.Seconds(),
		report.P999:     r.Latencies.P999.Seconds(),
		report.Longest:  r.Latencies.Max.Seconds(),
		report.Flood:    r.Flood,
	}
}
