package document

import (
	"fmt"
	"strconv"
)

// kind is what a node holds.
type kind uint8

const (
	kindTable kind = iota
	kindArray
	kindString
	kindInteger
	kindFloat
	kindBool
	kindDate // any of the four date and time types
)

func (k kind) String() string {
	return [...]string{"table", "list", "string", "integer", "number", "boolean", "date"}[k]
}

// node is one value of the document.
type node struct {
	kind kind
	name string   // the last part of its key
	key  string   // the full dotted path
	pos  Position // the value; for a table, where it was first named
	text string   // a string's content; the source text of other scalars

	items   []*node // elements of a list
	members []*node // keys of a table, in file order
	index   map[string]*node

	named  Position // where the key stands
	tables bool     // a list made by [[headers]]
	header bool     // a table with a [header] of its own
	wrong  bool     // what is wrong with it has been told
}

// member returns the key of a table, or nil.
func (n *node) member(name string) *node { return n.index[name] }

// add makes child the value of its name in the table n.
func (n *node) add(child *node) {
	if n.index == nil {
		n.index = make(map[string]*node)
	}
	n.index[child.name] = child
	n.members = append(n.members, child)
}

// found describes the value for a message: what the user wrote instead.
func (n *node) found() string {
	const shown = 40
	switch n.kind {
	case kindString:
		return "found string " + quoteCut(n.text, shown)
	case kindTable, kindArray:
		return "found a " + n.kind.String()
	default:
		return "found " + n.kind.String() + " " + cut(n.text, shown)
	}
}

// quoteCut quotes text that may be long or hostile.
func quoteCut(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return strconv.Quote(string(r[:most])) + "..."
	}
	return strconv.Quote(s)
}

// cut shortens the ASCII text of a number or a date.
func cut(s string, most int) string {
	if len(s) > most {
		return s[:most] + "..."
	}
	return s
}

// join returns the dotted path of name below parent.
func join(parent, name string) string {
	if !bare(name) {
		name = strconv.Quote(name)
	}
	if parent == "" {
		return name
	}
	return parent + "." + name
}

// element returns the path of the element i of the list at key.
func element(key string, i int) string { return fmt.Sprintf("%s[%d]", key, i) }

func bare(name string) bool {
	for i := range len(name) {
		c := name[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (c < '0' || c > '9') && c != '_' && c != '-' {
			return false
		}
	}
	return name != ""
}
