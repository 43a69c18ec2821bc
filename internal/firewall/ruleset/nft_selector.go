package ruleset

import "strings"

// selectorsOf reads the left side of a match or the key of a map: at least one selector.
func selectorsOf(left any) []selector {
	parts, ok := member(left, "concat").([]any)
	if !ok || len(parts) == 0 {
		return []selector{selectorOf(left)}
	}
	all := make([]selector, len(parts))
	for i, part := range parts {
		all[i] = selectorOf(part)
	}
	return all
}

func selectorOf(left any) selector {
	kind, body, _ := only(left)
	s := selector{name: render(left)}
	switch kind {
	case "payload":
		return s.payload(text(body, "protocol"), text(body, "field"))
	case "meta":
		return s.meta(text(body, "key"))
	case "ct":
		return s.tracking(text(body, "key"), text(body, "dir"))
	case "fib":
		return s.route(body)
	case "&":
		return s.masked(body)
	default:
		return s
	}
}

func (s selector) payload(protocol, name string) selector {
	switch protocol + " " + name {
	case "ip saddr":
		s.field, s.family = sourceAddress, IPv4
	case "ip6 saddr":
		s.field, s.family = sourceAddress, IPv6
	case "ip daddr":
		s.field, s.family = destinationAddress, IPv4
	case "ip6 daddr":
		s.field, s.family = destinationAddress, IPv6
	case "ip protocol":
		s.field, s.family = transport, IPv4
	case "ip6 nexthdr":
		s.field, s.family = transport, IPv6
	case "tcp sport", "th sport":
		s.field = sourcePort
	case "tcp dport", "th dport":
		s.field = destinationPort
	case "tcp flags":
		s.field, s.value = constant, tcpFlags()
	default:
		s.family = familyOf(protocol)
	}
	return s
}

// familyOf returns the family of packets that have a header. Headers that no TCP connection has belong to none of the two.
func familyOf(protocol string) Family {
	switch protocol {
	case "ip":
		return IPv4
	case "ip6":
		return IPv6
	case "udp", "udplite", "icmp", "icmpv6", "igmp", "sctp", "dccp", "esp", "ah", "comp", "arp", "gre", "geneve", "vxlan":
		return ARP
	default:
		return ""
	}
}

func (s selector) meta(key string) selector {
	switch key {
	case "l4proto":
		s.field = transport
	case "nfproto", "protocol":
		s.field = network
	case "iifname", "iif":
		s.field = inputInterface
	case "oifname", "oif":
		s.field = outputInterface
	case "pkttype":
		s.field = packetKind
	case "time":
		s.field = moment
	}
	return s
}

func (s selector) tracking(key, dir string) selector {
	s.original = dir == "original"
	switch key {
	case "state":
		s.field = connectionState
	case "direction":
		s.field = direction
	case "protocol":
		s.field = transport
	case "l3proto":
		s.field = network
	case "ip saddr", "saddr":
		if dir == "original" {
			s.field, s.family = sourceAddress, IPv4
		}
	case "ip6 saddr":
		if dir == "original" {
			s.field, s.family = sourceAddress, IPv6
		}
	case "proto-src":
		if dir == "original" {
			s.field = sourcePort
		}
	}
	return s
}

// route reads what is asked of the routing tables. That the source leads back to where the packet came from is taken for granted.
func (s selector) route(body any) selector {
	flags := render(member(body, "flags"))
	switch result := text(body, "result"); {
	case result == "type" && strings.Contains(flags, "daddr"):
		s.field = destinationKind
	case (result == "oif" || result == "oifname" || result == "check") && strings.Contains(flags, "saddr"):
		s.field, s.value = constant, byStage[uint64]{1, 1, 1}
	}
	return s
}

// masked reads FIELD & BITS.
func (s selector) masked(body any) selector {
	parts, _ := body.([]any)
	if len(parts) != 2 {
		return s
	}
	bits, ok := bitsOf(parts[1])
	switch inner := selectorOf(parts[0]); {
	case !ok:
	case inner.field == constant:
		s.field, s.value = constant, each(inner.value, func(v uint64) uint64 { return v & bits })
	case render(parts[0]) == "ip frag-off" && bits&^0x3fff == 0: // offset and "more follow": an opening packet is whole
		s.field, s.family = constant, IPv4
	}
	return s
}
