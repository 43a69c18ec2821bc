package export

import (
	"fmt"
	"math"
	"math/big"
	"net/netip"
	"time"

	"sallyport/policy"
)

// nftUnfit says why nftables cannot hold limits. The kernel keeps a bucket as 64 bits of nanoseconds and its depth as 32 bits.
func nftUnfit(_ bucket, l *policy.Limits) string {
	cost := int64(l.Rate.Per/time.Nanosecond) / int64(l.Rate.Events)
	if depth := int64(l.Depth()); depth > math.MaxUint32 || depth > math.MaxInt64/max(cost, 1) {
		return "its burst is too large for nftables"
	}
	return ""
}

// limits writes the buckets of clients, which all families share.
func (w *nftWriter) limits() {
	for _, b := range w.buckets() {
		if b.client != "" {
			w.printf("\n\tlimit rate_%s {\n\t\t%s\n\t\t%s\n\t}\n", b.tag(), nftOver(w.held[b]), nftRemark("rule "+b.text()))
		}
	}
}

// counter returns the name of what counts each source of a rule.
func (s *nftSide) counter(b bucket) string { return s.name + "_rate_" + b.tag() }

// nftSources is how many sources of a rule are counted at most. Beyond it the kernel counts nobody else, and sallyport does.
const nftSources = 1 << 16

// sourceBits returns how much of an address is a source.
func (w *nftWriter) sourceBits(s *nftSide) int {
	if s.bits == 128 {
		return w.SourceBits
	}
	return s.bits
}

// counters writes the buckets of sources, with a chain for each rule that has some.
func (w *nftWriter) counters(s *nftSide) {
	source := s.keyword + " saddr"
	if bits := w.sourceBits(s); bits < s.bits {
		source += " and " + netmask(netip.IPv6Unspecified(), bits).String()
	}
	for _, b := range w.buckets() {
		count := s.counts[b]
		if count == 0 {
			continue
		}
		name, limits := s.counter(b), w.held[b]
		// The kernel allots memory by size, and what has timed out takes its place for a while.
		w.printf("\n\tset %s {\n\t\ttype %s\n\t\tsize %d\n\t\tflags dynamic,timeout\n\t\ttimeout %s\n\t}\n", name, s.address, min(2*count, nftSources), nftTimeout(refill(limits)))
		w.printf("\n\tchain %s {\n\t\t%s\n", name, nftRemark("rule "+b.text()))
		w.printf("\t\tupdate @%s { %s limit %s } counter %s\n\t}\n", name, source, nftOver(limits), w.deny())
	}
}

// sourcesIn returns how many sources a range of addresses has, up to [nftSources].
func sourcesIn(first, last netip.Addr, bits int) int {
	number := func(a netip.Addr) *big.Int {
		n := new(big.Int).SetBytes(a.AsSlice())
		return n.Rsh(n, uint(a.BitLen()-bits))
	}
	n := new(big.Int).Sub(number(last), number(first))
	if n.BitLen() > 16 {
		return nftSources
	}
	return int(n.Int64()) + 1
}

// nftOver matches what is beyond limits.
func nftOver(l *policy.Limits) string {
	return fmt.Sprintf("rate over %s burst %d packets", perUnit(l.Rate), l.Depth())
}

// netmask returns the address of a family whose first bits are set.
func netmask(family netip.Addr, bits int) netip.Addr {
	every := policy.LastOf(netip.PrefixFrom(family, 0))
	return netip.PrefixFrom(every, bits).Masked().Addr()
}
