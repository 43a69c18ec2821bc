package policy

import "net/netip"

// LastOf returns the last address of a prefix.
func LastOf(p netip.Prefix) netip.Addr {
	bytes := p.Addr().AsSlice()
	for i := range bytes {
		bytes[i] |= ^mask(p.Bits() - 8*i)
	}
	last, _ := netip.AddrFromSlice(bytes)
	return last
}

// mask returns a byte whose first bits are set.
func mask(bits int) byte { return ^byte(0xff >> min(max(bits, 0), 8)) }

// PrefixesOf returns the fewest prefixes that make up a range of addresses of one family, both ends included. A range that ends
// before it begins has none.
func PrefixesOf(first, last netip.Addr) []netip.Prefix {
	var all []netip.Prefix
	for at := first; at.IsValid() && !last.Less(at); {
		p := netip.PrefixFrom(at, at.BitLen())
		for p.Bits() > 0 {
			wider := netip.PrefixFrom(at, p.Bits()-1)
			if wider.Masked().Addr() != at || last.Less(LastOf(wider)) {
				break
			}
			p = wider
		}
		all = append(all, p)
		at = LastOf(p).Next() // invalid after the last of its family
	}
	return all
}
