package policy

import (
	"fmt"
	"math"
)

// lint warns of what works and is probably not meant.
func (b *builder) lint(f *faults) {
	l := linter{
		builder: b,
		faults:  f,
		known:   make(map[element]traits),
		extents: newExtents(b.roster, coverBudget),
		sources: newExtents(b.roster, coverBudget),
	}
	l.sources.anonymous = true
	l.rulesOf = make([][]int32, len(b.principals))
	for i := range b.set.rules {
		for _, e := range b.resolved.from[b.set.rules[i].index] {
			p := b.numbers[e]
			l.rulesOf[p] = append(l.rulesOf[p], int32(i))
		}
	}
	l.lintVain()
	for i := range b.set.rules {
		if r := &b.set.rules[i]; r.Mode != Off {
			l.lintTo(r)
			l.lintCapacity(r)
		}
	}
	l.lintExempt()
	l.lintTwins()
	l.lintRedundant()
}

// The steps that comparing what entries stand for may take, so that no policy takes it minutes.
const coverBudget = 20_000_000

type linter struct {
	*builder
	*faults
	known   map[element]traits
	extents *extents
	sources *extents  // without identities
	rulesOf [][]int32 // of each principal, in rank
}

// traits are what a rule has to know of an element of its from.
type traits struct {
	identified int // how many clients demand an identity
	example    int32
	pinned     bool // there are clients with a bounded number of source ports
	fewest     int  // tuples of an address and a source port that one of them has
	fewestOf   int32
}

func (l *linter) traits(e element) traits {
	if t, known := l.known[e]; known {
		return t
	}
	t := traits{fewest: math.MaxInt}
	l.expand(e, func(id int32) { l.addTraits(&t, id) })
	l.known[e] = t
	return t
}

func (l *linter) addTraits(t *traits, id int32) {
	leaf := &l.leaves[id]
	if leaf.who == nobody {
		return
	}
	if len(leaf.identities) > 0 {
		if t.identified == 0 {
			t.example = id
		}
		t.identified++
	}
	if n, bounded := leaf.tuples(); bounded && n < t.fewest {
		t.pinned, t.fewest, t.fewestOf = true, n, id
	}
}

// tuples returns how many source addresses and ports the leaf has together, if they can be
// counted.
func (l *leaf) tuples() (n int, bounded bool) {
	if l.everywhere || len(l.ports) == 0 {
		return 0, false
	}
	addresses := 0
	for _, p := range l.prefixes {
		if p.Addr().BitLen()-p.Bits() > 16 {
			return 0, false
		}
		addresses += 1 << (p.Addr().BitLen() - p.Bits())
	}
	for _, r := range l.ports {
		n += r.size() * addresses
	}
	return n, true
}

// lintCapacity finds limits that the pinned ports never reach.
func (l *linter) lintCapacity(r *rule) {
	ports := len(l.resolved.to[r.index])
	for _, e := range l.resolved.from[r.index] {
		t := l.traits(e)
		if t.pinned && r.MaxConnections > t.fewest*ports {
			l.warn(at(AllowSection, r.index, "max_connections"),
				fmt.Sprintf("%d connections at once are more than the %d that the source ports of client %q allow",
					r.MaxConnections, t.fewest*ports, l.names[t.fewestOf]),
				"there is one for each source address, source port and port of the rule")
			return
		}
	}
}
