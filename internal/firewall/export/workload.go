package export

import (
	"cmp"
	"fmt"
	"slices"

	"sallyport/internal/firewall"
	"sallyport/policy"
)

// workload is what a device attaches rules to that knows no addresses of its own side: an application, or a client.
type workload struct {
	name string

	// In and out are what is allowed, without source ports. A direction that is guarded denies everything else.
	in, out             []statement
	guardsIn, guardsOut bool

	policy []statement // what is allowed, as the policy says it
}

// workloadsOf returns the workloads of a matrix and of what it permits, by name.
func workloadsOf(m *firewall.Matrix, statements []statement) []workload {
	byName := make(map[string]*workload)
	at := func(name string) *workload {
		if byName[name] == nil {
			byName[name] = &workload{name: name}
		}
		return byName[name]
	}
	for i := range m.Guards {
		if g := &m.Guards[i]; g.Direction == firewall.Inbound {
			at(application(g.Name)).guardsIn = true
		}
	}
	for _, e := range statements {
		w := at(e.workload())
		w.policy = append(w.policy, e)
	}
	for _, e := range withoutPorts(statements) {
		w := at(e.workload())
		if e.flow.Direction == firewall.Outbound {
			w.out, w.guardsOut = append(w.out, e), true
		} else {
			w.in = append(w.in, e)
		}
	}
	var all []workload
	for _, w := range byName {
		all = append(all, *w)
	}
	slices.SortFunc(all, func(a, b workload) int { return cmp.Compare(a.name, b.name) })
	return all
}

// workload returns whose traffic a statement is about, on this side of the connection.
func (e *statement) workload() string {
	f := e.flow
	switch {
	case f.Direction == firewall.Inbound, f.Origin == firewall.FromPin:
		return application(f.Destination.Name)
	case f.Source.Name != "":
		return f.Source.Name
	default:
		return f.Rule
	}
}

// withoutPorts returns statements as a device without source ports has them.
func withoutPorts(statements []statement) []statement {
	open := make([]statement, len(statements))
	for i, e := range statements {
		e.ports = []policy.PortRange{firewall.AnyPort()}
		open[i] = e
	}
	return fold(open, func(e *statement) likeness {
		k := e.likeness()
		k.destinations = fmt.Sprint(e.destinations)
		return k
	})
}
