package listener

import (
	"errors"
	"net"
	"net/netip"
)

// reach is what a TCP socket answers: one address, all of IPv4, all of IPv6, or both. The zero value is
// that of other sockets and meets nothing.
type reach struct {
	at   netip.AddrPort
	dual bool // :: with IPv4
}

// reachOf returns the reach of an open socket.
func reachOf(inner net.Listener) reach {
	at := addrPort(inner.Addr())
	return reach{at: at, dual: isAny6(at.Addr()) && !onlyIPv6(inner)}
}

// reachOfKey returns what the key of a spec says; nothing for names, UNIX sockets and port 0.
func reachOfKey(network, address string) reach {
	at, err := netip.ParseAddrPort(address)
	if err != nil || at.Port() == 0 {
		return reach{}
	}
	return reach{at: unmap(at), dual: network == "tcp" && isAny6(at.Addr())}
}

// reach returns what a socket for s would have answered that could not be bound. For a name, the
// error tells which address it stands for.
func (s Spec) reach(err error) reach {
	if r := reachOfKey(s.canonical()); r.at.IsValid() {
		return r
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && s.isTCP() {
		return reach{at: addrPort(op.Addr)}
	}
	return reach{}
}

func isAny6(addr netip.Addr) bool { return addr == netip.IPv6Unspecified() }

// covers reports whether r answers everything that o does.
func (r reach) covers(o reach) bool {
	own, other := r.at.Addr(), o.at.Addr()
	switch {
	case !r.at.IsValid() || !o.at.IsValid() || r.at.Port() != o.at.Port():
		return false
	case r.dual:
		return true
	case o.dual:
		return false
	default:
		return own == other || own.IsUnspecified() && own.Is4() == other.Is4()
	}
}

// meets reports whether the kernel would refuse the two beside each other.
func (r reach) meets(o reach) bool { return r.covers(o) || o.covers(r) }

// network returns the network that opens exactly this reach.
func (r reach) network() string {
	switch {
	case r.dual:
		return "tcp"
	case r.at.Addr().Is4():
		return "tcp4"
	default:
		return "tcp6"
	}
}
