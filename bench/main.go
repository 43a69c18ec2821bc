package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// Exit codes, besides 0.
const (
	exitFailed = 1
	exitUsage  = 2
	exitWorse  = 3 // -compare found something that became worse
)

func main() {
	if played, err := play(os.Args[1:]); played {
		os.Exit(code(err))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the second Ctrl-C ends the program at once
	err := bench(ctx, os.Args[1:], os.Stdout)
	stop()
	os.Exit(code(err))
}

// code tells people why the program ends, and returns what it tells programs.
func code(err error) int {
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.As(err, new(usageError)):
		fmt.Fprintf(os.Stderr, "bench: %s\n", err)
		return exitUsage
	case errors.Is(err, errWorse):
		fmt.Fprintf(os.Stderr, "bench: %s\n", err)
		return exitWorse
	default:
		fmt.Fprintf(os.Stderr, "bench: %s\n", err)
		return exitFailed
	}
}

// bench makes a run, or takes one that was made, and reports on it to out.
func bench(ctx context.Context, args []string, out io.Writer) error {
	o, err := parse(args, out)
	if err != nil {
		return err
	}
	if o.list {
		return list(ctx, out)
	}
	old, err := o.older()
	if err != nil {
		return err
	}
	if o.from != "" {
		run, err := readRun(o.from)
		if err != nil {
			return err
		}
		if run.Header.Target == "" && len(run.Goals) == 0 { // it was killed before it came to them
			run.Goals = goals()
		}
		return o.publish(out, run, old, nil)
	}
	run, err := o.run(ctx)
	if run == nil || err != nil && len(run.Samples) == 0 {
		return err
	}
	return o.publish(out, run, old, err)
}
