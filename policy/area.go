package policy

import (
	"net/netip"
	"slices"
)

// area is the sources that a client or an address stands for, all conditions together.
type area struct {
	prefixes   []netip.Prefix
	local      bool        // UNIX sockets of this host too
	foreign    bool        // and other sources without an address
	ports      []PortRange // merged; empty for any
	identities []Identity  // any of them; empty if none is demanded
	leaf       int32
}

// everyAddress is what has no prefixes of its own.
var everyAddress = [...]netip.Prefix{
	netip.PrefixFrom(netip.IPv4Unspecified(), 0),
	netip.PrefixFrom(netip.IPv6Unspecified(), 0),
}

// areaOf returns the area of a leaf.
func (r *roster) areaOf(id int32) *area {
	l := &r.leaves[id]
	a := &area{prefixes: l.prefixes, local: l.local}
	switch {
	case l.who != nobody:
		a = clientArea(r.clientOf(id))
	case l.everywhere:
		a.prefixes, a.local, a.foreign = everyAddress[:], true, true
	}
	a.leaf = id
	return a
}

// clientArea returns the area of a client.
func clientArea(c *Client) *area {
	a := &area{prefixes: c.Addresses, ports: MergePorts(c.Ports), identities: c.Identities}
	if len(a.prefixes) == 0 {
		a.prefixes = everyAddress[:]
		a.local = len(a.ports) == 0 // a socket without an address has no port either
		a.foreign = a.local
	}
	if portsCover(a.ports, []PortRange{{1, 0xffff}}) {
		a.ports = nil
	}
	return a
}

// patch is an area, at one of its prefixes.
type patch struct {
	prefix netip.Prefix
	*area
}

// share reports whether patches hold every source port and identity of an area.
func (x *extents) share(patches []patch, a *area) bool {
	for _, o := range patches {
		if o.area == a || portsCover(o.ports, a.ports) && identitiesHold(o.identities, a.identities) {
			return true
		}
	}
	if len(patches) < 2 {
		return false
	}
	for _, port := range turns(patches, a) {
		x.budget -= len(patches)
		if x.exhausted() || !admitAt(port, patches, a) {
			return false
		}
	}
	return true
}

// turns returns the ports of an area from which on patches may say something else.
func turns(patches []patch, a *area) []int {
	inner := a.ports
	if len(inner) == 0 {
		inner = []PortRange{{1, 0xffff}}
	}
	var ports []int
	for _, r := range inner {
		ports = append(ports, int(r.First))
		for _, o := range patches {
			for _, other := range o.ports {
				for _, port := range []int{int(other.First), int(other.Last) + 1} {
					if int(r.First) < port && port <= int(r.Last) {
						ports = append(ports, port)
					}
				}
			}
		}
	}
	slices.Sort(ports)
	return slices.Compact(ports)
}

// admitAt reports whether patches hold every identity of an area at a source port.
func admitAt(port int, patches []patch, a *area) bool {
	var identities []Identity
	for _, o := range patches {
		if len(o.ports) > 0 && !slices.ContainsFunc(o.ports, func(r PortRange) bool { return r.Contains(uint16(port)) }) {
			continue
		}
		if len(o.identities) == 0 {
			return true
		}
		identities = append(identities, o.identities...)
	}
	return len(identities) > 0 && identitiesHold(identities, a.identities)
}

// identitiesHold reports whether whoever shows one of inner shows one of outer; none means
// that none is demanded.
func identitiesHold(outer, inner []Identity) bool {
	if len(outer) == 0 || len(inner) == 0 {
		return len(outer) == 0
	}
	held := make(map[Identity]bool, len(outer))
	for _, i := range outer {
		held[i] = true
	}
	return !slices.ContainsFunc(inner, func(i Identity) bool {
		return !held[i] && !slices.ContainsFunc(coverOf(i), func(wider Identity) bool { return held[wider] })
	})
}

// coverOf returns the patterns that cover a name or pattern, a pattern itself included.
func coverOf(i Identity) []Identity {
	values := patterns(i)
	list := make([]Identity, len(values))
	for j, value := range values {
		list[j] = Identity{i.Kind, value}
	}
	return list
}
