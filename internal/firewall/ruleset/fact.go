package ruleset

import (
	"net/netip"
	"strings"
	"time"

	"sallyport/internal/firewall"
)

// holds tells whether a field of the packets, which all have it in common, is in an interval.
func (w *walk) holds(s selector, v interval) answer {
	switch s.field {
	case destinationAddress:
		return within(w.Destination, v)
	case destinationPort:
		return between(uint64(w.Port), v)
	case transport:
		return protocol(v)
	case network:
		return w.network(v)
	case connectionState:
		return w.state(v)
	case direction:
		return same(v, "original")
	case inputInterface, outputInterface:
		return w.iface(s.field, v)
	case destinationKind:
		return w.destinationKind(v)
	case packetKind:
		if w.Direction == firewall.Outbound {
			return perhaps
		}
		return same(v, "host")
	case moment:
		return w.moment(v)
	default:
		return perhaps
	}
}

func within(a netip.Addr, v interval) answer {
	switch {
	case v.kind != addresses:
		return perhaps
	case a.BitLen() != v.first.BitLen() || a.Less(v.first) || v.last.Less(a):
		return no
	default:
		return yes
	}
}

func between(n uint64, v interval) answer {
	switch {
	case v.kind != numbers:
		return perhaps
	case n < v.low || v.high < n:
		return no
	default:
		return yes
	}
}

// same compares names. A number that stands for one cannot be told.
func same(v interval, name string) answer {
	switch {
	case v.kind != word:
		return perhaps
	case v.word != name:
		return no
	default:
		return yes
	}
}

func protocol(v interval) answer {
	const tcp = 6
	if v.kind == numbers {
		return between(tcp, v)
	}
	return same(v, "tcp")
}

func (w *walk) network(v interval) answer {
	if v.kind == numbers { // of an address family or of Ethernet
		return perhaps
	}
	name := familyFor(w.v6) // as in meta protocol
	switch {
	case v.kind != word || v.word != "ipv4" && v.word != "ipv6": // as in meta nfproto
		return same(v, string(name))
	case (v.word == "ipv6") == w.v6:
		return yes
	default:
		return no
	}
}

// state compares the state of the connection: the packet opens one.
func (w *walk) state(v interval) answer {
	if !w.tracked || w.bypass || v.kind != word {
		return perhaps
	}
	switch v.word {
	case "new":
		return yes
	case "established", "related", "invalid", "untracked":
		return no
	default: // snat, dnat
		return perhaps
	}
}

// iface compares the interface. Connections over the network use any but the loopback; which one, is known only if it was said.
func (w *walk) iface(f field, v interval) answer {
	switch {
	case v.kind != word:
		return perhaps
	case v.word == "lo":
		return no
	case v.word == "*":
		return yes
	case w.judge.Interface == "", f == outputInterface && w.Direction == firewall.Transit:
		return perhaps
	}
	if prefix, wild := strings.CutSuffix(v.word, "*"); wild {
		if strings.HasPrefix(w.judge.Interface, prefix) {
			return yes
		}
		return no
	}
	return same(v, w.judge.Interface)
}

func (w *walk) destinationKind(v interval) answer {
	if w.Direction == firewall.Inbound {
		return same(v, "local")
	}
	return same(v, "unicast")
}

// moment compares the time. Of a time without a zone only so much is known that no zone is further off than 14 hours.
func (w *walk) moment(v interval) answer {
	if v.kind != numbers {
		return perhaps
	}
	at := uint64(max(w.judge.Now.Unix(), 0))
	held := between(at, v)
	if !v.vague || w.judge.Zoned {
		return held
	}
	const furthest = uint64(14 * time.Hour / time.Second)
	if between(at+furthest, v) != held || between(at-min(at, furthest), v) != held {
		return perhaps
	}
	return held
}
