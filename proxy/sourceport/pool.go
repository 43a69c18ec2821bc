package sourceport

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"time"
)

// Pool leases source ports. One serves the whole process, so that several applications can share a range. Create it with
// [New]; its methods are safe for concurrent use.
type Pool struct{}

// New returns a pool in which every port is free.
func New() *Pool { return &Pool{} }

// Lease is the use of one source port towards one destination by one connection.
type Lease struct{ tuple Tuple }

// Tuple returns what is leased.
func (l *Lease) Tuple() Tuple { return l.tuple }

// Release gives the port back, after the connection has been closed. Again, or on a nil lease, it does nothing.
func (l *Lease) Release() {}

// Dial connects from a port of its own. The time within which the connection has to be made begins once there is a port;
// deadline is its end. The connection is a bare [*net.TCPConn]; the lease is to be released after it is closed. Errors
// are [*policy.Refusal].
func (p *Pool) Dial(ctx context.Context, r Request, within time.Duration, dialer *net.Dialer) (conn net.Conn, lease *Lease, deadline time.Time, err error) {
	return nil, nil, time.Time{}, errors.ErrUnsupported
}

// Use counts the ports of one source towards one destination.
type Use struct {
	Source      netip.Addr
	Destination netip.AddrPort
	Leased      int
	Cooling     int
	Inherited   int // of the leased ones, by connections of the process before this one
	Waiting     int // connections
}

// Stats tells what is in use now, in a stable order.
func (p *Pool) Stats() []Use { return nil }

// Failures counts since the start, by reason code.
func (p *Pool) Failures() map[string]uint64 { return nil }

// Held returns the tuples that connections have now.
func (p *Pool) Held() []Tuple { return nil }

// Inherit takes over tuples that connections of another process still have, until it gives them back.
func (p *Pool) Inherit([]Tuple) {}

// Return says that another process has given a tuple back.
func (p *Pool) Return(Tuple) {}

// Follow has released called with every tuple that comes free from here on; nil ends that. It must not block.
func (p *Pool) Follow(released func(Tuple)) {}
