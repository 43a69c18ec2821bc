package ruleset

import (
	"net/netip"
	"slices"
)

// Range is addresses of one family, both ends included.
type Range struct{ First, Last netip.Addr }

// Contains reports whether an address is in the range.
func (r Range) Contains(a netip.Addr) bool {
	return a.BitLen() == r.First.BitLen() && !a.Less(r.First) && !r.Last.Less(a)
}

// Anywhere reports whether ranges are all addresses of a family that a packet on a network can be sent to.
func Anywhere(ranges []Range) bool {
	return slices.EqualFunc(ranges, unicast(ranges[0].First.Is6()), func(r Range, u [2]netip.Addr) bool { return r == Range{u[0], u[1]} })
}

// Destinations cuts the addresses of a family into ranges within which no rule tells destinations apart, so that an answer for
// one of a range is one for all. Addresses that no packet on a network can be sent to by themselves (loopback, multicast) are left out.
func (r *Ruleset) Destinations(v6 bool) []Range {
	var starts []netip.Addr // of ranges
	add := func(first, last netip.Addr) {
		if first.Is6() != v6 {
			return
		}
		starts = append(starts, first)
		if next := last.Next(); next.IsValid() {
			starts = append(starts, next)
		}
	}
	for _, t := range r.Tables {
		if !t.sees(v6) {
			continue
		}
		for _, c := range t.Chains {
			for _, rule := range c.Rules {
				rule.destinations(add)
			}
		}
	}
	slices.SortFunc(starts, netip.Addr.Compare)
	starts = slices.Compact(starts)
	var all []Range
	for _, u := range unicast(v6) {
		first := u[0]
		from, found := slices.BinarySearchFunc(starts, first, netip.Addr.Compare)
		if found {
			from++
		}
		for _, start := range starts[from:] {
			if u[1].Less(start) {
				break
			}
			all = append(all, Range{first, start.Prev()})
			first = start
		}
		all = append(all, Range{first, u[1]})
	}
	return all
}

// destinations adds the ranges of destinations that a rule looks for.
func (r *Rule) destinations(add func(first, last netip.Addr)) {
	of := func(selectors []selector, set *Set) {
		at := slices.IndexFunc(selectors, func(s selector) bool { return s.field == destinationAddress })
		if at < 0 || set == nil {
			return
		}
		for i := range set.elements {
			if v := fieldOf(set.elements[i].box, at); v.kind == addresses {
				add(v.first, v.last)
			}
		}
	}
	for i := range r.conditions {
		of(r.conditions[i].selectors, r.conditions[i].set)
	}
	if r.lookup != nil {
		of(r.lookup.selectors, r.lookup.set)
	}
}
