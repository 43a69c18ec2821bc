package sourceport

import (
	"context"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"
)

// Dial connects from a port of its own. The connection is a bare [*net.TCPConn]; the lease is to be released after it is
// closed. The dialer is a template for how sockets are set up; nil is the zero one.
//
// A port that the kernel refuses, because another program has it or because its tuple still has a connection, is left
// alone for a while, and another one is taken or waited for. Request.Wait is the time for all of that together, counted
// from the call; with none, each port that is free at the call is tried once.
//
// The time within which the connection has to be made begins once there is a port, and stands still while another one
// is waited for, or a turn; deadline is its end. With no such time (zero or less) only ctx ends the attempt, and deadline is zero.
//
// An error that is for want of a source port is a [*policy.Refusal]. An error of connecting is returned as it is, with the
// deadline that there was, and so is, wrapped, that of a ctx that was cancelled before.
func (p *Pool) Dial(ctx context.Context, r Request, within time.Duration, dialer *net.Dialer) (conn net.Conn, lease *Lease, deadline time.Time, err error) {
	return p.dial(ctx, r, within, func(ctx context.Context, t Tuple, deadline time.Time) (net.Conn, error) {
		return connect(ctx, dialer, t, deadline)
	})
}

// connector makes one connection, by a deadline that may be zero.
type connector func(ctx context.Context, t Tuple, deadline time.Time) (net.Conn, error)

func (p *Pool) dial(ctx context.Context, r Request, within time.Duration, connect connector) (net.Conn, *Lease, time.Time, error) {
	w := newWaiter(r)
	if err := p.impossible(w); err != nil {
		return nil, nil, time.Time{}, err
	}
	var deadline time.Time
	for {
		if err := ctx.Err(); err != nil {
			return nil, nil, time.Time{}, fmt.Errorf("connecting from a source port: %s: %w", w, err)
		}
		asked := time.Now()
		lease, err := p.acquire(ctx, w)
		if err != nil {
			return nil, nil, time.Time{}, err
		}
		if w.turn != nil {
			if err := w.turn.Take(); err != nil {
				lease.Release()
				return nil, nil, time.Time{}, err
			}
		}
		switch {
		case !deadline.IsZero():
			deadline = deadline.Add(time.Since(asked))
		case within > 0:
			deadline = time.Now().Add(within)
		}
		conn, err := connect(ctx, lease.tuple, deadline)
		if err == nil {
			p.worked(lease)
			return conn, lease, deadline, nil
		}
		c := complaintOf(lease.tuple, err)
		switch {
		case c == nil:
			p.worked(lease)
			lease.Release()
			return nil, nil, deadline, err
		case !c.passes():
			lease.Release()
			return nil, nil, time.Time{}, p.fail(c.reason, c)
		}
		p.cool(lease, c)
	}
}

// connect makes one connection from one address to one address.
func connect(ctx context.Context, template *net.Dialer, t Tuple, deadline time.Time) (net.Conn, error) {
	var d net.Dialer
	if template != nil {
		d = *template
	}
	if !deadline.IsZero() && (d.Deadline.IsZero() || deadline.Before(d.Deadline)) {
		d.Deadline = deadline
	}
	d.SetMultipathTCP(false) // further subflows would come from ports that the kernel chooses
	d.ControlContext = reusing(template)
	network := "tcp6"
	if t.Destination.Addr().Is4() {
		network = "tcp4"
	}
	conn, err := d.DialTCP(ctx, network, t.Source, t.Destination)
	if err != nil {
		return nil, err
	}
	if t.Source == t.Destination {
		// Nobody listens there: the socket has met itself. A reset leaves no TIME_WAIT on the port.
		conn.SetLinger(0)
		conn.Close()
		return nil, &net.OpError{Op: "dial", Net: network, Source: conn.LocalAddr(), Addr: conn.RemoteAddr(), Err: os.NewSyscallError("connect", errnoRefused)}
	}
	return conn, nil
}

// control is what [net.Dialer] calls between creating a socket and binding it.
type control func(ctx context.Context, network, address string, raw syscall.RawConn) error

// reusing returns the template's own control with [reuse] before it.
func reusing(template *net.Dialer) control {
	return func(ctx context.Context, network, address string, raw syscall.RawConn) error {
		if err := reuse(raw); err != nil {
			return os.NewSyscallError("setsockopt", err)
		}
		switch {
		case template == nil:
			return nil
		case template.ControlContext != nil:
			return template.ControlContext(ctx, network, address, raw)
		case template.Control != nil:
			return template.Control(network, address, raw)
		}
		return nil
	}
}

// How long a port is left alone after the kernel refused it. After a connection has been closed its tuple is in use for a
// round trip more, so the first pause is short; a port that another program has is looked after every second.
const (
	shortestPause = time.Millisecond
	longestPause  = time.Second
)

// cool ends a lease whose port the kernel refused, and leaves the port alone for longer than the last time.
func (p *Pool) cool(l *Lease, c *complaint) {
	p.mu.Lock()
	l.end()
	p.failures[c.reason]++
	c.event = p.event()
	pause := l.book.blame(l.slot, c)
	l.book.put(l.slot, cooling, c.event)
	time.AfterFunc(pause, func() { p.warm(l.book, l.slot, c.event) })
	p.mu.Unlock()
	p.tell(l.tuple)
}

// warm ends the cooling that began at an event, unless something else has.
func (p *Pool) warm(b *book, s *slot, since uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.state == cooling && s.since == since {
		p.vacate(b, s)
	}
}

// worked notes that the kernel had nothing against a port.
func (p *Pool) worked(l *Lease) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if l.slot.trouble != "" {
		l.book.absolve(l.slot)
	}
}
