package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"sallyport/internal/config/document"
	"sallyport/policy"
)

// sourcePorts validates a list of ports and ranges, of which each text may hold several. They are returned in order,
// with those that touch joined.
func (c *checker) sourcePorts(list document.List) []policy.PortRange {
	var merged []policy.PortRange
	for _, l := range list.Value {
		ranges, f := parsePorts(l.Value)
		if f != nil {
			c.report(l.Problem(f.message, f.hint))
			continue
		}
		for _, r := range ranges {
			if again, ok := common(merged, []policy.PortRange{r}); ok {
				c.report(l.Warning(fmt.Sprintf("%s is listed twice", again), "a port has one connection to a destination at a time, however often it is listed"))
			}
			merged = merge(append(merged, r))
		}
	}
	return merged
}

// parsePorts reads "20001-20004, 20011".
func parsePorts(text string) ([]policy.PortRange, *flaw) {
	const forms = `write "20001-20004", or several with commas: "20001-20004, 20011"`
	var ranges []policy.PortRange
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			return nil, &flaw{fmt.Sprintf("%q has nothing between its commas", text), forms}
		}
		r, err := policy.ParsePortRange(part)
		if err != nil {
			f := &flaw{err.Error(), forms}
			if m, ok := errors.AsType[*policy.Malformed](err); ok {
				f.hint = m.Hint
			}
			return nil, f
		}
		ranges = append(ranges, r)
	}
	return ranges, nil
}

// merge sorts ranges and joins those that touch.
func merge(ranges []policy.PortRange) []policy.PortRange {
	sorted := slices.SortedFunc(slices.Values(ranges), func(a, b policy.PortRange) int { return cmp.Compare(a.First, b.First) })
	var merged []policy.PortRange
	for _, r := range sorted {
		if n := len(merged); n > 0 && int(r.First) <= int(merged[n-1].Last)+1 {
			merged[n-1].Last = max(merged[n-1].Last, r.Last)
			continue
		}
		merged = append(merged, r)
	}
	return merged
}

// common returns the first range that both have.
func common(a, b []policy.PortRange) (policy.PortRange, bool) {
	for _, r := range a {
		for _, s := range b {
			both := policy.PortRange{First: max(r.First, s.First), Last: min(r.Last, s.Last)}
			if both.First <= both.Last {
				return both, true
			}
		}
	}
	return policy.PortRange{}, false
}

// size counts the ports of ranges that are merged.
func size(ranges []policy.PortRange) int {
	ports := 0
	for _, r := range ranges {
		ports += int(r.Last) - int(r.First) + 1
	}
	return ports
}
