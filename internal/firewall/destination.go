package firewall

import (
	"fmt"
	"net/netip"
	"slices"

	"sallyport/policy"
)

// destination is an address and port as the firewall sees it.
type destination struct {
	End
	balanced bool // those who send PROXY headers reach it, and the clients do not
}

// destinations returns where a service is found from a position.
func (b *builder) destinations(s *Service) []destination {
	if !b.visible(s) {
		return nil
	}
	local := b.At == AtHost || b.At == AtServer
	known := s.Listen.Port() != 0
	specific := s.Listen.Addr().IsValid() && !s.Listen.Addr().IsUnspecified()
	balanced := len(s.Balancers) > 0
	if balanced {
		b.balanced(s, local || len(s.ReachedAt) == 0, local || specific || !known)
	}
	var all []destination
	if !local || !known {
		for _, at := range s.ReachedAt {
			all = append(all, destination{s.end(at), local && balanced})
		}
	}
	switch {
	case !known:
	case local, specific && (balanced || len(all) == 0):
		for _, e := range s.listening() {
			all = append(all, destination{e, balanced})
		}
	case len(all) == 0:
		b.fail("%s listens on %s, every address of its host: %w", s.Name(), text(s.Listen), ErrWhere)
	}
	return all
}

// visible reports whether firewalls see a service at a place that is known.
func (b *builder) visible(s *Service) bool {
	switch known := s.Listen.Port() != 0; {
	case known && s.Listen.Addr().IsLoopback():
		b.note("%s listens on %s, which no firewall sees.", s.Name(), s.Listen)
		return false
	case !known && len(s.ReachedAt) == 0:
		b.note("%s listens %s and is left out.", s.Name(), s.Unknown)
		return false
	}
	if i := slices.IndexFunc(s.ReachedAt, func(at netip.AddrPort) bool { return at.Port() == 0 }); i >= 0 {
		b.fail("%s listens %s: at which port of %s do clients connect to it?", s.Name(), s.Unknown, s.ReachedAt[i].Addr())
		return false
	}
	return true
}

// balanced says what of the two ways, from clients to balancers and from there to the service, is left out.
func (b *builder) balanced(s *Service, alone, found bool) {
	if alone {
		b.note("%s is reached through balancers alone, which say who the client is: its clients' own addresses and ports are seen between them and the balancers.", s.Name())
	}
	if !found {
		b.note("%s listens on every address of its host, so the way from its balancers is left out.", s.Name())
	}
}

// text writes where a service listens, as configurations have it.
func text(listen netip.AddrPort) string {
	if !listen.Addr().IsValid() {
		return fmt.Sprintf(":%d", listen.Port())
	}
	return listen.String()
}

// end is the service at an address.
func (s *Service) end(at netip.AddrPort) End {
	return End{s.Name(), netip.PrefixFrom(at.Addr(), at.Addr().BitLen()), policy.PortRange{First: at.Port(), Last: at.Port()}}
}

// listening returns where the service listens, everything of a family included.
func (s *Service) listening() []End {
	addr := s.Listen.Addr()
	if addr.IsValid() && !addr.IsUnspecified() {
		return []End{s.end(s.Listen)}
	}
	port := policy.PortRange{First: s.Listen.Port(), Last: s.Listen.Port()}
	var all []End
	for _, every := range []netip.Addr{netip.IPv4Unspecified(), netip.IPv6Unspecified()} {
		if !addr.IsValid() || addr == every {
			all = append(all, End{s.Name(), netip.PrefixFrom(every, 0), port})
		}
	}
	return all
}

// pin adds the flows of a client-side port definition.
func (b *builder) pin(p *Pin) {
	to := p.Destination
	if !b.wanted(p.Application) || b.Client != "" {
		return
	}
	if to.Addr().IsLoopback() {
		b.note("%s connects to %s, which no firewall sees.", p.Application, to)
		return
	}
	port := policy.PortRange{First: to.Port(), Last: to.Port()}
	f := Flow{
		Action: Permit, Origin: FromPin, Rule: "upstream/" + p.Application, Reason: p.Use, TLS: p.demand(),
		Destination: End{p.Application, netip.PrefixFrom(to.Addr(), to.Addr().BitLen()), port},
		Direction:   b.At.direction(AtClient),
	}
	b.guard(f.Direction, f.Destination)
	ports := p.Ports
	if len(ports) == 0 {
		ports = []policy.PortRange{AnyPort()}
	}
	for _, prefix := range p.prefixes(to.Addr()) {
		for _, r := range ports {
			f.Source = End{b.Header.Host, prefix, r}
			b.flows = append(b.flows, f)
		}
	}
	if len(p.Addresses) == 0 {
		b.note("%s has no source address, so its flows are open to every address with these source ports.", p.Application)
	}
}

func (p *Pin) demand() string {
	if p.TLS {
		return policy.TLSRequired.String()
	}
	return policy.PlaintextOnly.String()
}

// prefixes returns the source addresses of a pin of the family of to.
func (p *Pin) prefixes(to netip.Addr) []netip.Prefix {
	if len(p.Addresses) == 0 {
		return []netip.Prefix{netip.PrefixFrom(to, 0).Masked()}
	}
	var all []netip.Prefix
	for _, a := range p.Addresses {
		if a.BitLen() == to.BitLen() {
			all = append(all, netip.PrefixFrom(a, a.BitLen()))
		}
	}
	return all
}
