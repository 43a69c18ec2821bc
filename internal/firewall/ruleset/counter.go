package ruleset

import (
	"fmt"
	"slices"

	"sallyport/internal/firewall"
)

// Counter is what counted the packets of some sources to one destination: an element of a set, or a rule.
type Counter struct {
	Packets uint64
	key     string // the same in another reading of the same rules
	area    []firewall.Patch
}

// Counters returns what counted connections, as far as it tells sources apart.
func (j *Judge) Counters(c Connection) []Counter {
	w := j.newWalk(c)
	w.tracked = true
	var all []Counter
	for _, t := range j.Tables {
		if !t.sees(w.v6) {
			continue
		}
		for _, chain := range t.Chains {
			for _, r := range chain.Rules {
				all = append(all, w.counters(t, chain, r)...)
			}
		}
	}
	return all
}

// counters returns those of a rule and of the sets that it looks into.
func (w *walk) counters(t *Table, c *Chain, r *Rule) []Counter {
	var all []Counter
	ofSource := false
	for i := range r.conditions {
		condition := &r.conditions[i]
		if !condition.ofSource() || condition.kind != matching {
			continue
		}
		ofSource = true
		if condition.negated || w.lacks(condition.selectors) {
			continue
		}
		for _, n := range w.candidates(condition.set, condition.selectors) {
			e := &condition.set.elements[n]
			if e.packets == nil {
				continue
			}
			if p := w.box(condition.selectors, e.box); p.answer == yes {
				key := fmt.Sprint(t.Family, t.Name, condition.set.Name, e.box)
				all = append(all, Counter{*e.packets, key, []firewall.Patch{p.patch}})
			}
		}
	}
	if r.Packets == nil || !ofSource {
		return all
	}
	must, can := w.conditions(r).regions(w.v6)
	if len(must) == 0 || size(must).Cmp(size(can)) != 0 {
		return all
	}
	return append(all, Counter{*r.Packets, fmt.Sprint(t.Family, t.Name, c.Name, r.Text), relabel(must, 0)})
}

// Since returns counters with what they counted since an older reading. Those that were set to zero in between count from there.
func Since(older, newer []Counter) []Counter {
	before := make(map[string]uint64, len(older))
	for _, c := range older {
		before[c.key] += c.Packets
	}
	all := slices.Clone(newer)
	for i := range all {
		if n := before[all[i].key]; n <= all[i].Packets {
			all[i].Packets -= n
		}
	}
	return all
}

// Use is how much of a flow the counters have seen.
type Use uint8

// The uses of flows, in the order in which more is known to be in use.
const (
	Uncounted Use = iota // nothing counts all of it
	Unused
	Shared // what counts it counts others, too, and saw something
	Used
)

// Uses tells by flow of a guard what counters have seen of it.
func Uses(g *firewall.Guard, counters []Counter) map[int32]Use {
	var patches []firewall.Patch
	for i, c := range counters {
		for _, p := range c.area {
			p.Label = int32(i)
			patches = append(patches, p)
		}
	}
	groups := joined(g.Open, firewall.RegionOf(patches))
	alone := make(map[int32]int32) // by counter the flow that it counts, -1 for several
	for _, group := range groups {
		for _, c := range group.sites {
			only := int32(-1)
			if len(group.flows) == 1 {
				only = group.flows[0]
			}
			if flow, known := alone[c]; known && flow != only {
				only = -1
			}
			alone[c] = only
		}
	}
	uses := make(map[int32]Use)
	missing := make(map[int32]bool) // a part of the flow that nothing counts
	for _, group := range groups {
		for _, flow := range group.flows {
			use := Uncounted
			for _, c := range group.sites {
				only := alone[c] == flow
				use = max(use, counters[c].use(only))
				if only { // what comes behind it counted others
					break
				}
			}
			missing[flow] = missing[flow] || use == Uncounted
			uses[flow] = max(uses[flow], use)
		}
	}
	for flow := range missing {
		if missing[flow] && uses[flow] == Unused {
			uses[flow] = Uncounted
		}
	}
	return uses
}

// use is what a counter says of a flow that it counts, alone or with others.
func (c *Counter) use(alone bool) Use {
	switch {
	case c.Packets == 0:
		return Unused
	case alone:
		return Used
	default:
		return Shared
	}
}
