package firewall

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"sallyport/policy"
)

// ErrWhere says that a port listens on every address of its host, and that it is not known at which of them clients find it.
var ErrWhere = errors.New("which one do clients connect to?")

// Build makes the matrix of an input. The error joins everything that keeps it from being exact, one error each.
func Build(in *Input) (*Matrix, error) {
	b := builder{Input: in, header: in.Header, noted: make(map[string]bool), served: make(map[GuardKey]string)}
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
	m := &Matrix{
		At: in.At, Now: in.Now, Header: b.header, SourceBits: in.Policy.Counted(netip.IPv6Unspecified()).Bits(),
		Flows: flows, Guards: guarded(b.guards, flows),
	}
	b.apart(m.Guards)
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

	noted  map[string]bool     // notes that were made here
	served map[GuardKey]string // the service at each destination of one

	blocks  []policy.Closure
	strict  []policy.Closure // of clients with require_tls
	tlsOnly Region           // the sources of all those
}

func (b *builder) fail(format string, args ...any) {
	b.errors = append(b.errors, fmt.Errorf(format, args...))
}

func (b *builder) note(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !b.noted[text] {
		b.noted[text] = true
		b.header.Notes = append(b.header.Notes, text)
	}
}

// wanted reports whether an application is not filtered out.
func (b *builder) wanted(application string) bool {
	return b.Application == "" || b.Application == application
}

// services adds the flows to the ports that the policy guards.
func (b *builder) services() {
	b.close(b.Policy.Closures())
	byPort := make(map[string][]policy.Opening)
	for _, o := range b.Policy.Openings(b.Now) {
		byPort[o.Port.Name()] = append(byPort[o.Port.Name()], o)
	}
	for i := range b.Services {
		s := &b.Services[i]
		if !b.wanted(s.Application) {
			continue
		}
		for _, to := range b.destinations(s) {
			b.serve(s, to.End)
			if to.balanced {
				b.balancers(s, to.End)
			} else {
				b.service(to.End, byPort[s.Name()])
			}
		}
	}
}

// service adds the flows to one destination.
func (b *builder) service(to End, openings []policy.Opening) {
	var ruled []End // sources that rules open, which blocks close
	for i := range openings {
		o := &openings[i]
		if b.Client != "" && o.Rule != nil && (o.Client == nil || o.Client.Name != b.Client) {
			continue
		}
		sources := b.sources(o, to)
		for _, from := range sources {
			f := Flow{
				Action: Permit, Origin: FromAudit, Rule: "audit/" + to.Name,
				Source: from, Destination: to, TLS: demand(o),
			}
			if o.Rule != nil {
				f.byRule(o)
			}
			b.add(f)
		}
		if o.Rule != nil {
			ruled = append(ruled, sources...)
		}
	}
	for i := range b.blocks {
		b.block(&b.blocks[i], to, ruled)
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
