package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"

	"sallyport/bench/report"
)

// journal writes a run into its JSON file while it goes on, so that a run that is killed loses nothing. A nil one writes nothing.
type journal struct {
	path  string
	run   *report.Run
	file  *os.File // nil: nothing is written yet
	lines *report.Lines
}

// journal returns that of a run, if its reports are wanted.
func (o *options) journal(run *report.Run) *journal {
	if o.out == "" {
		return nil
	}
	return &journal{path: o.report(run, ".json"), run: run}
}

// report is the file of a kind for a run, named after the time at which the run began.
func (o *options) report(run *report.Run, kind string) string {
	return filepath.Join(o.out, run.Header.Started.Format("2006-01-02-150405")+kind)
}

// note writes what is new.
func (j *journal) note() error {
	if j == nil {
		return nil
	}
	if err := j.open(); err != nil {
		return err
	}
	return j.wrote(j.lines.Add(j.run))
}

// end writes the rest, unless nothing was measured because of what failed.
func (j *journal) end(failed error) error {
	if j == nil || failed != nil && len(j.run.Samples) == 0 && j.file == nil {
		return nil
	}
	if err := j.open(); err != nil {
		return err
	}
	err := j.lines.End(j.run)
	return j.wrote(cmp.Or(err, j.file.Close()))
}

// open creates the file when there is something to write into it.
func (j *journal) open() error {
	if j.file != nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(j.path), 0o755); err != nil {
		return err
	}
	file, err := os.Create(j.path)
	if err != nil {
		return err
	}
	j.file, j.lines = file, report.NewLines(file)
	return nil
}

// wrote names the file that an error is about.
func (j *journal) wrote(err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", j.path, err)
	}
	return nil
}
