package policy

import (
	"cmp"
	"encoding/binary"
	"maps"
	"slices"
)

// A group of more than aloneFrom leaves gets a table of its own, which all ports share that
// rules open to the group, instead of being copied into a table for each. A port looks
// into at most aloneMost such tables.
const (
	aloneFrom = 4096
	aloneMost = 3
)

// buildDoors makes the ports, each with the rules that name it.
func (b *builder) buildDoors() {
	ports := b.src.Ports
	named := make([][]int32, len(ports)) // rules of each port, in rank
	for i := range b.set.rules {
		for _, p := range b.resolved.to[b.set.rules[i].index] {
			named[p] = append(named[p], int32(i))
		}
	}
	audited := make(map[int]bool)
	for _, text := range b.src.Audit.Ports {
		for _, p := range b.resolved.ports[text] {
			audited[p] = true
		}
	}
	b.set.ports = make(map[portKey]*door, len(ports))
	for i := range ports {
		d := &door{Port: &ports[i], audit: audited[i] || b.set.audit, layers: b.plan(named[i]), rules: named[i]}
		b.set.ports[portKey{ports[i].Application, ports[i].ID}] = d
	}
}

// plan returns the layers for a list of rules in rank. Ports with the same rules share them.
func (b *builder) plan(named []int32) []layer {
	active := slices.DeleteFunc(slices.Clone(named), func(i int32) bool { return b.set.rules[i].Mode == Off })
	if len(active) == 0 {
		return nil
	}
	key := listText(active)
	if layers, known := b.plans[key]; known {
		return layers
	}
	byPrincipal := make(map[int32][]int32)
	for _, i := range active {
		for _, e := range b.resolved.from[b.set.rules[i].index] {
			p := b.numbers[e]
			if list := byPrincipal[p]; len(list) == 0 || list[len(list)-1] != i {
				byPrincipal[p] = append(list, i)
			}
		}
	}
	var layers []layer
	for _, principals := range b.divide(slices.Sorted(maps.Keys(byPrincipal))) {
		t := b.table(principals)
		if t == nil {
			return nil
		}
		layers = append(layers, layer{table: t, grants: b.grantsFor(t, byPrincipal), rules: byPrincipal})
	}
	b.plans[key] = layers
	return layers
}

// divide sets the largest groups of a port apart.
func (b *builder) divide(principals []int32) [][]int32 {
	large := slices.DeleteFunc(slices.Clone(principals), func(p int32) bool { return b.size(p) <= aloneFrom })
	slices.SortStableFunc(large, func(x, y int32) int { return cmp.Compare(b.size(y), b.size(x)) })
	large = large[:min(len(large), aloneMost)]
	var parts [][]int32
	for _, p := range large {
		parts = append(parts, []int32{p})
	}
	rest := slices.DeleteFunc(slices.Clone(principals), func(p int32) bool { return slices.Contains(large, p) })
	if len(rest) > 0 {
		parts = append(parts, rest)
	}
	return parts
}

// size returns about how many leaves a principal has.
func (b *builder) size(p int32) int {
	if b.principals[p].kind != groupElement {
		return 1
	}
	size, known := b.sizes[p]
	if !known {
		b.expand(b.principals[p], func(int32) { size++ })
		b.sizes[p] = size
	}
	return size
}

// table returns the table of the principals, nil when there is no room for it.
func (b *builder) table(principals []int32) *table {
	key := listText(principals)
	if t, known := b.tables[key]; known {
		return t
	}
	member := make(map[int32][]int32)
	for _, p := range principals {
		alone := []int32{p}
		b.expand(b.principals[p], func(id int32) {
			b.budget--
			switch in := member[id]; {
			case len(in) == 0:
				member[id] = alone
			case in[len(in)-1] != p:
				member[id] = append(in, p)
			}
		})
		if b.budget < 0 {
			return nil
		}
	}
	t := newTable(b.leaves, member, &b.budget)
	b.tables[key] = t
	return t
}

// grantsFor returns what the classes of a table may do by the rules of its principals.
func (b *builder) grantsFor(t *table, byPrincipal map[int32][]int32) []*grant {
	list := make([]*grant, len(t.classes))
	var ties []tie
	for class, principals := range t.classes {
		ties = ties[:0]
		for via, p := range principals {
			for _, rule := range byPrincipal[p] {
				ties = append(ties, tie{rule, int32(via)})
			}
		}
		if len(principals) > 1 {
			slices.SortFunc(ties, func(x, y tie) int { return cmp.Or(cmp.Compare(x.rule, y.rule), cmp.Compare(x.via, y.via)) })
			ties = slices.CompactFunc(ties, func(x, y tie) bool { return x.rule == y.rule })
		}
		if b.budget -= len(ties); b.budget < 0 {
			return nil
		}
		list[class] = b.grants.of(ties)
	}
	return list
}

// listText returns a map key for a list of numbers.
func listText(list []int32) string {
	key := make([]byte, 0, 4*len(list))
	for _, n := range list {
		key = binary.LittleEndian.AppendUint32(key, uint32(n))
	}
	return string(key)
}
