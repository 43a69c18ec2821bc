package ruleset

import (
	"fmt"
	"math/bits"
	"net/netip"
	"strconv"
	"strings"

	"sallyport/policy"
)

// address reads "ADDRESS[/BITS|/MASK]".
func (o *optionReader) address(v token) (interval, *Fault) {
	host, mask, masked := strings.Cut(v.text, "/")
	a, err := netip.ParseAddr(host)
	if err != nil || a.Zone() != "" {
		return interval{}, problem(v.column, fmt.Sprintf("%q is not an address", plain(v.text)), "save the rules with numeric addresses, as iptables-save does")
	}
	if (o.table.Family == IPv6) != a.Is6() {
		return interval{}, problem(v.column, fmt.Sprintf("%s is not an address of %s", a, o.table.program()), "give the rules of both families in two files, or with the comment lines that say which they are")
	}
	length := a.BitLen()
	if masked {
		n, contiguous, ok := maskOf(mask, a.BitLen())
		if !ok {
			return interval{}, problem(v.column, fmt.Sprintf("%q is not a mask", plain(mask)), "it is a number of bits")
		}
		if !contiguous {
			return interval{}, nil // opaque: nothing that ranges could say
		}
		length = n
	}
	p := netip.PrefixFrom(a, length).Masked()
	return addressesOf(p.Addr(), policy.LastOf(p)), nil
}

// maskOf reads a number of bits, or a mask written as an address.
func maskOf(text string, length int) (n int, contiguous, ok bool) {
	if n, err := strconv.Atoi(text); err == nil {
		return n, true, n >= 0 && n <= length
	}
	a, err := netip.ParseAddr(text)
	if err != nil || a.BitLen() != length {
		return 0, false, false
	}
	ended := false
	contiguous = true
	for _, b := range a.AsSlice() {
		ones := bits.LeadingZeros8(^b)
		if ended && b != 0 || b<<ones != 0 {
			contiguous = false
		}
		ended = ended || ones < 8
		n += ones
	}
	return n, contiguous, true
}

func (o *optionReader) addressRange(text string, source bool, v token) *Fault {
	from, to, isRange := strings.Cut(v.text, "-")
	if !isRange {
		to = from
	}
	first, fault := o.address(token{text: from, column: v.column})
	if fault != nil {
		return fault
	}
	last, fault := o.address(token{text: to, column: v.column})
	if fault != nil {
		return fault
	}
	value := rangeOf(first, last)
	if value.kind == opaque {
		return problem(v.column, fmt.Sprintf("%q is not a range", plain(v.text)), "it is written FIRST-LAST")
	}
	o.require(oneOf(text, o.addressSelector(source), o.negated, value))
	return nil
}

// ports reads "80", "20001:20004" and lists of them.
func (o *optionReader) ports(text string, f field, v token) *Fault {
	const most = 1024 // iptables takes 15
	if strings.Count(v.text, ",") >= most {
		return problem(v.column, fmt.Sprintf("there are more than %d ports", most), "iptables takes 15 in a rule")
	}
	var values []interval
	for _, one := range strings.Split(v.text, ",") {
		from, to, isRange := strings.Cut(one, ":")
		if !isRange {
			to = from
		}
		first, err := portOf(from, 0)
		if err != nil {
			return problem(v.column, err.Error(), "ports are written 443, 20001:20004 or 80,443")
		}
		last, err := portOf(to, 0xffff)
		if err != nil {
			return problem(v.column, err.Error(), "ports are written 443, 20001:20004 or 80,443")
		}
		if first > last {
			return problem(v.column, fmt.Sprintf("the range %q ends before it begins", plain(one)), "write the lower port first")
		}
		values = append(values, numbersOf(first, last))
	}
	o.require(oneOf(text, selector{field: f, name: text}, o.negated, values...))
	return nil
}

func portOf(text string, open uint64) (uint64, error) {
	if text == "" {
		return open, nil
	}
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return 0, fmt.Errorf("%q is no port", plain(text))
	}
	return n, nil
}

// protocolOf reads a name or a number.
func protocolOf(text string) interval {
	if n, err := strconv.ParseUint(text, 10, 8); err == nil {
		return numbersOf(n, n)
	}
	return wordOf(strings.ToLower(text))
}
