package suggest

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"sallyport/internal/suggest/draft"
	"sallyport/policy"
)

// Draft is the part of a policy that allows what a [Survey] has seen, and nothing on a port or from an
// address that it has not. One thing is wider: clients of UNIX sockets have no address, and the rule for
// them allows the whole of loopback.
type Draft struct {
	Clients []policy.Client
	Rules   []policy.Rule

	clients []clientNote // for each of Clients
	rules   []ruleNote   // for each of Rules
	counts
	incomplete bool
	unusable   int // records that may need a rule, too
	records    int
}

// clientNote is what is known of a client beside its definition.
type clientNote struct {
	counts
	sourcePorts sightings
	subject     string
	nearest     string
	condition   string
	someShown   bool // certificates that a rule could name, which it does not
	tooMany     bool // of them
}

// ruleNote is what is known of the sessions that a rule is for.
type ruleNote struct {
	counts
	local   bool                 // UNIX sockets
	unknown int                  // sessions of which it is not known what they spoke
	crowds  map[netip.Prefix]int // clients by network
	rules   []string             // that would have allowed them on another day
}

// person is whom a client definition stands for.
type person struct {
	source  netip.Addr
	demands string // the identities of which one is demanded; empty if none is
}

// group is what a person did.
type group struct {
	person
	identities []policy.Identity
	entries    []entry
}

// groups are those of all persons.
type groups map[person]*group

// add adds what the person at a source did who has one of the identities.
func (g groups) add(source netip.Addr, identities []policy.Identity, entries ...entry) {
	who := person{source, demands(identities)}
	if g[who] == nil {
		g[who] = &group{person: who, identities: identities}
	}
	g[who].entries = append(g[who].entries, entries...)
}

func compareGroups(a, b *group) int {
	return cmp.Or(a.source.Compare(b.source), slices.CompareFunc(a.identities, b.identities, compareIdentities))
}

// entry is a cell with its place.
type entry struct {
	place
	*cell
}

// Draft returns rules for everything that was read so far.
func (s *Survey) Draft() *Draft {
	d := &Draft{incomplete: s.omitted[noRoom].count > 0, unusable: s.unusable(), records: s.records}
	all := make(groups)
	for source, entries := range s.bySource() {
		all.assign(source, entries)
	}
	names, ids := draft.NamesIn(s.known())
	demands := make(map[demand]*ruleDraft)
	for _, who := range slices.SortedFunc(maps.Values(all), compareGroups) {
		entries := who.entries
		slices.SortFunc(entries, func(a, b entry) int {
			return cmp.Or(cmp.Compare(a.application, b.application), cmp.Compare(a.port, b.port), cmp.Compare(a.speech, b.speech))
		})
		name := policy.LoopbackName
		if who.source.IsValid() {
			name = names.Unique("seen-" + strings.ReplaceAll(who.source.String(), ":", "-"))
			d.addClient(name, who, s.ephemeral())
		}
		addDemands(demands, name, who.source, entries)
	}
	d.addRules(demands, ids)
	return d
}

func (s *Survey) bySource() map[netip.Addr][]entry {
	all := make(map[netip.Addr][]entry)
	for at, c := range s.cells {
		all[at.source] = append(all[at.source], entry{at, c})
	}
	return all
}

// assign finds out who was behind one source address. What always came with the same identity is one
// person; of several such identities the one that covers the most ports counts, so that there are few
// persons. What came with one of a few certificates is a person with any of those. Everything else is a
// person without, as are all behind UNIX sockets.
func (g groups) assign(source netip.Addr, entries []entry) {
	rest := entries
	for source.IsValid() {
		covered := make(map[policy.Identity]int)
		for _, e := range rest {
			for _, identity := range e.shown.common {
				covered[identity]++
			}
		}
		if len(covered) == 0 {
			break
		}
		best := slices.MinFunc(slices.Collect(maps.Keys(covered)), func(a, b policy.Identity) int {
			return cmp.Or(cmp.Compare(covered[b], covered[a]), compareIdentities(a, b))
		})
		var others []entry
		for _, e := range rest {
			if slices.Contains(e.shown.common, best) {
				g.add(source, []policy.Identity{best}, e)
			} else {
				others = append(others, e)
			}
		}
		rest = others
	}
	for _, e := range rest {
		if !source.IsValid() {
			g.add(source, nil, e)
			continue
		}
		g.add(source, e.shown.any(), e)
	}
}

func (d *Draft) addClient(name string, who *group, ephemeral policy.PortRange) {
	var note clientNote
	for _, e := range who.entries {
		if len(who.identities) == 0 {
			note.someShown = note.someShown || e.shown.tooMany || len(e.shown.lists) > 0
			note.tooMany = note.tooMany || e.shown.tooMany
		}
		note.add(&e.counts)
		note.sourcePorts.addAll(&e.sourcePorts)
		note.subject = cmp.Or(note.subject, e.subject)
		if note.nearest == "" {
			note.nearest, note.condition = e.nearest, e.condition
		}
	}
	client := policy.Client{
		Name:       name,
		Addresses:  []netip.Prefix{netip.PrefixFrom(who.source, who.source.BitLen())},
		Ports:      note.sourcePorts.bound(ephemeral),
		Identities: who.identities,
	}
	d.Clients = append(d.Clients, client)
	d.clients = append(d.clients, note)
	d.counts.add(&note.counts)
}

// known returns the policy in force as it was written, nil if there is none.
func (s *Survey) known() *policy.Source {
	if s.Policy == nil {
		return nil
	}
	return s.Policy.Source()
}

func (s *Survey) ephemeral() policy.PortRange {
	known := s.known()
	if known == nil {
		return new(policy.Source).EphemeralRange()
	}
	return known.EphemeralRange()
}
