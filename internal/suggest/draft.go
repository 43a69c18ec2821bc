package suggest

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"strings"

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
}

// clientNote is what is known of a client beside its definition.
type clientNote struct {
	counts
	sourcePorts sightings
	subject     string
	nearest     string
	condition   string
}

// ruleNote is what is known of the sessions that a rule is for.
type ruleNote struct {
	counts
	local   bool                 // UNIX sockets
	unknown int                  // sessions of which it is not known what they spoke
	crowds  map[netip.Prefix]int // clients by network
}

// person is whom a client definition stands for.
type person struct {
	source   netip.Addr
	identity policy.Identity // zero if none is demanded
}

func comparePersons(a, b person) int {
	return cmp.Or(a.source.Compare(b.source), compareIdentities(a.identity, b.identity))
}

// entry is a cell with its place.
type entry struct {
	place
	*cell
}

// Draft returns rules for everything that was read so far.
func (s *Survey) Draft() *Draft {
	d := &Draft{incomplete: s.omitted[noRoom].count > 0}
	persons := make(map[person][]entry)
	for source, entries := range s.bySource() {
		assign(source, entries, persons)
	}
	names, ids := s.taken()
	demands := make(map[demand]*ruleDraft)
	for _, who := range slices.SortedFunc(maps.Keys(persons), comparePersons) {
		entries := persons[who]
		slices.SortFunc(entries, func(a, b entry) int {
			return cmp.Or(cmp.Compare(a.application, b.application), cmp.Compare(a.port, b.port), cmp.Compare(a.speech, b.speech))
		})
		name := policy.LoopbackName
		if who.source.IsValid() {
			name = names.unique("seen-" + strings.ReplaceAll(who.source.String(), ":", "-"))
			d.addClient(name, who, entries, s.ephemeral())
		}
		addDemands(demands, name, who, entries)
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
// persons. Everything else is a person without one, as are all behind UNIX sockets.
func assign(source netip.Addr, entries []entry, persons map[person][]entry) {
	rest := entries
	for source.IsValid() {
		covered := make(map[policy.Identity]int)
		for _, e := range rest {
			for _, identity := range e.identities {
				covered[identity]++
			}
		}
		if len(covered) == 0 {
			break
		}
		best := slices.MinFunc(slices.Collect(maps.Keys(covered)), func(a, b policy.Identity) int {
			return cmp.Or(cmp.Compare(covered[b], covered[a]), compareIdentities(a, b))
		})
		who := person{source, best}
		var others []entry
		for _, e := range rest {
			if slices.Contains(e.identities, best) {
				persons[who] = append(persons[who], e)
			} else {
				others = append(others, e)
			}
		}
		rest = others
	}
	if len(rest) > 0 {
		persons[person{source: source}] = rest
	}
}

func (d *Draft) addClient(name string, who person, entries []entry, ephemeral policy.PortRange) {
	var note clientNote
	for _, e := range entries {
		note.add(&e.counts)
		note.sourcePorts.addAll(&e.sourcePorts)
		note.subject = cmp.Or(note.subject, e.subject)
		if note.nearest == "" {
			note.nearest, note.condition = e.nearest, e.condition
		}
	}
	client := policy.Client{
		Name:      name,
		Addresses: []netip.Prefix{netip.PrefixFrom(who.source, who.source.BitLen())},
		Ports:     note.sourcePorts.bound(ephemeral),
	}
	if who.identity != (policy.Identity{}) {
		client.Identities = []policy.Identity{who.identity}
	}
	d.Clients = append(d.Clients, client)
	d.clients = append(d.clients, note)
	d.counts.add(&note.counts)
}

// linuxEphemeral are the source ports that Linux chooses from unless told otherwise.
var linuxEphemeral = policy.PortRange{First: 32768, Last: 60999}

func (s *Survey) ephemeral() policy.PortRange {
	if s.Policy == nil || s.Policy.Source() == nil {
		return linuxEphemeral
	}
	return cmp.Or(s.Policy.Source().Ephemeral, linuxEphemeral)
}
