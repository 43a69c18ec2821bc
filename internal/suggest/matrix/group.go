package matrix

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"sallyport/policy"
)

// groupKey is what rows have in common that become one rule, as far as one rule can say what they do.
type groupKey struct {
	id string // as it stands in the matrix
	to string // of rows without an id, the ports that they lead to

	owner, ticket, reason string
	from, until           time.Time
	policy.Limits
}

// group is the rows of one key.
type group struct {
	groupKey
	origin
	sources []*source
	byWho   map[who]*source
}

// origin is where something comes from.
type origin struct {
	lines   []int // of the matrix, ascending
	remarks []string
}

// who tells the sources of a group apart.
type who struct {
	name       string
	bare       bool   // no client, but addresses
	identities string // what one of is demanded
}

// source is everything that one client may do.
type source struct {
	who
	identities []policy.Identity
	grants     []grant
}

// grant is what a row lets pass: from some source ports of a prefix to one port.
type grant struct {
	prefix netip.Prefix
	ports  policy.PortRange
	target
}

// target is a port, and how it is to be spoken to.
type target struct {
	port   int // index in [Import.Ports]
	demand policy.TLSDemand
}

func (t target) compare(o target) int {
	return cmp.Or(cmp.Compare(t.port, o.port), cmp.Compare(t.demand, o.demand))
}

// join adds what the row lets pass to its group.
func (r *row) join(grants []grant) {
	key := r.key
	if key.id == "" {
		key.to = targetsKey(grants)
	}
	g := r.byKey[key]
	if g == nil {
		g = &group{groupKey: key, byWho: make(map[who]*source)}
		r.byKey[key] = g
		r.groups = append(r.groups, g)
	}
	g.lines = append(g.lines, r.line)
	g.remarks = append(g.remarks, r.remarks...)
	w := who{name: r.clientName(), bare: r.bare()}
	for _, identity := range r.identities {
		w.identities += identity.String() + "\x00"
	}
	if w.bare {
		w.name = "" // all of them are one entry of a rule after the other
	}
	s := g.byWho[w]
	if s == nil {
		s = &source{who: w, identities: r.identities}
		g.byWho[w] = s
		g.sources = append(g.sources, s)
	}
	s.grants = append(s.grants, grants...)
}

// bare reports whether the row's addresses need no client: its bounds are those of each address then, as people mean it who write
// a network down and no name. Whoever writes a single address down means a client, but for sallyport's own matrix, which names those.
func (r *row) bare() bool {
	single := !r.exact && len(r.sources) == 1 && r.sources[0].IsSingleIP()
	return r.name == "" && len(r.identities) == 0 && !single && slices.Contains(r.sourcePorts, anyPort())
}

func targetsKey(grants []grant) string {
	var targets []target
	for _, g := range grants {
		targets = append(targets, g.target)
	}
	slices.SortFunc(targets, target.compare)
	return fmt.Sprint(slices.Compact(targets))
}

// box is addresses which, from the same source ports, may do the same.
type box struct {
	prefixes []netip.Prefix
	ports    []policy.PortRange
	targets  []target
}

// boxes says what a source may do in as few boxes as its addresses allow: together they are exactly its grants.
func (s *source) boxes() []*box {
	slices.SortFunc(s.grants, func(a, b grant) int {
		return cmp.Or(a.prefix.Compare(b.prefix), a.target.compare(b.target), cmp.Compare(a.ports.First, b.ports.First), cmp.Compare(a.ports.Last, b.ports.Last))
	})
	known := make(map[string]*box)
	var all []*box
	for rest := s.grants; len(rest) > 0; {
		n := 1
		for n < len(rest) && rest[n].prefix == rest[0].prefix {
			n++
		}
		for _, b := range boxesOf(rest[:n]) {
			key := fmt.Sprint(b.ports, b.targets)
			if same := known[key]; same != nil {
				same.prefixes = append(same.prefixes, b.prefixes...)
				continue
			}
			known[key] = b
			all = append(all, b)
		}
		rest = rest[n:]
	}
	for _, b := range all {
		b.prefixes = uncovered(b.prefixes)
	}
	return all
}

// boxesOf makes boxes of the grants of one prefix, which are sorted.
func boxesOf(grants []grant) []*box {
	known := make(map[string]*box)
	var all []*box
	for len(grants) > 0 {
		n := 1
		for n < len(grants) && grants[n].target == grants[0].target {
			n++
		}
		var ports []policy.PortRange
		for _, g := range grants[:n] {
			ports = append(ports, g.ports)
		}
		ports = whole(policy.MergePorts(ports))
		key := portsText(ports)
		if known[key] == nil {
			known[key] = &box{prefixes: []netip.Prefix{grants[0].prefix}, ports: ports}
			all = append(all, known[key])
		}
		known[key].targets = append(known[key].targets, grants[0].target)
		grants = grants[n:]
	}
	return all
}

// whole returns merged ranges, any port if all are in them: nobody connects from port 0.
func whole(ports []policy.PortRange) []policy.PortRange {
	if len(ports) == 1 && ports[0].First <= 1 && ports[0].Last == 0xffff {
		return []policy.PortRange{anyPort()}
	}
	return ports
}

// uncovered returns sorted prefixes without those that are in others of them.
func uncovered(prefixes []netip.Prefix) []netip.Prefix {
	slices.SortFunc(prefixes, netip.Prefix.Compare)
	kept := prefixes[:0]
	for _, p := range prefixes {
		if n := len(kept); n > 0 && kept[n-1].Bits() <= p.Bits() && kept[n-1].Contains(p.Addr()) {
			continue
		}
		kept = append(kept, p)
	}
	return kept
}

// wanted returns what the rule is to be called.
func (k *groupKey) wanted(ports []Port, first target) string {
	switch {
	case k.id != "":
		return usableName("rule", k.id)
	case identifier(k.ticket) != "":
		return usableName("ticket", k.ticket)
	default:
		return "to-" + strings.ReplaceAll(ports[first.port].Name(), "/", "-")
	}
}
