package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"time"

	"sallyport/bench/load"
	"sallyport/bench/meter"
	"sallyport/bench/report"
	"sallyport/bench/subject"
)

// contestant is a subject with its task.
type contestant struct {
	name    string
	subject subject.Subject
	task    subject.Task
}

// contestants are who does a workload.
func (w workload) contestants(ours subject.Subject, peers []subject.Subject) []contestant {
	all := []contestant{{ours.Name(), ours, w.task}}
	for _, v := range w.variants {
		task := w.task
		v.change(&task)
		all = append(all, contestant{ours.Name() + " " + v.name, ours, task})
	}
	if len(w.variants) > 0 {
		return all
	}
	for _, p := range peers {
		all = append(all, contestant{p.Name(), p, w.task})
	}
	return all
}

// stage is what all contests of a run share.
type stage struct {
	dir      string
	keys     subject.Keys
	backend  *worker
	behind   string // where the backend listens
	load     *worker
	proxyCPU int
	time     time.Duration // of each measurement
	room     int           // sessions that a proxy has descriptors for
	tell     func(format string, args ...any)
}

// contest has every contestant take its turn in every round.
func (s *stage) contest(ctx context.Context, w workload, all []contestant, rounds int, run *report.Run) error {
	running := make(map[string]*subject.Process)
	defer func() {
		for p := range maps.Values(running) {
			p.Stop()
		}
	}()
	for _, c := range all {
		if why := c.subject.Can(c.task); why != "" {
			run.Skipped = append(run.Skipped, report.Skip{Workload: w.Name, Contestant: c.name, Why: why})
			continue
		}
		p, err := s.start(ctx, w, c)
		if err != nil {
			return err
		}
		running[c.name] = p
	}
	for round := 1; round <= rounds; round++ {
		for _, c := range all {
			p := running[c.name]
			if p == nil {
				continue
			}
			sample, err := s.turn(w, c, p)
			if err != nil {
				return fmt.Errorf("%s, %s, round %d: %w", w.Name, c.name, round, err)
			}
			sample.Round = round
			run.Samples = append(run.Samples, sample)
			s.tell("%s round %d %s", w.Name, round, c.name)
		}
	}
	return nil
}

func (s *stage) start(ctx context.Context, w workload, c contestant) (*subject.Process, error) {
	place := subject.Place{
		Dir:     filepath.Join(s.dir, w.Name, c.name),
		Keys:    s.keys,
		Backend: s.behind,
		CPU:     s.proxyCPU,
		Room:    s.room,
	}
	return subject.Start(ctx, c.subject, place, c.task)
}

// turn is one contestant's in one round.
func (s *stage) turn(w workload, c contestant, p *subject.Process) (report.Sample, error) {
	sample := report.Sample{Workload: w.Name, Contestant: c.name}
	if err := s.load.prepare(w.jobFor(c, p.Address, s.keys, s.time)); err != nil {
		return sample, err
	}
	before, err := s.spent(p.Tree)
	if err != nil {
		return sample, err
	}
	result, err := s.load.measured()
	if err != nil {
		return sample, err
	}
	after, err := s.spent(p.Tree)
	if err != nil {
		return sample, err
	}
	sample.Seen, sample.Failures = result.Seen, result.Failures
	sample.Values = figures(w, result, after.since(before))
	if result.Units == 0 {
		return sample, errors.New("nothing was done")
	}
	return sample, nil
}

// spent is processor time by who used it.
type spent struct{ proxy, load, backend time.Duration }

func (s *stage) spent(proxy meter.Tree) (spent, error) {
	var now spent
	var err error
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
	return spent{s.proxy - before.proxy, s.load - before.load, s.backend - before.backend}
}

// figures are what a result and the time spent on it come to.
func figures(w workload, r load.Result, used spent) map[report.Metric]float64 {
	units := r.Units
	if w.per > 0 {
		units /= w.per
	}
	return map[report.Metric]float64{
		report.ProxyCPU: used.proxy.Seconds() / units,
		report.TotalCPU: (used.proxy + used.load + used.backend).Seconds() / units,
		report.Rate:     units / r.Wall.Seconds(),
		report.P50:      r.Latencies.P50.Seconds(),
		report.P99:      r.Latencies.P99.Seconds(),
		report.P999:     r.Latencies.P999.Seconds(),
	}
}
