package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"sallyport/bench/pin"
	"sallyport/bench/report"
	"sallyport/bench/subject"
)

// reserve is how many descriptors a proxy may need besides two for each session: sallyport keeps 290 free of 20,000, stunnel one in 43.
const reserve = 500

// run measures. What was measured is returned with an error, too.
func (o *options) run(ctx context.Context) (*report.Run, error) {
	descriptors := raiseDescriptors()
	dir, err := os.MkdirTemp("", "sallyport-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	s, err := newStage(dir)
	if err != nil {
		return nil, err
	}
	defer s.close()
	s.time, s.room = o.time, (descriptors-reserve)/2
	run := &report.Run{Header: report.Header{
		Started:  time.Now(),
		Rounds:   o.rounds,
		Time:     o.time,
		Command:  o.command,
		Machine:  machine(s),
		Subjects: make(map[string]string),
	}}
	s.brief = o.quick
	s.journal = o.journal(run)
	if o.target.address != "" {
		err = o.load(ctx, s, run)
	} else {
		err = o.contests(ctx, s, run)
	}
	run.Header.Ended = time.Now()
	if err != nil {
		run.Header.Incomplete = cause(ctx, err)
	}
	return run, cmp.Or(err, s.journal.end(err))
}

// cause says in words what ended a run early.
func cause(ctx context.Context, err error) string {
	if ctx.Err() != nil {
		return "interrupted; this is what had been measured until then"
	}
	return err.Error()
}

// contests runs the workloads, one after the other.
func (o *options) contests(ctx context.Context, s *stage, run *report.Run) error {
	run.Goals = goals()
	run.Header.Sessions = s.room
	ours := subject.Sallyport{Path: o.sallyport}
	if ours.Path == "" {
		path, err := build(ctx, s.dir)
		if err != nil {
			return err
		}
		ours.Path = path
	}
	peers, err := o.peers(ctx, run)
	if err != nil {
		return err
	}
	if run.Header.Subjects[ours.Name()], err = ours.Version(ctx); err != nil {
		return fmt.Errorf("ask %s for its version: %w", ours.Path, err)
	}
	var planned []plan
	for _, w := range workloads() {
		if o.wants(w) {
			w = w.within(s.room)
			run.Header.Workloads = append(run.Header.Workloads, w.Workload)
			planned = append(planned, plan{w, w.contestants(ours, peers)})
		}
	}
	progress := newProgress(os.Stderr, planned, o)
	defer progress.end()
	s.tell, s.begin = progress.say, progress.turn
	for _, p := range planned {
		if err := s.contest(ctx, p.workload, p.contestants, o.rounds, run); err != nil {
			return err
		}
	}
	return nil
}

// plan is a workload with those who do it.
type plan struct {
	workload
	contestants []contestant
}

// peers returns those that are asked for and installed, notes their versions, and notes who is missing.
func (o *options) peers(ctx context.Context, run *report.Run) ([]subject.Subject, error) {
	var found []subject.Subject
	for _, p := range subject.Peers() {
		if o.against != nil && !slices.Contains(o.against, p.Name()) {
			continue
		}
		version, err := p.Version(ctx)
		switch {
		case errors.Is(err, exec.ErrNotFound) && o.against == nil:
			run.Skipped = append(run.Skipped, report.Skip{Workload: "all", Contestant: p.Name(), Why: "it is not installed; bench/setup.sh installs it on Debian"})
			continue
		case err != nil:
			return nil, fmt.Errorf("ask %s for its version: %w", p.Name(), err)
		}
		run.Header.Subjects[p.Name()] = version
		found = append(found, p)
	}
	return found, nil
}

// build builds the program of this tree as `make build` does.
func build(ctx context.Context, dir string) (string, error) {
	path := filepath.Join(dir, "sallyport")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, "sallyport/cmd/sallyport")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", cmp.Or(ctx.Err(), fmt.Errorf("build sallyport: %w\n%s", err, out))
	}
	return path, nil
}

// newStage starts what all contests share. The proxy gets the first processor that this process may use, backend and load the last.
func newStage(dir string) (*stage, error) {
	s := &stage{dir: dir, proxyCPU: -1, loadCPU: -1, tell: func(string, ...any) {}, begin: func(string, string, string) {}}
	if cpus := pin.Processors(); len(cpus) > 1 {
		s.proxyCPU, s.loadCPU = cpus[0], cpus[len(cpus)-1]
	}
	var err error
	if s.keys, err = subject.NewKeys(dir); err != nil {
		return nil, err
	}
	if s.backend, err = startWorker(roleBackend, s.loadCPU); err != nil {
		return nil, err
	}
	if err := s.backend.events.Decode(&s.behind); err != nil {
		s.backend.stop()
		return nil, fmt.Errorf("backend: %w", err)
	}
	if s.load, err = startWorker(roleLoad, s.loadCPU); err != nil {
		s.backend.stop()
		return nil, err
	}
	return s, nil
}

func (s *stage) close() {
	s.load.stop()
	s.backend.stop()
}
