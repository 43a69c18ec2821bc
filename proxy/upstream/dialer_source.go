package upstream

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"time"

	"sallyport/policy"
	"sallyport/proxy/sourceport"
)

// binding is what the connections of one [Dialer.Dial] are bound to. The zero value binds to nothing.
type binding struct {
	addresses []netip.Addr
	ports     []policy.PortRange
	wait      time.Duration
	idle      bool
	turn      sourceport.Turn
}

func bindingOf(s *Source, purpose Purpose, within time.Duration) (*binding, error) {
	if s == nil {
		return &binding{}, nil
	}
	b := &binding{ports: s.Ports, wait: s.Wait, idle: purpose == Spare}
	for _, addr := range s.Addresses {
		b.addresses = append(b.addresses, addr.Unmap())
	}
	if purpose != Check {
		return b, nil
	}
	if len(s.HealthPorts) == 0 && len(s.Ports) > 0 {
		return nil, policy.Refuse(policy.InternalError, errors.New("an active check of an endpoint whose source has no health_ports"))
	}
	b.ports = s.HealthPorts
	if within > 0 {
		// A check that lacks a port has to say so before its time is over, when it would look as if the endpoint
		// did not answer.
		b.wait = min(s.Wait, within/2)
	}
	return b, nil
}

// reachable returns the destinations that there is a source address for.
func (b *binding) reachable(destinations []netip.AddrPort, address string) ([]netip.AddrPort, error) {
	if len(b.addresses) == 0 {
		return destinations, nil
	}
	var reachable []netip.AddrPort
	for _, destination := range destinations {
		if b.source(destination.Addr()).IsValid() {
			reachable = append(reachable, destination)
		}
	}
	if len(reachable) == 0 {
		return nil, policy.Refuse(policy.SourceFamily, fmt.Errorf("%s leads to %s, and the source address is %s: give it one of the same family",
			address, enumerate(destinations), b.addresses[0]))
	}
	return reachable, nil
}

// enumerate names some addresses: an answer of the name service can have hundreds.
func enumerate(destinations []netip.AddrPort) string {
	const enough = 4
	var names []string
	for _, destination := range destinations[:min(len(destinations), enough)] {
		names = append(names, destination.Addr().String())
	}
	if more := len(destinations) - enough; more > 0 {
		names = append(names, fmt.Sprintf("%d more", more))
	}
	return strings.Join(names, ", ")
}

// source returns the address that a connection is bound to, the zero Addr if there is none of its family.
func (b *binding) source(to netip.Addr) netip.Addr {
	for _, addr := range b.addresses {
		switch {
		case addr.Is4() != to.Is4():
		case addr.IsLinkLocalUnicast() && addr.Zone() == "":
			return addr.WithZone(to.Zone()) // on its own it is not an address; IPv4 has no zones
		default:
			return addr
		}
	}
	return netip.Addr{}
}

// dialPinned connects from a port of the range, as dialOne does.
func (d *Dialer) dialPinned(ctx context.Context, b *binding, to netip.AddrPort, within, wait time.Duration) (conn net.Conn, lease *sourceport.Lease, waited time.Duration, err error) {
	source := b.source(to.Addr())
	if !source.IsValid() {
		if source, err = routed(ctx, to); err != nil {
			return nil, nil, 0, err
		}
	}
	begun := time.Now()
	request := sourceport.Request{Source: source, Ports: b.ports, Destination: to, Wait: wait, Idle: b.idle, Turn: b.turn}
	conn, lease, deadline, err := d.Ports.Dial(ctx, request, within, d.Net)
	return conn, lease, waitedFor(begun, deadline, within, err), err
}

// waitedFor returns for how long an attempt that began then has waited for a source port. A deadline tells when there
// was one. Without it, a lack of source ports is what the time went into, and else it was spent on connecting.
func waitedFor(begun, deadline time.Time, within time.Duration, err error) time.Duration {
	switch {
	case !deadline.IsZero():
		return max(deadline.Add(-within).Sub(begun), 0)
	case policy.ReasonOf(err, "") != "":
		return time.Since(begun)
	default:
		return 0
	}
}

// routed returns the address from which the system would connect to this one. Connecting a UDP socket asks the routing
// table and sends nothing.
func routed(ctx context.Context, to netip.AddrPort) (netip.Addr, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "udp", to.String())
	if err != nil {
		return netip.Addr{}, err
	}
	defer conn.Close()
	local, ok := conn.LocalAddr().(*net.UDPAddr)
	if !ok {
		return netip.Addr{}, fmt.Errorf("no source address towards %s", to)
	}
	return local.AddrPort().Addr().Unmap(), nil
}

// boundTo returns a dialer after the template whose connections have this source address. Which port they have is left
// until their destination is known, where that is possible: else each of the ephemeral ports would serve for one
// connection, and not for one to each destination.
func boundTo(template *net.Dialer, source netip.Addr) *net.Dialer {
	bound := *template
	bound.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(source, 0))
	bound.ControlContext = func(ctx context.Context, network, address string, raw syscall.RawConn) error {
		choosePortLate(raw)
		switch {
		case template.ControlContext != nil:
			return template.ControlContext(ctx, network, address, raw)
		case template.Control != nil:
			return template.Control(network, address, raw)
		}
		return nil
	}
	return &bound
}
