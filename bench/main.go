package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"syscall"
	"time"

	"sallyport/bench/pin"
	"sallyport/bench/report"
	"sallyport/bench/subject"
)

// reserve is how many descriptors a proxy may need besides two for each session; sallyport keeps 290 free for itself.
const reserve = 300

func main() {
	if played, err := play(os.Args[1:]); played {
		exit(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	exit(bench(ctx))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func bench(ctx context.Context) error {
	rounds := flag.Int("rounds", 5, "how often each contestant has its turn")
	length := flag.Duration("time", 2*time.Second, "of each measurement")
	only := flag.String("only", "", "the workloads to run: a regular expression")
	quick := flag.Bool("quick", false, "only the most telling workloads")
	program := flag.String("sallyport", "", "the program to measure; built from this tree if empty")
	flag.Parse()
	descriptors := raiseDescriptors()
	chosen, err := regexp.Compile(*only)
	if err != nil {
		return fmt.Errorf("-only: %w", err)
	}
	dir, err := os.MkdirTemp("", "sallyport-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if *program == "" {
		if *program, err = build(ctx, dir); err != nil {
			return err
		}
	}
	s, err := newStage(dir)
	if err != nil {
		return err
	}
	defer s.close()
	s.time, s.room = *length, (descriptors-reserve)/2
	s.tell = func(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
	run := &report.Run{}
	peers := present(ctx, subject.Peers()...)
	for _, w := range workloads() {
		if !chosen.MatchString(w.Name) || !w.runs(*quick) {
			continue
		}
		w = w.within(s.room)
		if err := s.contest(ctx, w, w.contestants(subject.Sallyport{Path: *program}, peers), *rounds, run); err != nil {
			return err
		}
	}
	for _, sample := range run.Samples {
		fmt.Println(sample.Workload, sample.Round, sample.Contestant, sample.Values, sample.Failures, sample.Seen)
	}
	return nil
}

// present returns those of the subjects that are installed.
func present(ctx context.Context, all ...subject.Subject) []subject.Subject {
	var found []subject.Subject
	for _, s := range all {
		if _, err := s.Version(ctx); !errors.Is(err, exec.ErrNotFound) {
			found = append(found, s)
		}
	}
	return found
}

// build builds the program of this tree as `make build` does.
func build(ctx context.Context, dir string) (string, error) {
	path := filepath.Join(dir, "sallyport")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, "sallyport/cmd/sallyport")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build sallyport: %w\n%s", err, out)
	}
	return path, nil
}

// newStage starts what all contests share. The proxy gets the first processor that this process may use, backend and load the last.
func newStage(dir string) (*stage, error) {
	s := &stage{dir: dir, proxyCPU: -1}
	loadCPU := -1
	if cpus := pin.Processors(); len(cpus) > 1 {
		s.proxyCPU, loadCPU = cpus[0], cpus[len(cpus)-1]
	}
	var err error
	if s.keys, err = subject.NewKeys(dir); err != nil {
		return nil, err
	}
	if s.backend, err = startWorker(roleBackend, loadCPU); err != nil {
		return nil, err
	}
	if err := s.backend.events.Decode(&s.behind); err != nil {
		return nil, fmt.Errorf("backend: %w", err)
	}
	s.load, err = startWorker(roleLoad, loadCPU)
	return s, err
}

func (s *stage) close() {
	s.load.stop()
	s.backend.stop()
}
