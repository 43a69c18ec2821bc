package listener

import (
	"fmt"
	"log/slog"
	"net"
	"slices"
	"time"
)

// A socket that another one replaces stays open while handshakes are under way with it: at most three seconds, in which a
// client sends the last packet of its handshake twice again if it is lost. New handshakes begin at the other socket, but
// nobody else can bind the address meanwhile.
const (
	lookEvery = 50 * time.Millisecond
	lastLook  = 60
)

// remove closes a socket that is not wanted any more, and loses nobody who has connected. The lock is held.
func (s *Set) remove(l *Listener) error {
	if l.retires() && divert(l.raw()) && s.replaced(l) && shakesHands(l.reach) {
		s.lingering = append(s.lingering, l)
		s.lookLater(l, 1)
		return nil
	}
	return l.retire()
}

// lookLater has look called after a while.
func (s *Set) lookLater(l *Listener, look int) {
	time.AfterFunc(lookEvery, func() { s.look(l, look) })
}

// look closes a lingering socket when its time has come.
func (s *Set) look(l *Listener, look int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.Index(s.lingering, l)
	if i < 0 {
		return // closed with the set
	}
	if look < lastLook && shakesHands(l.reach) {
		s.lookLater(l, look+1)
		return
	}
	s.lingering = slices.Delete(s.lingering, i, i+1)
	if err := l.retire(); err != nil {
		s.Log.Warn("a listening socket could not be closed", slog.Any(keyError, err))
	}
}

// replaced reports whether another socket takes the clients of l. Where none does, its address is free for
// others at once: somebody may be waiting for it.
func (s *Set) replaced(l *Listener) bool {
	for _, other := range s.open {
		if other.reach.meets(l.reach) {
			return true
		}
	}
	return false
}

// retires reports whether new clients can be turned to another socket while this one is still open. A socket that
// somebody else has must stay as it is.
func (l *Listener) retires() bool { return l.reach != (reach{}) && !l.heldElsewhere() }

// heldElsewhere reports whether closing our descriptor leaves the socket open.
func (l *Listener) heldElsewhere() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.foreign || l.handed || l.kept
}

// retire closes the socket and leaves those who had connected to Accept.
func (l *Listener) retire() error {
	l.mu.Lock()
	l.retired = !l.handed
	l.mu.Unlock()
	return l.Close()
}

// end closes the socket because the process ends: what queues on a socket that somebody else has is not ours to take.
func (l *Listener) end() error {
	if l.heldElsewhere() {
		return l.Close()
	}
	if l.retires() {
		divert(l.raw()) // or clients could come for as long as they are taken
	}
	return l.retire()
}

// takeQueue takes what queues on a retired socket, just before it is closed.
func (l *Listener) takeQueue() {
	l.mu.Lock()
	retired := l.retired
	l.mu.Unlock()
	if !retired {
		return
	}
	waiting := l.acceptAll()
	l.mu.Lock()
	l.waiting = waiting
	l.mu.Unlock()
}

// left returns one who had connected when the socket was closed, or the error that says that it is.
func (l *Listener) left() (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting) == 0 {
		l.waiting = nil
		return nil, fmt.Errorf("accept on %s: %w", l.spec, net.ErrClosed)
	}
	conn := l.waiting[0]
	l.waiting = l.waiting[1:]
	return conn, nil
}
