package policy

import (
	"cmp"
	"net/netip"
	"slices"
)

// roster is everything that a source can be compared with, numbered: the clients in the
// order of their names, then the addresses that lists name.
type roster struct {
	src        *Source
	resolved   *resolved
	leaves     []leaf
	clients    []int    // in the source, in the order of their names
	names      []string // in the same order
	ofClient   []int32  // the leaf of each client in the source
	ofAddress  map[element]int32
	identities map[Identity]uint32
}

func newRoster(src *Source, names *resolved) *roster {
	r := &roster{
		src:        src,
		resolved:   names,
		leaves:     make([]leaf, len(src.Clients)),
		ofClient:   make([]int32, len(src.Clients)),
		ofAddress:  make(map[element]int32),
		identities: make(map[Identity]uint32),
	}
	r.clients = r.byName()
	r.names = make([]string, len(r.clients))
	for who, i := range r.clients {
		r.names[who] = src.Clients[i].Name
		r.ofClient[i] = int32(who)
		r.leaves[who] = r.client(&src.Clients[i], int32(who))
	}
	for _, lists := range [][][]element{names.from, names.members, {names.exempt}} {
		for _, list := range lists {
			for _, e := range list {
				r.addAddress(e)
			}
		}
	}
	return r
}

// byName returns the indices of the clients in the order of their names.
func (r *roster) byName() []int {
	order := make([]int, len(r.src.Clients))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(r.src.Clients[a].Name, r.src.Clients[b].Name) })
	return order
}

func (r *roster) client(c *Client, who int32) leaf {
	l := leaf{everywhere: len(c.Addresses) == 0, prefixes: c.Addresses, ports: MergePorts(c.Ports), who: who}
	for _, identity := range c.Identities {
		number, known := r.identities[identity]
		if !known {
			number = uint32(len(r.identities))
			r.identities[identity] = number
		}
		l.identities = append(l.identities, number)
	}
	slices.Sort(l.identities)
	l.identities = slices.Compact(l.identities)
	return l
}

// clientOf returns the client of a leaf that is one.
func (r *roster) clientOf(leaf int32) *Client { return &r.src.Clients[r.clients[leaf]] }

var loopback = [...]netip.Prefix{
	netip.PrefixFrom(netip.AddrFrom4([4]byte{127}), 8),
	netip.PrefixFrom(netip.IPv6Loopback(), 128),
}

// addAddress makes the leaf of an element that is no name.
func (r *roster) addAddress(e element) {
	if e.kind <= groupElement {
		return
	}
	if _, known := r.ofAddress[e]; known {
		return
	}
	l := leaf{who: nobody}
	switch e.kind {
	case anyElement:
		l.everywhere = true
	case loopbackElement:
		l.local, l.prefixes = true, loopback[:]
	default:
		l.prefixes = []netip.Prefix{e.prefix}
	}
	r.ofAddress[e] = int32(len(r.leaves))
	r.leaves = append(r.leaves, l)
}

// walk visits the leaves of elements, members of groups included.
type walk struct {
	*roster
	seen []int // for each group the element of which it was met last
	n    int
}

func newWalk(r *roster) walk { return walk{roster: r, seen: make([]int, len(r.src.Groups))} }

// expand visits the leaves of an element. One that is in several groups may be visited
// more than once.
func (w *walk) expand(e element, visit func(leaf int32)) {
	w.n++
	w.visit(e, visit)
}

func (w *walk) visit(e element, visit func(leaf int32)) {
	switch e.kind {
	case noElement:
	case clientElement:
		visit(w.ofClient[e.index])
	case groupElement:
		if w.seen[e.index] == w.n {
			return
		}
		w.seen[e.index] = w.n
		for _, m := range w.resolved.members[e.index] {
			w.visit(m, visit)
		}
	default:
		visit(w.ofAddress[e])
	}
}

// compareElements puts clients before groups before addresses: the order in which a
// session that matches several of them is counted.
func (r *roster) compareElements(a, b element) int {
	if a.kind == prefixElement && b.kind == prefixElement {
		return a.prefix.Compare(b.prefix)
	}
	return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(r.nameOf(a), r.nameOf(b)))
}

// nameOf returns the name of a client or group.
func (r *roster) nameOf(e element) string {
	switch e.kind {
	case clientElement:
		return r.src.Clients[e.index].Name
	case groupElement:
		return r.src.Groups[e.index].Name
	default:
		return ""
	}
}
