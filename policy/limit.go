package policy

import (
	"math"
	"net/netip"

	"golang.org/x/time/rate"
)

// none reports whether l limits nothing.
func (l *Limits) none() bool { return l == nil || l.MaxConnections <= 0 && l.arrivals().none() }

// arrivals defines the bucket that new connections are taken from.
func (l *Limits) arrivals() limitBucket { return newLimitBucket(l.Rate, l.Burst) }

// none reports whether d limits no source in any way.
func (d *Defaults) none() bool { return d == nil || d.Limits.none() && d.handshakes().none() }

// handshakes defines the bucket that TLS handshakes are taken from.
func (d *Defaults) handshakes() limitBucket { return newLimitBucket(d.Handshakes, 0) }

// limitBucket defines a token bucket that starts full. The zero value limits nothing.
type limitBucket struct {
	rate  rate.Limit
	burst int
}

func newLimitBucket(r Rate, burst int) limitBucket {
	perSecond := r.PerSecond()
	switch {
	case perSecond <= 0:
		return limitBucket{}
	case burst <= 0:
		burst = int(min(math.Ceil(perSecond), math.MaxInt32)) // one second's worth, at least one
	}
	return limitBucket{rate: rate.Limit(perSecond), burst: burst}
}

func (b limitBucket) none() bool { return b.rate <= 0 }

// limitSource is what counts as one source, as a key: an IPv4 address or the first bits of an IPv6 address. It has no
// pointer, so that a million of them are nothing to the garbage collector.
type limitSource struct {
	addr [16]byte // masked; IPv4 in its mapped form, which no IPv6 source has
	bits uint8    // of the 128; all of them for an IPv4 address
}

// limitSourceOf returns the source that an address belongs to; zero ipv6Prefix means 64, what a provider gives to one
// customer, who could otherwise pass for 2^64 strangers. It reports false for an invalid address.
func limitSourceOf(addr netip.Addr, ipv6Prefix int) (key limitSource, ok bool) {
	addr = addr.Unmap()
	switch {
	case !addr.IsValid():
		return limitSource{}, false
	case addr.Is4():
		return limitSource{addr: addr.As16(), bits: 128}, true
	case ipv6Prefix <= 0:
		ipv6Prefix = 64
	}
	return limitSourceOfPrefix(netip.PrefixFrom(addr, min(ipv6Prefix, 128)))
}

// limitSourceOfPrefix returns the source that a prefix is. It reports false for an invalid prefix.
func limitSourceOfPrefix(p netip.Prefix) (key limitSource, ok bool) {
	if !p.IsValid() {
		return limitSource{}, false
	}
	p = p.Masked()
	bits := p.Bits()
	if p.Addr().Is4() {
		bits += 96
	}
	return limitSource{addr: p.Addr().As16(), bits: uint8(bits)}, true
}

// prefix is the inverse of limitSourceOfPrefix.
func (s limitSource) prefix() netip.Prefix {
	addr, bits := netip.AddrFrom16(s.addr).Unmap(), int(s.bits)
	if addr.Is4() {
		bits -= 96
	}
	return netip.PrefixFrom(addr, bits)
}
