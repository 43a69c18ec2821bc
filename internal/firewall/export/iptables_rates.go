package export

import (
	"fmt"
	"time"

	"sallyport/policy"
)

// iptablesUnfit says why iptables cannot hold limits. For each source there would be -m hashlimit, which drops everybody's packets once its table
// is full; -m limit has one bucket for a chain, with 32 bits for a day of credit.
func iptablesUnfit(b bucket, l *policy.Limits) string {
	const fastest, deepest = 10_000, 10_000 // a second, and at once
	switch {
	case b.client == "":
		return "iptables counts the connections of a source only in a table that strangers can fill"
	case l.Rate.PerSecond() > fastest:
		return "it is too fast for iptables"
	case l.Depth() > deepest || refill(l) > 24*time.Hour:
		return "its burst is too large for iptables"
	default:
		return ""
	}
}

func rateChain(b bucket) string { return "SALLYPORT-RATE-" + b.tag() }

// rateChains writes a chain for each client whose rate is held: it returns what is within, and ends with what is beyond.
func (w *iptablesWriter) rateChains() {
	for _, b := range w.buckets() {
		chain, limits := rateChain(b), w.held[b]
		fmt.Fprintf(&w.chains, ":%s - [0:0]\n", chain)
		fmt.Fprintf(&w.limited, "-A %s -m limit --limit %s --limit-burst %d%s -j RETURN\n",
			chain, perUnit(limits.Rate), limits.Depth(), iptablesRemark("rule "+b.text()))
		fmt.Fprintf(&w.limited, "-A %s -p tcp -j %s\n", chain, w.deny())
	}
}
