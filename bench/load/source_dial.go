package load

import (
	"context"
	"net"
	"syscall"
)

// dial connects from a port that is free, and waits until one is.
func (p *ports) dial(ctx context.Context, dialer *net.Dialer, address string) (net.Conn, error) {
	if p == nil {
		return dialer.DialContext(ctx, "tcp", address)
	}
	local := net.TCPAddr{}
	if p.address.IsValid() {
		local.IP = p.address.AsSlice()
	}
	dialer.LocalAddr = &local
	if p.free == nil {
		return dialer.DialContext(ctx, "tcp", address)
	}
	select {
	case port := <-p.free:
		local.Port = int(port)
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	dialer.Control = func(_, _ string, raw syscall.RawConn) error { return reuse(raw) }
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		p.free <- uint16(local.Port)
		return nil, err
	}
	return &lent{TCPConn: conn.(*net.TCPConn), back: func() { p.free <- uint16(local.Port) }}, nil
}

// lent is a connection that gives its source port back.
type lent struct {
	*net.TCPConn
	back func()
}

func (l *lent) Close() error {
	err := l.TCPConn.Close()
	if l.back != nil {
		l.back()
		l.back = nil
	}
	return err
}
