package main

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"sallyport/bench/report"
)

func TestJournal(t *testing.T) {
	t.Parallel()
	o := &options{out: filepath.Join(t.TempDir(), "new")}
	run := &report.Run{Header: report.Header{Started: time.Now()}}
	j := o.journal(run)
	for i := 1; i <= 3; i++ {
		run.Samples = append(run.Samples, report.Sample{Workload: "w", Contestant: "c", Round: i})
		if err := j.note(); err != nil {
			t.Fatal(err)
		}
		if got := written(t, o.out); len(got.Samples) != i || got.Header.Incomplete == "" {
			t.Errorf("after %d samples: %d in the file, incomplete %q", i, len(got.Samples), got.Header.Incomplete)
		}
	}
	run.Header.Ended = time.Now()
	run.Goals = goals()
	if err := j.end(nil); err != nil {
		t.Fatal(err)
	}
	if got := written(t, o.out); len(got.Samples) != 3 || got.Header.Incomplete != "" || len(got.Goals) != len(run.Goals) {
		t.Errorf("at the end: %d samples, %d goals, incomplete %q", len(got.Samples), len(got.Goals), got.Header.Incomplete)
	}
}

func TestJournalOfNothing(t *testing.T) {
	t.Parallel()
	o := &options{out: filepath.Join(t.TempDir(), "new")}
	if err := o.journal(new(report.Run)).end(errors.New("no peer")); err != nil {
		t.Errorf("error %v", err)
	}
	if _, err := os.Stat(o.out); !os.IsNotExist(err) {
		t.Errorf("a run that measured nothing leaves something behind (%v)", err)
	}
	none := (&options{}).journal(new(report.Run))
	if err := errors.Join(none.note(), none.end(nil)); err != nil {
		t.Errorf("without reports: %v", err)
	}
}

func TestJournalThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	run := &report.Run{Samples: make([]report.Sample, 1)}
	if err := (&options{out: file}).journal(run).note(); err == nil {
		t.Error("a directory that is a file can be written to")
	}
}

// written reads the one report of a directory.
func written(t *testing.T, dir string) *report.Run {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(files) != 1 {
		t.Fatalf("reports = %v (%v), want one", files, err)
	}
	run, err := readRun(files[0])
	if err != nil {
		t.Fatal(err)
	}
	return run
}
