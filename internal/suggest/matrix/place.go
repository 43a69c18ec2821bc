package matrix

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"sallyport/policy"
)

// byFamily are values for IPv4 and for IPv6.
type byFamily[T any] [2][]T

func family(p netip.Prefix) int {
	if p.Addr().Is4() {
		return 0
	}
	return 1
}

// place adds the row to its rule or block, and reports whether anything of it could be placed.
func (r *row) place() bool {
	ports, ok := r.reached()
	if !ok {
		return false
	}
	var sources byFamily[netip.Prefix]
	for _, p := range r.sources {
		if len(ports[family(p)]) > 0 {
			sources[family(p)] = append(sources[family(p)], p)
		} else if !r.anySource {
			r.leave(r.of(SourceIP), fmt.Sprintf("%s cannot connect to the destination, which is of the other family of addresses", policy.PrefixText(p)), "")
		}
	}
	if r.anySource && len(sources[0])+len(sources[1]) == 0 {
		r.fail(r.of(TargetIP), "the destination is of the other family of addresses", "")
		return false
	}
	if r.deny {
		return r.refuseFrom(sources, ports)
	}
	return r.allow(sources, ports)
}

// reached returns the ports that the row is about, by the family of who can connect to them.
func (r *row) reached() (ports byFamily[int], ok bool) {
	name := r.of(TargetName)
	wanted := r.places.byName[folded(name.text)]
	if len(r.targets) == 0 && wanted != nil && len(r.targetPorts) == 0 {
		return r.named(name, wanted)
	}
	targets, address := r.targets, r.of(TargetIP)
	if len(targets) == 0 {
		if r.columns.has(TargetIP) && wanted == nil {
			r.fail(address, "the row does not say to where", `write addresses or "any"; below a merged cell, what is in it`)
			return ports, false
		}
		targets = everywhere()
	}
	if len(r.targetPorts) == 0 {
		r.fail(r.of(TargetPort), "the row does not say to which port", `write port numbers or "any"`)
		return ports, false
	}
	return ports, r.find(&ports, targets, wanted)
}

// named returns a port, or the only one of an application, by its name.
func (r *row) named(name cell, wanted []int) (ports byFamily[int], ok bool) {
	if len(wanted) > 1 {
		var names []string
		for _, i := range wanted {
			names = append(names, r.Ports[i].Name())
		}
		r.fail(name, fmt.Sprintf("%s has several ports, and the row does not say which", quoted(name.text)), "they are "+strings.Join(names, ", "))
		return ports, false
	}
	return byFamily[int]{wanted, wanted}, true
}

// find looks for the ports at each address, and lists where there are none.
func (r *row) find(ports *byFamily[int], targets []netip.Prefix, wanted []int) bool {
	met := make([]bool, len(r.targetPorts)) // of numbers that are ours at any address, if all are meant
	any := len(r.targets) == 0 || slices.ContainsFunc(targets, func(p netip.Prefix) bool { return p.Bits() == 0 })
	for _, at := range targets {
		var missing []policy.PortRange
		for i, numbers := range r.targetPorts {
			f := r.places.find(at, numbers, wanted)
			switch {
			case f.ambiguous:
				r.fail(r.of(TargetIP), fmt.Sprintf("%s port %s is found at several ports: %s", policy.PrefixText(at), portsText([]policy.PortRange{numbers}), r.names(f.ports)),
					"name one of them in a column with the name of the destination (dst-name), or say with --reached-at where each is found")
				return false
			case len(f.ports) == 0:
				missing = append(missing, numbers)
			default:
				met[i] = true
				r.noteFound(at, numbers, &f)
				ports[family(at)] = append(ports[family(at)], f.ports...)
			}
		}
		if len(missing) > 0 && !any {
			r.leave(r.of(TargetIP), r.notOurs(at, missing, wanted), notOursHint)
		}
	}
	for i, numbers := range r.targetPorts {
		if any && !met[i] {
			r.leave(r.of(TargetPort), fmt.Sprintf("no application listens on port %s", portsText([]policy.PortRange{numbers})), notOursHint)
		}
	}
	for f := range ports {
		slices.Sort(ports[f])
		ports[f] = slices.Compact(ports[f])
	}
	return len(ports[0])+len(ports[1]) > 0
}

const notOursHint = "a policy is about the ports of its configuration; --reached-at says where else clients find them"

