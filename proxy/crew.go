package proxy

import "time"

// crew runs handshakes on goroutines that it keeps for the next ones. A handshake needs a deep stack, to which a new goroutine
// comes by being copied to larger and larger ones; one that has done a handshake has it. In a quiet process it keeps none.
type crew struct {
	work chan func()
	kept chan struct{} // a place for each goroutine that waits
}

// crewPatience is how long a goroutine is kept without work.
const crewPatience = 100 * time.Millisecond

// newCrew returns a crew that keeps at most n goroutines.
func newCrew(n int) *crew {
	return &crew{work: make(chan func()), kept: make(chan struct{}, max(n, 0))}
}

// do has f run on another goroutine, now.
func (c *crew) do(f func()) {
	select {
	case c.work <- f:
	default:
		go c.member(f)
	}
}

// member runs f and then what comes.
func (c *crew) member(f func()) {
	patience := time.NewTimer(crewPatience)
	defer patience.Stop()
	for f != nil {
		f()
		select {
		case c.kept <- struct{}{}:
			f = c.next(patience)
			<-c.kept
		default:
			return
		}
	}
}

// next waits for work. It returns nil when that has taken too long.
func (c *crew) next(patience *time.Timer) func() {
	patience.Reset(crewPatience)
	select {
	case f := <-c.work:
		return f
	case <-patience.C:
		return nil
	}
}
