package suggest

import (
	"cmp"
	"fmt"
	"slices"

	"sallyport/policy"
)

const (
	// The most source ports that are counted one by one. A client with more of them is not bound to any.
	mostPorts = 64

	// The most that a client may have which takes them from the ephemeral range: that each was seen again
	// is chance if there are many.
	mostRepeated = 16
)

// sightings are the source ports of a client. The zero value has none.
type sightings struct {
	seen      []sighting // ascending; nil if there are too many
	tooMany   bool
	low, high uint16
}

type sighting struct {
	port  uint16
	count uint32
}

func (s *sightings) add(one sighting) {
	if !s.tooMany && len(s.seen) == 0 {
		s.low, s.high = one.port, one.port
	}
	s.low, s.high = min(s.low, one.port), max(s.high, one.port)
	if s.tooMany {
		return
	}
	at, found := slices.BinarySearchFunc(s.seen, one, func(a, b sighting) int { return cmp.Compare(a.port, b.port) })
	switch {
	case found:
		s.seen[at].count += one.count
	case len(s.seen) == mostPorts:
		s.seen, s.tooMany = nil, true
	default:
		s.seen = slices.Insert(s.seen, at, one)
	}
}

func (s *sightings) addAll(o *sightings) {
	for _, one := range o.seen {
		s.add(one)
	}
	if o.tooMany {
		if !s.tooMany && len(s.seen) == 0 {
			s.low, s.high = o.low, o.high
		}
		s.low, s.high = min(s.low, o.low), max(s.high, o.high)
		s.seen, s.tooMany = nil, true
	}
}

// bound returns the source ports that a client looks bound to, nil if its system seems to choose
// them. All are below the ephemeral range, or few of them come again and again.
func (s *sightings) bound(ephemeral policy.PortRange) []policy.PortRange {
	if s.tooMany || len(s.seen) == 0 || s.low == 0 {
		return nil
	}
	if s.high >= ephemeral.First {
		once := slices.ContainsFunc(s.seen, func(one sighting) bool { return one.count < 2 })
		if once || len(s.seen) > mostRepeated {
			return nil
		}
	}
	var ranges []policy.PortRange
	for _, one := range s.seen {
		if n := len(ranges); n > 0 && int(ranges[n-1].Last)+1 == int(one.port) {
			ranges[n-1].Last = one.port
			continue
		}
		ranges = append(ranges, policy.PortRange{First: one.port, Last: one.port})
	}
	return ranges
}

// String describes the ports for people.
func (s *sightings) String() string {
	switch {
	case s.tooMany:
		return fmt.Sprintf("more than %d different ones from %d to %d", mostPorts, s.low, s.high)
	case len(s.seen) == 1:
		return fmt.Sprint(s.low)
	default:
		return fmt.Sprintf("%d different ones from %d to %d", len(s.seen), s.low, s.high)
	}
}
