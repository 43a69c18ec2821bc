package policy

import (
	"cmp"
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/gaissmai/bart"
)

// table finds the principals that a source belongs to. It is independent of rules, so
// ports whose rules name the same principals share it.
//
// A source's way through it: the longest prefix that holds the address leads to a node; the
// node and those of all wider prefixes, up to the one that holds every address, are
// looked at; in each, the source port leads to a cell; in it, each identity to a ref.
type table struct {
	trie    bart.Table[int32] // prefix to node
	nodes   []node
	all     *cell // everything in the table, whatever the address and source port
	classes [][]int32
	whos    []int32
}

// The nodes that every table has.
const (
	everywhere  int32 = iota // wider than every prefix; sockets without an address too
	localSocket              // UNIX sockets of this host
)

// node holds what is written for exactly one prefix.
type node struct {
	wider    int32     // the next wider prefix that has a node; -1 at the end
	pins     PortRange // the only source ports that pinned demands, if segments is empty
	always   *cell     // what matches whatever the source port; may be nil
	pinned   *cell     // what demands source ports, whichever; may be nil
	segments []segment // of the source ports, ascending; the first begins at 0
}

// segment is a range of source ports, up to the next segment.
type segment struct {
	start uint16
	cell  *cell // nil where nothing matches
}

// cell is a set of leaves, sorted by what a session must show.
type cell struct {
	open     ref         // those that demand no identity; of noClass if there are none, as demanded
	demanded ref         // all that demand an identity
	only     uint32      // what all of these demand, if shown is empty
	shown    []shownName // what they demand, ascending
}

// shownName is an identity with all that demand it.
type shownName struct {
	identity uint32
	ref      ref
}

// ref is a set of principals, and whom in each of them a session is counted for.
type ref struct {
	class int32  // in table.classes
	whos  uint32 // where in table.whos the counted ones begin, one for each principal
}

const noClass = -1

// start returns the first node for a source. An invalid address is a socket without one.
func (t *table) start(addr netip.Addr, local bool) int32 {
	if addr.IsValid() {
		i, _ := t.trie.Lookup(addr) // everywhere is zero
		return i
	}
	if local {
		return localSocket
	}
	return everywhere
}

