package policy

import (
	"net/netip"
	"slices"

	"github.com/gaissmai/bart"
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
	a := &area{prefixes: c.Addresses, ports: mergePorts(c.Ports), identities: c.Identities}
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

// extent is the union of areas.
type extent struct {
	areas          []*area
	local, foreign []*area
	whole          bool                // one of the areas is everything
	index          bart.Table[[]*area] // by prefix; unused where there are few
}

// An extent of fewer areas is searched from the first to the last.
const indexedFrom = 8

func newExtent(areas []*area) *extent {
	x := &extent{areas: areas}
	for _, a := range areas {
		if a.local {
			x.local = append(x.local, a)
		}
		if a.foreign {
			x.foreign = append(x.foreign, a)
		}
		x.whole = x.whole || a.foreign && len(a.identities) == 0
		for _, p := range a.prefixes {
			if len(areas) >= indexedFrom {
				at, _ := x.index.Get(p)
				x.index.Insert(p, append(at, a))
			}
		}
	}
	return x
}

// patch is an area, at one of its prefixes.
type patch struct {
	prefix netip.Prefix
	*area
}

// touching appends what has an address in common with p.
func (x *extent) touching(p netip.Prefix, list []patch) []patch {
	if len(x.areas) < indexedFrom {
		for _, a := range x.areas {
			for _, other := range a.prefixes {
				if other.Overlaps(p) {
					list = append(list, patch{other, a})
				}
			}
		}
		return list
	}
	for other, areas := range x.index.Supernets(p) {
		for _, a := range areas {
			list = append(list, patch{other, a})
		}
	}
	for other, areas := range x.index.Subnets(p) {
		for _, a := range areas {
			if other != p { // its own supernet
				list = append(list, patch{other, a})
			}
		}
	}
	return list
}

// extents compares what the elements of lists stand for.
type extents struct {
	walk
	anonymous bool // identities are not looked at
	budget    int  // steps that comparing may still take
	areas     map[int32]*area
	known     map[element]*extent
	portions  map[element]portion
}

func newExtents(r *roster, budget int) *extents {
	return &extents{walk: newWalk(r), budget: budget, areas: make(map[int32]*area), known: make(map[element]*extent), portions: make(map[element]portion)}
}

// exhausted reports whether answers are no longer to be relied on.
func (x *extents) exhausted() bool { return x.budget < 0 }

func (x *extents) area(id int32) *area {
	a := x.areas[id]
	if a == nil {
		a = x.areaOf(id)
		if x.anonymous {
			a.identities = nil
		}
		x.areas[id] = a
	}
	return a
}

// of returns the extent of an element.
func (x *extents) of(e element) *extent {
	if built := x.known[e]; built != nil {
		return built
	}
	var ids []int32
	x.expand(e, func(id int32) { ids = append(ids, id) })
	slices.Sort(ids)
	built := x.united(slices.Compact(ids))
	x.known[e] = built
	return built
}

// united returns the extent of leaves.
func (x *extents) united(ids []int32) *extent {
	x.budget -= len(ids)
	areas := make([]*area, len(ids))
	for i, id := range ids {
		areas[i] = x.area(id)
	}
	return newExtent(areas)
}

// together returns the extents of a list. What is no group is united: there may be much of it.
func (x *extents) together(list []element) []*extent {
	var all []*extent
	var ids []int32
	for _, e := range list {
		if e.kind == groupElement {
			all = append(all, x.of(e))
			continue
		}
		x.expand(e, func(id int32) { ids = append(ids, id) })
	}
	return append(all, x.united(ids))
}

// hold reports whether every source of inner is one of outer's.
func (x *extents) hold(outer, inner []element) bool {
	there := make(map[element]bool, len(outer))
	for _, e := range outer {
		there[e] = true
	}
	var around []*extent
	for _, e := range inner {
		if there[e] {
			continue
		}
		if around == nil {
			around = x.together(outer)
		}
		if !x.holdElement(around, e) {
			return false
		}
	}
	return true
}

func (x *extents) holdElement(outer []*extent, e element) bool {
	x.budget -= len(outer)
	if slices.ContainsFunc(outer, func(o *extent) bool { return o.whole }) {
		return true
	}
	return !slices.ContainsFunc(x.of(e).areas, func(a *area) bool { return !x.holdArea(outer, a) })
}

// holdArea reports whether every source of an area is one of outer's together. Clients may
// share it out by address, source port and identity.
func (x *extents) holdArea(outer []*extent, a *area) bool {
	var around []patch
	for _, where := range []struct {
		is   bool
		list func(*extent) []*area
	}{{a.local, func(o *extent) []*area { return o.local }}, {a.foreign, func(o *extent) []*area { return o.foreign }}} {
		if !where.is {
			continue
		}
		around = around[:0]
		for _, o := range outer {
			for _, other := range where.list(o) {
				around = append(around, patch{area: other})
			}
		}
		if !x.share(around, a) {
			return false
		}
	}
	for _, p := range a.prefixes {
		around = around[:0]
		x.budget -= len(outer)
		for _, o := range outer {
			around = o.touching(p, around)
		}
		if !x.tile(p, around, a) {
			return false
		}
	}
	return true
}

// tile reports whether patches hold everything of an area at a prefix: those that are as wide
// do, or those within do in both halves of it.
func (x *extents) tile(p netip.Prefix, patches []patch, a *area) bool {
	x.budget -= 1 + len(patches)
	var wide []patch
	for _, o := range patches {
		if o.prefix.Bits() <= p.Bits() {
			wide = append(wide, o)
		}
	}
	switch {
	case x.exhausted():
		return false
	case x.share(wide, a):
		return true
	case len(wide) == len(patches):
		return false
	}
	for _, half := range halves(p) {
		var within []patch
		for _, o := range patches {
			if o.prefix.Overlaps(half) {
				within = append(within, o)
			}
		}
		if !x.tile(half, within, a) {
			return false
		}
	}
	return true
}

// halves divides a prefix that is longer than one address.
func halves(p netip.Prefix) [2]netip.Prefix {
	bits := p.Bits()
	upper := p.Addr().AsSlice()
	upper[bits/8] |= 0x80 >> (bits % 8)
	addr, _ := netip.AddrFromSlice(upper)
	return [2]netip.Prefix{netip.PrefixFrom(p.Addr(), bits+1), netip.PrefixFrom(addr, bits+1)}
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
