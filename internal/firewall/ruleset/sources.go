package ruleset

import (
	"net/netip"

	"sallyport/internal/firewall"
	"sallyport/policy"
)

// Sources returns the sources from which connections over a network can come: no loopback, multicast or unspecified addresses, which hosts
// refuse as martians whatever their firewall says, and not source port 0, which no connection has.
func Sources(v6 bool) firewall.Region {
	return firewall.RegionOf(patches(unicast(v6)))
}

// unicast returns the addresses that a packet on a network can have.
func unicast(v6 bool) [][2]netip.Addr {
	ranges := [][2]string{{"1.0.0.0", "126.255.255.255"}, {"128.0.0.0", "223.255.255.255"}, {"240.0.0.0", "255.255.255.254"}}
	if v6 { // without ::ffff:0:0/96, which is IPv4 in another notation
		ranges = [][2]string{{"::2", "::fffe:ffff:ffff"}, {"::1:0:0:0", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"}}
	}
	all := make([][2]netip.Addr, len(ranges))
	for i, r := range ranges {
		all[i] = [2]netip.Addr{netip.MustParseAddr(r[0]), netip.MustParseAddr(r[1])}
	}
	return all
}

func patches(ranges [][2]netip.Addr) []firewall.Patch {
	all := make([]firewall.Patch, len(ranges))
	for i, r := range ranges {
		all[i] = firewall.Patch{First: r[0], Last: r[1], Ports: policy.PortRange{First: 1, Last: 0xffff}}
	}
	return all
}

// everywhere is every source of a family.
func everywhere(v6 bool) firewall.Region {
	every := netip.IPv4Unspecified()
	if v6 {
		every = netip.IPv6Unspecified()
	}
	return firewall.RegionOf(firewall.PatchesOf([]netip.Prefix{netip.PrefixFrom(every, 0)}, nil, 0))
}
