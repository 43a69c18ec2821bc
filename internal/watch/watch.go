package watch

import (
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Set is what a reader has read from, or would have.
type Set struct {
	Files []string // they need not exist
	Globs []string // as of path/filepath; the content of what they match counts, too, but not hidden files and directories
}

// Options are the times and sizes of a Watcher. In all of them zero means the default.
type Options struct {
	Quiet   time.Duration // between the last event and a signal, 200ms
	Longest time.Duration // that events may put off a signal, 2s
	Recheck time.Duration // between looks at what stat says, 30s; negative: never
	Full    time.Duration // between looks that read everything, 10m; negative: never
	Poll    time.Duration // between looks while directories cannot be watched, 5s; negative: never
	MaxFile int64         // bytes; of larger files only size and time count, 64 MiB
}

func (o Options) withDefaults() Options {
	orDefault(&o.Quiet, 200*time.Millisecond)
	orDefault(&o.Longest, 2*time.Second)
	orDefault(&o.Recheck, 30*time.Second)
	orDefault(&o.Full, 10*time.Minute)
	orDefault(&o.Poll, 5*time.Second)
	orDefault(&o.MaxFile, 64<<20)
	return o
}

func orDefault[T time.Duration | int64](value *T, standard T) {
	if *value == 0 {
		*value = standard
	}
}

// State is how a Watcher is doing.
type State struct {
	Files       int       // that are followed
	Directories int       // that are watched
	Deaf        int       // directories that should be watched and cannot be: their files are polled
	Pending     bool      // something happened, and the quiet time is not over
	Looks       uint64    // how often files were compared
	Signals     uint64    // how often something differed
	LastLook    time.Time // zero: never
	LastSignal  time.Time // zero: never
	Err         error     // why directories cannot be watched; nil: all are
}

// Watcher follows files and tells when they are no longer what was read. All methods are safe for concurrent use.
type Watcher struct {
	log  *slog.Logger
	opt  Options
	open func() (*feed, error)

	followed chan struct{} // wakes Run
	recheck  atomic.Int64  // Options.Recheck, by now
	state    atomic.Pointer[State]

	mu   sync.Mutex // held while files are read
	eye  *eye
	set  Set
	told picture // what the reader knows
	last picture // what was found last
}

// Snapshot is what files were at a time before a reader read them. It is immutable.
type Snapshot struct{ picture picture }

// New returns a Watcher that follows nothing yet.
func New(log *slog.Logger, opt Options) *Watcher {
	opt = opt.withDefaults()
	w := &Watcher{log: log, opt: opt, open: openFeed, followed: make(chan struct{}, 1), eye: newEye(opt.MaxFile)}
	w.recheck.Store(int64(w.opt.Recheck))
	w.state.Store(new(State))
	return w
}

// Recheck changes [Options.Recheck] from the next Follow on. Here zero means never, too.
func (w *Watcher) Recheck(every time.Duration) {
	if every <= 0 {
		every = -1
	}
	w.recheck.Store(int64(every))
}

// Snapshot looks at everything in a set, which a reader is about to read. It reads what stat tells to have changed, so
// the first one of a set costs as much as reading it, further ones little.
func (w *Watcher) Snapshot(set Set) *Snapshot {
	w.mu.Lock()
	defer w.mu.Unlock()
	return &Snapshot{w.eye.draw(set, w.last, false)}
}

// Covers reports whether the snapshot shows everything in a set. It may be called on nil, which shows nothing.
func (s *Snapshot) Covers(set Set) bool {
	return s != nil && s.picture.covers(set)
}

// Follow makes the Watcher follow what a reader has read, and nothing else. The snapshot is from before the reading;
// what it does not cover, or what was touched since, is told of as if it had changed. The set must not be changed
// afterwards. Follow blocks while it looks at the files, as Snapshot does.
func (w *Watcher) Follow(set Set, before *Snapshot) {
	if before == nil {
		before = new(Snapshot)
	}
	set = Set{Files: slices.Clone(set.Files), Globs: slices.Clone(set.Globs)}
	w.mu.Lock()
	w.last = w.eye.draw(set, before.picture, false)
	w.set = set
	w.told = before.picture.doubting(w.last)
	w.mu.Unlock()
	select {
	case w.followed <- struct{}{}:
	default:
	}
}

// State never blocks.
func (w *Watcher) State() State { return *w.state.Load() }

// look draws another picture and compares it to what the reader knows. It also reports whether anything moved since
// the last one.
func (w *Watcher) look(full bool) (f finding, moved bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.eye.draw(w.set, w.last, full)
	since := w.last.compare(now)
	w.last = now
	return w.told.compare(now), since.differs
}

// tell makes what was found last what the reader knows, and reports whether that is news. It is not if Follow came
// after the look.
func (w *Watcher) tell() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.told.compare(w.last).differs {
		return false
	}
	w.told = w.last
	return true
}

func (w *Watcher) following() Set {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.set
}
