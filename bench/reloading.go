package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"sallyport/bench/subject"
)

// reloadPause is the time between two reloads under load.
const reloadPause = 200 * time.Millisecond

// reloading has a process read its configuration again and again. A nil one does nothing.
type reloading struct {
	process *subject.Process
	before  int // reloads
	cancel  context.CancelFunc
	ended   sync.WaitGroup
	err     error // of asking
}

// startReloading starts it if that is a contestant's task.
func (c *contest) startReloading(who contestant, p *subject.Process) (*reloading, error) {
	if !who.task.Reload {
		return nil, nil
	}
	before, err := p.Reloads()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &reloading{process: p, before: before, cancel: cancel}
	r.ended.Go(func() { r.err = r.repeat(ctx) })
	return r, nil
}

func (r *reloading) repeat(ctx context.Context) error {
	pause := time.NewTicker(reloadPause)
	defer pause.Stop()
	for {
		if err := r.process.Reload(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-pause.C:
		}
	}
}

// stop returns how many reloads there were, by what the process says of itself: none is an error, and so is one that failed. The last one
// is waited for, so that it does not disturb who comes next.
func (r *reloading) stop(ctx context.Context) (int, error) {
	if r == nil {
		return 0, nil
	}
	r.cancel()
	r.ended.Wait()
	if r.err != nil {
		return 0, r.err
	}
	if err := r.first(ctx); err != nil {
		return 0, err
	}
	if err := quiet(ctx, r.process.Tree); err != nil {
		return 0, err
	}
	now, err := r.process.Reloads()
	return now - r.before, err
}

// first waits for the end of the first reload, which of a large policy comes after a short measurement.
func (r *reloading) first(ctx context.Context) error {
	for start := time.Now(); time.Since(start) < quietAtMost; {
		now, err := r.process.Reloads()
		if err != nil || now > r.before {
			return err
		}
		if err := pause(ctx, reloadPause); err != nil {
			return err
		}
	}
	return errors.New("no reload took place")
}
