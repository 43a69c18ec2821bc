package policy

import (
	"cmp"
	"slices"
)

// cell returns the cell of the leaves, which are in ascending order; nil for none. Equal
// sets of leaves share one.
func (m *tableMaker) cell(ids []int32) *cell {
	if len(ids) == 0 {
		return nil
	}
	if *m.budget -= len(ids); *m.budget < 0 {
		return nil
	}
	if built := m.cells[string(m.listKey(ids))]; built != nil {
		return built
	}
	built := m.newCell(ids)
	m.cells[string(m.listKey(ids))] = built
	return built
}

// holder is a leaf with one of the identities that it takes.
type holder struct {
	identity uint32
	leaf     int32
}

func (m *tableMaker) newCell(ids []int32) *cell {
	c := &cell{open: ref{class: noClass}, demanded: ref{class: noClass}}
	var open, demanding []int32
	var holders []holder
	for _, id := range ids {
		identities := m.leaves[id].identities
		if len(identities) == 0 {
			open = append(open, id)
			continue
		}
		demanding = append(demanding, id)
		for _, identity := range identities {
			holders = append(holders, holder{identity, id})
		}
	}
	if len(open) > 0 {
		c.open = m.ref(open)
	}
	if len(demanding) > 0 {
		c.demanded = m.ref(demanding)
		m.sortByIdentity(c, holders)
	}
	return c
}

func (m *tableMaker) sortByIdentity(c *cell, holders []holder) {
	*m.budget -= len(holders)
	slices.SortStableFunc(holders, func(a, b holder) int { return cmp.Compare(a.identity, b.identity) })
	if c.only = holders[0].identity; c.only == holders[len(holders)-1].identity {
		return
	}
	var ids []int32
	for i := 0; i < len(holders) && *m.budget >= 0; {
		identity := holders[i].identity
		ids = ids[:0]
		for ; i < len(holders) && holders[i].identity == identity; i++ {
			ids = append(ids, holders[i].leaf)
		}
		c.shown = append(c.shown, shownName{identity, m.ref(ids)})
	}
	c.shown = slices.Clip(c.shown)
}

// share is a principal and whom a session counts for in it.
type share struct{ principal, who int32 }

// ref unites the leaves: their principals, and for each the first of those who are in it.
func (m *tableMaker) ref(ids []int32) ref {
	var shares []share
	for _, id := range ids {
		for _, principal := range m.member[id] {
			shares = append(shares, share{principal, m.leaves[id].who})
		}
	}
	slices.SortFunc(shares, func(a, b share) int {
		return cmp.Or(cmp.Compare(a.principal, b.principal), cmp.Compare(a.who, b.who))
	})
	shares = slices.CompactFunc(shares, func(a, b share) bool { return a.principal == b.principal })

	made := ref{whos: uint32(len(m.whos))}
	principals := make([]int32, len(shares))
	for i, s := range shares {
		principals[i] = s.principal
		m.whos = append(m.whos, s.who)
	}
	key := m.listKey(principals)
	class, known := m.class[string(key)]
	if !known {
		class = int32(len(m.classes))
		m.classes = append(m.classes, principals)
		m.class[string(key)] = class
	}
	made.class = class
	return made
}
