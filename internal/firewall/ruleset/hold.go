package ruleset

import (
	"net/netip"
	"slices"

	"sallyport/internal/firewall"
	"sallyport/policy"
)

// conditions returns the sources for which all conditions of a rule hold.
func (w *walk) conditions(r *Rule) extent {
	held := extent{answer: yes}
	capped := false
	for _, ofSource := range []bool{false, true} { // those that may end it quickly come first
		for i := range r.conditions {
			c := &r.conditions[i]
			if c.ofSource() != ofSource {
				continue
			}
			if c.kind == limiting && !c.holds {
				capped = true
				continue
			}
			if held = held.and(w.condition(c)); held.answer == no {
				return held
			}
		}
	}
	held.capped = capped
	return held
}

// condition returns the sources for which a condition holds.
func (w *walk) condition(c *condition) extent {
	switch c.kind {
	case doubtful:
		return extent{answer: perhaps}
	case limiting:
		return extent{answer: yes}
	case settled:
		if c.settled[w.stage] {
			return extent{answer: yes}
		}
		return extent{answer: no}
	}
	const small = 8 // elements; to remember what they make up is not worth it
	if len(c.set.elements) <= small || !w.ofSourceAlone(c) {
		return w.matching(c)
	}
	key := extentKey{c, w.stage == reply}
	held, known := w.judge.extents[key]
	if !known {
		held = w.matching(c)
		w.judge.extents[key] = held
	}
	return held
}

// extentKey is what an extent is of: a condition of packets of one family, which looks at answers the other way round.
type extentKey struct {
	*condition
	reply bool
}

// ofSourceAlone reports whether nothing but the source decides a condition.
func (w *walk) ofSourceAlone(c *condition) bool {
	for _, s := range c.selectors {
		if f := w.looksAt(s); f != sourceAddress && f != sourcePort {
			return false
		}
	}
	return c.kind == matching
}

// matching returns the sources for which the selectors are in the set of a condition.
func (w *walk) matching(c *condition) extent {
	if w.lacks(c.selectors) {
		return extent{answer: no}
	}
	var g gathered
	for _, i := range w.candidates(c.set, c.selectors) {
		g.add(w.box(c.selectors, c.set.elements[i].box))
	}
	held := g.extent()
	if c.negated {
		held = held.not(w.v6)
	}
	return held
}

// lacks reports whether these packets do not have one of the fields.
func (w *walk) lacks(selectors []selector) bool {
	return slices.ContainsFunc(selectors, func(s selector) bool {
		switch {
		case s.family != "":
			return s.family != familyFor(w.v6)
		case s.field == inputInterface:
			return w.Direction == firewall.Outbound
		case s.field == outputInterface:
			return w.Direction == firewall.Inbound
		default:
			return false
		}
	})
}

// found is what a verdict map says of some sources.
type found struct {
	verdict verdict
	extent  extent
}

// verdicts returns what a map says, in the order of its elements; elements that say the same are taken together.
func (w *walk) verdicts(l *lookup) []found {
	if w.lacks(l.selectors) {
		return nil
	}
	var order []verdict
	byVerdict := make(map[verdict]*gathered)
	var all gathered
	rest := -1 // the element for what no other holds
	for _, i := range w.candidates(l.set, l.selectors) {
		e := &l.set.elements[i]
		if e.box == nil {
			rest = i
			continue
		}
		p := w.box(l.selectors, e.box)
		if p.answer == no {
			continue
		}
		if byVerdict[e.verdict] == nil {
			byVerdict[e.verdict] = &gathered{}
			order = append(order, e.verdict)
		}
		byVerdict[e.verdict].add(p)
		all.add(p)
	}
	var answers []found
	for _, v := range order {
		answers = append(answers, found{v, byVerdict[v].extent()})
	}
	if rest >= 0 {
		answers = append(answers, found{l.set.elements[rest].verdict, all.extent().not(w.v6)})
	}
	return answers
}

// piece is the sources of one element, if it holds for a destination.
type piece struct {
	answer answer // no: for no source
	whole  bool   // for every source
	patch  firewall.Patch
}

// box returns the sources for which each field is in its interval.
func (w *walk) box(selectors []selector, box []interval) piece {
	p := piece{answer: yes, whole: true, patch: w.every}
	if box == nil { // of a set: whatever it may be
		return p
	}
	if len(box) != len(selectors) {
		p.answer = perhaps
		return p
	}
	for i, s := range selectors {
		held := w.narrow(&p, s, box[i])
		if held == no {
			return piece{answer: no}
		}
		p.answer = min(p.answer, held)
	}
	return p
}

// narrow leaves of a piece what is in the interval of a field.
func (w *walk) narrow(p *piece, s selector, v interval) answer {
	switch f := w.looksAt(s); {
	case v.kind == everything:
		return yes
	case v.kind == opaque, f == unknownField:
		return perhaps
	case f == sourceAddress:
		return p.addresses(v)
	case f == sourcePort:
		return p.ports(v)
	default:
		return w.holds(f, v)
	}
}

func (p *piece) addresses(v interval) answer {
	if v.kind != addresses {
		return perhaps
	}
	if v.first.BitLen() != p.patch.First.BitLen() {
		return no
	}
	p.whole = p.whole && v.first == p.patch.First && v.last == p.patch.Last
	p.patch.First, p.patch.Last = later(v.first, p.patch.First), earlier(v.last, p.patch.Last)
	if p.patch.Last.Less(p.patch.First) {
		return no
	}
	return yes
}

func later(a, b netip.Addr) netip.Addr {
	if a.Less(b) {
		return b
	}
	return a
}

func earlier(a, b netip.Addr) netip.Addr {
	if a.Less(b) {
		return a
	}
	return b
}

func (p *piece) ports(v interval) answer {
	if v.kind != numbers {
		return perhaps
	}
	low, high := max(v.low, uint64(p.patch.Ports.First)), min(v.high, uint64(p.patch.Ports.Last))
	if low > high {
		return no
	}
	p.whole = p.whole && low == 0 && high == 0xffff
	p.patch.Ports = policy.PortRange{First: uint16(low), Last: uint16(high)}
	return yes
}

// gathered unites pieces.
type gathered struct {
	whole     answer // the best of those that hold for every source
	must, can []firewall.Patch
}

func (g *gathered) add(p piece) {
	switch {
	case p.answer == no:
	case p.whole:
		g.whole = max(g.whole, p.answer)
	default:
		g.can = append(g.can, p.patch)
		if p.answer == yes {
			g.must = append(g.must, p.patch)
		}
	}
}

func (g *gathered) extent() extent {
	switch {
	case g.whole == yes, len(g.can) == 0:
		return extent{answer: g.whole}
	case g.whole == perhaps:
		every := everywhere(g.can[0].First.Is6())
		return splitAt(firewall.RegionOf(g.must), every)
	case len(g.must) == len(g.can):
		both := firewall.RegionOf(g.can)
		return splitAt(both, both)
	default:
		return splitAt(firewall.RegionOf(g.must), firewall.RegionOf(g.can))
	}
}
