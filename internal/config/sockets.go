package config

import (
	"fmt"
	"net/netip"
)

// sockets are the addresses that the file listens on so far. Two that overlap
// could never be bound together.
type sockets struct {
	named map[Address]socket   // UNIX and systemd
	ports map[uint16]*bindings // TCP, by port number
}

// socket is an address and who listens on it.
type socket struct {
	owner   string // for messages: port "a/b"
	address Located[Address]
}

// claim notes that owner listens on an address and reports one that is taken.
func (c *checker) claim(owner string, address Located[Address]) {
	own := socket{owner, address}
	tcp, ok := address.Value.TCP()
	if !ok {
		c.claimNamed(own)
		return
	}
	if tcp.Port() == 0 {
		return // the kernel chooses a free one
	}
	if c.sockets.ports == nil {
		c.sockets.ports = make(map[uint16]*bindings)
	}
	bound := c.sockets.ports[tcp.Port()]
	if bound == nil {
		bound = &bindings{at: make(map[netip.Addr]socket)}
		c.sockets.ports[tcp.Port()] = bound
	}
	if other, taken := bound.add(tcp.Addr(), own); taken {
		c.report(address.Problem(
			fmt.Sprintf("overlaps with %q of %s", other.address.Value, other.owner), takenHint(other)))
	}
}

func (c *checker) claimNamed(own socket) {
	address := own.address.Value
	if address == (Address{}) {
		return // not valid, and reported
	}
	if other, taken := c.sockets.named[address]; taken {
		c.report(own.address.Problem(fmt.Sprintf("taken by %s already", other.owner), takenHint(other)))
		return
	}
	if c.sockets.named == nil {
		c.sockets.named = make(map[Address]socket)
	}
	c.sockets.named[address] = own
}

func takenHint(other socket) string {
	if !other.address.Set {
		return "it is what " + other.address.Key + " is when left out"
	}
	return "see " + other.address.Pos.String() + "; every port and the admin socket need their own address"
}

// bindings are the addresses bound with one port number. Thousands of them are
// compared with each other at every reload, hence the map.
type bindings struct {
	at     map[netip.Addr]socket // everything under IPv6Unspecified
	first  *socket               // of either family
	first4 *socket               // of IPv4
}

// add binds an address, or returns what it overlaps with.
func (b *bindings) add(ip netip.Addr, own socket) (other socket, taken bool) {
	if everything(ip) {
		ip = netip.IPv6Unspecified()
	}
	if other, taken := b.overlapping(ip); taken {
		return other, true
	}
	b.at[ip] = own
	if b.first == nil {
		b.first = &own
	}
	if ip.Is4() && b.first4 == nil {
		b.first4 = &own
	}
	return socket{}, false
}

func (b *bindings) overlapping(ip netip.Addr) (socket, bool) {
	switch {
	case everything(ip) && b.first != nil:
		return *b.first, true
	case ip == netip.IPv4Unspecified() && b.first4 != nil:
		return *b.first4, true
	}
	for _, wider := range []netip.Addr{ip, netip.IPv6Unspecified(), netip.IPv4Unspecified()} {
		if wider == netip.IPv4Unspecified() && !ip.Is4() {
			continue
		}
		if other, taken := b.at[wider]; taken {
			return other, true
		}
	}
	return socket{}, false
}

// everything reports whether an address stands for all of both families: the
// host of ":port" is the invalid address.
func everything(a netip.Addr) bool { return !a.IsValid() || a == netip.IPv6Unspecified() }
