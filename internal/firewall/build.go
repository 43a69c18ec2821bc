package firewall

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"sallyport/policy"
)

// ErrWhere says that a port listens on every address of its host, and that it is not known at which of them clients find it.
var ErrWhere = errors.New("which one do clients connect to?")

// Build makes the matrix of an input. The error joins everything that keeps it from being exact, one error each.
func Build(in *Input) (*Matrix, error) {
	b := builder{Input: in, header: in.Header}
	b.header.Notes = slices.Clone(in.Header.Notes)
	if in.Client != "" && in.At != AtClient {
		b.fail("the flows of a single client are those of its own firewall, and everywhere else the other clients would be denied: "+
			"take them at the position %q", AtClient)
	}
	b.notes()
	b.services()
	for i := range in.Pins {
		b.pin(&in.Pins[i])
	}
	flows := b.finished()
	m := &Matrix{At: in.At, Now: in.Now, Header: b.header, Flows: flows, Guards: guarded(b.guards, flows)}
	b.distinct(m.Guards)
	if err := errors.Join(b.errors...); err != nil {
		return nil, err
	}
	return m, nil
}

type builder struct {
	*Input
	header Header
	flows  []Flow
	guards []Guard
	errors []error
}

func (b *builder) fail(format string, args ...any) {
	b.errors = append(b.errors, fmt.Errorf(format, args...))
}

func (b *builder) note(format string, args ...any) {
	b.header.Notes = append(b.header.Notes, fmt.Sprintf(format, args...))
}

// wanted reports whether an application is not filtered out.
func (b *builder) wanted(application string) bool {
	return b.Application == "" || b.Application == application
}

// services adds the flows to the ports that the policy guards.
func (b *builder) services() {
	openings, closures := b.Policy.Openings(b.Now), b.Policy.Closures()
	byPort := make(map[string][]policy.Opening)
	for _, o := range openings {
		byPort[o.Port.Name()] = append(byPort[o.Port.Name()], o)
	}
	for i := range b.Services {
		s := &b.Services[i]
		if !b.wanted(s.Application) {
			continue
		}
		for _, to := range b.destinations(s) {
			b.guard(b.At.direction(AtServer), to.End)
			if to.balanced {
				b.balancers(s, to.End)
			} else {
				b.service(to.End, byPort[s.Name()], closures)
			}
		}
	}
}

// service adds the flows to one destination.
func (b *builder) service(to End, openings []policy.Opening, closures []policy.Closure) {
	blocked := false // by blocks: audit mode lets them pass
	for i := range openings {
		o := &openings[i]
		if b.Client != "" && (o.Client == nil || o.Client.Name != b.Client) {
			continue
		}
		for _, from := range b.sources(o, to, closures) {
			f := Flow{
				Action: Permit, Origin: FromAudit, Rule: "audit",
				Source: from, Destination: to, TLS: demand(o),
			}
			if o.Rule != nil {
				blocked = true
				f.byRule(o)
			}
			b.add(f)
		}
	}
	for i := range closures {
		if block := closures[i].Block; block != nil && blocked {
			b.block(block, to)
		}
	}
}

// byRule fills in what a rule says.
func (f *Flow) byRule(o *policy.Opening) {
	r := o.Rule
	f.Origin, f.Rule = FromRule, r.ID
	f.Limits, f.PerClient = r.Limits, o.Client != nil
	f.Owner, f.Ticket, f.Reason = r.Owner, r.Ticket, r.Reason
	f.ValidFrom, f.Expires = r.ValidFrom, r.Expires
	if o.Client != nil {
		f.Identities = o.Client.Identities
	}
}

// demand says what speaks through an opening, in the words of policy files.
func demand(o *policy.Opening) string {
	switch {
	case !o.Plaintext:
		return policy.TLSRequired.String()
	case !o.TLS:
		return policy.PlaintextOnly.String()
	default:
		return policy.TLSAny.String()
	}
}

