package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"sallyport/bench/meter"
	"sallyport/bench/report"
)

// load puts load on the target, every kind in every round. A kind that fails is left out of the rounds that follow.
func (o *options) load(ctx context.Context, s *stage, run *report.Run) error {
	t := &o.target
	run.Header.Target = t.address
	run.Header.Machine.ProxyCPU = -1
	defer context.AfterFunc(ctx, s.load.kill)()
	var planned []plan
	for _, kind := range t.chosen {
		w := t.workload(kind)
		run.Header.Workloads = append(run.Header.Workloads, w)
		planned = append(planned, plan{workload{Workload: w}, make([]contestant, 1)})
	}
	progress := newProgress(os.Stderr, planned, o)
	defer progress.end()
	failed := make(map[string]bool)
	for round := 1; round <= o.rounds; round++ {
		for _, kind := range t.chosen {
			if failed[kind] {
				continue
			}
			progress.turn(kind, t.address, turnName(round))
			sample, err := o.loaded(s, kind)
			switch {
			case ctx.Err() != nil:
				return context.Cause(ctx)
			case errors.Is(err, errGone):
				return err
			case err != nil:
				failed[kind] = true
				run.Skipped = append(run.Skipped, report.Skip{Workload: kind, Contestant: t.address, Why: err.Error(), Failed: true})
				continue
			}
			sample.Workload, sample.Contestant, sample.Round = kind, t.address, round
			run.Samples = append(run.Samples, sample)
			if err := s.journal.note(); err != nil {
				return err
			}
		}
	}
	if len(run.Samples) == 0 {
		return t.refused(run.Skipped[0].Why)
	}
	return nil
}

// refused says why nothing succeeded, and what to do about the usual reasons.
func (t *target) refused(why string) error {
	hint := ""
	switch {
	case strings.Contains(why, "unknown authority"):
		hint = "\n  hint: -ca FILE names the target's CA, or its own certificate: openssl s_client -showcerts -connect " + t.address + " shows it"
	case strings.Contains(why, "certificate is valid for"), strings.Contains(why, "certificate is not valid for"), strings.Contains(why, "IP SANs"):
		hint = "\n  hint: -server-name NAME is the name to look for in the target's certificate"
	case strings.Contains(why, "first record does not look like a TLS handshake"):
		hint = "\n  hint: is this a port without TLS? then add -plaintext"
	case strings.Contains(why, "certificate required"):
		hint = "\n  hint: the target wants a client certificate: -cert FILE -key FILE"
	}
	return fmt.Errorf("%s: %s%s", t.address, why, hint)
}

// loaded is one kind in one round.
func (o *options) loaded(s *stage, kind string) (report.Sample, error) {
	var sample report.Sample
	job := o.target.job(kind)
	job.Duration = o.time
	if err := s.load.prepare(job); err != nil {
		return sample, err
	}
	before, err := o.target.cpu()
	result, loadErr := s.load.measured() // it waits for the word
	after, laterErr := o.target.cpu()
	if err := errors.Join(loadErr, err, laterErr); err != nil {
		return sample, err
	}
	if result.Units == 0 {
		return sample, fmt.Errorf("nothing was done: %v", result.Failures)
	}
	sample.Seen, sample.Failures = result.Seen, result.Failures
	sample.Values = figures(workload{}, result, spent{proxy: after - before})
	if o.target.pid == 0 {
		delete(sample.Values, report.ProxyCPU)
	}
	delete(sample.Values, report.TotalCPU) // it is not the whole of anything
	return sample, nil
}

// cpu is the processor time that the target has used, if its process is known.
func (t *target) cpu() (time.Duration, error) {
	if t.pid == 0 {
		return 0, nil
	}
	return meter.Tree{PID: t.pid}.CPU()
}
