package ruleset

import (
	"net/netip"
	"slices"
)

// index finds the elements of a set that can hold for a destination, without looking at all of them for each.
type index struct {
	address, port int // positions of the fields, -1 where there is none
	exact         map[netip.AddrPort][]int
	wide          []int // elements with more than one destination
}

// indexKey is what an index is for: a set, looked at in one way.
type indexKey struct {
	set           *Set
	address, port int
}

// candidates returns the elements of a set that can hold for the destination of a walk, in their order.
func (w *walk) candidates(s *Set, selectors []selector) []int {
	at := func(f field) int {
		return slices.IndexFunc(selectors, func(s selector) bool { return w.looksAt(s) == f })
	}
	address, port := at(destinationAddress), at(destinationPort)
	if w.last.IsValid() { // any in the range would have to be found
		address, port = -1, -1
	}
	return w.judge.index(s, address, port).candidates(w.Destination, w.Port)
}

func (j *Judge) index(s *Set, address, port int) *index {
	key := indexKey{s, address, port}
	if j.indexes == nil {
		j.indexes = make(map[indexKey]*index)
	}
	x := j.indexes[key]
	if x == nil {
		x = s.index(key.address, key.port)
		j.indexes[key] = x
	}
	return x
}

func (s *Set) index(address, port int) *index {
	x := &index{address: address, port: port, exact: make(map[netip.AddrPort][]int)}
	for i := range s.elements {
		box := s.elements[i].box
		to, exact := netip.AddrPort{}, box != nil && (address >= 0 || port >= 0)
		if exact && address >= 0 {
			v := fieldOf(box, address)
			exact = v.kind == addresses && v.first == v.last
			to = netip.AddrPortFrom(v.first, 0)
		}
		if exact && port >= 0 {
			v := fieldOf(box, port)
			exact = v.kind == numbers && v.low == v.high && v.low <= 0xffff
			to = netip.AddrPortFrom(to.Addr(), uint16(v.low))
		}
		if exact {
			x.exact[to] = append(x.exact[to], i)
		} else {
			x.wide = append(x.wide, i)
		}
	}
	return x
}

// fieldOf returns a field of a box, an opaque one if the box has fewer.
func fieldOf(box []interval, i int) interval {
	if i < len(box) {
		return box[i]
	}
	return interval{}
}

// candidates returns the elements to look at, in their order.
func (x *index) candidates(address netip.Addr, port uint16) []int {
	if x.address < 0 {
		address = netip.Addr{}
	}
	if x.port < 0 {
		port = 0
	}
	exact := x.exact[netip.AddrPortFrom(address, port)]
	switch {
	case len(x.wide) == 0:
		return exact
	case len(exact) == 0:
		return x.wide
	}
	all := slices.Concat(exact, x.wide)
	slices.Sort(all)
	return all
}
