package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// PortRange is a range of source ports, both ends included.
type PortRange struct{ First, Last uint16 }

// ParsePortRange reads "20001-20004" or "20001". Errors are [*Malformed].
func ParsePortRange(text string) (PortRange, error) {
	first, last, isRange := strings.Cut(text, "-")
	if !isRange {
		last = first
	}
	low, lowOK := parsePort(first)
	high, highOK := parsePort(last)
	switch {
	case !lowOK || !highOK:
		return PortRange{}, malformed(text, "is not a port or range of ports", `ports are 1 to 65535; write "20001" or "20001-20004"`)
	case low > high:
		return PortRange{}, malformed(text, "is a range that ends before it begins", didYouMean(PortRange{high, low}.String()))
	default:
		return PortRange{low, high}, nil
	}
}

// MergePorts returns ranges in ascending order, with those that touch joined.
func MergePorts(ranges []PortRange) []PortRange {
	sorted := slices.SortedFunc(slices.Values(ranges), func(a, b PortRange) int { return cmp.Compare(a.First, b.First) })
	merged := sorted[:0]
	for _, r := range sorted {
		if last := len(merged) - 1; last >= 0 && int(r.First) <= int(merged[last].Last)+1 {
			merged[last].Last = max(merged[last].Last, r.Last)
			continue
		}
		merged = append(merged, r)
	}
	return merged
}

// CommonPorts returns what is in ranges of both, merged.
func CommonPorts(a, b []PortRange) []PortRange {
	var common []PortRange
	for _, x := range a {
		for _, y := range b {
			if first, last := max(x.First, y.First), min(x.Last, y.Last); first <= last {
				common = append(common, PortRange{first, last})
			}
		}
	}
	return MergePorts(common)
}

// parsePort reads a port as people write it: digits alone, no sign, no leading zero.
func parsePort(text string) (uint16, bool) {
	n, err := strconv.ParseUint(text, 10, 16)
	return uint16(n), err == nil && n > 0 && text[0] != '0'
}

// String returns the range as [ParsePortRange] reads it.
func (r PortRange) String() string {
	if r.First == r.Last {
		return strconv.Itoa(int(r.First))
	}
	return fmt.Sprintf("%d-%d", r.First, r.Last)
}

// Contains reports whether port is in the range.
func (r PortRange) Contains(port uint16) bool { return r.First <= port && port <= r.Last }

func (r PortRange) overlaps(o PortRange) bool { return r.First <= o.Last && o.First <= r.Last }

// size is the number of ports.
func (r PortRange) size() int { return int(r.Last) - int(r.First) + 1 }

// portsCover reports whether every port of inner is one of outer; both are merged, and
// none means any.
func portsCover(outer, inner []PortRange) bool {
	if len(outer) == 0 {
		return true
	}
	if len(inner) == 0 {
		return false
	}
	for _, in := range inner {
		if !slices.ContainsFunc(outer, func(out PortRange) bool { return out.First <= in.First && in.Last <= out.Last }) {
			return false
		}
	}
	return true
}
