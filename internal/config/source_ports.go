package config

import (
	"errors"
	"fmt"
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
			if again := policy.CommonPorts(merged, []policy.PortRange{r}); len(again) > 0 {
				c.report(l.Warning(fmt.Sprintf("%s is listed twice", again[0]), "a port has one connection to a destination at a time, however often it is listed"))
			}
			merged = policy.MergePorts(append(merged, r))
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

// size counts the ports of ranges that are merged.
func size(ranges []policy.PortRange) int {
	ports := 0
	for _, r := range ranges {
		ports += int(r.Last) - int(r.First) + 1
	}
	return ports
}