// segment returns what is pinned to port; nil for nothing.
func (n *node) segment(port uint16) *cell {
	if len(n.segments) == 0 {
		if n.pins.Contains(port) {
			return n.pinned
		}
		return nil
	}
	low, high := 0, len(n.segments)
	for low < high {
		middle := int(uint(low+high) / 2)
		if n.segments[middle].start <= port {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return n.segments[low-1].cell // the first begins at 0
}

// holders returns all that demand an identity. The cell has some that demand one.
func (c *cell) holders(identity uint32) (r ref, found bool) {
	if len(c.shown) == 0 {
		return c.demanded, c.only == identity
	}
	low, high := 0, len(c.shown)
	for low < high {
		middle := int(uint(low+high) / 2)
		if c.shown[middle].identity < identity {
			low = middle + 1
		} else {
			high = middle
		}
	}
	if low == len(c.shown) || c.shown[low].identity != identity {
		return ref{}, false
	}
	return c.shown[low].ref, true
}

// leaf is one thing that a session's source is compared with: a named client or an address.
type leaf struct {
	everywhere bool           // any address, and none
	local      bool           // UNIX sockets of this host
	prefixes   []netip.Prefix // otherwise
	ports      []PortRange    // merged; empty for any
	identities []uint32       // ascending; empty if none is demanded
	who        int32          // the client; nobody for an address
}

// nobody stands behind all named clients.
const nobody int32 = 1<<31 - 1

// tableMaker builds one table.
type tableMaker struct {
	*table
	leaves []leaf
	member map[int32][]int32 // leaf to the principals it belongs to, ascending
	cells  map[string]*cell  // by the leaves in them
	cuts   map[string][]segment
	class  map[string]int32
	key    []byte
	budget *int // leaves that may still be put into cells
}

// newTable returns the table of the leaves in member, or nil when they are more than
// budget allows.
func newTable(leaves []leaf, member map[int32][]int32, budget *int) *table {
	m := tableMaker{
		table:  &table{},
		leaves: leaves,
		member: member,
		cells:  make(map[string]*cell),
		cuts:   make(map[string][]segment),
		class:  make(map[string]int32),
		budget: budget,
	}
	all := make([]int32, 0, len(member))
	for id := range member {
		all = append(all, id)
	}
	slices.Sort(all)
	m.plant(all)
	m.all = m.cell(all)
	if *budget < 0 {
		return nil
	}
	return m.table
}

// plant makes the nodes.
func (m *tableMaker) plant(all []int32) {
	byPrefix := make(map[netip.Prefix][]int32)
	var root, local []int32
	for _, id := range all {
		l := &m.leaves[id]
		if l.everywhere {
			root = append(root, id)
		}
		if l.local {
			local = append(local, id)
		}
		for _, p := range l.prefixes {
			if list := byPrefix[p]; len(list) == 0 || list[len(list)-1] != id {
				byPrefix[p] = append(list, id)
			}
		}
	}
	m.nodes = make([]node, 0, 2+len(byPrefix))
	m.nodes = append(m.nodes, m.node(-1, root), m.node(everywhere, local))
	prefixes := make([]netip.Prefix, 0, len(byPrefix))
	for p := range byPrefix {
		prefixes = append(prefixes, p)
	}
	slices.SortFunc(prefixes, netip.Prefix.Compare)
	m.nest(prefixes, byPrefix)
}

// nest adds the nodes of prefixes, each below the next wider one. In their order a prefix
// comes before everything that it contains.
func (m *tableMaker) nest(prefixes []netip.Prefix, byPrefix map[netip.Prefix][]int32) {
	type open struct {
		prefix netip.Prefix
		node   int32
	}
	var around []open
	for _, p := range prefixes {
		for len(around) > 0 && !around[len(around)-1].prefix.Contains(p.Addr()) {
			around = around[:len(around)-1]
		}
		wider := everywhere
		if len(around) > 0 {
			wider = around[len(around)-1].node
		}
		i := int32(len(m.nodes))
		m.nodes = append(m.nodes, m.node(wider, byPrefix[p]))
		m.trie.Insert(p, i)
		around = append(around, open{p, i})
	}
}

// node sorts leaves by source port.
func (m *tableMaker) node(wider int32, ids []int32) node {
	var free, pinned []int32
	for _, id := range ids {
		if len(m.leaves[id].ports) == 0 {
			free = append(free, id)
		} else {
			pinned = append(pinned, id)
		}
	}
	n := node{wider: wider, always: m.cell(free), pinned: m.cell(pinned)}
	m.cut(&n, pinned)
	return n
}

// edge is where a leaf's source ports begin or end.
type edge struct {
	port int // of the first port that is different
	id   int32
	ends bool
}

// cut divides the source ports where anything changes.
func (m *tableMaker) cut(n *node, pinned []int32) {
	if len(pinned) == 0 {
		return
	}
	if ports := m.leaves[pinned[0]].ports; len(pinned) == 1 && len(ports) == 1 {
		n.pins = ports[0] // most clients are like this: one step less in memory
		return
	}
	key := string(m.listKey(pinned))
	if cut, known := m.cuts[key]; known { // a client's addresses share their source ports
		n.segments = cut
		return
	}
	defer func() { m.cuts[key] = n.segments }()
	var edges []edge
	for _, id := range pinned {
		for _, r := range m.leaves[id].ports {
			edges = append(edges, edge{int(r.First), id, false}, edge{int(r.Last) + 1, id, true})
		}
	}
	slices.SortFunc(edges, func(a, b edge) int {
		return cmp.Or(cmp.Compare(a.port, b.port), compareBool(b.ends, a.ends), cmp.Compare(a.id, b.id))
	})
	n.segments = append(n.segments, segment{0, nil})
	var active []int32
	for i := 0; i < len(edges) && *m.budget >= 0; {
		port := edges[i].port
		for ; i < len(edges) && edges[i].port == port; i++ {
			at, _ := slices.BinarySearch(active, edges[i].id)
			if edges[i].ends {
				active = slices.Delete(active, at, at+1)
			} else {
				active = slices.Insert(active, at, edges[i].id)
			}
		}
		if port > 0xffff {
			break
		}
		n.segments = append(n.segments, segment{uint16(port), m.cell(active)})
	}
	n.segments = slices.Clip(n.segments)
	*m.budget -= len(n.segments)
}

// compareBool puts false first.
func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	default:
		return 1
	}
}

// listKey returns a map key for a list of numbers. It is valid until the next call.
func (m *tableMaker) listKey(list []int32) []byte {
	m.key = m.key[:0]
	for _, n := range list {
		m.key = binary.LittleEndian.AppendUint32(m.key, uint32(n))
	}
	return m.key
}
