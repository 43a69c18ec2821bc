package firewall

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"sallyport/policy"
)

// site is what tells guards apart.
type site struct {
	direction Direction
	prefix    netip.Prefix
	port      uint16
}

func (f *Flow) site() site { return site{f.Direction, f.Destination.Prefix, f.Destination.Ports.First} }

// guard notes a destination to which nothing may pass but its flows, of which there may be none.
func (b *builder) guard(direction Direction, to End) {
	b.guards = append(b.guards, Guard{Name: to.Name, Direction: direction, Destination: to.Prefix, Port: to.Ports.First})
}

// guarded returns the guards with the sources that flows open to them.
func guarded(guards []Guard, flows []Flow) []Guard {
	slices.SortStableFunc(guards, func(a, b Guard) int { return a.compare(&b) })
	guards = slices.CompactFunc(guards, func(a, b Guard) bool { return a.compare(&b) == 0 })
	open, closed := make(map[site][]Patch), make(map[site][]Patch)
	for i := range flows {
		f := &flows[i]
		list := open
		if f.Action == Deny {
			list = closed
		}
		patches := PatchesOf([]netip.Prefix{f.Source.Prefix}, []policy.PortRange{f.Source.Ports}, int32(i))
		list[f.site()] = append(list[f.site()], patches...)
	}
	for i := range guards {
		g := &guards[i]
		at := site{g.Direction, g.Destination, g.Port}
		g.Open = RegionOf(open[at])
		g.Closed = RegionOf(closed[at]).Common(g.Open)
	}
	return guards
}

func (g *Guard) compare(o *Guard) int {
	return cmp.Or(
		strings.Compare(string(g.Direction), string(o.Direction)),
		g.Destination.Compare(o.Destination),
		cmp.Compare(g.Port, o.Port))
}

// distinct reports destinations of which one is part of another: what the one denies, the other would let pass.
func (b *builder) distinct(guards []Guard) {
	for i := range guards {
		for j := range guards[:i] {
			x, y := &guards[j], &guards[i]
			if x.Direction == y.Direction && x.Port == y.Port && x.Destination.Overlaps(y.Destination) {
				b.fail("%s at %s and %s at %s are one destination in part", x.Name, x.Destination, y.Name, y.Destination)
			}
		}
	}
}

// identify gives flows ids that stay what they are when other flows come and go.
func identify(flows []Flow) {
	const short, long = 8, 32 // digits; 100,000 flows have a pair or two with the same 8
	taken := make(map[string]int, len(flows))
	for i := range flows {
		taken[flows[i].id(short)]++
	}
	for i := range flows {
		f := &flows[i]
		if f.ID = f.id(short); taken[f.ID] > 1 {
			f.ID = f.id(long)
		}
	}
}

// id returns the rule with digits that stand for the tuple.
func (f *Flow) id(digits int) string {
	tuple := fmt.Sprintln(f.Action, f.Direction, f.Source.Prefix, f.Source.Ports, f.Destination.Prefix, f.Destination.Ports)
	sum := sha256.Sum256([]byte(tuple))
	return f.Rule + "." + hex.EncodeToString(sum[:])[:digits]
}
