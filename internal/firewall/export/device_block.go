package export

import (
	"net/netip"
	"slices"
	"sort"

	"sallyport/internal/firewall"
	"sallyport/policy"
)

// blocks are the addresses that blocks deny at each destination, for devices that cannot deny: there they are taken out of what is
// allowed.
type blocks map[firewall.GuardKey]firewall.Region

func blocksOf(m *firewall.Matrix) blocks {
	patches := make(map[firewall.GuardKey][]firewall.Patch)
	for i := range m.Flows {
		if f := &m.Flows[i]; f.Action == firewall.Deny {
			patches[f.GuardKey()] = append(patches[f.GuardKey()], firewall.PatchesOf([]netip.Prefix{f.Source.Prefix}, nil, 0)...)
		}
	}
	b := make(blocks, len(patches))
	for at, list := range patches {
		b[at] = firewall.RegionOf(list)
	}
	return b
}

// within returns what of a source is blocked at all destinations of a statement.
func (b blocks) within(source netip.Prefix, e *statement) firewall.Region {
	all := firewall.RegionOf(firewall.PatchesOf([]netip.Prefix{source}, nil, 0))
	for _, to := range e.destinations {
		region := b[firewall.GuardKey{Direction: e.flow.Direction, Destination: to, Port: e.port()}]
		all = all.Common(touching(region, source))
		if len(all) == 0 {
			return nil
		}
	}
	return all
}

// open returns the sources of a statement without what is blocked.
func (b blocks) open(e *statement) []netip.Prefix {
	var all []netip.Prefix
	for _, source := range e.sources {
		region := firewall.RegionOf(firewall.PatchesOf([]netip.Prefix{source}, nil, 0))
		all = append(all, prefixesOf(region.Minus(b.within(source, e)))...)
	}
	return all
}

// touching returns the part of a region that has addresses of a prefix, so that a long list of blocks costs each source little.
func touching(r firewall.Region, p netip.Prefix) firewall.Region {
	first, last := p.Masked().Addr(), policy.LastOf(p)
	from := sort.Search(len(r), func(i int) bool { return !r[i].Last.Less(first) })
	to := sort.Search(len(r), func(i int) bool { return last.Less(r[i].First) })
	return r[from:max(from, to)]
}

// permits returns the statements that let something pass.
func permits(statements []statement) []statement {
	return slices.DeleteFunc(slices.Clone(statements), func(e statement) bool { return e.flow.Action == firewall.Deny })
}
