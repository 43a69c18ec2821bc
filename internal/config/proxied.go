package config

import (
	"fmt"
	"net/netip"
	"strings"

	"sallyport/internal/config/document"
)

// proxyRequire is the word that makes a port demand a PROXY header.
const proxyRequire = "require"

// proxyProtocol validates from whom a port takes PROXY headers.
func (c *portChecker) proxyProtocol(raw *rawPort, p *Port) {
	p.ProxyProtocol = choose(c.checker, raw.ProxyProtocol, proxyRequire).Value == proxyRequire
	p.ProxyTrusted = c.prefixes(raw.ProxyTrusted)
	p.ProxyMulti = raw.ProxyMulti.Value
	if raw.ProxyMulti.Set && !raw.ProxyProtocol.Set {
		c.report(raw.ProxyMulti.Problem("has no effect without proxy_protocol",
			"without a balancer a client cannot have two connections from one source port"))
	}
	unix := p.Listen.Value.Network == "unix"
	switch {
	case unix && raw.ProxyTrusted.Set:
		c.report(raw.ProxyTrusted.Problem("has no effect on a UNIX socket",
			"the permissions of the socket's directory decide who can send a header"))
	case raw.ProxyTrusted.Set && !raw.ProxyProtocol.Set:
		c.report(raw.ProxyTrusted.Problem("has no effect without proxy_protocol",
			`set proxy_protocol = "require"; whether a header comes is never guessed`))
	case p.ProxyProtocol && !raw.ProxyTrusted.Set && !unix:
		c.report(raw.ProxyProtocol.Problem("nobody is trusted to send the header: proxy_trusted is missing",
			`list the load balancers: proxy_trusted = ["10.0.0.0/24"]`))
	}
}

// prefixes validates the senders that a header is taken from.
func (c *checker) prefixes(list document.List) []netip.Prefix {
	var all []netip.Prefix
	seen := make(map[netip.Prefix]bool)
	for _, l := range list.Value {
		prefix, f := parsePrefix(l.Value)
		switch {
		case f != nil:
			c.report(l.Problem(f.message, f.hint))
			continue
		case seen[prefix]:
			c.report(l.Problem(fmt.Sprintf("%s is listed twice", prefix), ""))
			continue
		case prefix.Bits() == 0:
			c.report(l.Warning("every sender is trusted, so every client can claim any address", "list only the load balancers"))
		}
		seen[prefix] = true
		all = append(all, prefix)
	}
	return all
}

// parsePrefix reads a prefix, or an address as the prefix of it alone.
func parsePrefix(s string) (netip.Prefix, *flaw) {
	text := s
	if !strings.Contains(s, "/") {
		ip, err := netip.ParseAddr(s)
		if err != nil || ip.Zone() != "" {
			return netip.Prefix{}, notPrefix(s)
		}
		text = fmt.Sprintf("%s/%d", s, ip.BitLen())
	}
	prefix, err := netip.ParsePrefix(text)
	switch {
	case err != nil:
		return netip.Prefix{}, notPrefix(s)
	case prefix.Addr().Is4In6():
		return netip.Prefix{}, embedded(prefix)
	case prefix != prefix.Masked():
		return netip.Prefix{}, &flaw{
			fmt.Sprintf("%s has bits set behind its prefix length", prefix),
			fmt.Sprintf("did you mean %q, or %q alone?", prefix.Masked(), prefix.Addr()),
		}
	}
	return prefix, nil
}

func notPrefix(s string) *flaw {
	return &flaw{fmt.Sprintf("%q is neither an address nor a prefix", s), `such as "10.0.0.7", "10.0.0.0/24" or "2001:db8::/32"`}
}

// embedded refuses IPv4 inside IPv6: such a prefix never matches, because
// clients are compared as what they are.
func embedded(prefix netip.Prefix) *flaw {
	const above = 96 // bits in front of the IPv4 address
	f := &flaw{message: fmt.Sprintf("%s is IPv4 embedded in IPv6", prefix)}
	if prefix.Bits() >= above {
		plain := netip.PrefixFrom(prefix.Addr().Unmap(), prefix.Bits()-above).Masked()
		f.hint = fmt.Sprintf("write %q", plain)
		if plain.IsSingleIP() {
			f.hint = fmt.Sprintf("write %q", plain.Addr())
		}
	}
	return f
}
