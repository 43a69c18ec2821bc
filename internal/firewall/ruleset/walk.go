package ruleset

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"sallyport/internal/firewall"
)

// walk is one way through a ruleset, of all sources at once.
type walk struct {
	Connection
	judge   *Judge
	stage   stage
	last    netip.Addr // of a range that the destination begins; invalid for one address, or if all have the same answer
	v6      bool
	sources firewall.Region
	every   firewall.Patch // all sources, possible or not
	chain   *Chain         // the base chain
	budget  int            // how much work there may still be
	tracked bool           // connection tracking has seen the packet
	bypass  bool           // some packets may have been taken out of it

	accepted, dropped, unsure, doubts, limited, translated []firewall.Patch

	accepts []firewall.Patch // of the base chain
}

// newWalk returns a walk that has not begun.
func (j *Judge) newWalk(c Connection) *walk {
	v6 := c.Destination.Is6()
	if j.extents == nil || j.fromV6 != v6 {
		j.extents, j.fromV6 = make(map[extentKey]extent), v6
	}
	const effort = 50_000_000 // rules: more than any ruleset has, and a minute of work at most
	return &walk{
		judge: j, Connection: c, v6: v6, sources: Sources(v6), every: everywhere(v6).Patches()[0],
		budget: cmp.Or(j.effort, effort),
	}
}

// through sends sources through all base chains in the way, and returns those that may pass.
func (w *walk) through(here firewall.Region) (firewall.Region, error) {
	for _, hook := range hooks(w.Direction) {
		for _, base := range w.judge.bases(hook, w.v6) {
			here = w.base(base, here)
		}
	}
	if w.budget <= 0 {
		return nil, ErrIntricate
	}
	return here, nil
}

// base sends sources through a base chain, and returns those that it may let pass.
func (w *walk) base(c *Chain, here firewall.Region) firewall.Region {
	if len(here) == 0 {
		return nil
	}
	if c.Kind == "nat" && w.stage != opening { // asked once for each connection
		return here
	}
	const conntrack = -200 // priority
	w.chain, w.accepts, w.tracked = c, nil, c.Priority > conntrack
	start := here
	elsewhere := c.Device != "" && !slices.Contains(strings.Split(c.Device, ", "), w.judge.Interface)
	if elsewhere && w.judge.Interface != "" {
		return here
	}
	here = w.run(c, here)
	if c.policy.action == drop {
		w.dropped = append(w.dropped, relabel(here, c.label)...)
	} else {
		w.accepted = append(w.accepted, relabel(here, c.label)...)
		w.accepts = append(w.accepts, relabel(here, 0)...)
	}
	if elsewhere { // the chain may not see them
		w.doubts = append(w.doubts, relabel(start, c.label)...)
		w.accepts = append(w.accepts, relabel(start, 0)...)
	}
	return firewall.RegionOf(w.accepts)
}

// run sends sources through the rules of a chain, and returns those that may come back to where it was jumped from.
func (w *walk) run(c *Chain, here firewall.Region) firewall.Region {
	var back []firewall.Patch
	var b batch
	for _, r := range c.Rules {
		if w.budget--; w.budget <= 0 {
			return nil
		}
		if r.verdict.action == goOn && r.lookup == nil && !r.untracks {
			continue
		}
		held := w.conditions(r)
		if held.capped {
			_, can := held.regions(w.v6)
			w.limited = append(w.limited, relabel(can.Common(here), r.label)...)
			continue
		}
		if held.answer == no {
			continue
		}
		if r.untracks {
			_, can := held.regions(w.v6)
			w.bypass = w.bypass || len(can.Common(here)) > 0
			continue
		}
		if r.lookup != nil {
			here = w.lookUp(r, held, w.close(&b, here, &back), &back)
			continue
		}
		if !b.takes(r.verdict) {
			here = w.close(&b, here, &back)
		}
		b.verdict = r.verdict
		w.put(&b, r, held)
		if r.verdict.chain != nil {
			here = w.close(&b, here, &back)
		}
		if len(here) == 0 {
			break
		}
	}
	here = w.close(&b, here, &back)
	return firewall.RegionOf(append(back, relabel(here, 0)...))
}

