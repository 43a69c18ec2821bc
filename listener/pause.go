package listener

import "time"

// Pause keeps the set from accepting: Accept blocks, and clients that connect wait in the kernel's queue. A connection that
// is being accepted at this moment may still come out. Sockets that are opened during the pause begin paused.
func (s *Set) Pause() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.paused = true
	for _, l := range s.open {
		l.pause()
	}
}

// Resume ends a pause.
func (s *Set) Resume() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.paused = false
	for _, l := range s.open {
		l.resume()
	}
	if s.pending != nil {
		for _, l := range s.pending.Added {
			l.resume()
		}
	}
}

// deadline is what the sockets of the net package have to interrupt Accept.
type deadline interface{ SetDeadline(time.Time) error }

func (l *Listener) pause() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.gate != nil {
		return
	}
	l.gate = make(chan struct{})
	if inner, ok := l.inner.(deadline); ok {
		_ = inner.SetDeadline(time.Unix(1, 0)) // fails only on a closed socket, which accepts nothing either
	}
}

func (l *Listener) resume() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.gate == nil {
		return
	}
	if inner, ok := l.inner.(deadline); ok {
		_ = inner.SetDeadline(time.Time{})
	}
	close(l.gate)
	l.gate = nil
}

// pass waits until no pause holds Accept up, or the listener is closed.
func (l *Listener) pass() {
	l.mu.Lock()
	gate := l.gate
	l.mu.Unlock()
	if gate == nil {
		return
	}
	select {
	case <-gate:
	case <-l.closed:
	}
}
