package matrix

import (
	"fmt"
	"slices"

	"sallyport/internal/suggest/draft"
	"sallyport/policy"
)

// clients defines the clients of a draft. Those of several rules that are the same are defined once.
type clients struct {
	draft *Draft
	names draft.Names
	known map[string]string // names by what they stand for
}

// name returns the name of the client for a box of a source.
func (c *clients) name(s *source, b *box) string {
	key := fmt.Sprint(s.who, b.prefixes, b.ports)
	if name, known := c.known[key]; known {
		return name
	}
	client := policy.Client{Name: c.names.Unique(s.name), Addresses: b.prefixes, Identities: s.identities}
	if !slices.Contains(b.ports, anyPort()) {
		client.Ports = b.ports
	}
	if len(b.prefixes) == 2 && b.prefixes[0].Bits() == 0 && b.prefixes[1].Bits() == 0 && len(client.Ports)+len(client.Identities) > 0 {
		client.Addresses = nil // any of both families
	}
	c.draft.Clients = append(c.draft.Clients, client)
	c.known[key] = client.Name
	return client.Name
}

// entries returns how a rule names a box of a source.
func (c *clients) entries(s *source, b *box) []string {
	if !s.bare {
		return []string{c.name(s, b)}
	}
	if len(b.prefixes) == 2 && b.prefixes[0].Bits() == 0 && b.prefixes[1].Bits() == 0 {
		return []string{policy.AnyName}
	}
	return draft.Texts(b.prefixes, policy.PrefixText)
}

// ruleDraft is one rule of a group.
type ruleDraft struct {
	demand policy.TLSDemand
	ports  []int
	from   []string
}

// rules adds the rules of a group. There are several if its sources do not all do the same: one rule would then allow more
// than its rows.
func (g *group) rules(c *clients, ids draft.Names, ports []Port) {
	known := make(map[string]*ruleDraft)
	var all []*ruleDraft
	split := make(map[string]int) // definitions by who
	for _, s := range g.sources {
		for _, b := range s.boxes() {
			entries := c.entries(s, b)
			split[s.name] += len(entries)
			for _, part := range demands(b.targets, ports) {
				key := fmt.Sprint(part.demand, part.ports)
				if known[key] == nil {
					known[key] = part
					all = append(all, part)
				}
				known[key].from = append(known[key].from, entries...)
			}
		}
	}
	slices.Sort(g.lines)
	for i, part := range all {
		c.draft.Rules = append(c.draft.Rules, policy.Rule{
			ID: ids.Unique(g.wanted(ports, target{port: part.ports[0]})), From: distinct(part.from), To: g.to(part, ports), TLS: part.demand,
			Limits: g.Limits, Owner: g.owner, Ticket: g.ticket, Reason: g.reason, ValidFrom: g.groupKey.from, Expires: g.until,
		})
		note := ruleNote{more: i > 0}
		if i == 0 {
			note.origin, note.divided = g.origin, g.divided(split)
		}
		c.draft.rules = append(c.draft.rules, note)
	}
}

// divided returns the clients that became several, if there are bounds.
func (g *group) divided(definitions map[string]int) []string {
	if g.Limits == (policy.Limits{}) {
		return nil
	}
	var names []string
	for _, s := range g.sources {
		if !s.bare && definitions[s.name] > 1 {
			names = append(names, s.name)
		}
	}
	return distinct(names)
}

func (g *group) to(part *ruleDraft, ports []Port) []string {
	return draft.Texts(part.ports, func(i int) string { return ports[i].Name() })
}

// distinct returns texts without those that were there before.
func distinct(texts []string) []string {
	seen := make(map[string]bool, len(texts))
	return slices.DeleteFunc(texts, func(text string) bool {
		before := seen[text]
		seen[text] = true
		return before
	})
}

// demands says what is demanded at ports in as few rules as can say it: at a port that only takes TLS, "any" is the same as
// "required".
func demands(targets []target, ports []Port) []*ruleDraft {
	var all []*ruleDraft
	for len(targets) > 0 {
		var best *ruleDraft
		for _, demand := range []policy.TLSDemand{policy.TLSRequired, policy.PlaintextOnly, policy.TLSAny} {
			part := &ruleDraft{demand: demand}
			for _, t := range targets {
				if same(demand, t.demand, ports[t.port].Mode) {
					part.ports = append(part.ports, t.port)
				}
			}
			if best == nil || len(part.ports) > len(best.ports) {
				best = part
			}
		}
		all = append(all, best)
		targets = slices.DeleteFunc(slices.Clone(targets), func(t target) bool { return same(best.demand, t.demand, ports[t.port].Mode) })
	}
	return all
}

// same reports whether two demands let the same pass at a port.
func same(a, b policy.TLSDemand, mode policy.Mode) bool {
	return a == b || mode != policy.AutoDetect && (a == policy.TLSAny || b == policy.TLSAny)
}
