package export

import (
	"fmt"
	"net/netip"
	"strings"

	"sallyport/internal/firewall"
	"sallyport/policy"
)

// statement is flows of one rule and client to one service that a device can hold in one statement: from each of the sources, and
// each of its ports, to each of the destinations.
type statement struct {
	flow         *firewall.Flow // the first of them, for what they have in common
	sources      []netip.Prefix
	ports        []policy.PortRange // of the sources, merged
	destinations []netip.Prefix
}

// port returns the port of the destinations.
func (e *statement) port() uint16 { return e.flow.Destination.Ports.First }

func (e *statement) anyPort() bool { return len(e.ports) == 1 && firewall.IsAnyPort(e.ports[0]) }

// v6 reports the family of the sources and destinations.
func (e *statement) v6() bool { return e.flow.Destination.Prefix.Addr().Is6() }

// likeness is what statements have in common that can be folded into one. The text of what they may differ in is empty.
type likeness struct {
	action                        firewall.Action
	direction                     firewall.Direction
	rule, client, service, reason string
	port                          uint16
	v6                            bool
	sources, ports, destinations  string
}

func (e *statement) likeness() likeness {
	f := e.flow
	return likeness{
		action: f.Action, direction: f.Direction, rule: f.Rule, client: f.Source.Name, service: f.Destination.Name,
		reason: f.Reason, port: e.port(), v6: e.v6(),
	}
}

// statementsOf returns flows as the few statements that say the same, in their order.
func statementsOf(flows []firewall.Flow) []statement {
	statements := make([]statement, len(flows))
	for i := range flows {
		f := &flows[i]
		statements[i] = statement{
			f, []netip.Prefix{f.Source.Prefix}, []policy.PortRange{f.Source.Ports}, []netip.Prefix{f.Destination.Prefix},
		}
	}
	statements = fold(statements, func(e *statement) likeness {
		k := e.likeness()
		k.sources, k.destinations = fmt.Sprint(e.sources), fmt.Sprint(e.destinations)
		return k
	})
	statements = fold(statements, func(e *statement) likeness {
		k := e.likeness()
		k.ports, k.destinations = fmt.Sprint(e.ports), fmt.Sprint(e.destinations)
		return k
	})
	return fold(statements, func(e *statement) likeness {
		k := e.likeness()
		k.sources, k.ports = fmt.Sprint(e.sources), fmt.Sprint(e.ports)
		return k
	})
}

// fold joins the statements of each key. They must differ in one thing alone, or it would open more than they do.
func fold(statements []statement, key func(*statement) likeness) []statement {
	at := make(map[likeness]int, len(statements))
	var folded []statement
	for i := range statements {
		e := &statements[i]
		k := key(e)
		first, known := at[k]
		if !known {
			at[k] = len(folded)
			folded = append(folded, *e)
			continue
		}
		into := &folded[first]
		into.sources = append(into.sources, e.sources...)
		into.ports = append(into.ports, e.ports...)
		into.destinations = append(into.destinations, e.destinations...)
	}
	for i := range folded {
		e := &folded[i]
		e.sources, e.ports, e.destinations = fewest(e.sources), policy.MergePorts(e.ports), each(e.destinations)
	}
	return folded
}

// defaults returns what is said of the guards at the end: that nothing else may pass.
func defaults(m *firewall.Matrix) []firewall.Flow {
	all := make([]firewall.Flow, len(m.Guards))
	for i := range m.Guards {
		f := everythingElse(&m.Guards[i])
		f.ID = f.Rule + "." + fingerprint(fmt.Sprintln(f.Direction, f.Destination.Prefix, f.Destination.Ports))[:8]
		all[i] = f
	}
	return all
}

// fewest returns the fewest prefixes with the same addresses. Some devices refuse prefixes that overlap.
func fewest(prefixes []netip.Prefix) []netip.Prefix {
	if len(prefixes) == 1 {
		return prefixes
	}
	return prefixesOf(firewall.RegionOf(firewall.PatchesOf(prefixes, nil, 0)))
}

// prefixesOf returns the addresses of a region.
func prefixesOf(r firewall.Region) []netip.Prefix {
	var all []netip.Prefix
	for _, slab := range r {
		all = append(all, policy.PrefixesOf(slab.First, slab.Last)...)
	}
	return all
}

// each returns a list without what it has more than once, in its order.
func each[T comparable](list []T) []T {
	if len(list) == 1 {
		return list
	}
	seen := make(map[T]bool, len(list))
	var once []T
	for _, item := range list {
		if !seen[item] {
			seen[item] = true
			once = append(once, item)
		}
	}
	return once
}

// application returns the application of a port's name.
func application(name string) string {
	app, _, _ := strings.Cut(name, "/")
	return app
}
