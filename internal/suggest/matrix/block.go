package matrix

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"github.com/gaissmai/bart"

	"sallyport/internal/suggest/draft"
	"sallyport/policy"
)

// denial is a row that denies.
type denial struct {
	row      *row
	at       cell // of the source
	prefixes []netip.Prefix
	ports    byFamily[int]
	after    int // how many rows were permitted before it
}

// refuseFrom notes a row that denies. What becomes of it is only known when all others are.
func (r *row) refuseFrom(sources byFamily[netip.Prefix], ports byFamily[int]) bool {
	if c := r.of(SourcePort); !slices.Contains(r.sourcePorts, anyPort()) {
		r.fail(c, "only some source ports are denied, and a [[block]] has none", "leave these ports out of the rules instead")
		return false
	}
	if len(r.identities) > 0 {
		r.fail(r.of(ClientIdentity), "an identity is denied, and a [[block]] is about addresses", "")
		return false
	}
	if len(r.parts) > 0 {
		return false // a part of it is nothing that anybody could rely on
	}
	r.denials = append(r.denials, denial{r, r.of(SourceIP), slices.Concat(sources[0], sources[1]), ports, r.permitted})
	return true
}

// blocks makes blocks of the rows that deny, where these do what the rows say: a block closes all ports, so there must be no
// rule that lets its addresses reach one of which the rows say nothing.
func (b *builder) blocks(ids draft.Names) {
	closed := make(map[netip.Prefix][]int)
	for _, d := range b.denials {
		for _, p := range d.prefixes {
			closed[p] = append(closed[p], d.ports[family(p)]...)
		}
	}
	for p := range closed {
		slices.Sort(closed[p])
		closed[p] = slices.Compact(closed[p])
	}
	open := b.openings()
	byKey := make(map[groupKey]int)
	for i := range b.denials {
		d := &b.denials[i]
		switch port, conflict := d.conflict(open, closed); {
		case d.everybody() && d.after == b.permitted:
			b.draft.implied = append(b.draft.implied, d.row.line)
		case d.everybody():
			b.undo(d, "everybody is denied before other rows permit something, and a policy has no order", "what no rule allows is denied anyway: the row says more only in a list with an order")
		case conflict:
			b.undo(d, fmt.Sprintf("a [[block]] of these addresses would close %s as well, which another row opens to some of them", b.Ports[port].Name()),
				"a policy has only rules that allow, and blocks for all ports: leave the addresses out of the rules instead")
		default:
			b.block(d, ids, byKey)
		}
	}
	for i := range b.draft.Blocks {
		b.draft.Blocks[i].Addresses = uncovered(b.draft.Blocks[i].Addresses)
	}
}

// everybody reports whether the row denies all of a family.
func (d *denial) everybody() bool {
	return slices.ContainsFunc(d.prefixes, func(p netip.Prefix) bool { return p.Bits() == 0 })
}

// undo lists a row that was noted before.
func (b *builder) undo(d *denial, message, hint string) {
	b.draft.Account.Placed--
	b.draft.Account.Left++
	b.draft.Left = append(b.draft.Left, Problem{b.name, d.at.line, d.at.column, message, hint})
}

// openings returns from where rules let connect to each port.
func (b *builder) openings() map[int]*bart.Lite {
	open := make(map[int]*bart.Lite)
	if len(b.denials) == 0 {
		return open
	}
	for _, g := range b.groups {
		for _, s := range g.sources {
			for _, grant := range s.grants {
				if open[grant.port] == nil {
					open[grant.port] = new(bart.Lite)
				}
				open[grant.port].Insert(grant.prefix)
			}
		}
	}
	return open
}

// conflict returns a port that the rows leave open, and a block would close.
func (d *denial) conflict(open map[int]*bart.Lite, closed map[netip.Prefix][]int) (port int, found bool) {
	port = -1
	for at, table := range open {
		for _, p := range d.prefixes {
			if _, isClosed := slices.BinarySearch(closed[p], at); !isClosed && (port < 0 || at < port) && table.OverlapsPrefix(p) {
				port = at
			}
		}
	}
	return port, port >= 0
}

// block adds a row to its block.
func (b *builder) block(d *denial, ids draft.Names, byKey map[groupKey]int) {
	key := groupKey{id: d.row.key.id, owner: d.row.key.owner, ticket: d.row.key.ticket, reason: d.row.key.reason}
	at, known := byKey[key]
	if !known {
		at = len(b.draft.Blocks)
		byKey[key] = at
		name := usableName("block", cmp.Or(key.id, key.ticket, "block"))
		b.draft.Blocks = append(b.draft.Blocks, policy.Block{ID: ids.Unique(name), Reason: key.reason})
		b.draft.blocks = append(b.draft.blocks, blockNote{owner: key.owner, ticket: key.ticket})
	}
	block, note := &b.draft.Blocks[at], &b.draft.blocks[at]
	block.Addresses = append(block.Addresses, d.prefixes...)
	note.lines = append(note.lines, d.row.line)
	note.remarks = append(note.remarks, d.row.remarks...)
	if !d.row.key.from.IsZero() || !d.row.key.until.IsZero() {
		note.remarks = append(note.remarks, fmt.Sprintf("line %d: the row has a first or last day (%s to %s), which a block cannot have", d.row.line,
			cmp.Or(policy.DayText(d.row.key.from), "always"), cmp.Or(policy.DayText(d.row.key.until), "always")))
	}
}
