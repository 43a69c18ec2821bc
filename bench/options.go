package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"sallyport/bench/subject"
)

// options are what the command line asks for.
type options struct {
	rounds    int
	time      time.Duration
	quick     bool
	list      bool
	only      *regexp.Regexp
	against   []string // nil: all that are installed
	sallyport string   // program; empty: built from this tree
	target    target
	out       string
	from      string
	compare   string
	threshold float64
	markdown  string
	command   string // that makes such a run again
}

// usageError is a mistake in the command line, with what to do about it.
type usageError struct{ text, hint string }

func (e usageError) Error() string {
	if e.hint == "" {
		return e.text
	}
	return e.text + "\n  hint: " + e.hint
}

// What a quick run is, unless flags say otherwise.
const (
	quickRounds = 3
	quickTime   = 500 * time.Millisecond
)

// parse reads the command line. An error is a usageError, or flag.ErrHelp when help has been written to out.
func parse(args []string, out io.Writer) (*options, error) {
	o := &options{}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	only, against, given := o.define(flags), flags.String("against", "", "the peers, separated by commas; all that are installed if empty; none for none"), make(map[string]bool)
	o.target.define(flags)
	err := flags.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		help(flags, out)
		return nil, err
	}
	if err != nil {
		return nil, usageError{err.Error(), "-help lists the flags"}
	}
	if flags.NArg() > 0 {
		return nil, usageError{fmt.Sprintf("unexpected argument %q", flags.Arg(0)), "-help lists the flags; a run that was made is read with -from FILE"}
	}
	flags.Visit(func(f *flag.Flag) { given[f.Name] = true })
	if o.quick && !given["rounds"] {
		o.rounds = quickRounds
	}
	if o.quick && !given["time"] {
		o.time = quickTime
	}
	o.command = again(flags)
	return o, errors.Join(o.check(*only, *against), o.target.check(given))
}

// define defines the flags and returns the one that has to be looked at again.
func (o *options) define(flags *flag.FlagSet) (only *string) {
	flags.IntVar(&o.rounds, "rounds", 5, "how often each contestant has its turn")
	flags.DurationVar(&o.time, "time", 2*time.Second, "of each measurement")
	flags.BoolVar(&o.quick, "quick", false, "only the most telling workloads, three rounds of 500ms unless told otherwise, and system calls of sallyport only: under three minutes")
	flags.BoolVar(&o.list, "list", false, "say what there is to measure, and against whom, and end")
	flags.StringVar(&o.sallyport, "sallyport", "", "the program to measure; built from this tree if empty")
	flags.StringVar(&o.out, "out", "bench/out", "the directory for reports; empty: none are written")
	flags.StringVar(&o.from, "from", "", "measure nothing, and report on the run in this JSON file")
	flags.StringVar(&o.compare, "compare", "", "say what has changed since the run in this JSON file; exit code 3 if something became worse")
	flags.Float64Var(&o.threshold, "threshold", 5, "by how many percent, and beyond the noise, something has to become worse for exit code 3")
	flags.StringVar(&o.markdown, "markdown", "", "fill the tables into this document, between <!-- figures --> and <!-- /figures -->")
	return flags.String("only", "", "the workloads to run: a regular expression that their names, as -list has them, match")
}

func help(flags *flag.FlagSet, out io.Writer) {
	fmt.Fprint(out, `bench measures sallyport side by side with other proxies on this machine, or any port that is running.

  go run ./bench                                        everything
  go run ./bench -quick                                 the most telling, under three minutes
  go run ./bench -from NEW.json -compare OLD.json       what has changed, without measuring anything
  go run ./bench -target HOST:PORT -ca ca.crt           load on a port that is running

`)
	flags.SetOutput(out)
	flags.PrintDefaults()
}

// check looks at what the flags themselves accept, and completes the options.
func (o *options) check(only, against string) error {
	var err error
	if o.only, err = regexp.Compile(only); err != nil {
		return usageError{fmt.Sprintf("-only: %s", err), "-list shows the names of the workloads"}
	}
	switch {
	case o.rounds < 1:
		return usageError{fmt.Sprintf("-rounds %d: want at least 1", o.rounds), "five tell a change from noise"}
	case o.time < 10*time.Millisecond || o.time > time.Hour:
		return usageError{fmt.Sprintf("-time %s: want 10ms to 1h", o.time), "2s is usual"}
	case o.threshold < 0:
		return usageError{fmt.Sprintf("-threshold %g: want 0 or more", o.threshold), "it is in percent"}
	case o.from != "" && o.target.address != "":
		return usageError{"-from and -target: which of them?", "-from reads a run that was made, -target makes one"}
	}
	if o.target.address == "" && !slices.ContainsFunc(workloads(), o.wants) {
		return usageError{fmt.Sprintf("-only %s: no workload of this run has such a name", only), "-list shows the names, and which of them are part of a quick run"}
	}
	o.against, err = names(against)
	return err
}

// wants reports whether a workload is part of the run. Whoever names one in full gets it in any run.
func (o *options) wants(w workload) bool {
	return o.only.MatchString(w.Name) && (w.runs(o.quick) || o.only.String() == w.Name)
}

// names reads a list of peers.
func names(list string) ([]string, error) {
	switch list {
	case "":
		return nil, nil
	case "none":
		return []string{}, nil
	}
	known := []string{}
	for _, p := range subject.Peers() {
		known = append(known, p.Name())
	}
	all := strings.Split(list, ",")
	for _, name := range all {
		if !slices.Contains(known, name) {
			return nil, usageError{fmt.Sprintf("-against: nobody knows %q", name), "the peers are " + strings.Join(known, ", ") + "; none is for nobody"}
		}
	}
	return all, nil
}

// again returns the command that makes such a run again: what only reads or writes reports is no part of it.
func again(flags *flag.FlagSet) string {
	command := "go run ./bench"
	flags.Visit(func(f *flag.Flag) {
		switch f.Name {
		case "out", "from", "compare", "threshold", "markdown", "list":
			return
		}
		if f.Value.String() == "true" {
			command += " -" + f.Name
			return
		}
		command += " -" + f.Name + " " + quoted(f.Value.String())
	})
	return command
}

// quoted is a word for a shell.
func quoted(word string) string {
	if word != "" && !strings.ContainsFunc(word, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:,=%+@", r)
	}) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