// sources returns the sources of an opening that can reach a destination.
func (b *builder) sources(o *policy.Opening, to End, closures []policy.Closure) []End {
	name := ""
	if o.Client != nil {
		name = o.Client.Name
	}
	patches := PatchesOf(o.Prefixes, o.Ports, 0)
	region := Region(nil)
	for i := range closures {
		if c := &closures[i]; c.Block == nil && c.Closes(o) {
			if region == nil {
				region = RegionOf(patches)
			}
			region = region.Minus(RegionOf(PatchesOf(c.Prefixes, c.Ports, 0)))
			patches = region.Patches()
		}
	}
	var all []End
	for _, p := range patches {
		if p.First.BitLen() != to.Prefix.Addr().BitLen() {
			continue
		}
		for _, prefix := range Prefixes(p.First, p.Last) {
			if !b.stays(prefix) {
				all = append(all, End{name, prefix, p.Ports})
			}
		}
	}
	return all
}

// stays reports whether packets from a prefix never leave their host, which the matrix is not for.
func (b *builder) stays(p netip.Prefix) bool {
	if b.At == AtHost || b.At == AtServer {
		return false
	}
	return p.Addr().IsLoopback() && (p.Addr().Is6() || p.Bits() >= 8)
}

// block adds the flows that a block denies.
func (b *builder) block(block *policy.Block, to End) {
	for _, p := range block.Addresses {
		if p.Addr().BitLen() == to.Prefix.Addr().BitLen() && !b.stays(p) && b.Client == "" {
			b.add(Flow{
				Action: Deny, Origin: FromBlock, Rule: block.ID, Reason: block.Reason,
				Source: End{Prefix: p.Masked(), Ports: AnyPort()}, Destination: to,
			})
		}
	}
}

// balancers adds the flows from those who send PROXY headers.
func (b *builder) balancers(s *Service, to End) {
	for _, p := range s.Balancers {
		if p.Addr().BitLen() == to.Prefix.Addr().BitLen() {
			b.add(Flow{
				Action: Permit, Origin: FromBalancer, Rule: "balancer/" + s.Name(), Reason: "sends the PROXY header",
				Source: End{Prefix: p, Ports: AnyPort()}, Destination: to,
			})
		}
	}
}

// add adds a flow to one of the policy's ports.
func (b *builder) add(f Flow) {
	f.Direction = b.At.direction(AtServer)
	b.flows = append(b.flows, f)
}

// direction returns where a flow goes whose one end, the server or the client, is on this host.
func (at Position) direction(here Position) Direction {
	if at == AtHost {
		at = here
	}
	switch at {
	case AtServer:
		return Inbound
	case AtClient:
		return Outbound
	default:
		return Transit
	}
}

// finished returns the flows with their ids, in their order, each once.
func (b *builder) finished() []Flow {
	slices.SortStableFunc(b.flows, func(x, y Flow) int { return x.compare(&y) })
	flows := slices.CompactFunc(b.flows, func(x, y Flow) bool { return x.compare(&y) == 0 })
	identify(flows)
	return flows
}

// compare puts flows into their order.
func (f *Flow) compare(o *Flow) int {
	return cmp.Or(
		strings.Compare(string(f.Action), string(o.Action)), // deny before permit
		strings.Compare(f.Rule, o.Rule),
		strings.Compare(f.Source.Name, o.Source.Name),
		strings.Compare(string(f.Direction), string(o.Direction)),
		f.Destination.compare(&o.Destination),
		f.Source.compare(&o.Source),
	)
}

func (e *End) compare(o *End) int {
	return cmp.Or(
		e.Prefix.Compare(o.Prefix),
		cmp.Compare(e.Ports.First, o.Ports.First),
		cmp.Compare(e.Ports.Last, o.Ports.Last),
		strings.Compare(e.Name, o.Name),
	)
}
