package policy

import (
	"cmp"
	"net/netip"
	"slices"
	"time"
)

// Opening is where the sessions can come from that a rule lets pass at a port, whoever then proves to be there. It is as much
// of a rule as a firewall can know.
type Opening struct {
	Port *Port

	// Rule lets the sessions pass. It is nil where audit mode lets everything pass.
	Rule *Rule

	// Client is whose sessions they are; nil where the rule's from leads to an address or a built-in name.
	Client *Client

	// Prefixes are their addresses. Ports are their source ports, merged; none means any. Both are shared and must not be changed.
	Prefixes []netip.Prefix
	Ports    []PortRange

	// TLS and Plaintext tell how such a session can speak. One of them at least is true.
	TLS, Plaintext bool
}

// Closure is where no sessions can come from, whatever rules say: the addresses of a block, or those
// of a client with require_tls, from which only plaintext is refused.
type Closure struct {
	Block    *Block  // nil for a client's
	Client   *Client // nil for a block's
	Prefixes []netip.Prefix
	Ports    []PortRange // merged; none means any
}

// Closes reports whether nothing of an opening is left where the two overlap.
func (c *Closure) Closes(o *Opening) bool {
	if o.Rule == nil {
		return false // audit mode lets blocks pass, too
	}
	return c.Block != nil || !o.TLS
}

// Openings returns from where sessions can pass at a time: by port, in the order of the source, and then by rule and
// client, addresses last. Openings may overlap. Sources without an address are left out.
//
// The early judgement of [Set.Decide] lets a session from an address and source port pass exactly if an opening of its
// port holds them where no closure that [Closure.Closes] it does. Port 0, from which nothing can connect, is not looked at.
func (s *Set) Openings(now time.Time) []Opening {
	if s == nil || s.src == nil {
		return nil
	}
	var all []Opening
	w := newWalk(s.roster)
	for i := range s.src.Ports {
		port := &s.src.Ports[i]
		d := s.ports[portKey{port.Application, port.ID}]
		if d.audit {
			o := Opening{Port: port, Prefixes: everyAddress[:], TLS: port.Mode != Plaintext, Plaintext: port.Mode != Secure}
			all = append(all, o)
			continue
		}
		rules := slices.SortedFunc(slices.Values(d.rules), func(a, b int32) int { return cmp.Compare(s.rules[a].order, s.rules[b].order) })
		for _, number := range rules {
			if r := &s.rules[number]; r.Mode != Off && r.validAt(now.Unix()) {
				all = s.openings(&w, port, r, all)
			}
		}
	}
	return all
}

// openings appends those of one rule at one port.
func (s *Set) openings(w *walk, port *Port, r *rule, all []Opening) []Opening {
	tls := port.Mode != Plaintext && r.TLS != PlaintextOnly
	plaintext := port.Mode != Secure && r.TLS != TLSRequired
	for _, id := range s.leavesOf(w, r) {
		a := s.roster.areaOf(id)
		o := Opening{Port: port, Rule: r.Rule, Prefixes: a.prefixes, Ports: a.ports, TLS: tls, Plaintext: plaintext}
		if s.roster.leaves[id].who != nobody {
			o.Client = s.roster.clientOf(id)
		}
		if len(a.identities) > 0 { // only a certificate shows them
			o.TLS, o.Plaintext = tls && port.ClientAuth, false
		}
		if o.TLS || o.Plaintext {
			all = append(all, o)
		}
	}
	return all
}

// leavesOf returns whom a rule names, groups resolved, each once: clients in the order of their names, then addresses.
func (s *Set) leavesOf(w *walk, r *rule) []int32 {
	var ids []int32
	for _, e := range s.roster.resolved.from[r.index] {
		w.expand(e, func(id int32) { ids = append(ids, id) })
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// Closures returns what blocks and require_tls take away: blocks in the order of their ids, then clients in that of their names.
func (s *Set) Closures() []Closure {
	if s == nil || s.src == nil {
		return nil
	}
	var all []Closure
	for i := range s.src.Blocks {
		all = append(all, Closure{Block: &s.src.Blocks[i], Prefixes: s.src.Blocks[i].Addresses})
	}
	slices.SortFunc(all, func(a, b Closure) int { return cmp.Compare(a.Block.ID, b.Block.ID) })
	for _, i := range s.roster.clients {
		if c := &s.src.Clients[i]; c.RequireTLS {
			a := clientArea(c)
			all = append(all, Closure{Client: c, Prefixes: a.prefixes, Ports: a.ports})
		}
	}
	return all
}
