package config

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// fromSource reports an endpoint that connections from a source certainly do not reach, or hardly as it is meant.
func (c *checker) fromSource(e Located[Endpoint], s *Source) {
	switch e.Value.Network {
	case "unix":
		c.report(e.Problem("a UNIX socket is not reached from an address and port, and the upstream has a source",
			"remove [application.upstream.source]"))
	case "builtin":
		c.report(e.Problem("a built-in server is not reached from an address and port, and the upstream has a source",
			"remove [application.upstream.source]"))
	case "tcp":
		if len(s.Addresses) > 0 {
			c.fromAddresses(e, s.Addresses)
		}
	}
}

func (c *checker) fromAddresses(e Located[Endpoint], from []Located[netip.Addr]) {
	ip, err := netip.ParseAddr(e.Value.Host())
	if err != nil {
		loopback := slices.ContainsFunc(from, func(l Located[netip.Addr]) bool { return l.Value.IsLoopback() })
		if isLocalhost(e.Value) && !loopback {
			c.report(onThisHost(e, from[0].Value))
		}
		return
	}
	source, ok := ofFamily(from, ip)
	switch {
	case !ok:
		c.report(e.Problem(
			fmt.Sprintf("is an %s address, and the source has only %s", family(ip), from[0].Value),
			fmt.Sprintf("add the %s address that it is reached from: address = [%q, ...]", family(ip), from[0].Value)))
	case source.IsLoopback() && !ip.IsLoopback():
		c.report(e.Problem(
			fmt.Sprintf("cannot be reached from %s, which the system refuses to send to the network", source),
			"set the source address that this host has towards it"))
	case ip.IsLoopback() && !source.IsLoopback():
		c.report(onThisHost(e, source))
	}
}

// onThisHost warns of a server beside us that is to see a client from elsewhere.
func onThisHost(e Located[Endpoint], source netip.Addr) Problem {
	return e.Warning(fmt.Sprintf("is on this host, and its connections are to come from %s", source),
		"a client-side port definition is for servers beyond a firewall")
}

func isLocalhost(e Endpoint) bool { return strings.EqualFold(e.Host(), "localhost") }

// ofFamily returns the address of the same family as ip.
func ofFamily(all []Located[netip.Addr], ip netip.Addr) (netip.Addr, bool) {
	i := slices.IndexFunc(all, func(l Located[netip.Addr]) bool { return l.Value.Is4() == ip.Is4() })
	if i < 0 {
		return netip.Addr{}, false
	}
	return all[i].Value, true
}

func family(ip netip.Addr) string {
	if ip.Is4() {
		return "IPv4"
	}
	return "IPv6"
}
