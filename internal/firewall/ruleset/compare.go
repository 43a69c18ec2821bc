package ruleset

import (
	"errors"
	"fmt"
	"math/big"
	"net/netip"
	"slices"

	"sallyport/internal/firewall"
	"sallyport/policy"
)

// Verdict is what a firewall does with sources that the policy allows or does not.
type Verdict string

// The verdicts of a comparison. Agreement has none.
const (
	Closed  Verdict = "closed"  // allowed by the policy and dropped by the firewall
	Open    Verdict = "open"    // not allowed by the policy, and the firewall lets it pass
	Unknown Verdict = "unknown" // it cannot be told whether the firewall lets it pass
	Limited Verdict = "limited" // both let it pass, the firewall within a limit of its own
)

// Finding is some sources of a guard for which one thing is to be said.
type Finding struct {
	Verdict Verdict
	To      []Range         // destinations
	Sources firewall.Region // their labels mean nothing
	Area    firewall.Region // with those among them of which it need not be said, because they are allowed
	Allowed bool            // by the policy
	Flows   []int32         // that allow them, as the labels of the guard
	Sites   []Site          // that decide, or on which it depends; none where nothing is in the way
	Why     string          // it cannot be told, where that is not up to a rule
	Packet  Packet          // of which it is said
}

// Comparison is what there is to say of one guard.
type Comparison struct {
	Guard    *firewall.Guard
	Findings []Finding

	// The tuples, that is sources times source ports, of one destination: those that are allowed, and how many of them pass, are dropped and cannot be
	// told; and how many more pass than are allowed. Of several destinations that differ it is the worst.
	Allowed, Passing, Closed, Unknown, Open *big.Int

	Translated bool // some of what passes is rewritten behind the firewall
}

// ErrMany says that rules tell too many destinations apart to judge each.
var ErrMany = errors.New("the rules tell too many destination addresses apart")

// Compare compares a guard with what the firewall does. A guard of every address of its host is judged for the addresses that
// are given, and if none of its family is, for every address that the rules tell apart.
func (j *Judge) Compare(g *firewall.Guard, local []netip.Addr) (*Comparison, error) {
	c := &Comparison{Guard: g, Closed: new(big.Int), Unknown: new(big.Int), Open: new(big.Int)}
	sources := j.possible(g)
	allowed := g.Allowed().Common(sources)
	c.Allowed = size(allowed)
	c.Passing = c.Allowed
	groups, err := j.answers(g, local, allowed)
	if errors.Is(err, ErrUnread) || errors.Is(err, ErrMany) || errors.Is(err, ErrIntricate) {
		c.Unknown, c.Passing = c.Allowed, new(big.Int)
		c.Findings = []Finding{{Verdict: Unknown, To: entire(g), Sources: sources, Area: sources, Why: err.Error(), Packet: First}}
		return c, nil
	}
	if err != nil {
		return nil, err
	}
	for _, group := range groups {
		j.compare(c, group, allowed, sources)
	}
	return c, nil
}

// possible returns the sources that a guard is judged for. Routers never forward link-local addresses.
func (j *Judge) possible(g *firewall.Guard) firewall.Region {
	sources := Sources(g.Destination.Addr().Is6())
	if g.Direction != firewall.Transit {
		return sources
	}
	linkLocal := []netip.Prefix{netip.MustParsePrefix("169.254.0.0/16"), netip.MustParsePrefix("fe80::/10")}
	return sources.Minus(firewall.RegionOf(firewall.PatchesOf(linkLocal, nil, 0)))
}

func entire(g *firewall.Guard) []Range {
	return []Range{{g.Destination.Masked().Addr(), policy.LastOf(g.Destination)}}
}

// judged is destinations that have the same answer.
type judged struct {
	to     []Range
	answer *Answer
}

// answers judges the destinations of a guard. The allowed connections are followed behind their first packet.
func (j *Judge) answers(g *firewall.Guard, local []netip.Addr, allowed firewall.Region) ([]judged, error) {
	const most = 4096
	ranges := j.ranges(g, local)
	if len(ranges) > most {
		return nil, fmt.Errorf("%w (%d)", ErrMany, len(ranges))
	}
	var groups []judged
	for _, r := range ranges {
		c := Connection{g.Direction, r.First, g.Port}
		a, err := j.Judge(c)
		if err != nil {
			return nil, err
		}
		last := r.Last
		if last == r.First {
			last = netip.Addr{}
		}
		if a.Sequels, err = j.follow(c, last, a.Passes.Common(allowed), a.bypass); err != nil {
			return nil, err
		}
		at := slices.IndexFunc(groups, func(o judged) bool { return o.answer.equal(a) })
		if at < 0 {
			groups = append(groups, judged{[]Range{r}, a})
			continue
		}
		groups[at].add(r)
	}
	return groups, nil
}

