package config

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
)

// listened reports source ports that this configuration itself listens on: no connection can be bound to them.
func (c *checker) listened(applications []Application) {
	numbers := slices.Sorted(maps.Keys(c.sockets.ports))
	reported := make(map[string]bool)
	for _, p := range pinsOf(applications) {
		if reported[p.at.Key] {
			continue // towards another endpoint
		}
		if problem, found := c.sockets.inTheWay(p, numbers); found {
			reported[p.at.Key] = true
			c.report(problem)
		}
	}
}

// inTheWay finds the lowest port that is certainly in the way, or else one that may be; numbers are all that are
// listened on, in order.
func (s *sockets) inTheWay(p pins, numbers []uint16) (worst Problem, found bool) {
	for _, r := range p.ports {
		from, _ := slices.BinarySearch(numbers, r.First)
		for _, number := range numbers[from:] {
			if number > r.Last {
				break
			}
			problem, taken := s.ports[number].takes(p, number)
			if taken && !problem.Warning {
				return problem, true
			}
			if taken && !found {
				worst, found = problem, true
			}
		}
	}
	return worst, found
}

// takes reports a port that is listened on where connections are bound to it.
func (b *bindings) takes(p pins, number uint16) (Problem, bool) {
	for _, from := range p.addresses {
		if other, taken := b.overlapping(from.Value); taken {
			return p.at.Problem(fmt.Sprintf("%s listens on %d, so no connection can be bound to it", other.owner, number),
				"see "+other.address.Pos.String()+"; use other source ports"), true
		}
	}
	if len(p.addresses) > 0 {
		return Problem{}, false
	}
	other, taken := b.overlapping(netip.IPv6Unspecified())
	if !taken {
		return Problem{}, false
	}
	at, _ := other.address.Value.tcp()
	switch {
	case everything(at.Addr()), at.Addr().IsUnspecified():
		return p.at.Problem(fmt.Sprintf("%s listens on %d, so no connection can be bound to it", other.owner, number),
			"see "+other.address.Pos.String()+"; use other source ports"), true
	case at.Addr().IsLoopback():
		return Problem{}, false // connections to other hosts come from elsewhere
	}
	return p.at.Warning(fmt.Sprintf("%s listens on %d, and connections from %s cannot be bound to it", other.owner, number, at.Addr()),
		"see "+other.address.Pos.String()+"; use other source ports"), true
}
