package policy

import (
	"net/netip"
	"slices"

	"github.com/gaissmai/bart"
)

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
	if len(list) == 1 {
		return []*extent{x.of(list[0])}
	}
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
	there := func(e element) bool { return slices.Contains(outer, e) }
	if len(outer) > 16 && len(inner) > 1 {
		set := make(map[element]bool, len(outer))
		for _, e := range outer {
			set[e] = true
		}
		there = func(e element) bool { return set[e] }
	}
	var around []*extent
	for _, e := range inner {
		if there(e) {
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
