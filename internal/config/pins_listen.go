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
		if other, taken := b.overlapping(from); taken {
			return p.refused(other, number), true
		}
	}
	if len(p.addresses) == 0 {
		return b.mayTake(p, number)
	}
	return Problem{}, false
}

// mayTake is takes where the system chooses the address.
func (b *bindings) mayTake(p pins, number uint16) (Problem, bool) {
	for _, at := range slices.SortedFunc(maps.Keys(b.at), netip.Addr.Compare) {
		other := b.at[at]
		switch {
		case !everything(at) && p.literal.IsValid() && p.literal.Is4() != at.Is4():
		case at.IsUnspecified():
			return p.refused(other, number), true
		case !at.IsLoopback(): // from there nothing goes to other hosts
			return p.at.Warning(fmt.Sprintf("%s listens on %d, and connections from %s cannot be bound to it", other.owner, number, at),
				"see "+other.address.Pos.String()+"; use other source ports"), true
		}
	}
	return Problem{}, false
}

// refused says that no connection can be bound to a port.
func (p pins) refused(listening socket, number uint16) Problem {
	return p.at.Problem(fmt.Sprintf("%s listens on %d, so no connection can be bound to it", listening.owner, number),
		"see "+listening.address.Pos.String()+"; use other source ports")
}
