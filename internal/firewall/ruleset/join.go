package ruleset

import (
	"fmt"
	"math/big"
	"slices"

	"sallyport/internal/firewall"
)

// group is sources with the same flows and sites.
type group struct {
	flows, sites []int32
	area         firewall.Region
}

// joined groups the sources of two regions by the labels of both, in the order of their first sources. Of sites the sources count; flows may be nil.
func joined(flows, sites firewall.Region) []group {
	const offset = -2 // labels of sites become negative ones, so that both kinds stay apart
	var patches []firewall.Patch
	for _, p := range sites.Patches() {
		p.Label = offset - p.Label
		patches = append(patches, p)
	}
	both := firewall.RegionOf(append(patches, flows.Patches()...))
	byKey := make(map[string]int)
	var groups []group
	var areas [][]firewall.Patch
	for _, slab := range both {
		for _, span := range slab.Spans {
			key := fmt.Sprint(span.Labels)
			at, known := byKey[key]
			if !known {
				at = len(groups)
				byKey[key] = at
				groups = append(groups, group{})
				areas = append(areas, nil)
				for _, l := range span.Labels {
					if l < 0 {
						groups[at].sites = append(groups[at].sites, offset-l)
					} else {
						groups[at].flows = append(groups[at].flows, l)
					}
				}
			}
			areas[at] = append(areas[at], firewall.Patch{First: slab.First, Last: slab.Last, Ports: span.PortRange})
		}
	}
	for i := range groups {
		slices.Reverse(groups[i].sites)
		groups[i].area = firewall.RegionOf(areas[i])
	}
	return groups
}

// size returns how many pairs of address and port a region has.
func size(r firewall.Region) *big.Int {
	total := new(big.Int)
	for _, slab := range r {
		ports := int64(0)
		for _, span := range slab.Spans {
			ports += int64(span.Last) - int64(span.First) + 1
		}
		first, last := new(big.Int).SetBytes(slab.First.AsSlice()), new(big.Int).SetBytes(slab.Last.AsSlice())
		n := last.Sub(last, first)
		n.Add(n, big.NewInt(1))
		total.Add(total, n.Mul(n, big.NewInt(ports)))
	}
	return total
}

// Size returns how many pairs of address and port the sources of a finding have.
func (f *Finding) Size() *big.Int { return size(f.Sources) }
