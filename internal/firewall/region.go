package firewall

import (
	"cmp"
	"net/netip"
	"slices"

	"sallyport/policy"
)

// Patch is addresses with their source ports, and what is known of them.
type Patch struct {
	First, Last netip.Addr // of one family, both included
	Ports       policy.PortRange
	Label       int32
}

// AnyPort is every source port.
func AnyPort() policy.PortRange { return policy.PortRange{First: 0, Last: 0xffff} }

// PatchesOf returns the patches of prefixes with source ports, of which none means any.
func PatchesOf(prefixes []netip.Prefix, ports []policy.PortRange, label int32) []Patch {
	if len(ports) == 0 {
		ports = []policy.PortRange{AnyPort()}
	}
	var all []Patch
	for _, p := range prefixes {
		for _, r := range ports {
			all = append(all, Patch{p.Masked().Addr(), LastOf(p), r, label})
		}
	}
	return all
}

// LastOf returns the last address of a prefix.
func LastOf(p netip.Prefix) netip.Addr {
	bytes := p.Addr().AsSlice()
	for i := range bytes {
		bytes[i] |= ^mask(p.Bits() - 8*i)
	}
	last, _ := netip.AddrFromSlice(bytes)
	return last
}

// mask returns a byte whose first bits are set.
func mask(bits int) byte { return ^byte(0xff >> min(max(bits, 0), 8)) }

// Region is a set of sources, that is of addresses with their source ports: disjoint slabs in the order of addresses, as few as possible. Two
// regions with the same sources and labels are equal. The zero value is empty; it is immutable.
type Region []Slab

// Slab is addresses of one family that have the same source ports.
type Slab struct {
	First, Last netip.Addr
	Spans       []Span // at least one, disjoint, ascending
}

// Span is source ports with the labels of all that holds them, ascending, each once.
type Span struct {
	policy.PortRange
	Labels []int32
}

// RegionOf unites patches. Where they overlap, the labels of all are kept.
func RegionOf(patches []Patch) Region {
	edges := edgesOf(patches)
	var active []int // patches, in no order
	var region Region
	for i, at := range edges {
		active = slices.DeleteFunc(active, func(p int) bool { return patches[p].Last.Less(at.addr) })
		active = append(active, at.begin...)
		if len(active) == 0 {
			continue
		}
		last := LastOf(netip.PrefixFrom(at.addr, 0)) // of the family
		if i+1 < len(edges) && edges[i+1].addr.BitLen() == at.addr.BitLen() {
			last = edges[i+1].addr.Prev()
		}
		region = region.with(Slab{at.addr, last, spansOf(patches, active)})
	}
	return region
}

// edge is an address at which patches begin, or before which some end.
type edge struct {
	addr  netip.Addr
	begin []int
}

func edgesOf(patches []Patch) []edge {
	type event struct {
		addr  netip.Addr
		begin int // -1 for the end of one
	}
	events := make([]event, 0, 2*len(patches))
	for i, p := range patches {
		events = append(events, event{p.First, i})
		if next := p.Last.Next(); next.IsValid() {
			events = append(events, event{next, -1})
		}
	}
	slices.SortFunc(events, func(a, b event) int { return cmp.Or(a.addr.Compare(b.addr), cmp.Compare(a.begin, b.begin)) })
	var edges []edge
	for _, e := range events {
		if n := len(edges); n == 0 || edges[n-1].addr != e.addr {
			edges = append(edges, edge{addr: e.addr})
		}
		if e.begin >= 0 {
			at := &edges[len(edges)-1]
			at.begin = append(at.begin, e.begin)
		}
	}
	return edges
}

// spansOf returns the source ports of patches at one address.
func spansOf(patches []Patch, active []int) []Span {
	bounds := make([]int, 0, 2*len(active))
	for _, p := range active {
		bounds = append(bounds, int(patches[p].Ports.First), int(patches[p].Ports.Last)+1)
	}
	slices.Sort(bounds)
	bounds = slices.Compact(bounds)
	labels := make([][]int32, len(bounds))
	for _, p := range active {
		first, _ := slices.BinarySearch(bounds, int(patches[p].Ports.First))
		for i := first; bounds[i] <= int(patches[p].Ports.Last); i++ {
			labels[i] = append(labels[i], patches[p].Label)
		}
	}
	var spans []Span
	for i, list := range labels {
		if len(list) == 0 {
			continue
		}
		slices.Sort(list)
		spans = withSpan(spans, Span{policy.PortRange{First: uint16(bounds[i]), Last: uint16(bounds[i+1] - 1)}, slices.Compact(list)})
	}
	return spans
}

// withSpan appends a span, which continues the last one if it touches it and has the same labels.
func withSpan(spans []Span, s Span) []Span {
	if n := len(spans); n > 0 && int(spans[n-1].Last)+1 == int(s.First) && slices.Equal(spans[n-1].Labels, s.Labels) {
		spans[n-1].Last = s.Last
		return spans
	}
	return append(spans, s)
}

// with appends a slab, which continues the last one if it touches it and has the same spans.
func (r Region) with(s Slab) Region {
	if len(s.Spans) == 0 {
		return r
	}
	if n := len(r); n > 0 && r[n-1].Last.Next() == s.First && slices.EqualFunc(r[n-1].Spans, s.Spans, equalSpans) {
		r[n-1].Last = s.Last
		return r
	}
	return append(r, s)
}

func equalSpans(a, b Span) bool {
	return a.PortRange == b.PortRange && slices.Equal(a.Labels, b.Labels)
}

// Patches returns the disjoint patches of a region, one for each label of each span.
func (r Region) Patches() []Patch {
	var all []Patch
	for _, s := range r {
		for _, span := range s.Spans {
			for _, label := range span.Labels {
				all = append(all, Patch{s.First, s.Last, span.PortRange, label})
			}
		}
	}
	return all
}

// Find returns the labels of a source, nil if the region does not hold it.
func (r Region) Find(source netip.AddrPort) []int32 {
	i, found := slices.BinarySearchFunc(r, source.Addr(), func(s Slab, a netip.Addr) int {
		switch {
		case s.Last.Less(a):
			return -1
		case a.Less(s.First):
			return 1
		default:
			return 0
		}
	})
	if !found {
		return nil
	}
	for _, span := range r[i].Spans {
		if span.Contains(source.Port()) {
			return span.Labels
		}
	}
	return nil
}
