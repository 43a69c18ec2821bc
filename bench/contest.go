package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"sallyport/bench/pin"
	"sallyport/bench/report"
	"sallyport/bench/subject"
)

// contestant is a subject with its task.
type contestant struct {
	name    string
	subject subject.Subject
	task    subject.Task
}

// contestants are who does a workload: sallyport, and beside it its variants or the peers and no proxy at all.
func (w workload) contestants(ours subject.Subject, peers []subject.Subject) []contestant {
	all := []contestant{{ours.Name(), ours, w.task}}
	for _, v := range w.variants {
		task := w.task
		v.change(&task)
		all = append(all, contestant{ours.Name() + " " + v.name, ours, task})
	}
	if len(w.variants) > 0 {
		return all
	}
	for _, p := range peers {
		all = append(all, contestant{p.Name(), p, w.task})
	}
	if self, err := os.Executable(); err == nil {
		none := subject.Direct{Path: self, Role: roleDirect}
		all = append(all, contestant{none.Name(), none, w.task})
	}
	return all
}

// stage is what all contests of a run share.
type stage struct {
	dir      string
	keys     subject.Keys
	backend  *worker
	behind   string // where the backend listens
	load     *worker
	proxyCPU int
	loadCPU  int
	time     time.Duration // of each measurement
	brief    bool          // system calls of peers are not counted
	room     int           // sessions that a proxy has descriptors for
	journal  *journal
	tell     func(format string, args ...any)
	begin    func(workload, contestant, turn string) // a turn
	started  int                                     // subjects so far
}

// contest is a workload under way.
type contest struct {
	*stage
	workload
	run     *report.Run
	left    []contestant                // that have not failed
	running map[string]*subject.Process // by contestant; those of a memory workload are started for each turn
}

// contest has every contestant take its turn in every round. A contestant that fails is noted and no longer takes part; an error is what keeps the
// others from going on too, such as the end of ctx.
func (s *stage) contest(ctx context.Context, w workload, all []contestant, rounds int, run *report.Run) error {
	defer context.AfterFunc(ctx, s.load.kill)() // turns wait for the load
	c := &contest{stage: s, workload: w, run: run, running: make(map[string]*subject.Process)}
	defer c.end()
	c.admit(all)
	if w.once {
		rounds = 1
	}
	for round := 1; round <= rounds; round++ {
		if c.memory && round > memoryRounds {
			c.onlyOurs()
		}
		if err := c.each(ctx, round, c.turn); err != nil {
			return err
		}
	}
	if c.memory || !c.canTrace() {
		return nil
	}
	if c.brief {
		c.onlyOurs()
	}
	return c.each(ctx, 0, c.traced)
}

// memoryRounds are as many as peers need for their memory, which hardly differs between rounds. Goals are about sallyport's own, in all rounds.
const memoryRounds = 3

// onlyOurs leaves sallyport.
func (c *contest) onlyOurs() {
	c.left = slices.DeleteFunc(c.left, func(who contestant) bool { return who.subject.Name() != ours })
}

// turn is one contestant's in one round.
func (c *contest) turn(ctx context.Context, who contestant) (report.Sample, error) {
	if c.memory {
		return c.remembering(ctx, who)
	}
	return c.working(ctx, who)
}

// admit leaves those that can do the task.
func (c *contest) admit(all []contestant) {
	for _, who := range all {
		why := who.subject.Can(who.task)
		if n := len(pin.Processors()); why == "" && c.proxyCPU >= 0 && who.task.Workers() > n {
			why = fmt.Sprintf("the task asks for %d processors, and there are %d", who.task.Workers(), n)
		}
		if why != "" {
			c.skip(who, why)
			continue
		}
		c.left = append(c.left, who)
	}
	if n := c.job.Connections; n > c.room {
		c.tell("%s: %d connections instead of %d: the limit of open files allows no more", c.Name, c.room, n)
	}
}

func (c *contest) skip(who contestant, why string) {
	c.run.Skipped = append(c.run.Skipped, report.Skip{Workload: c.Name, Contestant: who.name, Why: why})
}

// each has all that are left take a turn and notes the samples.
func (c *contest) each(ctx context.Context, round int, turn func(context.Context, contestant) (report.Sample, error)) error {
	var left []contestant
	for _, who := range c.left {
		c.begin(c.Name, who.name, turnName(round))
		sample, err := turn(ctx, who)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(err, errGone):
			return fmt.Errorf("%s, %s, %s: %w", c.Name, who.name, turnName(round), err)
		case err != nil:
			c.drop(who, round, err)
		default:
			left = append(left, who)
			c.keep(who, round, sample)
		}
		if err := c.journal.note(); err != nil {
			return err
		}
	}
	c.left = left
	return nil
}

// keep notes a sample.
func (c *contest) keep(who contestant, round int, sample report.Sample) {
	sample.Workload, sample.Contestant, sample.Round = c.Name, who.name, round
	c.run.Samples = append(c.run.Samples, sample)
	if sample.Spoiled() {
		c.tell("%s %s %s SPOILED: %v", c.Name, turnName(round), who.name, sample.Failures)
	}
}

func turnName(round int) string {
	if round == 0 {
		return "extra turn"
	}
	return "round " + strconv.Itoa(round)
}

// drop ends a contestant's part. If its process has ended, that is why.
func (c *contest) drop(who contestant, round int, err error) {
	if p := c.running[who.name]; p != nil {
		if died := p.Err(); died != nil {
			err = died
		}
		p.Stop()
		delete(c.running, who.name)
	}
	c.tell("%s %s %s FAILED: %v", c.Name, turnName(round), who.name, err)
	c.run.Skipped = append(c.run.Skipped, report.Skip{
		Workload: c.Name, Contestant: who.name, Why: fmt.Sprintf("failed in %s: %v", turnName(round), err), Failed: true,
	})
}

// process returns a contestant's process, started if there is none yet.
func (c *contest) process(ctx context.Context, who contestant) (*subject.Process, error) {
	if p := c.running[who.name]; p != nil {
		return p, p.Err()
	}
	c.started++
	place := subject.Place{
		Dir:     filepath.Join(c.dir, strconv.Itoa(c.started)), // short: sockets in it have names of 107 characters at most
		Keys:    c.keys,
		Backend: c.behind,
		CPUs:    c.processors(who.task),
		Room:    c.room,
	}
	p, err := subject.Start(ctx, who.subject, place, who.task)
	if err != nil {
		return nil, err
	}
	c.running[who.name] = p
	return p, quiet(ctx, p.Tree)
}

// processors are those that a task is done on: the proxy's, and where it asks for more, the next ones too.
func (s *stage) processors(t subject.Task) []int {
	switch {
	case s.proxyCPU < 0:
		return nil
	case t.Workers() == 1:
		return []int{s.proxyCPU}
	default:
		return pin.Processors()[:t.Workers()]
	}
}

// stop ends a contestant's process.
func (c *contest) stop(who contestant) {
	if p := c.running[who.name]; p != nil {
		p.Stop()
		delete(c.running, who.name)
	}
}

func (c *contest) end() {
	for _, p := range c.running {
		p.Stop()
	}
}
