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

// IsAnyPort reports whether source ports leave none out that a connection can have: nothing comes from port 0.
func IsAnyPort(r policy.PortRange) bool { return r.First <= 1 && r.Last == AnyPort().Last }

// PatchesOf returns the patches of prefixes with source ports, of which none means any.
func PatchesOf(prefixes []netip.Prefix, ports []policy.PortRange, label int32) []Patch {
	if len(ports) == 0 {
		ports = []policy.PortRange{AnyPort()}
	}
	var all []Patch
	for _, p := range prefixes {
		for _, r := range ports {
			all = append(all, Patch{p.Masked().Addr(), policy.LastOf(p), r, label})
		}
	}
	return all
}

// Region is a set of sources, that is of addresses with their source ports: disjoint slabs in the order of addresses, as few as possible. Two
// regions with the same sources and labels are equal. The zero value is empty; it is immutable.
type Region []Slab

// Slab is addresses of one family that have the same source ports.
type Slab struct {
	First, Last netip.Addr
	Spans       []Span // at least one, disjoint, ascending
}

// Ports returns the source ports of all spans, merged.
func (s Slab) Ports() []policy.PortRange {
	ranges := make([]policy.PortRange, len(s.Spans))
	for i := range s.Spans {
		ranges[i] = s.Spans[i].PortRange
	}
	return policy.MergePorts(ranges)
}

// Span is source ports with the labels of all that holds them, ascending, each once.
type Span struct {
	policy.PortRange
	Labels []int32
}

// RegionOf unites patches. Where they overlap, the labels of all are kept.
func RegionOf(patches []Patch) Region {
	bundles := bundled(patches)
	bounds := boundsOf(bundles)
	var active []bundle // in no order
	var region Region
	for i, at := range bounds {
		active = slices.DeleteFunc(active, func(b bundle) bool { return b.last.Less(at) })
		for len(bundles) > 0 && bundles[0].first == at {
			active = append(active, bundles[0])
			bundles = bundles[1:]
		}
		if len(active) == 0 {
			continue
		}
		last := policy.LastOf(netip.PrefixFrom(at, 0)) // of the family
		if i+1 < len(bounds) && bounds[i+1].BitLen() == at.BitLen() {
			last = bounds[i+1].Prev()
		}
		region = region.with(Slab{at, last, spansOf(active)})
	}
	return region
}

// bundle is patches of the same addresses and ports: clients that are told apart by their identities share them by the thousand.
type bundle struct {
	first, last netip.Addr
	ports       policy.PortRange
	labels      []int32 // ascending, each once
}

// bundled returns patches in the order of their first addresses.
func bundled(patches []Patch) []bundle {
	sorted := slices.SortedFunc(slices.Values(patches), func(a, b Patch) int {
		return cmp.Or(a.First.Compare(b.First), a.Last.Compare(b.Last), compareRanges(a.Ports, b.Ports), cmp.Compare(a.Label, b.Label))
	})
	sorted = slices.Compact(sorted)
	labels := make([]int32, len(sorted))
	var all []bundle
	begin := 0
	for i, p := range sorted {
		labels[i] = p.Label
		if n := len(all); n > 0 && all[n-1].first == p.First && all[n-1].last == p.Last && all[n-1].ports == p.Ports {
			all[n-1].labels = labels[begin : i+1 : i+1]
			continue
		}
		begin = i
		all = append(all, bundle{p.First, p.Last, p.Ports, labels[i : i+1 : i+1]})
	}
	return all
}

func compareRanges(a, b policy.PortRange) int {
	return cmp.Or(cmp.Compare(a.First, b.First), cmp.Compare(a.Last, b.Last))
}

// boundsOf returns the addresses at which bundles begin, or before which some end.
func boundsOf(bundles []bundle) []netip.Addr {
	bounds := make([]netip.Addr, 0, 2*len(bundles))
	for _, b := range bundles {
		bounds = append(bounds, b.first)
		if next := b.last.Next(); next.IsValid() { // not the last of its family
			bounds = append(bounds, next)
		}
	}
	slices.SortFunc(bounds, netip.Addr.Compare)
	return slices.Compact(bounds)
}

// spansOf returns the source ports of bundles at one address.
func spansOf(active []bundle) []Span {
	if len(active) == 1 {
		return []Span{{active[0].ports, active[0].labels}}
	}
	bounds := make([]int, 0, 2*len(active))
	for _, b := range active {
		bounds = append(bounds, int(b.ports.First), int(b.ports.Last)+1)
	}
	slices.Sort(bounds)
	bounds = slices.Compact(bounds)
	holders := make([][][]int32, len(bounds)) // labels of the bundles that have the ports from each bound on
	for _, b := range active {
		first, _ := slices.BinarySearch(bounds, int(b.ports.First))
		for i := first; bounds[i] <= int(b.ports.Last); i++ {
			holders[i] = append(holders[i], b.labels)
		}
	}
	var spans []Span
	for i, lists := range holders {
		if len(lists) > 0 {
			ports := policy.PortRange{First: uint16(bounds[i]), Last: uint16(bounds[i+1] - 1)}
			spans = withSpan(spans, Span{ports, united(lists)})
		}
	}
	return spans
}

// united returns the labels of lists, ascending, each once.
func united(lists [][]int32) []int32 {
	if len(lists) == 1 {
		return lists[0]
	}
	all := slices.Concat(lists...)
	slices.Sort(all)
	return slices.Compact(all)
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

// Equal reports whether two regions have the same sources with the same labels.
func (r Region) Equal(o Region) bool {
	return slices.EqualFunc(r, o, func(a, b Slab) bool {
		return a.First == b.First && a.Last == b.Last && slices.EqualFunc(a.Spans, b.Spans, equalSpans)
	})
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