func (r *row) notOurs(at netip.Prefix, missing []policy.PortRange, wanted []int) string {
	if wanted != nil {
		return fmt.Sprintf("%s is not found at %s port %s", quoted(folded(r.of(TargetName).text)), policy.PrefixText(at), portsText(missing))
	}
	return fmt.Sprintf("no application listens on %s port %s", policy.PrefixText(at), portsText(missing))
}

// noteFound says what of a destination is more or less than what is there.
func (r *row) noteFound(at netip.Prefix, numbers policy.PortRange, f *found) {
	if r.deny {
		return // a block is about all ports
	}
	for _, port := range f.unsure {
		r.remark("%s listens on every address: whether %s is one of them is for you to know", r.Ports[port].Name(), policy.PrefixText(at))
	}
	if at.Bits() > 0 && !at.IsSingleIP() || numbers.First != numbers.Last && numbers != anyPort() {
		where := "any address"
		if at.Bits() > 0 {
			where = policy.PrefixText(at)
		}
		r.remark("what listens at %s port %s is %s", where, portsText([]policy.PortRange{numbers}), r.names(f.ports))
	}
}

// names lists ports by their names.
func (r *row) names(ports []int) string {
	const most = 5
	var names []string
	for i, p := range ports {
		if i == most {
			names = append(names, fmt.Sprintf("%d more", len(ports)-most))
			break
		}
		names = append(names, r.Ports[p].Name())
	}
	return strings.Join(names, ", ")
}

// allow adds the row to its rule.
func (r *row) allow(sources byFamily[netip.Prefix], ports byFamily[int]) bool {
	if size := len(sources[0])*len(ports[0]) + len(sources[1])*len(ports[1]); size*len(r.sourcePorts) > mostOfRow || r.size+size*len(r.sourcePorts) > mostOfAll {
		r.fail(r.of(SourceIP), "the row, or all of them together, stand for too many pairs of source and destination", "write prefixes instead of single addresses, or split the matrix")
		return false
	}
	var grants []grant
	for f := range sources {
		for _, port := range ports[f] {
			demand, ok := r.demand(port)
			if !ok {
				continue
			}
			for _, p := range sources[f] {
				if r.balances(p, port) {
					continue
				}
				for _, numbers := range r.sourcePorts {
					grants = append(grants, grant{p, numbers, target{port, demand}})
				}
			}
		}
	}
	if len(grants) == 0 {
		return false
	}
	r.permitted++
	r.size += len(grants)
	r.join(grants)
	return true
}

// demand returns what a rule says about TLS to let pass at a port what the row does.
func (r *row) demand(port int) (policy.TLSDemand, bool) {
	p := &r.Ports[port]
	switch {
	case len(r.identities) > 0 && !p.ClientAuth:
		r.leave(r.of(ClientIdentity), p.Name()+" asks nobody for a certificate", "set client_auth on the port, or demand no identity")
		return 0, false
	case p.Mode == policy.Secure && r.said == policy.PlaintextOnly.String():
		r.leave(r.of(TLSMode), p.Name()+" takes TLS only", "")
		return 0, false
	case p.Mode == policy.Plaintext && r.said == policy.TLSRequired.String():
		r.leave(r.of(TLSMode), p.Name()+" takes plaintext only", "")
		return 0, false
	case p.Mode == policy.Secure:
		return policy.TLSRequired, true
	case p.Mode == policy.Plaintext:
		return policy.PlaintextOnly, true
	case r.said == "":
		r.remark(`whether TLS is spoken to %s is not said, so plaintext is not allowed; tls = "any" would allow both`, p.Name())
		return policy.TLSRequired, true
	}
	demand, err := policy.ParseTLSDemand(r.said)
	return demand, err == nil
}

// balances lists a source that sends PROXY headers to a port.
func (r *row) balances(p netip.Prefix, port int) bool {
	within := func(b netip.Prefix) bool { return b.Bits() <= p.Bits() && b.Contains(p.Addr()) }
	if !slices.ContainsFunc(r.Ports[port].Balancers, within) {
		return false
	}
	r.leave(r.of(SourceIP), fmt.Sprintf("%s sends PROXY headers to %s, and the policy is about the clients that they name", policy.PrefixText(p), r.Ports[port].Name()),
		"proxy_trusted of the port lets it connect")
	return true
}
