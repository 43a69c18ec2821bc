package upstream

import (
	"net"
	"time"

	"sallyport/proxy/sourceport"
)

// allowance is the time that a connection may take. Waiting for a source port has its own, which is spent once, over all
// addresses of a name together.
type allowance struct {
	limited bool
	connect time.Duration
	wait    time.Duration
	since   time.Time // when the last of it was spent
}

func newAllowance(within time.Duration) *allowance {
	return &allowance{limited: within > 0, connect: within, since: time.Now()}
}

// spend takes away the time since the last time, some of which went into waiting for a source port.
func (a *allowance) spend(waited time.Duration) {
	now := time.Now()
	if a.limited {
		a.connect -= now.Sub(a.since) - waited
	}
	a.wait = max(a.wait-waited, 0)
	a.since = now
}

// share returns what the next of so many attempts may take, 0 for no limit. Ok is false if nothing is left.
func (a *allowance) share(attempts int) (within time.Duration, ok bool) {
	if !a.limited {
		return 0, true
	}
	within = a.connect / time.Duration(attempts)
	return within, within > 0
}

// connected returns what was connected to, or the error, in the form of [Dialer.Dial].
func (a *allowance) connected(conn net.Conn, lease *sourceport.Lease, err error) (*Conn, error) {
	if err != nil {
		return nil, err
	}
	c := &Conn{Conn: conn, Lease: lease}
	if a.limited {
		c.Deadline = a.since.Add(a.connect)
	}
	return c, nil
}
