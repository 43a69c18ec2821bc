package listener

import (
	"cmp"
	"errors"
	"log/slog"
	"net"
	"os"
	"slices"
	"sync"
)

// Set holds the sockets that are open now. The zero value is ready; its fields are set before
// the first use. All methods are safe for concurrent use.
type Set struct {
	// Log takes warnings about accept and about inherited sockets. Nil means none.
	Log *slog.Logger

	// Inherited are the sockets that were passed at the start. They belong to the set, which
	// closes those that the first committed stage does not use.
	Inherited []*os.File

	mu      sync.Mutex
	begun   bool
	closed  bool
	spare   *spare
	passed  []passedSocket
	adopted []Handed
	orphans []*socketFile // of adopted sockets that are not used
	paused  bool
	open    map[string]*Listener // by key
	pending *Stage

	lingering []*Listener // retired, and still open for a while
}

// Listeners returns the open sockets, ordered by key. The slice is the caller's.
func (s *Set) Listeners() []*Listener {
	s.mu.Lock()
	defer s.mu.Unlock()
	return sorted(s.open)
}

// Close closes every socket. Accept still yields who had connected before, and then ends, except on sockets
// that another process has, too: there those who queue are its clients. Established connections stay. A pending
// stage is aborted, and later ones fail.
func (s *Set) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.begin()
	s.closed = true
	var errs []error
	if s.pending != nil {
		errs = append(errs, s.pending.discard())
	}
	for _, l := range sorted(s.open) {
		errs = append(errs, l.end())
	}
	for _, l := range s.lingering {
		errs = append(errs, l.retire())
	}
	s.open, s.lingering = nil, nil
	errs = append(errs, closeFiles(s.remaining(nil)), s.disown())
	s.passed = nil
	s.spare.close()
	return errors.Join(errs...)
}

// begin does what the first use needs. The lock is held.
func (s *Set) begin() {
	if s.begun {
		return
	}
	s.begun = true
	if s.Log == nil {
		s.Log = slog.New(slog.DiscardHandler)
	}
	s.spare = newSpare()
	s.passed = inspect(s.Inherited)
	s.open = map[string]*Listener{}
}

// remaining returns the passed descriptors that are not among used.
func (s *Set) remaining(used []*os.File) []*os.File {
	var files []*os.File
	for _, socket := range s.passed {
		if !slices.Contains(used, socket.file) {
			files = append(files, socket.file)
		}
	}
	return files
}

// listener wraps an open socket.
func (s *Set) listener(spec Spec, inner net.Listener) *Listener {
	l := &Listener{
		key:    spec.Key(),
		inner:  inner,
		reach:  reachOf(inner),
		spec:   spec,
		spare:  s.spare,
		log:    newThrottle(s.Log),
		closed: make(chan struct{}),
	}
	if s.paused {
		l.pause()
	}
	return l
}

func sorted(open map[string]*Listener) []*Listener {
	list := make([]*Listener, 0, len(open))
	for _, l := range open {
		list = append(list, l)
	}
	slices.SortFunc(list, func(a, b *Listener) int { return cmp.Compare(a.key, b.key) })
	return list
}
