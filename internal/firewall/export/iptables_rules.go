package export

import (
	"fmt"
	"math"
	"net/netip"
	"strings"
	"time"

	"sallyport/internal/firewall"
	"sallyport/policy"
)

// guard writes the chain of a destination: what is closed, what is open, and an end for everything else.
func (w *iptablesWriter) guard(chain string, g *firewall.Guard) {
	for _, slab := range g.Closed {
		for _, span := range slab.Spans {
			w.rule(chain, iptablesSource(&slab, span), span.Labels, w.deny())
		}
	}
	for _, slab := range g.Open {
		for _, span := range slab.Spans {
			w.open(chain, iptablesSource(&slab, span), span.Labels)
		}
	}
	fmt.Fprintf(&w.rules, "-A %s -p tcp -j %s\n", chain, w.deny())
}

// open writes the rules that let pass what flows open.
func (w *iptablesWriter) open(chain, source string, labels []int32) {
	last := ""
	if at := lastEnd(w.Flows, labels); !at.IsZero() {
		if !w.Now.Before(at) {
			return
		}
		last = w.stop(at)
	}
	if w.Limits {
		if b, held := w.holding(labels); held {
			w.rule(chain, source, labels, rateChain(b))
		}
	}
	w.rule(chain, source+last, labels, "ACCEPT")
}

func (w *iptablesWriter) rule(chain, match string, labels []int32, target string) {
	fmt.Fprintf(&w.rules, "-A %s%s%s -j %s\n", chain, match, iptablesRemark(authors(w.Flows, labels, iptablesComment)), target)
}

// stop matches until a moment. Times are UTC unless --kerneltz says otherwise, and the last second is part of them.
func (w *iptablesWriter) stop(at time.Time) string {
	last := at.Add(-time.Second).UTC()
	if last.Unix() > math.MaxInt32 { // in 2038
		w.late = true
		return ""
	}
	return " -m time --datestop " + last.Format("2006-01-02T15:04:05")
}

// iptablesSource matches a span of sources.
func iptablesSource(slab *firewall.Slab, span firewall.Span) string {
	var b strings.Builder
	p, ok := prefixOf(slab.First, slab.Last)
	if ok && p.Bits() > 0 {
		fmt.Fprintf(&b, " -s %s", p)
	}
	b.WriteString(" -p tcp")
	if !ok {
		fmt.Fprintf(&b, " -m iprange --src-range %s-%s", slab.First, slab.Last)
	}
	if span.PortRange != firewall.AnyPort() {
		fmt.Fprintf(&b, " -m tcp --sport %s", iptablesPorts(span.PortRange))
	}
	return b.String()
}

func iptablesDestination(p netip.Prefix) string {
	if p.Bits() == 0 {
		return ""
	}
	return " -d " + p.String()
}

func iptablesPorts(r policy.PortRange) string {
	if r.First == r.Last {
		return fmt.Sprint(r.First)
	}
	return fmt.Sprintf("%d:%d", r.First, r.Last)
}
