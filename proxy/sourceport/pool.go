package sourceport

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"sallyport/policy"
)

// Pool leases source ports. One serves the whole process, so that several applications can share a range. Create it with
// [New]; its methods are safe for concurrent use.
type Pool struct {
	follower atomic.Pointer[func(Tuple)]

	mu        sync.Mutex
	events    uint64 // so far: what happened earlier has the lower number
	books     map[route]*book
	idle      list.List // of books, the one that has been idle for longest in front
	idlePorts int       // slots in idle books
	failures  map[policy.Reason]uint64
}

// New returns a pool in which every port is free.
func New() *Pool {
	return &Pool{books: make(map[route]*book), failures: make(map[policy.Reason]uint64)}
}

// Lease is the use of one source port towards one destination by one connection.
type Lease struct {
	pool     *Pool
	book     *book
	slot     *slot
	tuple    Tuple
	released bool // guarded by the pool's lock
}

// Tuple returns what is leased.
func (l *Lease) Tuple() Tuple { return l.tuple }

// Release gives the port back, after the connection has been closed. Again, or on a nil lease, it does nothing.
func (l *Lease) Release() {
	if l == nil {
		return
	}
	p := l.pool
	p.mu.Lock()
	rests := l.end() && p.vacate(l.book, l.slot)
	p.mu.Unlock()
	if rests {
		p.tell(l.tuple)
	}
}

// end makes a lease void. It reports whether it was not before.
func (l *Lease) end() bool {
	first := !l.released
	l.released = true
	return first
}

// acquire leases a port for w, waiting until it is time for w to give up. Errors are [*policy.Refusal], or that of a
// context that was cancelled.
func (p *Pool) acquire(ctx context.Context, w *waiter) (*Lease, error) {
	lease, err := p.enter(w)
	if lease != nil || err != nil {
		return lease, err
	}
	if w.turn != nil {
		w.turn.Yield()
	}
	timer := time.NewTimer(time.Until(w.until))
	defer timer.Stop()
	select {
	case lease := <-w.granted:
		return lease, nil
	case <-timer.C:
		return p.leave(w, nil)
	case <-ctx.Done():
		return p.leave(w, ctx.Err())
	}
}

// enter leases a free port for w, or refuses it, or else puts it into the queue and returns neither.
//
// A free port is one that nobody in the queue wants: it would have it already.
func (p *Pool) enter(w *waiter) (*Lease, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	b := p.open(w.route)
	defer p.rest(b)
	b.ask(w.ports, now)

	again := w.ticket > 0
	if !again {
		w.ticket = p.event()
	}
	w.book = b
	late := !now.Before(w.until)
	before := uint64(math.MaxUint64)
	if late {
		before = w.ticket // each port at most once: one that w has tried has rested since a later event
	}
	port, ok := b.choose(w.ports, before)
	switch {
	case ok && !(w.idle && b.waiting.length() > 0):
		return p.lease(b, b.slot(port)), nil
	case late:
		return nil, p.exhausted(w, nil)
	case !again && b.waiting.length() >= longestQueue:
		return nil, p.overrun(w)
	}
	if w.granted == nil {
		w.granted = make(chan *Lease, 1)
	}
	b.waiting.insert(w)
	return nil, nil
}

// leave takes w out of the queue, because its time is over or its context has ended with an error. A port that it was
// given in the last moment it keeps, or passes on if the context has ended.
func (p *Pool) leave(w *waiter, ended error) (*Lease, error) {
	lease, err := p.dequeue(w, ended)
	if lease != nil && ended != nil {
		lease.Release()
		return nil, err
	}
	return lease, err
}

// dequeue returns the port that w was given, and the error if w does not take it.
func (p *Pool) dequeue(w *waiter, ended error) (*Lease, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var lease *Lease
	select {
	case lease = <-w.granted:
		if ended == nil {
			return lease, nil
		}
	default:
		w.book.waiting.remove(w)
		defer p.rest(w.book)
	}
	if ended != nil && !errors.Is(ended, context.DeadlineExceeded) {
		return lease, fmt.Errorf("waiting for a source port: %s: %w", w, ended)
	}
	return lease, p.exhausted(w, ended)
}

// lease gives a port away.
func (p *Pool) lease(b *book, s *slot) *Lease {
	b.put(s, leased, p.event())
	return &Lease{pool: p, book: b, slot: s, tuple: b.route.tuple(s.port)}
}

// vacate gives a port to the first who waits for it, or else lets it rest. It reports whether it rests.
func (p *Pool) vacate(b *book, s *slot) (rests bool) {
	if w := b.waiting.first(s.port); w != nil {
		b.waiting.remove(w)
		w.granted <- p.lease(b, s) // never blocks: w is in no queue now
		return false
	}
	b.put(s, free, p.event())
	p.rest(b)
	return true
}

// event returns the number of an event that happens now.
func (p *Pool) event() uint64 {
	p.events++
	return p.events
}