// batch is rules of a chain that follow one another and decide the same, so that their order does not matter.
type batch struct {
	verdict   verdict
	must, can []firewall.Patch
	total     bool // one of them holds for every source

	doubts, limited, translated []firewall.Patch
}

func (b *batch) takes(v verdict) bool { return len(b.can) == 0 || b.verdict == v && !b.total }

// put adds the sources for which a rule holds.
func (w *walk) put(b *batch, r *Rule, held extent) {
	must, can := held.regions(w.v6)
	b.must = append(b.must, relabel(must, 0)...)
	b.can = append(b.can, relabel(can, r.label)...)
	b.total = b.total || held.answer == yes
	if held.answer != yes && !(held.split && sameRegion(must, can)) {
		b.doubts = append(b.doubts, relabel(can.Minus(must), r.label)...)
	}
	if r.limited() {
		b.limited = append(b.limited, relabel(can, r.label)...)
	}
	if r.translates && r.verdict.action == accept {
		b.translated = append(b.translated, relabel(can, r.label)...)
	}
}

// limited reports whether a rule holds only within a limit.
func (r *Rule) limited() bool {
	return slices.ContainsFunc(r.conditions, func(c condition) bool { return c.kind == limiting })
}

// note keeps what is known of the sources of a batch besides.
func (w *walk) note(b *batch, here firewall.Region) {
	for _, n := range []struct{ to, from *[]firewall.Patch }{{&w.doubts, &b.doubts}, {&w.limited, &b.limited}, {&w.translated, &b.translated}} {
		if len(*n.from) > 0 {
			*n.to = append(*n.to, firewall.RegionOf(*n.from).Common(here).Patches()...)
		}
	}
}

// close does with sources what a batch decides, and returns those that go on to the next rule.
func (w *walk) close(b *batch, here firewall.Region, back *[]firewall.Patch) firewall.Region {
	if len(b.can) == 0 {
		return here
	}
	const cheaper = 8 // to go through a slab than through a rule
	w.budget -= len(here) / cheaper
	hit := firewall.RegionOf(b.can).Common(here)
	rest := here.Minus(firewall.RegionOf(b.must))
	w.note(b, here)
	v := b.verdict
	*b = batch{}
	if len(hit) == 0 {
		return rest
	}
	switch v.action {
	case accept:
		w.accepted = append(w.accepted, hit.Patches()...)
		w.accepts = append(w.accepts, relabel(hit, 0)...)
	case drop:
		w.dropped = append(w.dropped, hit.Patches()...)
	case unsure:
		w.unsure = append(w.unsure, hit.Patches()...)
	case leave:
		*back = append(*back, relabel(hit, 0)...)
	case jump:
		returned := w.run(v.chain, firewall.RegionOf(relabel(hit, 0)))
		rest = firewall.RegionOf(slices.Concat(relabel(rest, 0), relabel(returned, 0)))
	case goTo:
		*back = append(*back, relabel(w.run(v.chain, firewall.RegionOf(relabel(hit, 0))), 0)...)
	}
	return rest
}

// lookUp does with sources what a verdict map says for each.
func (w *walk) lookUp(r *Rule, held extent, here firewall.Region, back *[]firewall.Patch) firewall.Region {
	var returned []firewall.Patch
	for _, found := range w.verdicts(r.lookup) {
		if found.verdict.action == goOn {
			continue
		}
		b := batch{verdict: found.verdict}
		w.put(&b, r, held.and(found.extent))
		if found.verdict.action == jump { // what comes back must not be looked up again
			away := verdict{action: goTo, name: found.verdict.name, chain: found.verdict.chain}
			b.verdict = away
			here = w.close(&b, here, &returned)
			continue
		}
		here = w.close(&b, here, back)
	}
	if len(returned) == 0 {
		return here
	}
	return firewall.RegionOf(append(returned, relabel(here, 0)...))
}
