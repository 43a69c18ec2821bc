// Package sourceport owns the source ports that connections to upstreams are bound to: the client-side port
// definition, at the client. A firewall opens exactly one tuple for each port, so a connection waits for a port of its
// range rather than taking another one, and two connections never ask the kernel for the same tuple.
//
// A port is free, leased by one live connection, inherited by a connection of the process before this one, or cooling:
// the kernel said that its tuple is still in use, so it rests for a growing while. Of the free ports the one that has
// rested longest is next; those that were never used come first, the lowest before the others.
//
// A [Pool] keeps one book for each source address and destination, since a port is only one tuple towards each of them.
// A book divides all ports into segments, cut wherever a range that was asked for begins or ends (segment.go), so that
// requests with different ranges share what they have in common. Who finds no port free waits in the book's queue
// (queue.go). Books in which nothing happens any more are forgotten (idle.go).
package sourceport

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"sallyport/policy"
)

// Tuple is what a firewall opens.
type Tuple struct{ Source, Destination netip.AddrPort }

// String returns "source -> destination".
func (t Tuple) String() string { return fmt.Sprintf("%s -> %s", t.Source, t.Destination) }

// Request asks for a source port towards one destination.
type Request struct {
	Source      netip.Addr         // on this host; of the destination's family, never unspecified
	Ports       []policy.PortRange // both ends included; in any order, they may overlap; port 0 is none
	Destination netip.AddrPort
	Wait        time.Duration // for a port to come free, from the beginning of Dial on; 0: not at all
	Idle        bool          // takes a port only if nobody waits for one, and never waits itself
	Turn        Turn          // that the caller has to connect; nil: whenever there is a port
}

// Turn is leave to connect, of which there is only so much. Who waits for a port has no use for it, and would keep it from
// those who have one.
type Turn interface {
	Yield()      // before waiting for a port
	Take() error // before connecting; blocks until it may be done. After an error it may not. Again, it does nothing
}

// route is what one book is kept of.
type route struct {
	source      netip.Addr
	destination netip.AddrPort
}

// routeOf returns the route of a tuple. An embedded IPv4 address is an IPv4 address to the kernel.
func routeOf(source netip.Addr, destination netip.AddrPort) route {
	return route{
		source:      source.Unmap(),
		destination: netip.AddrPortFrom(destination.Addr().Unmap(), destination.Port()),
	}
}

// tuple returns what a port of the route is to a firewall.
func (r route) tuple(port uint16) Tuple {
	return Tuple{Source: netip.AddrPortFrom(r.source, port), Destination: r.destination}
}

func (t Tuple) compare(o Tuple) int {
	return cmp.Or(t.Source.Addr().Compare(o.Source.Addr()), t.Destination.Compare(o.Destination), t.Source.Compare(o.Source))
}

// canonical returns ranges in ascending order, joined where they touch, without port 0, which to the kernel means any
// port. What is canonical already is returned itself.
func canonical(ranges []policy.PortRange) []policy.PortRange {
	if isCanonical(ranges) {
		return ranges
	}
	sorted := slices.Clone(ranges)
	for i := range sorted {
		sorted[i].First = max(sorted[i].First, 1)
	}
	sorted = slices.DeleteFunc(sorted, func(r policy.PortRange) bool { return r.First > r.Last })
	return policy.MergePorts(sorted)
}

func isCanonical(ranges []policy.PortRange) bool {
	end := 0 // of the range before; there is a gap of at least one port between two of them
	for i, r := range ranges {
		if r.First == 0 || r.First > r.Last || i > 0 && int(r.First) <= end+1 {
			return false
		}
		end = int(r.Last)
	}
	return true
}

// size is the number of ports in canonical ranges.
func size(ranges []policy.PortRange) int {
	n := 0
	for _, r := range ranges {
		n += int(r.Last) - int(r.First) + 1
	}
	return n
}

func contains(ranges []policy.PortRange, port uint16) bool {
	return slices.ContainsFunc(ranges, func(r policy.PortRange) bool { return r.Contains(port) })
}

// shownRanges is how many ranges an error names: a person has to see which definition is meant, not all of it.
const shownRanges = 8

func describe(ranges []policy.PortRange) string {
	var text []string
	for _, r := range ranges[:min(len(ranges), shownRanges)] {
		text = append(text, r.String())
	}
	if more := len(ranges) - shownRanges; more > 0 {
		text = append(text, fmt.Sprintf("%d more ranges", more))
	}
	return strings.Join(text, ",")
}
