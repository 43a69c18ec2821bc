package load

import (
	"context"
	"io"
	"net"
	"net/netip"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"
)

// ports lends source ports, each to one connection at a time. A nil ports leaves addresses and ports to the system.
type ports struct {
	address netip.Addr    // invalid: any, or spread
	free    chan uint16   // nil: any port of the address
	spread  uint32        // number of loopback addresses to take in turn
	next    atomic.Uint32 // of them
}

func (j Job) ports() *ports {
	switch s := j.Source; {
	case s.First != 0:
		p := &ports{address: s.Address, free: make(chan uint16, int(s.Last)-int(s.First)+1)}
		for port := int(s.First); port <= int(s.Last); port++ {
			p.free <- uint16(port)
		}
		return p
	case s.Address.IsValid():
		return &ports{address: s.Address}
	case j.Spread > 1 && runtime.GOOS == "linux": // elsewhere 127.0.0.1 is the only loopback address of the host
		return &ports{spread: uint32(j.Spread)}
	}
	return nil
}

// dial connects from a port that is free, and waits until one is. Closing the connection gives the port back.
func (p *ports) dial(ctx context.Context, dialer *net.Dialer, target netip.AddrPort) (net.Conn, error) {
	if p == nil {
		// DialTCP would bind even without an address, to a port that no other connection has: there are too few of those.
		return dialer.DialContext(ctx, "tcp", target.String())
	}
	if p.free == nil {
		conn, err := dialer.DialTCP(ctx, "tcp", netip.AddrPortFrom(p.from(target), 0), target)
		if err != nil {
			return nil, err // and not a connection that is an interface around nil
		}
		return conn, nil
	}
	var port uint16
	select {
	case port = <-p.free:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	conn, err := dialer.DialTCP(ctx, "tcp", netip.AddrPortFrom(p.from(target), port), target)
	if err != nil {
		p.free <- port
		return nil, err
	}
	return &lent{TCPConn: conn, port: port, back: p.free}, nil
}

// prepare sets the options of a socket that is about to be bound.
func (p *ports) prepare(raw syscall.RawConn) error {
	switch {
	case p == nil:
		return nil
	case p.free == nil:
		return bindLate(raw)
	default:
		return reuse(raw)
	}
}

// from is the address that the next connection comes from.
func (p *ports) from(target netip.AddrPort) netip.Addr {
	switch {
	case p.spread > 0:
		return netip.AddrFrom4([4]byte{127, 0, 0, byte(1 + p.next.Add(1)%min(p.spread, 254))})
	case p.address.IsValid():
		return p.address
	case target.Addr().Is4():
		return netip.IPv4Unspecified()
	default:
		return netip.IPv6Unspecified()
	}
}

// lent is a connection that gives its source port back, once.
type lent struct {
	*net.TCPConn
	port   uint16
	back   chan<- uint16
	closed atomic.Bool
}

// Close returns at once. The port comes back when the server has closed as well: until then the connection is alive, and another one
// from the same port to the same server impossible.
func (l *lent) Close() error {
	if l.closed.Swap(true) {
		return net.ErrClosed
	}
	err := l.CloseWrite()
	go func() {
		l.SetDeadline(time.Now().Add(patience))
		io.Copy(io.Discard, l.TCPConn)
		l.TCPConn.Close()
		l.back <- l.port
	}()
	return err
}
