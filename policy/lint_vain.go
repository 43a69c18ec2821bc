package policy

import (
	"fmt"
	"net/netip"
	"slices"
)

// lintVain finds addresses that no rule can let in, and clients that a rule names in vain.
func (l *linter) lintVain() {
	v := vain{linter: l, blocks: l.blockExtent(), strict: l.strictExtent(), known: make(map[element]refused)}
	for i := range l.src.Clients {
		for j, p := range l.src.Clients[i].Addresses {
			if by, blocked := v.blockedBy(p); blocked {
				l.warn(at(ClientSection, i, "addresses").item(j), quoted(PrefixText(p))+" is blocked by "+by, blockHint)
			}
		}
	}
	for i := range l.resolved.members {
		v.lintBlocked(l.resolved.members[i], at(GroupSection, i, "members"))
	}
	for i := range l.set.rules {
		if r := &l.set.rules[i]; r.Mode != Off {
			v.lintBlocked(l.resolved.from[r.index], at(AllowSection, r.index, "from"))
			v.lintPlaintext(r)
		}
	}
}

const blockHint = "blocks come before every rule"

// vain is the search for what is refused whatever the rules say.
type vain struct {
	*linter
	blocks *extent // the leaf of an area is the index of its block
	strict *extent // of clients with require_tls
	known  map[element]refused
}

// refused says which of an element's leaves never get in with plaintext.
type refused struct {
	leaf int32 // one of them, a client with require_tls if there is one
	by   int32 // the client with require_tls at its addresses
	any  bool
}

func (l *linter) blockExtent() *extent {
	areas := make([]*area, len(l.src.Blocks))
	for i := range l.src.Blocks {
		areas[i] = &area{prefixes: l.src.Blocks[i].Addresses, leaf: int32(i)}
	}
	return newExtent(areas)
}

func (l *linter) strictExtent() *extent {
	var ids []int32
	for i := range l.src.Clients {
		if l.src.Clients[i].RequireTLS {
			ids = append(ids, l.ofClient[i])
		}
	}
	return l.sources.united(ids)
}

// blockedBy says in words which blocks hold all of a prefix.
func (v *vain) blockedBy(p netip.Prefix) (text string, blocked bool) {
	if block, found := v.set.blocks.LookupPrefix(p); found {
		return quoted(v.src.Blocks[block].ID), true
	}
	if len(v.blocks.areas) == 0 || !v.sources.holdArea([]*extent{v.blocks}, &area{prefixes: []netip.Prefix{p}}) {
		return "", false
	}
	var ids []string
	for _, o := range v.blocks.touching(p, nil) {
		ids = append(ids, v.src.Blocks[o.leaf].ID)
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	return quoted(ids[0]) + more(len(ids)-1), true
}

// lintBlocked finds addresses in a list that are blocked. Those of clients are told at the client.
func (v *vain) lintBlocked(list []element, where spot) {
	for i, e := range list {
		if e.kind <= groupElement {
			continue
		}
		leaf := v.sources.area(v.ofAddress[e])
		by := ""
		for _, p := range leaf.prefixes {
			text, blocked := v.blockedBy(p)
			if !blocked {
				by = ""
				break
			}
			if by == "" {
				by = text
			}
		}
		if by == "" {
			continue
		}
		message := quoted(v.leafText(leaf.leaf)) + " is blocked by " + by
		if leaf.local {
			message += ", but for UNIX sockets"
		}
		v.warn(where.item(i), message, blockHint)
	}
}

// leafText returns a leaf as a policy calls it.
func (r *roster) leafText(id int32) string {
	switch l := &r.leaves[id]; {
	case l.who != nobody:
		return r.names[id]
	case l.everywhere:
		return AnyName
	case l.local:
		return LoopbackName
	default:
		return PrefixText(l.prefixes[0])
	}
}

// lintPlaintext finds clients that a rule names in vain, because it only ever sees plaintext.
func (v *vain) lintPlaintext(r *rule) {
	why := fmt.Sprintf("the rule's tls is %q", r.TLS)
	if r.TLS != PlaintextOnly {
		if v.seesTLS(r) {
			return
		}
		why = "the rule's ports take plaintext only"
	}
	const hint = "the rule never allows it"
	for i, e := range v.resolved.from[r.index] {
		where := at(AllowSection, r.index, "from").item(i)
		if t := v.traits(e); t.identified > 0 && r.TLS == PlaintextOnly {
			v.warn(where, fmt.Sprintf("client %q%s must show an identity, which takes TLS, and %s",
				v.names[t.example], more(t.identified-1), why), hint)
		}
		switch f := v.refused(e); {
		case !f.any:
		case v.leaves[f.leaf].who != nobody && v.clientOf(f.leaf).RequireTLS:
			v.warn(where, fmt.Sprintf("client %q has require_tls and %s", v.names[f.leaf], why), hint)
		default:
			v.warn(where, fmt.Sprintf("client %q has require_tls, %q is at its addresses, and %s", v.names[f.by], v.leafText(f.leaf), why), hint)
		}
	}
}

// seesTLS reports whether a session with TLS can come to a rule.
func (l *linter) seesTLS(r *rule) bool {
	return slices.ContainsFunc(l.resolved.to[r.index], func(p int) bool {
		return l.src.Ports[p].Mode != Plaintext && r.reaches(&l.src.Ports[p])
	})
}

// refused finds a leaf all of whose plaintext is refused for the sake of clients with require_tls.
func (v *vain) refused(e element) refused {
	if f, known := v.known[e]; known || len(v.strict.areas) == 0 {
		return f
	}
	var f refused
	for _, a := range v.sources.of(e).areas {
		isStrict := v.leaves[a.leaf].who != nobody && v.clientOf(a.leaf).RequireTLS
		switch {
		case isStrict:
			f = refused{leaf: a.leaf, any: true}
		case !f.any && v.sources.holdArea([]*extent{v.strict}, a):
			f = refused{leaf: a.leaf, any: true, by: v.strictAt(a)}
		}
		if isStrict {
			break
		}
	}
	v.known[e] = f
	return f
}

// strictAt returns a client with require_tls that is at an area's addresses.
func (v *vain) strictAt(a *area) int32 {
	if len(a.prefixes) == 0 {
		return v.strict.areas[0].leaf
	}
	first := v.strict.areas[0].leaf
	for i, o := range v.strict.touching(a.prefixes[0], nil) {
		if i == 0 || o.leaf < first {
			first = o.leaf
		}
	}
	return first
}
