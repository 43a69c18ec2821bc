package policy

import (
	"net/netip"
	"slices"
)

// The linter looks for redundant rules as long as it has compared no more than this many
// pairs of rules, so that no policy takes it minutes.
const redundancyBudget = 10_000_000

// lintRedundant finds rules that allow nothing that another rule does not allow.
func (l *linter) lintRedundant() {
	s := redundancy{linter: l, budget: redundancyBudget, ofPrincipal: make([][]int32, len(l.principals)), met: make([]int, len(l.set.rules))}
	for i := range l.set.rules {
		for _, e := range l.resolved.from[l.set.rules[i].index] {
			p := l.numbers[e]
			s.ofPrincipal[p] = append(s.ofPrincipal[p], int32(i))
		}
	}
	for i := range l.set.rules {
		if s.budget < 0 {
			return
		}
		s.lint(int32(i))
	}
}

// redundancy is the search for redundant rules.
type redundancy struct {
	*linter
	budget      int
	ofPrincipal [][]int32 // rules in whose from it is
	met         []int     // for each rule the last one that it was compared with, plus one
}

func (s *redundancy) lint(i int32) {
	r := &s.set.rules[i]
	if r.Mode == Off {
		return
	}
	s.met[i] = int(i) + 1
	wider := int32(-1)
	s.candidates(r, func(candidate int32) {
		if s.met[candidate] == int(i)+1 {
			return
		}
		s.met[candidate] = int(i) + 1
		s.budget--
		o := &s.set.rules[candidate]
		if wider >= 0 && o.order >= s.set.rules[wider].order || s.budget < 0 {
			return
		}
		if s.contains(o, r) && !(o.index > r.index && s.contains(r, o)) {
			wider = candidate
		}
	})
	if wider < 0 {
		return
	}
	o := &s.set.rules[wider]
	message := "rule " + quoted(r.ID) + " allows nothing that rule " + quoted(o.ID) + " does not allow"
	if r.limits != nil && o.limits == nil {
		message += ", so its limits never apply"
	}
	s.warn(spot{AllowSection, r.index, "", -1}, message,
		"remove one of them; a narrower rule does not restrict a broader one")
}

// candidates visits rules whose from may contain the first leaf of a rule's from, at the
// first of its ports. A rule may be visited several times.
func (s *redundancy) candidates(r *rule, visit func(int32)) {
	port := &s.src.Ports[s.resolved.to[r.index][0]]
	door := s.set.ports[portKey{port.Application, port.ID}]
	first := int32(-1)
	s.expand(s.resolved.from[r.index][0], func(id int32) {
		if first < 0 {
			first = id
		}
	})
	if first < 0 {
		return
	}
	for _, layer := range door.layers {
		for i := layer.table.startPrefix(&s.leaves[first]); i >= 0; i = layer.table.nodes[i].wider {
			n := &layer.table.nodes[i]
			for _, c := range []*cell{n.always, n.pinned} {
				if c != nil {
					s.visitClass(layer.table, c.open.class, visit)
					s.visitClass(layer.table, c.demanded.class, visit)
				}
			}
		}
	}
}

func (s *redundancy) visitClass(t *table, class int32, visit func(int32)) {
	if class == noClass {
		return
	}
	for _, p := range t.classes[class] {
		for _, i := range s.ofPrincipal[p] {
			visit(i)
		}
	}
}

// startPrefix returns the first node that holds all of a leaf's first prefix.
func (t *table) startPrefix(l *leaf) int32 {
	if l.everywhere || len(l.prefixes) == 0 {
		return everywhere
	}
	i, _ := t.trie.LookupPrefix(l.prefixes[0])
	return i
}

// contains reports whether everything that r allows, o allows too, as generously.
func (s *redundancy) contains(o, r *rule) bool {
	if o.Mode > r.Mode || o.TLS != TLSAny && o.TLS != r.TLS || o.begins > r.begins || o.ends < r.ends || !o.Limits.atLeast(&r.Limits) {
		return false
	}
	to := s.resolved.to[o.index]
	for _, p := range s.resolved.to[r.index] {
		if _, named := slices.BinarySearch(to, p); !named && r.reaches(&s.src.Ports[p]) {
			return false
		}
	}
	for _, e := range s.resolved.from[r.index] {
		if !s.holdsAll(s.resolved.from[o.index], e) {
			return false
		}
	}
	return true
}

// atLeast reports whether l bounds nothing more than o does.
func (l *Limits) atLeast(o *Limits) bool {
	return compareBounds(float64(l.MaxConnections), float64(o.MaxConnections)) >= 0 &&
		compareBounds(l.Rate.PerSecond(), o.Rate.PerSecond()) >= 0 &&
		compareBounds(float64(l.depth()), float64(o.depth())) >= 0
}

// holdsAll reports whether every leaf of an element is contained in one of a from.
func (s *redundancy) holdsAll(from []element, e element) bool {
	if slices.Contains(from, e) {
		return true
	}
	var leaves []int32
	s.expand(e, func(id int32) { leaves = append(leaves, id) })
	for _, id := range leaves {
		held := false
		for _, o := range from {
			if !held {
				s.expand(o, func(wide int32) {
					held = held || wide == id || s.leaves[wide].contains(&s.leaves[id])
				})
			}
			s.budget -= s.size(s.numbers[o]) / 16
		}
		if !held || s.budget < 0 {
			return false
		}
	}
	return true
}

// contains reports whether every session that fits o fits l too.
func (l *leaf) contains(o *leaf) bool {
	if len(l.identities) > 0 && (len(o.identities) == 0 || slices.ContainsFunc(o.identities, func(i uint32) bool { return !slices.Contains(l.identities, i) })) {
		return false
	}
	if !portsCover(l.ports, o.ports) {
		return false
	}
	if l.everywhere {
		return true
	}
	if o.everywhere || o.local && !l.local {
		return false
	}
	return !slices.ContainsFunc(o.prefixes, func(p netip.Prefix) bool {
		return !slices.ContainsFunc(l.prefixes, func(wide netip.Prefix) bool {
			return wide.Bits() <= p.Bits() && wide.Contains(p.Addr())
		})
	})
}
