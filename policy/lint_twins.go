package policy

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
)

// Twins are two named clients that one session can be at once, toward a port that rules open to
// both: their addresses and source ports overlap, and no demanded identity tells them apart.
//
// They are found in one pass over all addresses of all clients, in an order in which a prefix
// comes before everything that it contains. A client is compared with those at the same
// prefix and at the wider ones around it, and of these only with the ones that an index by
// identity and source port turns up.

// The linter looks for twins as long as it has looked at no more than this many pairs of clients.
const twinBudget = 50_000_000

func (l *linter) lintTwins() {
	s := twinSearch{linter: l, roads: newRoads(l), twin: make(map[int32]int32), budget: twinBudget}
	s.search()
	for later := range l.src.Clients {
		id := l.ofClient[later]
		if earlier, found := s.twin[id]; found {
			s.tell(earlier, id)
		}
	}
}

// twinSearch is one search for twins.
type twinSearch struct {
	*linter
	roads  *roads
	twin   map[int32]int32 // leaf of a client to that of an earlier one, the first that was found
	budget int
}

// place is an address of a client.
type place struct {
	prefix netip.Prefix
	id     int32
}

func (s *twinSearch) search() {
	var places []place
	unbound := crowd{linter: s.linter} // known by their identity alone, wherever they are
	for i := range s.src.Clients {
		id := s.ofClient[i]
		switch l := &s.leaves[id]; {
		case !s.roads.leadFrom(id):
		case !l.everywhere:
			for _, p := range l.prefixes {
				places = append(places, place{p, id})
			}
		case len(l.ports) > 0:
			for _, p := range everyAddress {
				places = append(places, place{p, id})
			}
		case len(l.identities) > 0:
			unbound.members = append(unbound.members, id)
		}
	}
	for _, id := range unbound.members {
		s.compare(id, &unbound)
	}
	slices.SortFunc(places, func(a, b place) int {
		return cmp.Or(a.prefix.Compare(b.prefix), cmp.Compare(s.clients[a.id], s.clients[b.id]))
	})
	s.sweep(slices.Compact(places))
}

// sweep compares the clients at each prefix with those around it.
func (s *twinSearch) sweep(places []place) {
	type level struct {
		prefix netip.Prefix
		*crowd
	}
	var around []level
	for first := 0; first < len(places); {
		p := places[first].prefix
		for len(around) > 0 && !around[len(around)-1].prefix.Contains(p.Addr()) {
			around = around[:len(around)-1]
		}
		here := &crowd{linter: s.linter}
		for ; first < len(places) && places[first].prefix == p; first++ {
			here.members = append(here.members, places[first].id)
		}
		around = append(around, level{p, here})
		for _, id := range here.members {
			for _, l := range around {
				if l.crowd != here || len(here.members) > 1 {
					s.compare(id, l.crowd)
				}
			}
		}
	}
}

// compare looks for the twins of a client in a crowd.
func (s *twinSearch) compare(id int32, c *crowd) {
	for _, b := range c.alike(id) {
		for _, r := range s.pinnedTo(id) {
			s.inBench(id, b, r)
		}
	}
}

func (s *twinSearch) inBench(id int32, b *bench, r PortRange) {
	for i := b.from(r.First); i < len(b.seats) && b.seats[i].ports.First <= r.Last; i++ {
		if s.budget--; s.budget < 0 {
			return
		}
		if seat := &b.seats[i]; seat.id != id && seat.ports.overlaps(r) {
			s.note(id, seat.id)
		}
	}
}

// note keeps a pair of clients under the one that is written later, which has one twin at most.
func (s *twinSearch) note(a, b int32) {
	if s.clients[a] > s.clients[b] {
		a, b = b, a
	}
	if _, found := s.twin[b]; !found && s.roads.meet(a, b) >= 0 {
		s.twin[b] = a
	}
}

// pinnedTo returns the source ports of a client.
func (l *linter) pinnedTo(id int32) []PortRange {
	if ports := l.leaves[id].ports; len(ports) > 0 {
		return ports
	}
	return []PortRange{{0, 0xffff}}
}

func (s *twinSearch) tell(earlier, later int32) {
	a, b := s.clientOf(earlier), s.clientOf(later)
	field, what := "addresses", "an address"
	switch {
	case len(b.Ports) > 0:
		field = "ports"
	case len(b.Addresses) == 0:
		field, what = "identities", "an identity"
	}
	if len(a.Ports)+len(b.Ports) > 0 {
		what = "an address and a source port"
	}
	s.warn(at(ClientSection, s.clients[later], field),
		fmt.Sprintf("client %q has %s in common with client %q, and rules let both connect to %q",
			b.Name, what, a.Name, s.src.Ports[s.roads.meet(earlier, later)].Name()),
		"such a session counts for one of them only; give them source ports or identities that differ")
}
