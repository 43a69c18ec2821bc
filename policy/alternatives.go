package policy

import (
	"cmp"
	"slices"
)

// Alternatives returns the decisions of all rules that let a session pass at its final judgement, in
// rank; the first is that of [Set.Decide]. It is for the session that finds that rule at its
// limit: another one that allows it counts as if the first were not there.
//
// It looks at every rule of everybody to whom the session belongs, and allocates.
func (s *Set) Alternatives(f *Facts) []Decision {
	if s == nil {
		return nil
	}
	port := s.ports[portKey{f.Application, f.Port}]
	if port == nil {
		return nil
	}
	var known [maxKeys]uint32
	q := s.ask(port, f, known[:0])
	if _, blocked := s.blocks.Lookup(q.addr); blocked || q.strict && q.session == plainSession {
		return nil
	}
	var passing []passage
	for i := range port.layers {
		passing = s.passages(&port.layers[i], &q, passing)
	}
	slices.SortFunc(passing, func(a, b passage) int {
		return cmp.Or(cmp.Compare(a.rule, b.rule), cmp.Compare(a.principal, b.principal), cmp.Compare(a.who, b.who))
	})
	passing = slices.CompactFunc(passing, func(a, b passage) bool { return a.rule == b.rule })
	decisions := make([]Decision, len(passing))
	for i, p := range passing {
		decisions[i] = s.allows(p.rule, p.who, f)
	}
	return decisions
}

// passage is one way through a rule: as whom of its from, and for whom the session counts.
type passage struct{ rule, principal, who int32 }

// passages appends every way through the rules of a layer.
func (s *Set) passages(l *layer, q *question, list []passage) []passage {
	through := func(r ref) {
		for via, principal := range l.table.classes[r.class] {
			who := l.table.whos[r.whos+uint32(via)]
			for _, i := range l.rules[principal] {
				if rule := &s.rules[i]; rule.TLS.admits(q.session) && rule.validAt(q.now) {
					list = append(list, passage{i, principal, who})
				}
			}
		}
	}
	for i := l.table.start(q.addr, q.local); i >= 0; i = l.table.nodes[i].wider {
		n := &l.table.nodes[i]
		for _, c := range [...]*cell{n.always, n.segment(q.port)} {
			if c == nil {
				continue
			}
			if c.open.class != noClass {
				through(c.open)
			}
			if c.demanded.class == noClass {
				continue
			}
			for _, identity := range q.identities {
				if r, found := c.holders(identity); found {
					through(r)
				}
			}
		}
	}
	return list
}
