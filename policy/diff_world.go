package policy

import (
	"net/netip"
	"slices"
	"strings"
)

// world is what the names of two versions of a policy stand for: as in the new one, or for those
// that are gone from it as in the old one.
type world struct {
	*extents
	sources *extents // without identities
	names   *resolver
}

func newWorld(old, new *Source) *world {
	taken := make(map[string]bool)
	for i := range new.Clients {
		taken[new.Clients[i].Name] = true
	}
	for i := range new.Groups {
		taken[new.Groups[i].Name] = true
	}
	both := &Source{
		Clients: slices.Concat(new.Clients, slices.DeleteFunc(slices.Clone(old.Clients), func(c Client) bool { return taken[c.Name] })),
		Groups:  slices.Concat(new.Groups, slices.DeleteFunc(slices.Clone(old.Groups), func(g Group) bool { return taken[g.Name] })),
	}
	r := newResolver(both, &faults{})
	r.suggestions = 0
	for i := range both.Clients {
		r.define(both.Clients[i].Name, element{kind: clientElement, index: i}, spot{})
	}
	r.nameGroups()
	r.checkGroups()
	w := &world{names: r, extents: newExtents(newRoster(both, r.resolved), coverBudget)}
	w.sources = newExtents(w.roster, coverBudget)
	w.sources.anonymous = true
	return w
}

// elements returns what the entries of a list are, without those that are nothing.
func (w *world) elements(list []string) []element {
	all := make([]element, 0, len(list))
	for _, text := range list {
		if e := w.names.element(text, spot{}); e.kind != noElement {
			w.addAddress(e)
			all = append(all, e)
		}
	}
	return all
}

// entries compares two lists of clients, groups and addresses.
func (d *differ) entries(field string, old, new []string, x *extents, same string) {
	before, after := entryTexts(old), entryTexts(new)
	gained, lost := without(after, before), without(before, after)
	if len(gained)+len(lost) == 0 {
		return
	}
	was, is := d.elements(before), d.elements(after)
	more, less := d.elements(gained), d.elements(lost)
	wider := len(more) < len(gained) || !x.hold(was, more)
	narrower := len(less) < len(lost) || !x.hold(is, less)
	if x.exhausted() {
		d.add(Changed, field, gainedText(gained, lost))
		return
	}
	if !slices.ContainsFunc(slices.Concat(was, is), func(e element) bool { return e.kind <= groupElement }) {
		same = "which means the same" // every address counts for itself in any case
	}
	d.set(field, gained, lost, wider, narrower, ", "+same)
}

// ports compares two lists of ports.
func (d *differ) ports(field string, old, new []string) {
	gained, lost := without(new, old), without(old, new)
	if len(gained)+len(lost) > 0 {
		d.set(field, gained, lost, !portsHold(old, gained), !portsHold(new, lost), meansTheSame)
	}
}

// portsHold reports whether a list has every one of other ports, as such or by a wildcard.
func portsHold(outer, inner []string) bool {
	wild := make(map[string]bool)
	for _, text := range outer {
		wild[text] = true
	}
	return !slices.ContainsFunc(inner, func(text string) bool {
		application, _, _ := strings.Cut(text, "/")
		return !wild[text] && !wild[application+"/*"]
	})
}

// areaHolds reports whether every session of one client would be one of another.
func (w *world) areaHolds(outer, inner *Client) bool {
	return w.holdArea([]*extent{newExtent([]*area{clientArea(outer)})}, clientArea(inner))
}

// prefixesHold reports whether every address of inner is one of outer's.
func (w *world) prefixesHold(outer, inner []netip.Prefix) bool {
	return w.holdArea([]*extent{newExtent([]*area{{prefixes: outer}})}, &area{prefixes: inner})
}