// equal reports whether two answers are the same, labels included.
func (a *Answer) equal(o *Answer) bool {
	sequels := slices.EqualFunc(a.Sequels, o.Sequels, func(s, t Sequel) bool {
		return s.Packet == t.Packet && s.Denied.Equal(t.Denied) && s.Unknown.Equal(t.Unknown)
	})
	return sequels && a.Passes.Equal(o.Passes) && a.Denied.Equal(o.Denied) && a.Unknown.Equal(o.Unknown) &&
		a.Limited.Equal(o.Limited) && a.Translated.Equal(o.Translated)
}

// add adds a range, which may continue the last one.
func (g *judged) add(r Range) {
	if last := &g.to[len(g.to)-1]; last.Last.Next() == r.First {
		last.Last = r.Last
		return
	}
	g.to = append(g.to, r)
}

// ranges returns the destinations of a guard.
func (j *Judge) ranges(g *firewall.Guard, local []netip.Addr) []Range {
	if g.Destination.IsSingleIP() {
		return entire(g)
	}
	var all []Range
	for _, a := range local {
		if g.Destination.Contains(a) {
			all = append(all, Range{a, a})
		}
	}
	if len(all) > 0 {
		return all
	}
	return slices.DeleteFunc(j.Destinations(g.Destination.Addr().Is6()), func(r Range) bool { return !g.Destination.Contains(r.First) })
}

// compare adds what there is to say of destinations with one answer.
func (j *Judge) compare(c *Comparison, to judged, allowed, sources firewall.Region) {
	a := to.answer
	find := func(v Verdict, p Packet, policy, firewall firewall.Region) *big.Int {
		area := firewall.Common(policy)
		c.Findings = append(c.Findings, j.findings(v, p, to.to, policy.Common(area), area)...)
		return size(area)
	}
	others := sources.Minus(allowed)
	closed := find(Closed, First, allowed, a.Denied)
	open := size(a.Passes.Common(others))
	c.Findings = append(c.Findings, j.unasked(Open, to.to, a.Passes, others)...)
	unknown := find(Unknown, First, allowed, a.Unknown)
	c.Findings = append(c.Findings, j.unasked(Unknown, to.to, a.Unknown, others)...)
	find(Limited, First, allowed, a.Limited.Common(a.Passes))
	passes := a.Passes.Common(allowed)
	for _, s := range a.Sequels {
		closed.Add(closed, find(Closed, s.Packet, allowed, s.Denied))
		unknown.Add(unknown, find(Unknown, s.Packet, allowed, s.Unknown))
		passes = passes.Minus(s.Denied).Minus(s.Unknown)
	}
	passing := size(passes)
	c.Closed, c.Open, c.Unknown = larger(c.Closed, closed), larger(c.Open, open), larger(c.Unknown, unknown)
	c.Passing = smaller(c.Passing, passing)
	c.Translated = c.Translated || len(a.Translated) > 0
}

func smaller(a, b *big.Int) *big.Int {
	if b.Cmp(a) < 0 {
		return b
	}
	return a
}

func larger(a, b *big.Int) *big.Int {
	if a.Cmp(b) < 0 {
		return b
	}
	return a
}

// unasked makes a finding for each site that lets pass, or may let pass, what is not allowed.
func (j *Judge) unasked(v Verdict, to []Range, passes, others firewall.Region) []Finding {
	var all []Finding
	for _, g := range joined(nil, passes) {
		sources := g.area.Common(others)
		if len(sources) == 0 {
			continue
		}
		f := Finding{Verdict: v, To: to, Sources: sources, Area: g.area, Packet: First}
		for _, label := range j.deciding(v, g.sites) {
			f.Sites = append(f.Sites, j.Site(label))
		}
		all = append(all, f)
	}
	return all
}

// findings makes a finding of what is allowed for each combination of flows and sites.
func (j *Judge) findings(v Verdict, p Packet, to []Range, flows, sites firewall.Region) []Finding {
	var all []Finding
	for _, g := range joined(flows, sites) {
		f := Finding{Verdict: v, To: to, Sources: g.area, Area: g.area, Allowed: true, Flows: g.flows, Packet: p}
		for _, label := range j.deciding(v, g.sites) {
			f.Sites = append(f.Sites, j.Site(label))
		}
		all = append(all, f)
	}
	return all
}

// deciding leaves of the sites those that are worth naming: rules before policies, and of what decides alone the one that does so first
// (of drops) or last (of accepts).
func (j *Judge) deciding(v Verdict, labels []int32) []int32 {
	labels = slices.DeleteFunc(labels, func(l int32) bool { return l == noSite })
	rules := slices.DeleteFunc(slices.Clone(labels), func(l int32) bool { return j.Site(l).Rule == nil })
	if len(rules) > 0 {
		labels = rules
	}
	switch {
	case len(labels) == 0:
		return nil
	case v == Closed:
		return labels[:1]
	case v == Open:
		return labels[len(labels)-1:]
	default:
		return labels
	}
}
