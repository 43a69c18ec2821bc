package export

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"sallyport/internal/firewall"
	"sallyport/policy"
)

// nftSide is the elements of the sets of one direction and family.
type nftSide struct {
	hook
	ipVersion
	name string

	guarded, open, closed bytes.Buffer
	clients, sources      bytes.Buffer   // whose rate is held
	counts                map[bucket]int // how many sources are counted one by one
}

// side collects the elements of guards. They are disjoint, as the guards and the slabs of a region are: the kernel relies on it.
func (w *nftWriter) side(h hook, v ipVersion, guards []*firewall.Guard) *nftSide {
	s := &nftSide{hook: h, ipVersion: v, name: h.name + v.digit, counts: make(map[bucket]int)}
	for _, g := range guards {
		fmt.Fprintf(&s.guarded, "\t\t\t%s . %d %s,\n", nftPrefix(g.Destination), g.Port, nftRemark(g.Name))
		for _, slab := range g.Closed {
			for _, span := range slab.Spans {
				fmt.Fprintf(&s.closed, "\t\t\t%s %s,\n", nftKey(&slab, span, g), nftRemark(authors(w.Flows, span.Labels, nftComment)))
			}
		}
		for _, slab := range g.Open {
			for _, span := range slab.Spans {
				w.open(s, &slab, span, g)
			}
		}
	}
	return s
}

// open adds the element of what flows open.
func (w *nftWriter) open(s *nftSide, slab *firewall.Slab, span firewall.Span, g *firewall.Guard) {
	key, timeout := nftKey(slab, span, g), ""
	if at := lastEnd(w.Flows, span.Labels); !at.IsZero() {
		if !w.Now.Before(at) {
			return
		}
		timeout = " timeout " + nftTimeout(at.Sub(w.Now))
		w.expires = true
	}
	fmt.Fprintf(&s.open, "\t\t\t%s%s %s,\n", key, timeout, nftRemark(authors(w.Flows, span.Labels, nftComment)))
	if !w.Limits {
		return
	}
	switch b, held := w.holding(span.Labels); {
	case !held:
	case b.client == "":
		s.counts[b] = min(s.counts[b]+sourcesIn(slab.First, slab.Last, w.sourceBits(s)), nftSources)
		fmt.Fprintf(&s.sources, "\t\t\t%s : jump %s,\n", key, s.counter(b))
	default:
		fmt.Fprintf(&s.clients, "\t\t\t%s : \"rate_%s\",\n", key, b.tag())
	}
}

// elements writes the sets of a side. Those that would be empty are left out.
func (w *nftWriter) elements(s *nftSide) {
	tuple := fmt.Sprintf("%[1]s . inet_service . %[1]s . inet_service", s.address)
	w.set("set", s.name+"_guarded", s.address+" . inet_service", "flags interval", &s.guarded)
	w.set("set", s.name+"_closed", tuple, "flags interval\n\t\tcounter", &s.closed)
	w.set("set", s.name+"_open", tuple, "flags interval,timeout\n\t\tcounter", &s.open)
	w.set("map", s.name+"_clients", tuple+" : limit", "flags interval", &s.clients)
	w.set("map", s.name+"_sources", tuple+" : verdict", "flags interval", &s.sources)
	w.counters(s)
}

func (w *nftWriter) set(kind, name, types, properties string, elements *bytes.Buffer) {
	if elements.Len() == 0 {
		return
	}
	w.printf("\n\t%s %s {\n\t\ttype %s\n\t\t%s\n\t\telements = {\n", kind, name, types, properties)
	w.Write(elements.Bytes())
	w.WriteString("\t\t}\n\t}\n")
}

// nftKey returns the tuple of a span of sources to a guard.
func nftKey(slab *firewall.Slab, span firewall.Span, g *firewall.Guard) string {
	return fmt.Sprintf("%s . %s . %s . %d", nftAddresses(slab.First, slab.Last), nftPorts(span.PortRange), nftPrefix(g.Destination), g.Port)
}

func nftAddresses(first, last netip.Addr) string {
	if p, ok := prefixOf(first, last); ok {
		return nftPrefix(p)
	}
	return first.String() + "-" + last.String()
}

func nftPrefix(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}

func nftPorts(r policy.PortRange) string {
	if r.First == r.Last {
		return fmt.Sprint(r.First)
	}
	return fmt.Sprintf("%d-%d", r.First, r.Last)
}

// nftTimeout returns a positive time as nft reads it, rounded up to seconds: none would mean forever.
func nftTimeout(d time.Duration) string {
	const farthest = 100 * 365 * 24 * time.Hour // the kernel counts nanoseconds
	seconds := int64((min(d, farthest) + time.Second - 1) / time.Second)
	var b strings.Builder
	for _, unit := range []struct {
		name    string
		seconds int64
	}{{"d", 86400}, {"h", 3600}, {"m", 60}, {"s", 1}} {
		if n := seconds / unit.seconds; n > 0 {
			fmt.Fprintf(&b, "%d%s", n, unit.name)
		}
		seconds %= unit.seconds
	}
	return b.String()
}
