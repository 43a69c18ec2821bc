package matrix

import (
	"fmt"
	"math/bits"
	"net/netip"
	"strconv"
	"strings"

	"sallyport/policy"
)

// everywhere is every address, by family.
func everywhere() []netip.Prefix {
	return []netip.Prefix{netip.PrefixFrom(netip.IPv4Unspecified(), 0), netip.PrefixFrom(netip.IPv6Unspecified(), 0)}
}

// addresses reads a cell with addresses, prefixes and ranges; mask is that of the only address, and may be empty. All is whether
// everything is meant by a word, of whichever family. Errors are [*policy.Malformed].
func (im *Import) addresses(text, mask string) (list []netip.Prefix, all bool, err error) {
	words := items(text)
	if !nothing(mask) {
		words = append(words, mask)
		if len(words) != 2 {
			return nil, false, &policy.Malformed{Problem: quoted(mask) + " is the mask of several addresses, or of none", Hint: "write 10.2.0.0/24 into the column of the address"}
		}
	}
	for i := 0; i < len(words); i++ {
		word := words[i]
		if everything(word) {
			all = true
			list = append(list, everywhere()...)
			continue
		}
		if i+1 < len(words) {
			if length, isMask := maskLength(words[i+1]); isMask && !strings.ContainsAny(word, "/-") {
				word += "/" + strconv.Itoa(length)
				i++
			}
		}
		found, err := im.address(word)
		if err != nil {
			return nil, false, err
		}
		list = append(list, found...)
	}
	return list, all, nil
}

// address reads one item.
func (im *Import) address(word string) ([]netip.Prefix, error) {
	if known := im.Names[strings.ToLower(word)]; len(known) > 0 {
		var all []netip.Prefix
		for _, a := range known {
			all = append(all, netip.PrefixFrom(a, a.BitLen()))
		}
		return all, nil
	}
	if first, last, ok := strings.Cut(word, "-"); ok && strings.ContainsAny(first, ".:") {
		if from, err := netip.ParseAddr(first); err == nil {
			return addressRange(word, from, last)
		}
	}
	if base, mask, ok := strings.Cut(word, "/"); ok {
		if length, isMask := maskLength(mask); isMask {
			word = base + "/" + strconv.Itoa(length)
		}
	}
	if fixed, stars := withoutStars(word); stars > 0 {
		word = fixed
	}
	if bare, ok := strings.CutPrefix(word, "["); ok {
		word, _ = strings.CutSuffix(bare, "]")
	}
	p, err := policy.ParsePrefix(word)
	switch {
	case err == nil:
		return []netip.Prefix{p}, usable(word, p.Addr(), p.Bits())
	case named(word):
		return nil, &policy.Malformed{
			Problem: quoted(word) + " is a name, and names are not looked up",
			Hint:    fmt.Sprintf("write its address into the matrix, or say it with --resolve %s", quoted(word+"=ADDRESS")),
		}
	case strings.ContainsRune(word, ':') && strings.ContainsRune(word, '.'):
		if at, bad := netip.ParseAddrPort(word); bad == nil {
			return nil, &policy.Malformed{Problem: quoted(word) + " is an address with a port", Hint: fmt.Sprintf("write %s here, and %d into the column of ports", at.Addr(), at.Port())}
		}
	}
	return nil, err
}

// named reports whether a word looks like the name of a host.
func named(word string) bool {
	for label := range strings.SplitSeq(word, ".") {
		if label == "" || strings.ContainsFunc(label, func(r rune) bool {
			return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
		}) {
			return false
		}
	}
	return strings.ContainsFunc(word, func(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' })
}

// usable refuses what no end of a connection has as its address. A mask that is the other way round ends up here, too.
func usable(word string, a netip.Addr, length int) error {
	if length == 0 || !a.IsMulticast() && !(a.Is4() && (a.As4()[0] == 0 || a.As4()[0] >= 240)) {
		return nil
	}
	return &policy.Malformed{Problem: quoted(word) + " is not the address of a host or network", Hint: `write "10.2.0.5", "10.2.0.0/24" or "any"`}
}

// maskLength reads a netmask.
func maskLength(text string) (length int, ok bool) {
	a, err := netip.ParseAddr(text)
	if err != nil || !a.Is4() || a.As4()[0] != 0xff {
		return 0, false
	}
	b := a.As4()
	mask := uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
	length = bits.LeadingZeros32(^mask)
	return length, length+bits.TrailingZeros32(mask) == 32
}

// withoutStars reads "10.2.0.*".
func withoutStars(word string) (prefix string, stars int) {
	fixed := word
	for strings.HasSuffix(fixed, ".*") {
		fixed = strings.TrimSuffix(fixed, ".*")
		stars++
	}
	if stars == 0 || strings.Count(fixed, ".") != 3-stars {
		return word, 0
	}
	return fmt.Sprintf("%s%s/%d", fixed, strings.Repeat(".0", stars), 32-8*stars), stars
}

// addressRange returns the prefixes of a range. Its end may be the last octet alone.
func addressRange(word string, first netip.Addr, end string) ([]netip.Prefix, error) {
	last, err := netip.ParseAddr(end)
	if n, bad := strconv.ParseUint(end, 10, 8); err != nil && bad == nil && first.Is4() && strconv.FormatUint(n, 10) == end {
		octets := first.As4()
		octets[3] = byte(n)
		last, err = netip.AddrFrom4(octets), nil
	}
	malformed := func(problem string) error {
		return &policy.Malformed{Problem: quoted(word) + " " + problem, Hint: `write "10.0.0.1-10.0.0.9" or "10.0.0.0/28"`}
	}
	switch {
	case err != nil, first.Zone() != "", last.Zone() != "":
		return nil, malformed("is not a range of addresses")
	case first.BitLen() != last.BitLen(), first.Is4In6() || last.Is4In6():
		return nil, malformed("is a range of addresses of which one is IPv4 and one is not")
	case last.Less(first):
		return nil, malformed("is a range that ends before it begins")
	}
	if err := usable(word, first, 1); err != nil {
		return nil, err
	}
	return policy.PrefixesOf(first, last), usable(word, last, 1)
}
