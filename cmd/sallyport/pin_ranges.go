package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"sallyport/policy"
)

// rangesWithout returns the ports of a that are not in b, merged.
func rangesWithout(a, b []policy.PortRange) []policy.PortRange {
	rest := policy.MergePorts(a)
	for _, cut := range b {
		var left []policy.PortRange
		for _, r := range rest {
			if cut.Last < r.First || r.Last < cut.First {
				left = append(left, r)
				continue
			}
			if r.First < cut.First {
				left = append(left, policy.PortRange{First: r.First, Last: cut.First - 1})
			}
			if cut.Last < r.Last {
				left = append(left, policy.PortRange{First: cut.Last + 1, Last: r.Last})
			}
		}
		rest = left
	}
	return rest
}

// rangesHold reports whether a port is in one of the ranges.
func rangesHold(ranges []policy.PortRange, port uint16) bool {
	return slices.ContainsFunc(ranges, func(r policy.PortRange) bool { return r.Contains(port) })
}

// rangesText writes ranges as the kernel does: "20001-20004,20011".
func rangesText(ranges []policy.PortRange) string {
	texts := make([]string, len(ranges))
	for i, r := range ranges {
		texts[i] = r.String()
	}
	return strings.Join(texts, ",")
}

// parseKernelRanges reads a list of ports as the kernel writes it, in which, unlike in a configuration, port 0 may be.
func parseKernelRanges(text string) ([]policy.PortRange, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return nil, nil
	}
	var ranges []policy.PortRange
	for part := range strings.SplitSeq(text, ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		low, err := strconv.ParseUint(first, 10, 16)
		high, err2 := strconv.ParseUint(last, 10, 16)
		if err != nil || err2 != nil || low > high {
			return nil, fmt.Errorf("%q is not a list of ports", text)
		}
		ranges = append(ranges, policy.PortRange{First: uint16(low), Last: uint16(high)})
	}
	return policy.MergePorts(ranges), nil
}

// parseKernelSpan reads a range as the kernel writes that of kernel-chosen ports: two numbers with white space between.
func parseKernelSpan(text string) (policy.PortRange, error) {
	fields := strings.Fields(text)
	if len(fields) != 2 {
		return policy.PortRange{}, fmt.Errorf("%q is not a range of ports", text)
	}
	low, err := strconv.ParseUint(fields[0], 10, 16)
	high, err2 := strconv.ParseUint(fields[1], 10, 16)
	if err != nil || err2 != nil || low > high {
		return policy.PortRange{}, fmt.Errorf("%q is not a range of ports", text)
	}
	return policy.PortRange{First: uint16(low), Last: uint16(high)}, nil
}
