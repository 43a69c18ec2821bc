package policy

import (
	"cmp"
	"fmt"
	"slices"
)

// twins are two named clients at one address which their source ports do not tell apart.
type twins struct{ a, b int32 } // leaves, a < b

// noteTwins keeps a pair of leaves if both are clients.
func (m *tableMaker) noteTwins(a, b int32) {
	if m.leaves[a].who != nobody && m.leaves[b].who != nobody {
		m.twins = append(m.twins, twins{min(a, b), max(a, b)})
	}
}

// noteFree looks for twins without source ports. Identities tell such clients apart.
func (m *tableMaker) noteFree(ids []int32) {
	first := int32(-1)
	for _, id := range ids {
		switch l := &m.leaves[id]; {
		case l.who == nobody || len(l.identities) > 0 || l.everywhere:
		case first < 0:
			first = id
		default:
			m.noteTwins(first, id)
		}
	}
}

// keepTwins remembers the twins of a table together with a port that rules open to both.
func (b *builder) keepTwins(t *table, port int) {
	for _, pair := range t.twins {
		if _, known := b.twins[pair]; !known {
			b.twins[pair] = port
		}
	}
	t.twins = nil
}

func (l *linter) lintTwins() {
	pairs := make([]twins, 0, len(l.twins))
	for pair := range l.twins {
		pairs = append(pairs, pair)
	}
	slices.SortFunc(pairs, func(x, y twins) int { return cmp.Or(cmp.Compare(x.a, y.a), cmp.Compare(x.b, y.b)) })
	for _, pair := range pairs {
		first, second := l.clients[pair.a], l.clients[pair.b]
		if first > second {
			first, second = second, first
		}
		a, b := &l.src.Clients[first], &l.src.Clients[second]
		field, what := "addresses", "an address"
		if len(b.Ports) > 0 {
			field, what = "ports", "an address and a source port"
		}
		l.warn(at(ClientSection, second, field),
			fmt.Sprintf("client %q has %s in common with client %q, and rules let both connect to %q",
				b.Name, what, a.Name, l.src.Ports[l.twins[pair]].Name()),
			"a session from there counts for the first of them by name")
	}
}
