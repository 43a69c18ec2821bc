package firewall

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"sallyport/policy"
)

// GuardKey tells guards apart.
type GuardKey struct {
	Direction   Direction
	Destination netip.Prefix
	Port        uint16
}

// Key returns what no other guard of the matrix has.
func (g *Guard) Key() GuardKey { return GuardKey{g.Direction, g.Destination, g.Port} }

// GuardKey returns the key of the guard that a flow is opened or closed at.
func (f *Flow) GuardKey() GuardKey {
	return GuardKey{f.Direction, f.Destination.Prefix, f.Destination.Ports.First}
}

func (k GuardKey) compare(o GuardKey) int {
	return cmp.Or(strings.Compare(string(k.Direction), string(o.Direction)), k.Destination.Compare(o.Destination), cmp.Compare(k.Port, o.Port))
}

// guard notes a destination to which nothing may pass but its flows, of which there may be none.
func (b *builder) guard(direction Direction, to End) {
	b.guards = append(b.guards, Guard{Name: to.Name, Direction: direction, Destination: to.Prefix, Port: to.Ports.First})
}

// serve notes a destination of a service, which no other service can have.
func (b *builder) serve(s *Service, to End) {
	direction := b.At.direction(AtServer)
	at := GuardKey{direction, to.Prefix, to.Ports.First}
	if other, taken := b.served[at]; taken && other != s.Name() {
		b.fail("%s and %s are both found at %s port %s", other, s.Name(), policy.PrefixText(to.Prefix), to.Ports)
	}
	b.served[at] = s.Name()
	b.guard(direction, to)
}

// guarded returns the guards with the sources that flows open to them.
func guarded(guards []Guard, flows []Flow) []Guard {
	slices.SortStableFunc(guards, func(a, b Guard) int { return a.Key().compare(b.Key()) })
	guards = slices.CompactFunc(guards, func(a, b Guard) bool { return a.Key() == b.Key() })
	open, closed := make(map[GuardKey][]Patch), make(map[GuardKey][]Patch)
	for i := range flows {
		f := &flows[i]
		list := open
		if f.Action == Deny {
			list = closed
		}
		patches := PatchesOf([]netip.Prefix{f.Source.Prefix}, []policy.PortRange{f.Source.Ports}, int32(i))
		list[f.GuardKey()] = append(list[f.GuardKey()], patches...)
	}
	for i := range guards {
		g := &guards[i]
		at := g.Key()
		g.Open = RegionOf(open[at])
		g.Closed = RegionOf(closed[at]).Common(g.Open)
	}
	return guards
}

// apart reports destinations of which one is part of another: what the one denies, the other would let pass. The guards
// are in their order, in which a prefix comes before all that it contains.
func (b *builder) apart(guards []Guard) {
	type door struct {
		direction Direction
		port      uint16
	}
	widest := make(map[door]*Guard) // of those that may contain the next one
	for i := range guards {
		g := &guards[i]
		at := door{g.Direction, g.Port}
		w := widest[at]
		if w == nil || !w.Destination.Overlaps(g.Destination) {
			widest[at] = g
			continue
		}
		b.fail("%s at %s and %s at %s overlap at port %d: what is denied to the one, the other would open",
			w.Name, policy.PrefixText(w.Destination), g.Name, policy.PrefixText(g.Destination), g.Port)
	}
}
