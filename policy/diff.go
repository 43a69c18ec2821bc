package policy

import (
	"fmt"
	"slices"
	"strings"
)

// ChangeKind says what a change of a policy does to the sessions that pass.
type ChangeKind string

const (
	Added    ChangeKind = "added"
	Removed  ChangeKind = "removed"
	Widened  ChangeKind = "widened"  // more pass
	Narrowed ChangeKind = "narrowed" // fewer pass
	Changed  ChangeKind = "changed"  // neither, or both
)

// Change is one difference between two policies.
type Change struct {
	Kind    ChangeKind
	Section Section
	Name    string // of the client or group, or the id; empty where there is only one
	Field   string // empty for what was added or removed as a whole
	Text    string // what is different, for people
}

// String returns the change as a line for people.
func (c Change) String() string {
	line := string(c.Section)
	if c.Name != "" {
		line += " " + quoted(c.Name)
	}
	line += " " + string(c.Kind)
	if c.Field != "" {
		line += ": " + c.Field
	}
	if c.Text != "" {
		line += ": " + c.Text
	}
	return line
}

// Diff returns what is different in another version of a policy, by section and in the order
// of names.
//
// Whether a change lets more pass is judged by what entries stand for in the new version, or in
// the old one if they are gone from the new: a client that changes is one change, and not one
// of every rule that names it. Ports are not compared, and what is open beyond the wildcard of
// an application is not known. The limits of a rule are changes of their own.
func Diff(old, new *Source) []Change {
	d := differ{world: newWorld(old, new)}
	diffNamed(&d, ClientSection, old.Clients, new.Clients, func(c *Client) string { return c.Name }, clientText, d.client)
	diffNamed(&d, GroupSection, old.Groups, new.Groups, func(g *Group) string { return g.Name }, groupText, d.group)
	diffNamed(&d, AllowSection, old.Rules, new.Rules, func(r *Rule) string { return r.ID }, ruleText, d.rule)
	diffNamed(&d, BlockSection, old.Blocks, new.Blocks, func(b *Block) string { return b.ID }, blockText, d.block)
	d.section, d.name = DefaultsSection, ""
	d.defaults(&old.Defaults, &new.Defaults)
	d.section = LockoutSection
	d.lockout(&old.Lockout, &new.Lockout)
	d.section = AuditSection
	d.audit(&old.Audit, &new.Audit)
	d.section = TestSection
	d.tests(old.Tests, new.Tests)
	return d.changes
}

// differ collects changes of one thing after the other.
type differ struct {
	*world
	changes []Change
	section Section
	name    string
	remark  string // on what widens or narrows
	idle    string // why nothing that changes has an effect; empty if it has
}

func (d *differ) add(kind ChangeKind, field, text string) {
	if kind == Widened || kind == Narrowed {
		text += d.remark
	}
	if d.idle != "" && (kind == Widened || kind == Narrowed) {
		kind, text = Changed, text+d.idle
	}
	d.changes = append(d.changes, Change{kind, d.section, d.name, field, text})
}

// diffNamed compares two lists of things with names.
func diffNamed[T any](d *differ, section Section, old, new []T, name func(*T) string, text func(*T) string, compare func(a, b *T)) {
	before, after := byName(old, name), byName(new, name)
	var names []string
	for n := range before {
		names = append(names, n)
	}
	for n := range after {
		if before[n] == nil {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	for _, n := range names {
		d.section, d.name = section, n
		switch a, b := before[n], after[n]; {
		case a == nil:
			d.add(Added, "", text(b))
		case b == nil:
			d.add(Removed, "", text(a))
		default:
			compare(a, b)
		}
	}
}

func byName[T any](list []T, name func(*T) string) map[string]*T {
	named := make(map[string]*T, len(list))
	for i := range list {
		named[name(&list[i])] = &list[i]
	}
	return named
}

// kindOf says what replacing one set by another does.
func kindOf(wider, narrower bool) ChangeKind {
	switch {
	case wider && !narrower:
		return Widened
	case narrower && !wider:
		return Narrowed
	default:
		return Changed
	}
}

// The remark on what is only written otherwise.
const meansTheSame = ", which means the same"

// set adds a change of a list whose order means nothing, by what it does: same is the remark if
// it does nothing.
func (d *differ) set(field string, gained, lost []string, wider, narrower bool, same string) {
	kind, text := kindOf(wider, narrower), gainedText(gained, lost)
	switch {
	case d.exhausted():
		kind = Changed
	case !wider && !narrower:
		text += same
	}
	d.add(kind, field, text)
}

func without(list, other []string) []string {
	var rest []string
	there := make(map[string]bool, len(other))
	for _, text := range other {
		there[text] = true
	}
	for _, text := range list {
		if !there[text] {
			rest = append(rest, text)
		}
	}
	slices.Sort(rest)
	return slices.Compact(rest)
}

func gainedText(gained, lost []string) string {
	var parts []string
	if len(gained) > 0 {
		parts = append(parts, quotedList(gained)+" added")
	}
	if len(lost) > 0 {
		parts = append(parts, quotedList(lost)+" removed")
	}
	return strings.Join(parts, ", ")
}

func quotedList(texts []string) string {
	quotes := make([]string, len(texts))
	for i, text := range texts {
		quotes[i] = quoted(text)
	}
	return strings.Join(quotes, ", ")
}

// value compares two values in words.
func (d *differ) value(kind ChangeKind, field, old, new string) {
	if old != new {
		d.add(kind, field, orNone(old)+" is now "+orNone(new))
	}
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}

// bound compares two bounds of which 0 is none.
func (d *differ) bound(field string, old, new float64, oldText, newText string) {
	c := compareBounds(new, old)
	if c == 0 && oldText != newText {
		d.add(Changed, field, orNone(oldText)+" is now "+orNone(newText)+meansTheSame)
		return
	}
	d.value(kindOf(c > 0, c < 0), field, oldText, newText)
}

func countText(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}
