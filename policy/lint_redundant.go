package policy

import "slices"

// The linter looks for redundant rules as long as it has compared no more than this many
// pairs of rules, so that no policy takes it minutes.
const redundancyBudget = 10_000_000

// lintRedundant finds rules without which the same sessions pass, and copies whose limits add up.
func (l *linter) lintRedundant() {
	s := redundancy{linter: l, budget: redundancyBudget, met: make([]int, len(l.set.rules))}
	for i := range l.set.rules {
		if s.budget < 0 || s.extents.exhausted() {
			return
		}
		s.lint(int32(i))
	}
}

// redundancy is the search for redundant rules.
type redundancy struct {
	*linter
	budget int
	met    []int // for each rule the last one that it was compared with, plus one
}

func (s *redundancy) lint(i int32) {
	r := &s.set.rules[i]
	if r.Mode == Off {
		return
	}
	s.met[i] = int(i) + 1
	wider, copied := int32(-1), int32(-1)
	better := func(candidate, than int32) bool {
		return than < 0 || s.set.rules[candidate].order < s.set.rules[than].order
	}
	s.candidates(r, func(candidate int32) {
		if s.met[candidate] == int(i)+1 || s.budget < 0 {
			return
		}
		s.met[candidate] = int(i) + 1
		s.budget--
		switch o := &s.set.rules[candidate]; {
		case better(candidate, wider) && s.makesRedundant(o, r):
			wider = candidate
		case better(candidate, copied) && s.isCopy(o, r):
			copied = candidate
		}
	})
	where := spot{AllowSection, r.index, "", -1}
	switch {
	case wider >= 0:
		o := &s.set.rules[wider]
		message := "rule " + quoted(r.ID) + " allows nothing that rule " + quoted(o.ID) + " does not allow"
		if r.limits != nil {
			message += ", so its limits never apply"
		}
		s.warn(where, message, "remove one of them; a narrower rule does not restrict a broader one")
	case copied >= 0:
		s.warn(where, "rule "+quoted(r.ID)+" allows the same as rule "+quoted(s.set.rules[copied].ID)+", and the limits of both add up",
			"where one is full the other still lets in; keep one, with the limits that are meant")
	}
}

// makesRedundant reports whether r lets nothing pass that o does not. A rule with limits makes no
// other one redundant: when it is full, the other one still lets in. Of two rules that are
// the same the later one is redundant.
func (s *redundancy) makesRedundant(o, r *rule) bool {
	return o.limits == nil && o.Mode <= r.Mode && s.contains(o, r) &&
		!(o.index > r.index && r.limits == nil && r.Mode <= o.Mode && s.contains(r, o))
}

// isCopy reports whether r is the later one of two limited rules for the same sessions.
func (s *redundancy) isCopy(o, r *rule) bool {
	return o.limits != nil && r.limits != nil && o.index < r.index && o.Mode == r.Mode && s.contains(o, r) && s.contains(r, o)
}

// candidates visits rules whose from may contain the first source of a rule's from, at the
// first of the ports that it reaches. A rule may be visited several times.
func (s *redundancy) candidates(r *rule, visit func(int32)) {
	reached := slices.IndexFunc(s.resolved.to[r.index], func(p int) bool { return r.reaches(&s.src.Ports[p]) })
	first := int32(-1)
	s.expand(s.resolved.from[r.index][0], func(id int32) {
		if first < 0 {
			first = id
		}
	})
	if first < 0 || reached < 0 {
		return
	}
	port := &s.src.Ports[s.resolved.to[r.index][reached]]
	door := s.set.ports[portKey{port.Application, port.ID}]
	for _, layer := range door.layers {
		for i := layer.table.startLeaf(&s.leaves[first]); i >= 0; i = layer.table.nodes[i].wider {
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
		for _, i := range s.rulesOf[p] {
			visit(i)
		}
	}
}

// startLeaf returns the first node for the first address of a leaf. Whatever contains the leaf,
// alone or together with others, is there or wider.
func (t *table) startLeaf(l *leaf) int32 {
	if l.everywhere || len(l.prefixes) == 0 {
		return everywhere
	}
	return t.start(l.prefixes[0].Addr(), false)
}

// contains reports whether o allows everything that r allows, whatever their modes and limits.
func (s *redundancy) contains(o, r *rule) bool {
	return o.begins <= r.begins && o.ends >= r.ends && s.covers(o, r) &&
		s.extents.hold(s.resolved.from[o.index], s.resolved.from[r.index])
}

// covers reports whether o is for every port that r reaches, and there for TLS and plaintext as r is.
func (s *redundancy) covers(o, r *rule) bool {
	to := s.resolved.to[o.index]
	for _, p := range s.resolved.to[r.index] {
		_, named := slices.BinarySearch(to, p)
		for _, state := range []int{plainSession, tlsSession} {
			if r.TLS.admits(state) && s.src.Ports[p].takes(state) && !(named && o.TLS.admits(state)) {
				return false
			}
		}
	}
	return true
}

// takes reports whether a port has sessions of this state.
func (p *Port) takes(state int) bool {
	return p.Mode == AutoDetect || (p.Mode == Secure) == (state == tlsSession)
}
