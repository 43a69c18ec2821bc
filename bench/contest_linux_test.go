package main

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"sallyport/bench/report"
	"sallyport/bench/subject"
)

// TestMain is also the load and the backend of the runs that tests make.
func TestMain(m *testing.M) {
	if played, err := play(os.Args[1:]); played {
		os.Exit(code(err))
	}
	os.Exit(m.Run())
}

// rehearse returns a stage for short turns and what it tells.
func rehearse(t *testing.T) (*stage, *strings.Builder) {
	t.Helper()
	s, err := newStage(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	told := new(strings.Builder)
	s.time, s.room = 200*time.Millisecond, 100
	s.tell = func(format string, _ ...any) { told.WriteString(format + "\n") }
	return s, told
}

// direct is a subject that is there on any machine.
func direct() subject.Subject { return subject.Direct{Path: os.Args[0], Role: roleDirect} }

func named(t *testing.T, name string) workload {
	t.Helper()
	all := workloads()
	i := slices.IndexFunc(all, func(w workload) bool { return w.Name == name })
	if i < 0 {
		t.Fatalf("no workload %q", name)
	}
	return all[i]
}

func TestContest(t *testing.T) {
	s, _ := rehearse(t)
	w := named(t, "resumed")
	broken := subject.Direct{Path: "/no/such/program", Role: roleDirect}
	policy := w.task
	policy.Definitions = 10
	all := []contestant{{"broken", broken, w.task}, {"direct", direct(), w.task}, {"unable", subject.HAProxy{}, policy}}
	run := new(report.Run)
	if err := s.contest(t.Context(), w, all, 2, run); err != nil {
		t.Fatal(err)
	}
	var rounds []int
	for _, sample := range run.Samples {
		if sample.Contestant != "direct" || sample.Workload != w.Name || sample.Spoiled() || len(sample.Seen) == 0 {
			t.Errorf("sample %+v", sample)
		}
		rounds = append(rounds, sample.Round)
		wanted := []report.Metric{report.ProxyCPU, report.TotalCPU, report.Rate, report.P50, report.P99, report.P999}
		if sample.Round == 0 {
			wanted = []report.Metric{report.Syscalls}
		}
		for _, m := range wanted {
			if sample.Values[m] <= 0 {
				t.Errorf("round %d: %s = %v, want more than nothing", sample.Round, m, sample.Values[m])
			}
		}
	}
	why := make(map[string]string)
	for _, skip := range run.Skipped {
		why[skip.Contestant] = skip.Why
	}
	want := []int{1, 2, 0}
	if _, uncounted := why["all"]; uncounted {
		want = want[:2] // no strace on this machine, and the run says so
	}
	if !slices.Equal(rounds, want) {
		t.Errorf("rounds %v, want %v", rounds, want)
	}
	if !strings.HasPrefix(why["broken"], "failed in round 1: start direct: ") || why["unable"] == "" {
		t.Errorf("skipped: %v", why)
	}
}

func TestContestOfMemory(t *testing.T) {
	s, _ := rehearse(t)
	w := workload{Workload: report.Workload{Name: "start"}, task: subject.Task{Mode: subject.Secure}, memory: true}
	run := new(report.Run)
	if err := s.contest(t.Context(), w, []contestant{{"direct", direct(), w.task}}, 1, run); err != nil {
		t.Fatal(err)
	}
	if len(run.Samples) != 1 || run.Samples[0].Values[report.StartRSS] < 1<<20 {
		t.Errorf("samples %+v, want one with a memory at start", run.Samples)
	}
}

func TestContestWithoutProcessors(t *testing.T) {
	s, _ := rehearse(t)
	w := named(t, "resumed")
	task := w.task
	task.Processors = 1000
	run := new(report.Run)
	if err := s.contest(t.Context(), w, []contestant{{"direct", direct(), task}}, 1, run); err != nil {
		t.Fatal(err)
	}
	if s.proxyCPU >= 0 && (len(run.Skipped) != 1 || !strings.HasPrefix(run.Skipped[0].Why, "the task asks for 1000 processors")) {
		t.Errorf("skipped: %+v, want one for want of processors", run.Skipped)
	}
}

func TestContestIsInterrupted(t *testing.T) {
	s, _ := rehearse(t)
	s.time = time.Hour
	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	s.tell = func(string, ...any) {}
	go func() {
		defer cancel(enough)
		for s.load.tree.PID != 0 { // until the load is at work
			used, err := s.load.tree.CPU()
			if err != nil || used > 300*time.Millisecond {
				return
			}
			if pause(t.Context(), 10*time.Millisecond) != nil {
				return
			}
		}
	}()
	w := named(t, "resumed")
	run := new(report.Run)
	err := s.contest(ctx, w, []contestant{{"direct", direct(), w.task}}, 1, run)
	if !errors.Is(err, enough) {
		t.Errorf("error %v, want the cause of the interruption", err)
	}
	if len(run.Samples) != 0 {
		t.Errorf("samples %+v of a turn that did not end", run.Samples)
	}
}

func TestQuickContestCountsSystemCallsOfOursOnly(t *testing.T) {
	s, _ := rehearse(t)
	s.brief = true
	w := named(t, "resumed")
	run := new(report.Run)
	if err := s.contest(t.Context(), w, []contestant{{"direct", direct(), w.task}}, 1, run); err != nil {
		t.Fatal(err)
	}
	for _, sample := range run.Samples {
		if sample.Round == 0 || sample.Values[report.Syscalls] != 0 {
			t.Errorf("sample %+v", sample)
		}
	}
	if len(run.Samples) != 1 {
		t.Errorf("%d samples, want one", len(run.Samples))
	}
}
