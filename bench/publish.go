package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"sallyport/bench/report"
)

// errWorse says that -compare found something.
var errWorse = errors.New("something became worse beyond the noise")

// older reads the run that this one is compared with, before anything is measured: a wrong name should not cost minutes.
func (o *options) older() (*report.Run, error) {
	if o.compare == "" {
		return nil, nil
	}
	return readRun(o.compare)
}

func readRun(path string) (*report.Run, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	run, err := report.Read(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return run, nil
}

// publish shows and writes what is asked for; failed is what ended the run early.
func (o *options) publish(out io.Writer, run, old *report.Run, failed error) error {
	fancy := unicode(os.Getenv)
	if err := report.Text(out, run, fancy); err != nil {
		return err
	}
	if o.out != "" && o.from == "" {
		if err := o.write(out, run); err != nil {
			return err
		}
	}
	if o.markdown != "" {
		if err := fill(o.markdown, run); err != nil {
			return err
		}
	}
	if failed != nil || old == nil {
		return failed
	}
	comparison := report.Compare(old, run)
	if err := report.CompareText(out, old, comparison, fancy); err != nil {
		return err
	}
	if worse := comparison.Regressions(o.threshold / 100); len(worse) > 0 {
		return fmt.Errorf("%w and by more than %g %%: %s", errWorse, o.threshold, listed(worse))
	}
	return nil
}

func listed(changes []report.Change) string {
	var names []string
	for _, c := range changes {
		names = append(names, c.Name())
	}
	return strings.Join(names, "; ")
}

// write writes the page, and says where the reports are: the JSON lines were written as the run went on.
func (o *options) write(out io.Writer, run *report.Run) error {
	lines, page := o.report(run, ".json"), o.report(run, ".html")
	if err := create(page, func(w io.Writer) error { return report.HTML(w, run) }); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "written: %s\nwritten: %s\n", lines, page)
	return err
}

func create(path string, write func(io.Writer) error) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(write(file), file.Close())
}

// fill fills the run's figures into a document.
func fill(path string, run *report.Run) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	filled, err := report.Fill(string(text), run)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return os.WriteFile(path, []byte(filled), 0o644)
}

// unicode reports whether the locale is one that can show more than ASCII.
func unicode(getenv func(string) string) bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if value := strings.ToLower(getenv(name)); value != "" {
			return strings.Contains(value, "utf-8") || strings.Contains(value, "utf8")
		}
	}
	return false
}
