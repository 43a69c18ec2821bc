package firewall

import (
	"net/netip"
	"slices"
)

// Minus returns what is in r and not in other, with the labels of r.
func (r Region) Minus(other Region) Region {
	return r.combine(other, false)
}

// Common returns what is in both, with the labels of r.
func (r Region) Common(other Region) Region {
	return r.combine(other, true)
}

// Plus unites two regions. Where they overlap, the labels of both are kept.
func (r Region) Plus(other Region) Region {
	switch {
	case len(r) == 0:
		return other
	case len(other) == 0:
		return r
	default:
		return RegionOf(slices.Concat(r.Patches(), other.Patches()))
	}
}

// combine walks through both in the order of addresses and keeps of r what is within other, or what is not.
func (r Region) combine(other Region, within bool) Region {
	var result Region
	for _, s := range r {
		ahead, _ := slices.BinarySearchFunc(other, s.First, func(o Slab, first netip.Addr) int { return o.Last.Compare(first) })
		other = other[ahead:]
		at := s.First
		for k := 0; at.IsValid() && !s.Last.Less(at); k++ {
			if k == len(other) || s.Last.Less(other[k].First) {
				result = result.with(Slab{at, s.Last, cut(s.Spans, nil, within)})
				break
			}
			o := other[k]
			if at.Less(o.First) {
				result = result.with(Slab{at, o.First.Prev(), cut(s.Spans, nil, within)})
				at = o.First
			}
			last := earlier(s.Last, o.Last)
			result = result.with(Slab{at, last, cut(s.Spans, o.Spans, within)})
			at = last.Next() // invalid after the last of a family
		}
	}
	return result
}

func earlier(a, b netip.Addr) netip.Addr {
	if a.Less(b) {
		return a
	}
	return b
}

// cut returns the parts of spans that are in others, or those that are not.
func cut(spans, others []Span, within bool) []Span {
	if len(others) == 0 && !within {
		return spans
	}
	var parts []Span
	for _, s := range spans {
		at := int(s.First)
		add := func(first, last int, inside bool) {
			if first <= last && inside == within {
				part := s
				part.First, part.Last = uint16(first), uint16(last)
				parts = withSpan(parts, part)
			}
		}
		for _, o := range others {
			if int(o.Last) < at || o.First > s.Last {
				continue
			}
			add(at, int(o.First)-1, false)
			at = max(at, int(o.First))
			add(at, min(int(o.Last), int(s.Last)), true)
			at = int(o.Last) + 1
		}
		add(at, int(s.Last), false)
	}
	return parts
}
