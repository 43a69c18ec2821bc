package ruleset

import (
	"slices"

	"sallyport/internal/firewall"
)

// Ruleset is the rules of a firewall. It must not be changed.
type Ruleset struct {
	Tables []*Table

	// Unread says what else the firewall may have of a family, by family: why nothing can be told of its connections.
	Unread map[Family]string

	// Notes are what people have to know of how it was read, one sentence each.
	Notes []string

	sites []Site
}

// Family is the kind of packets that a table is for.
type Family string

// The families of tables that see IP packets, and those that see frames.
const (
	IPv4   Family = "ip"
	IPv6   Family = "ip6"
	Inet   Family = "inet" // both
	Netdev Family = "netdev"
	Bridge Family = "bridge"
	ARP    Family = "arp"
)

// Table is a table of either program.
type Table struct {
	Family   Family
	Name     string
	Comment  string
	Iptables bool // of iptables-save
	Legacy   bool // of the iptables that nft does not show
	Chains   []*Chain
	Sets     []*Set // maps of verdicts included

	chains map[string]*Chain
	sets   map[string]*Set
	limits map[string]bool // whether they hold beyond their rate
	opaque bool            // it has rules of iptables that nft cannot name
}

// Chain is a list of rules. One with a hook is a base chain.
type Chain struct {
	Name     string
	Hook     string // "input", "prerouting", ...; empty for those that are only jumped to
	Kind     string // "filter", "nat", "route"
	Priority int
	Device   string // that it is bound to, empty for all
	Rules    []*Rule
	policy   verdict
	label    int32 // of the policy
}

// Rule is one rule.
type Rule struct {
	Handle  uint64 // of nft, 0 without one
	Line    int    // of iptables-save
	Text    string
	Comment string
	Packets *uint64 // that it counted, nil if it does not count

	conditions []condition
	verdict    verdict
	lookup     *lookup // the verdict is looked up; verdict then is goOn
	untracks   bool    // connection tracking is bypassed
	translates bool    // addresses or ports are rewritten
	label      int32
}

// Set is a set, or a map from keys to verdicts.
type Set struct {
	Name    string // empty for an anonymous one
	Comment string
	Filled  bool // by rules, as packets pass

	elements []element
}

// element is a key of a set, with what is kept of it.
type element struct {
	box     []interval // one for each field; none for the element that matches the rest
	verdict verdict
	comment string
	packets *uint64
}

// lookup is a verdict that depends on the packet.
type lookup struct {
	selectors []selector
	set       *Set
}

// action is what a verdict does.
type action uint8

const (
	goOn action = iota
	accept
	drop
	leave // the chain
	jump
	goTo
	unsure // what becomes of the packet, depends on something else
)

// verdict is what a rule decides.
type verdict struct {
	action action
	name   string // of the chain
	chain  *Chain // filled in by link
}

// Join makes one ruleset of several. What iptables-save says of a table counts instead of what nft says of it: the rules of iptables have
// parts that nft cannot name.
func Join(parts ...*Ruleset) *Ruleset {
	all := &Ruleset{Unread: make(map[Family]string)}
	for _, family := range []Family{IPv4, IPv6} {
		why := ""
		for _, part := range parts {
			text, unread := part.Unread[family]
			if !unread {
				why = ""
				break
			}
			why = text
		}
		if why != "" {
			all.Unread[family] = why
		}
	}
	for _, part := range parts {
		for _, t := range part.Tables {
			if t.Iptables || !slices.ContainsFunc(parts, func(other *Ruleset) bool { return other.replaces(t) }) {
				all.Tables = append(all.Tables, t)
			}
		}
		all.Notes = append(all.Notes, part.Notes...)
	}
	all.number()
	return all
}

// replaces reports whether a table of nft is one of these of iptables.
func (r *Ruleset) replaces(t *Table) bool {
	return slices.ContainsFunc(r.Tables, func(mine *Table) bool {
		return mine.Iptables && !mine.Legacy && mine.Family == t.Family && mine.Name == t.Name
	})
}

// number gives every site a label.
func (r *Ruleset) number() {
	r.sites = nil
	for _, t := range r.Tables {
		for _, c := range t.Chains {
			c.label = int32(len(r.sites))
			r.sites = append(r.sites, Site{t, c, nil})
			for _, rule := range c.Rules {
				rule.label = int32(len(r.sites))
				r.sites = append(r.sites, Site{t, c, rule})
			}
		}
	}
}

// Redirects reports whether some connections are sent to other destinations than those that their clients asked for.
func (r *Ruleset) Redirects() bool {
	return slices.ContainsFunc(r.sites, func(s Site) bool { return s.Rule != nil && s.Rule.translates && s.Rule.verdict.action == unsure })
}

// Filled returns the names of sets that rules look into and other rules fill, so that their elements come and go.
func (r *Ruleset) Filled() []string {
	var all []string
	for _, site := range r.sites {
		if site.Rule == nil {
			continue
		}
		for _, c := range site.Rule.conditions {
			if c.set != nil && c.set.Filled && !slices.Contains(all, plain(c.set.Name)) {
				all = append(all, plain(c.set.Name))
			}
		}
	}
	return all
}

// Opaque returns the families of iptables whose rules nft could not name in its own words.
func (r *Ruleset) Opaque() []Family {
	var all []Family
	for _, t := range r.Tables {
		if t.opaque && !slices.Contains(all, t.Family) {
			all = append(all, t.Family)
		}
	}
	return all
}

// sees reports whether the packets of a family go through a table.
func (t *Table) sees(v6 bool) bool {
	switch t.Family {
	case IPv4:
		return !v6
	case IPv6:
		return v6
	default:
		return t.Family == Inet || t.Family == Netdev
	}
}

// hooks returns the hooks that the packets of a direction go through, in their order.
func hooks(d firewall.Direction) []string {
	switch d {
	case firewall.Inbound:
		return []string{"ingress", "prerouting", "input"}
	case firewall.Outbound:
		return []string{"output", "postrouting", "egress"}
	default:
		return []string{"ingress", "prerouting", "forward", "postrouting", "egress"}
	}
}
