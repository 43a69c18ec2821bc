package proxy

import (
	"errors"
	"sync/atomic"
	"time"
)

// Lane bounds how many handshakes compute at the same time, so that a storm of
// new clients leaves processor time to established sessions.
//
// Only computing counts: a handshake that waits for its peer has left the lane
// (see [wire]). A silent or slow client therefore never takes a place from others.
//
// Bounding them is not enough. Go's scheduler asks the poller for sockets that have become ready only when
// nothing is left to run, or every 10 ms: handshakes that follow one another without a gap keep established sessions waiting for
// many of them. So in a storm each gives way before it computes (see [gap]).
type Lane struct {
	places chan struct{}
	crew   *crew
	gap    *gap         // nil: the system has none
	left   atomic.Int64 // when a place was given back last, since made
	made   time.Time
}

// calm is how long nothing must have computed for a handshake to begin without giving way. It is shorter than what anybody
// notices and longer than what lies between two handshakes of a storm.
const calm = time.Millisecond

// NewLane returns a lane with n places; n is at least one. The goroutines of up to kept handshakes are kept for the next ones, for
// a moment.
func NewLane(n, kept int) *Lane {
	l := &Lane{places: make(chan struct{}, max(n, 1)), crew: newCrew(kept), gap: newGap(), made: time.Now()}
	l.left.Store(int64(-calm))
	return l
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

// try takes a place if one is free and nobody has to be given way to.
func (l *Lane) try() bool { return l.calm() && l.free() }

// free takes a place if one is free.
func (l *Lane) free() bool {
	select {
	case l.places <- struct{}{}:
		return true
	default:
		return false
	}
}

// calm reports whether nothing has computed lately.
func (l *Lane) calm() bool {
	return l.gap == nil || time.Since(l.made)-time.Duration(l.left.Load()) >= calm
}

// enter takes a place, waiting in order of arrival until the deadline; the zero
// deadline waits for ever. It returns errBusy when none came free in time.
func (l *Lane) enter(deadline time.Time) error {
	if l.try() {
		return nil
	}
	if err := l.wait(deadline); err != nil {
		return err
	}
	if !l.calm() {
		l.gap.wait()
	}
	return nil
}

// wait is enter for a handshake that has been in the lane and so has given way before.
func (l *Lane) wait(deadline time.Time) error {
	if l.free() {
		return nil
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
func (l *Lane) leave() {
	l.left.Store(int64(time.Since(l.made)))
	<-l.places
}
