package ruleset

import (
	"strings"
	"time"

	"sallyport/internal/firewall"
)

// holds tells whether a field of the packets, which all have it in common, is in an interval.
func (w *walk) holds(f field, v interval) answer {
	switch f {
	case destinationAddress:
		return w.within(v)
	case destinationPort:
		return between(uint64(w.Port), v)
	case transport:
		return protocol(v)
	case network:
		return w.network(v)
	case connectionState:
		return w.state(v)
	case direction:
		if w.stage == reply {
			return same(v, "reply")
		}
		return same(v, "original")
	case inputInterface, outputInterface:
		return w.iface(f, v)
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

// within compares the destination, or the range of them that has to have one answer.
func (w *walk) within(v interval) answer {
	last := w.last
	if !last.IsValid() {
		last = w.Destination
	}
	switch {
	case v.kind != addresses:
		return perhaps
	case last.BitLen() != v.first.BitLen() || last.Less(v.first) || v.last.Less(w.Destination):
		return no
	case w.Destination.Less(v.first) || v.last.Less(last):
		return perhaps
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

// state compares the state of the connection: the first packet opens it, and the others belong to it.
func (w *walk) state(v interval) answer {
	if !w.tracked || w.bypass || v.kind != word {
		return perhaps
	}
	state := "new"
	if w.stage != opening {
		state = "established"
	}
	switch v.word {
	case state:
		return yes
	case "new", "established", "related", "invalid", "untracked":
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
	case w.judge.Interface == "" || w.far(f):
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

// far reports whether an interface is the one on the other side of a device between, of which nothing was said.
func (w *walk) far(f field) bool {
	return w.Direction == firewall.Transit && (f == outputInterface) == (w.stage != reply)
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
