package proxy

import (
	"errors"
	"time"
)

// Lane bounds how many handshakes compute at the same time, so that a storm of
// new clients leaves processor time to established sessions.
//
// Only computing counts: a handshake that waits for its peer has left the lane
// (see [wire]). A silent or slow client therefore never takes a place from others.
type Lane struct {
	places chan struct{}
	crew   *crew
}

// NewLane returns a lane with n places; n is at least one. The goroutines of up to kept handshakes are kept for the next ones, for
// a moment.
func NewLane(n, kept int) *Lane {
	return &Lane{places: make(chan struct{}, max(n, 1)), crew: newCrew(kept)}
}

// errBusy says that a handshake's turn did not come in time: our doing, not its client's.
var errBusy = errors.New("too many handshakes at once")

// Size returns the number of places.
func (l *Lane) Size() int { return cap(l.places) }

// handshake has f run on another goroutine.
func (l *Lane) handshake(f func()) {
	if l == nil {
		go f()
		return
	}
	l.crew.do(f)
}

// enter takes a place, waiting in order of arrival until the deadline; the zero
// deadline waits for ever. It returns errBusy when none came free in time.
func (l *Lane) enter(deadline time.Time) error {
	select {
	case l.places <- struct{}{}:
		return nil
	default:
	}
	if deadline.IsZero() {
		l.places <- struct{}{}
		return nil
	}
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	select {
	case l.places <- struct{}{}:
		return nil
	case <-timer.C:
		return errBusy
	}
}

// leave gives a place back.
func (l *Lane) leave() { <-l.places }
