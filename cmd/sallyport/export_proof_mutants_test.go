package main

import (
	"net/netip"
	"slices"
	"testing"

	"sallyport/internal/testpolicy"
)

// A rule set in which a single element is wrong is found out. A few elements are so small that no tuple of the policy's hits
// them by chance, and only they may go unnoticed when they are missing.
func TestExportProofFindsMutants(t *testing.T) {
	pki := proofFiles(t)
	made, found := make(map[string]int), make(map[string]int)
	for seed := range uint64(4) {
		p := newProof(t, pki, seed)
		m := mutation{proof: p, wanted: make(map[testpolicy.Tuple]bool), tuples: p.tuples("client", 400)}
		m.rules, _ = p.nftables("client")
		if m.noticed() {
			t.Fatalf("seed %d: explain and the export as it is disagree", seed)
		}
		for _, s := range m.rules.sets {
			for i := range s.elements {
				for _, mutant := range mutantsOf(&s.elements[i]) {
					if m.changes(s, i, mutant) {
						made[mutant.name]++
						if m.with(s, i, mutant, m.noticed) {
							found[mutant.name]++
						}
					}
				}
			}
		}
	}
	t.Logf("mutants that open or close something: %v; found: %v", made, found)
	for name, n := range made {
		if n < 10 || found[name] < n*9/10 {
			t.Errorf("%s: %d of %d are found", name, found[name], n)
		}
	}
	for _, name := range []string{"ports widened", "addresses widened"} {
		if found[name] < made[name] {
			t.Errorf("%s: something that is open beyond the policy goes unnoticed", name)
		}
	}
}

// mutant is an element that has become wrong, and where that shows.
type mutant struct {
	name    string
	element nftElement
	shows   netip.Addr
	source  uint16
}

// mutantsOf returns what can go wrong with an element of tuples.
func mutantsOf(e *nftElement) []mutant {
	if len(e.key) != 4 || e.verdict != "" {
		return nil
	}
	last, ports := e.key[0].last, e.key[1]
	changed := func(name string, shows netip.Addr, source uint16, change func(addresses, ports *interval)) mutant {
		key := slices.Clone(e.key)
		change(&key[0], &key[1])
		return mutant{name, nftElement{key: key, ends: e.ends}, shows, source}
	}
	all := []mutant{{"removed", nftElement{}, last, ports.high}}
	if ports.high < 65535 {
		all = append(all, changed("ports widened", last, ports.high+1, func(_, p *interval) { p.high++ }))
	}
	if ports.low < ports.high {
		all = append(all, changed("ports narrowed", last, ports.high, func(_, p *interval) { p.high-- }))
	}
	if next := last.Next(); next.IsValid() {
		all = append(all, changed("addresses widened", next, ports.high, func(a, _ *interval) { a.last = next }))
	}
	return all
}

// mutation is a world whose export is changed element by element.
type mutation struct {
	*proof
	rules  *nftRules
	tuples []testpolicy.Tuple
	wanted map[testpolicy.Tuple]bool // what explain said already
}

// with does something while an element is another.
func (m *mutation) with(s *nftSet, i int, by mutant, do func() bool) bool {
	original := s.elements[i]
	s.elements[i] = by.element
	defer func() { s.elements[i] = original }()
	return do()
}

// changes reports whether a mutant opens or closes what it is about: another element may hold that, too.
func (m *mutation) changes(s *nftSet, i int, by mutant) bool {
	t := m.tupleOf(&s.elements[i], by.shows, int(by.source))
	if t == nil {
		return false
	}
	passes := func() bool { return m.rules.passes(packetOf(*t, "client", m.Now)) }
	return passes() != m.with(s, i, by, passes)
}

// noticed reports whether any tuple shows that explain and the rules disagree.
func (m *mutation) noticed() bool {
	for _, t := range slices.Concat(m.tuples, m.corners(m.rules)) {
		want, known := m.wanted[t]
		if !known {
			want = m.explained(t, m.Now)
			m.wanted[t] = want
		}
		if m.rules.passes(packetOf(t, "client", m.Now)) != want {
			return true
		}
	}
	return false
}
