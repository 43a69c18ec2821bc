package firewall

import (
	"net/netip"
	"slices"

	"sallyport/policy"
)

// close notes what the policy takes away. What clients with require_tls do is one region, because policies have many of them.
func (b *builder) close(closures []policy.Closure) {
	var patches []Patch
	for _, c := range closures {
		if c.Block != nil {
			b.blocks = append(b.blocks, c)
			continue
		}
		b.strict = append(b.strict, c)
		patches = append(patches, PatchesOf(c.Prefixes, c.Ports, 0)...)
	}
	b.tlsOnly = RegionOf(patches)
}

// sources returns the sources of an opening that can reach a destination.
func (b *builder) sources(o *policy.Opening, to End) []End {
	name := ""
	if o.Client != nil {
		name = o.Client.Name
	}
	patches := PatchesOf(o.Prefixes, o.Ports, 0)
	if len(b.strict) > 0 && b.strict[0].Closes(o) { // and so do all of them
		patches = RegionOf(patches).Minus(b.tlsOnly).Patches()
	}
	var all []End
	for _, p := range patches {
		ports, some := withoutZero(p.Ports)
		if !some || p.First.BitLen() != to.Prefix.Addr().BitLen() {
			continue
		}
		for _, prefix := range policy.PrefixesOf(p.First, p.Last) {
			if !b.stays(prefix) {
				all = append(all, End{name, prefix, ports})
			}
		}
	}
	return all
}

// withoutZero leaves out port 0, from which nothing connects and which devices refuse, unless every port is meant.
func withoutZero(r policy.PortRange) (ports policy.PortRange, some bool) {
	if r != AnyPort() {
		r.First = max(r.First, 1)
	}
	return r, r.First <= r.Last
}

// stays reports whether packets from a prefix never leave their host, which the matrix is not for.
func (b *builder) stays(p netip.Prefix) bool {
	if b.At == AtHost || b.At == AtServer {
		return false
	}
	return p.Addr().IsLoopback() && (p.Addr().Is6() || p.Bits() >= 8)
}

// block adds the flows that a block denies of what is open otherwise. A client is only told what concerns it.
func (b *builder) block(c *policy.Closure, to End, open []End) {
	for _, p := range c.Prefixes {
		if len(open) == 0 || p.Addr().BitLen() != to.Prefix.Addr().BitLen() || b.stays(p) {
			continue
		}
		if b.Client != "" && !slices.ContainsFunc(open, func(e End) bool { return e.Prefix.Overlaps(p) }) {
			continue
		}
		b.add(Flow{
			Action: Deny, Origin: FromBlock, Rule: c.Block.ID, Reason: c.Block.Reason,
			Source: End{Prefix: p.Masked(), Ports: AnyPort()}, Destination: to,
		})
	}
}

// balancers adds the flows from those who send PROXY headers.
func (b *builder) balancers(s *Service, to End) {
	for _, p := range s.Balancers {
		if p.Addr().BitLen() == to.Prefix.Addr().BitLen() && !b.stays(p) {
			b.add(Flow{
				Action: Permit, Origin: FromBalancer, Rule: "balancer/" + s.Name(), Reason: "sends the PROXY header",
				Source: End{Prefix: p, Ports: AnyPort()}, Destination: to,
			})
		}
	}
}
