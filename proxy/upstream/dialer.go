package upstream

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"time"

	"sallyport/policy"
	"sallyport/proxy/sourceport"
)

// Dialer connects to endpoints. Safe for concurrent use.
type Dialer struct {
	Net      *net.Dialer // the template of every TCP socket; never changed
	Unbound  Connector   // makes the connections that have no [Source]; nil: Net
	Resolver *Resolver
	Ports    SourcePorts // only for endpoints whose Source has ports
}

// Connector makes connections. [net.Dialer] is one.
type Connector interface {
	DialContext(ctx context.Context, network, address string) (net.Conn, error)
}

// SourcePorts makes connections from leased source ports. [sourceport.Pool] does.
type SourcePorts interface {
	Dial(ctx context.Context, r sourceport.Request, within time.Duration, dialer *net.Dialer) (net.Conn, *sourceport.Lease, time.Time, error)
}

// Dial connects to one address of an endpoint. Within is the time for all of it but waiting for a source port, so the
// whole takes at most that and Source.Wait; 0 is no limit, and what is left of it is the Deadline of the connection.
//
// Names are resolved now. Addresses are tried one after the other, never at the same time, so that pinned source ports
// cannot collide; each has its share of the time that is left. One for which there is no source port does not end that:
// every destination has ports of its own.
//
// Errors are [*policy.Refusal]. Of several the last one wins that says something about the endpoint; but where all source
// ports towards an address are taken up by connections of ours, there is somebody at the other end, and that wins.
func (d *Dialer) Dial(ctx context.Context, e *Endpoint, purpose Purpose, within time.Duration) (*Conn, error) {
	return d.dial(ctx, e, purpose, within, nil)
}

// DialInTurn is [Dialer.Dial] for a session that has a turn to connect, which it does without while it waits for a source
// port.
func (d *Dialer) DialInTurn(ctx context.Context, e *Endpoint, within time.Duration, turn sourceport.Turn) (*Conn, error) {
	return d.dial(ctx, e, Payload, within, turn)
}

func (d *Dialer) dial(ctx context.Context, e *Endpoint, purpose Purpose, within time.Duration, turn sourceport.Turn) (*Conn, error) {
	left := newAllowance(within)
	switch e.Network {
	case "builtin":
		conn, err := dialEcho()
		return left.connected(conn, nil, refused(err))
	case "unix":
		conn, err := dialWithin(ctx, d.unbound(), "unix", e.Address, within)
		return left.connected(conn, nil, refused(err))
	}
	b, err := bindingOf(e.Source, purpose, within)
	if err != nil {
		return nil, err
	}
	destinations, err := d.destinations(ctx, e.Address, within)
	if err != nil {
		return nil, err
	}
	destinations, err = b.reachable(destinations, e.Address)
	if err != nil {
		return nil, err
	}
	left.wait = b.wait
	b.turn = turn
	return d.dialEach(ctx, b, destinations, left)
}

func (d *Dialer) unbound() Connector {
	if d.Unbound != nil {
		return d.Unbound
	}
	return d.Net
}

// destinations returns where a TCP address leads, in the order in which it should be tried.
func (d *Dialer) destinations(ctx context.Context, address string, within time.Duration) ([]netip.AddrPort, error) {
	if literal, err := netip.ParseAddrPort(address); err == nil { // nothing to wait for, so no timer either
		return []netip.AddrPort{netip.AddrPortFrom(literal.Addr().Unmap(), literal.Port())}, nil
	}
	host, service, err := net.SplitHostPort(address)
	if err != nil {
		return nil, policy.Refuse(policy.UpstreamUnresolved, err)
	}
	port, err := strconv.ParseUint(service, 10, 16)
	if err != nil {
		return nil, policy.Refuse(policy.UpstreamUnresolved, fmt.Errorf("address %s: %q is not a port number", address, service))
	}
	ctx, cancel := contextWithin(ctx, within)
	defer cancel()
	addrs, err := d.Resolver.resolve(ctx, host)
	if err != nil {
		return nil, policy.Refuse(policy.UpstreamUnresolved, err)
	}
	destinations := make([]netip.AddrPort, len(addrs))
	for i, addr := range addrs {
		destinations[i] = netip.AddrPortFrom(addr, uint16(port))
	}
	return destinations, nil
}

// dialEach tries one destination after the other.
func (d *Dialer) dialEach(ctx context.Context, b *binding, destinations []netip.AddrPort, left *allowance) (*Conn, error) {
	var failed failures
	left.spend(0) // on the name
	for i, destination := range destinations {
		share, ok := left.share(len(destinations) - i)
		if !ok {
			failed.add(context.DeadlineExceeded)
			break
		}
		conn, lease, waited, err := d.dialOne(ctx, b, destination, share, left.wait)
		left.spend(waited)
		if err == nil {
			return left.connected(conn, lease, nil)
		}
		failed.add(err)
		if ctx.Err() != nil {
			break
		}
	}
	return nil, failed.verdict()
}

// dialOne connects to one address, and tells how much of the time went into waiting for a source port.
func (d *Dialer) dialOne(ctx context.Context, b *binding, to netip.AddrPort, within, wait time.Duration) (conn net.Conn, lease *sourceport.Lease, waited time.Duration, err error) {
	if len(b.ports) > 0 {
		return d.dialPinned(ctx, b, to, within, wait)
	}
	connector := d.unbound()
	if source := b.source(to.Addr()); source.IsValid() {
		connector = boundTo(d.Net, source)
	}
	conn, err = dialWithin(ctx, connector, "tcp", to.String(), within)
	if len(b.addresses) > 0 {
		err = withoutSource(err)
	}
	return conn, nil, 0, err
}

func dialWithin(ctx context.Context, c Connector, network, address string, within time.Duration) (net.Conn, error) {
	ctx, cancel := contextWithin(ctx, within)
	defer cancel()
	return c.DialContext(ctx, network, address)
}

func contextWithin(ctx context.Context, within time.Duration) (context.Context, context.CancelFunc) {
	if within <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, within)
}
