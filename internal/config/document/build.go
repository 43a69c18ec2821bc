package document

import (
	"fmt"

	"github.com/pelletier/go-toml/v2/unstable"
)

// maxDepth bounds how deep tables and lists nest. No file of ours comes near;
// without a bound a hostile file exhausts memory with its paths alone.
const maxDepth = 16

// builder turns the parser's expressions into a tree. It is lenient: what is
// and is not TOML is decided elsewhere.
type builder struct {
	src       *source
	parser    unstable.Parser
	root      *node
	table     *node // what key = value lines belong to
	depth     int   // of table
	redefined Problems
	lost      bool // a table found its place taken, and what is in it is nowhere
	tooDeep   *Problem
}

func newBuilder(src *source) *builder {
	root := &node{kind: kindTable, pos: src.at(0), named: src.at(0)}
	return &builder{src: src, root: root, table: root}
}

// build reads the whole file and reports whether it came to its end.
func (b *builder) build() bool {
	b.parser.Reset(b.src.data)
	for b.parser.NextExpression() && b.tooDeep == nil {
		switch e := b.parser.Expression(); e.Kind {
		case unstable.Table:
			b.header(e, false)
		case unstable.ArrayTable:
			b.header(e, true)
		case unstable.KeyValue:
			b.keyValue(b.table, e, b.depth)
		}
	}
	return b.parser.Error() == nil && b.tooDeep == nil
}

// header enters the table of [a.b] or the new element of [[a.b]].
func (b *builder) header(e *unstable.Node, list bool) {
	parts := b.parts(e.Key())
	b.depth = len(parts)
	if b.exceeds(len(parts), b.src.at(parts[0].offset)) {
		return
	}
	last := len(parts) - 1
	parent := b.root
	for _, p := range parts[:last] {
		parent = b.descend(parent, p)
	}
	if list {
		b.table = b.appendTable(parent, parts[last])
	} else {
		b.table = b.enter(parent, parts[last])
	}
}

// enter returns the table of a [header].
func (b *builder) enter(parent *node, p part) *node {
	pos := b.src.at(p.offset)
	before := parent.member(p.name)
	switch {
	case before == nil:
	case before.tables:
		b.mixed(before, pos)
		return &node{kind: kindTable, name: p.name, key: before.key, pos: pos, named: pos}
	case before.header:
		b.twice(before, pos)
	}
	table := b.descend(parent, p)
	table.header = true
	return table
}

// part is one part of a dotted key.
type part struct {
	name        string
	offset, end int
}

func (b *builder) parts(it unstable.Iterator) []part {
	var parts []part
	for it.Next() {
		n := it.Node()
		start := int(n.Raw.Offset)
		parts = append(parts, part{string(n.Data), start, start + int(n.Raw.Length)})
	}
	return parts
}

// descend returns the table called p inside parent, the last one of a list of
// tables, and makes it when there is none.
func (b *builder) descend(parent *node, p part) *node {
	pos := b.src.at(p.offset)
	child := parent.member(p.name)
	if child == nil {
		child = &node{kind: kindTable, name: p.name, key: join(parent.key, p.name), pos: pos, named: pos}
		parent.add(child)
		return child
	}
	if child.tables {
		return child.items[len(child.items)-1]
	}
	if child.kind != kindTable {
		b.lost = true
		b.twice(child, pos)
		return &node{kind: kindTable, name: p.name, key: child.key, pos: pos, named: pos}
	}
	return child
}

// appendTable adds an element to the list of tables called p inside parent.
func (b *builder) appendTable(parent *node, p part) *node {
	pos := b.src.at(p.offset)
	list := parent.member(p.name)
	if list == nil {
		list = &node{kind: kindArray, name: p.name, key: join(parent.key, p.name), pos: pos, named: pos, tables: true}
		parent.add(list)
	}
	switch {
	case list.tables:
	case list.kind == kindTable:
		b.mixed(list, pos)
	default:
		b.lost = true
		b.twice(list, pos)
	}
	element := &node{kind: kindTable, name: p.name, key: element(list.key, len(list.items)), pos: pos, named: pos}
	list.items = append(list.items, element)
	return element
}

// keyValue adds one key = value, whose key may be dotted, to a table.
func (b *builder) keyValue(table *node, e *unstable.Node, depth int) {
	parts := b.parts(e.Key())
	depth += len(parts)
	if b.exceeds(depth, b.src.at(parts[0].offset)) {
		return
	}
	last := len(parts) - 1
	for _, p := range parts[:last] {
		table = b.descend(table, p)
	}
	p := parts[last]
	named := b.src.at(p.offset)
	if before := table.member(p.name); before != nil {
		b.twice(before, named)
		return
	}
	n := b.value(e.Value(), join(table.key, p.name), b.valueOffset(p.end), depth)
	n.name, n.named = p.name, named
	table.add(n)
}

// valueOffset returns where the value of a key begins; lists do not say so
// themselves.
func (b *builder) valueOffset(end int) int {
	data := b.src.data
	for end < len(data) && (data[end] == ' ' || data[end] == '\t' || data[end] == '=') {
		end++
	}
	return end
}

// value converts a value and everything inside it.
func (b *builder) value(v *unstable.Node, key string, offset, depth int) *node {
	n := &node{key: key, pos: b.src.at(offset), named: b.src.at(offset)}
	if b.exceeds(depth, n.pos) {
		return n
	}
	switch v.Kind {
	case unstable.InlineTable:
		n.kind = kindTable
		for it := v.Children(); it.Next(); {
			b.keyValue(n, it.Node(), depth)
		}
	case unstable.Array:
		n.kind = kindArray
		for it := v.Children(); it.Next(); {
			child := it.Node()
			at := offset // a list inside a list: near enough
			if child.Kind != unstable.Array {
				at = int(child.Raw.Offset)
			}
			n.items = append(n.items, b.value(child, element(key, len(n.items)), at, depth+1))
		}
	default:
		n.kind = scalarKind(v.Kind)
		n.text = string(v.Data)
	}
	return n
}

func scalarKind(k unstable.Kind) kind {
	switch k {
	case unstable.String:
		return kindString
	case unstable.Integer:
		return kindInteger
	case unstable.Float:
		return kindFloat
	case unstable.Bool:
		return kindBool
	default:
		return kindDate
	}
}

// exceeds notes the first place that nests deeper than maxDepth.
func (b *builder) exceeds(depth int, pos Position) bool {
	if depth <= maxDepth {
		return false
	}
	if b.tooDeep == nil {
		b.tooDeep = &Problem{Pos: pos, Message: fmt.Sprintf("nested more than %d levels deep", maxDepth)}
	}
	return true
}

// mixed notes a name that is a [table] here and a [[list of tables]] there.
func (b *builder) mixed(first *node, again Position) {
	b.lost = true
	b.redefined = append(b.redefined, Problem{
		Pos:     again,
		Key:     first.key,
		Message: "single brackets at one place and double ones at another",
		Hint:    "where there can be several of a kind, every header has double brackets; see " + first.named.String(),
	})
}

func (b *builder) twice(first *node, again Position) {
	b.redefined = append(b.redefined, Problem{
		Pos:     again,
		Key:     first.key,
		Message: "defined twice",
		Hint:    "defined before at " + first.named.String(),
	})
}
