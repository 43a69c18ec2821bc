package main

import (
	"context"
	"time"

	"sallyport/bench/meter"
)

// What counts as quiet: a process that uses no more than a part of a processor for a while.
const (
	quietPart   = 0.02
	quietWhile  = 200 * time.Millisecond
	quietAtMost = time.Minute
)

// quiet waits until a process is done with what it does on its own, such as collecting the garbage of its start or reloading, so that this is
// not counted as somebody's work. One that never is quiet is measured as it is.
func quiet(ctx context.Context, tree meter.Tree) error {
	for start := time.Now(); time.Since(start) < quietAtMost; {
		used, err := using(ctx, tree, quietWhile)
		if err != nil || used <= quietPart {
			return err
		}
	}
	return nil
}

// using returns which part of a processor a tree uses, over a time.
func using(ctx context.Context, tree meter.Tree, d time.Duration) (float64, error) {
	before, err := tree.CPU()
	if err != nil {
		return 0, err
	}
	start := time.Now()
	if err := pause(ctx, d); err != nil {
		return 0, err
	}
	after, err := tree.CPU()
	return (after - before).Seconds() / time.Since(start).Seconds(), err
}

// pause waits, or returns the error of ctx.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}
