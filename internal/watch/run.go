package watch

import (
	"context"
	"time"
)

// Run watches until the context ends, and calls changed when what is followed differs from what the reader knows. It
// calls it from its own goroutine, so never twice at a time, and it may take its time and call every other method:
// what happens meanwhile is told afterwards. Run must not be called again before it has returned.
func (w *Watcher) Run(ctx context.Context, changed func()) {
	r := newRun(w)
	defer r.ears.close()
	r.glance()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		r.report()
		timer.Reset(time.Until(r.next()))
		select {
		case <-ctx.Done():
			return
		case <-w.followed:
			r.glance()
		case <-r.ears.heard:
			r.pace.heard(time.Now())
		case <-timer.C:
			if r.pace.pending() && !time.Now().Before(r.pace.due()) {
				if r.decide() {
					r.report()
					changed()
				}
			} else if !time.Now().Before(r.routine) {
				r.glance()
			}
		}
	}
}

// run is a Watcher while it runs.
type run struct {
	*Watcher
	ears    *ears
	pace    pacer
	routine time.Time // of the next look without a reason
	full    time.Time // of the next one that reads everything
	unsound bool      // events got lost, so that even stamps are not trusted
	now     State
	deaf    bool            // it was logged that directories cannot be watched
	huge    map[string]bool // files of which it was logged that they are too large
}

func newRun(w *Watcher) *run {
	return &run{
		Watcher: w,
		ears:    newEars(w.open),
		pace:    pacer{quiet: max(w.opt.Quiet, 0), longest: max(w.opt.Longest, w.opt.Quiet, 0)},
		full:    after(time.Now(), w.opt.Full),
		huge:    make(map[string]bool),
	}
}

// never is farther away than anybody looks.
const never = 100 * 365 * 24 * time.Hour

// after returns the time that an interval ends, of which negative ones never do.
func after(now time.Time, interval time.Duration) time.Time {
	if interval < 0 {
		interval = never
	}
	return now.Add(interval)
}

func (r *run) next() time.Time {
	if r.pace.pending() {
		return r.pace.due()
	}
	return r.routine
}

// glance looks without having heard anything. A difference is told of only if it is still there after the quiet time,
// so that there is never more than one signal in it.
func (r *run) glance() {
	if r.pace.pending() {
		r.listen() // the comparison comes soon
		return
	}
	if f, _ := r.observe(false); f.differs {
		r.pace.found(time.Now())
	}
}

// decide looks after a quiet time, and reports whether to signal.
func (r *run) decide() bool {
	f, moved := r.observe(!r.pace.blind && !stampsTell)
	if f.differs && moved && (f.doubtful || r.pace.blind) && r.pace.again(time.Now()) {
		return false
	}
	r.pace.rest()
	if !f.differs || !r.tell() {
		return false
	}
	r.now.Signals++
	r.now.LastSignal = time.Now()
	return true
}

// observe first watches, then looks, so that nothing gets lost in between.
func (r *run) observe(full bool) (f finding, moved bool) {
	deaf := r.listen()
	now := time.Now()
	if r.unsound || full || !now.Before(r.full) {
		full = true
		r.full = after(now, r.opt.Full)
	}
	f, moved = r.look(full)
	r.unsound = false
	r.now.Looks++
	r.now.LastLook = now
	r.sayHuge()

	now = time.Now()
	r.routine = after(now, time.Duration(r.recheck.Load()))
	if poll := after(now, r.opt.Poll); deaf && poll.Before(r.routine) {
		r.routine = poll
	}
	if r.full.Before(r.routine) {
		r.routine = r.full
	}
	return f, moved
}
