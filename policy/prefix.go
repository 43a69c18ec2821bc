package policy

import (
	"fmt"
	"net/netip"
	"strings"
)

// ParsePrefix reads an address or a prefix; a bare address is the prefix of its full
// length. Zones, IPv4-mapped addresses and prefixes with bits beyond their length are
// refused: none of them would compare as its writer expects. Errors are [*Malformed].
func ParsePrefix(text string) (netip.Prefix, error) {
	if strings.Contains(text, "%") {
		return netip.Prefix{}, malformed(text, "has a zone",
			"zones belong to one host's interfaces; leave out what follows the %")
	}
	if !strings.Contains(text, "/") {
		addr, err := netip.ParseAddr(text)
		if err != nil {
			return netip.Prefix{}, notAnAddress(text)
		}
		if addr.Is4In6() {
			return netip.Prefix{}, malformed(text, "is an IPv4-mapped address", didYouMean(addr.Unmap().String()))
		}
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, notAnAddress(text)
	}
	return prefix, checkPrefix(prefix)
}

// checkPrefix refuses what compares otherwise than it looks.
func checkPrefix(p netip.Prefix) error {
	switch {
	case !p.IsValid():
		return &Malformed{Problem: "not a prefix"}
	case p.Addr().Is4In6():
		hint := ""
		if p.Bits() >= 96 {
			hint = didYouMean(netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96).Masked().String())
		}
		return malformed(p.String(), "is an IPv4-mapped prefix", hint)
	case p != p.Masked():
		return malformed(p.String(), fmt.Sprintf("has bits beyond its length of %d", p.Bits()),
			fmt.Sprintf("did you mean %q, or %q alone?", p.Masked(), p.Addr()))
	default:
		return nil
	}
}

func notAnAddress(text string) error {
	const problem = "is not an address or prefix"
	switch text {
	case AnyName:
		return malformed(text, problem, "leave the addresses out if any is meant")
	case LoopbackName:
		return malformed(text, problem, `write "127.0.0.0/8" and "::1"`)
	}
	if bare := strings.Trim(text, "[] \t"); bare != text {
		if _, err := ParsePrefix(bare); err == nil {
			return malformed(text, problem, didYouMean(bare))
		}
	}
	if ap, err := netip.ParseAddrPort(text); err == nil {
		return malformed(text, problem, fmt.Sprintf("did you mean %q? source ports are given by the ports of a [[client]]", ap.Addr()))
	}
	if first, last, ok := strings.Cut(text, "-"); ok {
		_, errFirst := netip.ParseAddr(strings.TrimSpace(first))
		_, errLast := netip.ParseAddr(strings.TrimSpace(last))
		if errFirst == nil && errLast == nil {
			return malformed(text, "is a range, not an address or prefix", "write prefixes that cover it, such as \"10.1.0.0/28\"")
		}
	}
	return malformed(text, problem, `write "10.2.0.5", "10.1.0.0/28", "2001:db8::5" or "2001:db8::/32"`)
}

func didYouMean(text string) string { return fmt.Sprintf("did you mean %q?", text) }

// PrefixText returns the shortest way to write p: an address alone without its length, and nothing
// for the invalid prefix.
func PrefixText(p netip.Prefix) string {
	switch {
	case !p.IsValid():
		return ""
	case p.IsSingleIP():
		return p.Addr().String()
	default:
		return p.String()
	}
}
