package ruleset

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"time"

	"sallyport/policy"
)

// whole returns a JSON number that is a whole one.
func whole(value any) (uint64, bool) {
	n, ok := value.(float64)
	const exact = 1 << 53
	if !ok || n < 0 || n > exact || n != math.Trunc(n) {
		return 0, false
	}
	return uint64(n), true
}

// elementOf reads an element of a set or a map, or a value alone.
func elementOf(value any) (element, error) {
	var e element
	if pair, isPair := value.([]any); isPair { // of a map
		if len(pair) != 2 {
			return e, fmt.Errorf("an element of a map is a key and a value, not %d things", len(pair))
		}
		value = pair[0]
		v, err := verdictOf(pair[1])
		if err != nil {
			v = verdict{action: unsure} // a map of other things: nothing that could be judged by it
		}
		e.verdict = v
	}
	if options := member(value, "elem"); options != nil {
		e.comment = text(options, "comment")
		e.packets = packetsOf(member(options, "counter"))
		value = member(options, "val")
	}
	if parts, isList := member(value, "concat").([]any); isList {
		for _, part := range parts {
			e.box = append(e.box, valueOf(part))
		}
		if len(e.box) == 0 {
			return e, errors.New("a concatenation of nothing")
		}
		return e, nil
	}
	if value == "*" { // whatever no other element holds
		return e, nil
	}
	e.box = []interval{valueOf(value)}
	return e, nil
}

// valueOf reads a value, and leaves open which field it is of.
func valueOf(value any) interval {
	switch v := value.(type) {
	case string:
		return named(v)
	case float64:
		if n, ok := whole(v); ok {
			return numbersOf(n, n)
		}
	case bool:
		if v {
			return numbersOf(1, 1)
		}
		return numbersOf(0, 0)
	case map[string]any:
		if prefix := v["prefix"]; prefix != nil {
			return prefixOf(prefix)
		}
		if ends, ok := v["range"].([]any); ok && len(ends) == 2 {
			return rangeOf(valueOf(ends[0]), valueOf(ends[1]))
		}
	}
	return interval{}
}

// named reads an address, a time, or a name.
func named(s string) interval {
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		return addressesOf(a, a)
	}
	if at, err := time.Parse(time.DateTime, s); err == nil && at.Unix() >= 0 {
		v := numbersOf(uint64(at.Unix()), uint64(at.Unix()))
		v.vague = true
		return v
	}
	return wordOf(s)
}

func prefixOf(body any) interval {
	a, err := netip.ParseAddr(text(body, "addr"))
	bits, ok := whole(member(body, "len"))
	if err != nil || !ok || a.Zone() != "" || bits > uint64(a.BitLen()) {
		return interval{}
	}
	p := netip.PrefixFrom(a, int(bits)).Masked()
	return addressesOf(p.Addr(), policy.LastOf(p))
}

func rangeOf(from, to interval) interval {
	switch {
	case from.kind == addresses && to.kind == addresses && from.first.BitLen() == to.last.BitLen() && !to.last.Less(from.first):
		return addressesOf(from.first, to.last)
	case from.kind == numbers && to.kind == numbers && from.low <= to.high:
		v := numbersOf(from.low, to.high)
		v.vague = from.vague || to.vague
		return v
	default:
		return interval{}
	}
}
