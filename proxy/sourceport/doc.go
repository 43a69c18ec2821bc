// Package sourceport owns the source ports that connections to upstreams are bound to: the client-side port
// definition, at the client. A firewall opens exactly one tuple for each port, so a connection waits for a port of its
// range rather than taking another one, and two connections never ask the kernel for the same tuple.
//
// A port is free, leased by one live connection, or cooling: the kernel said that its tuple is still in use, so it rests
// for a growing while. Of the free ports the one that has rested longest is next.
package sourceport

import (
	"fmt"
	"net/netip"
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
	Ports       []policy.PortRange // both ends included; in any order, they may overlap
	Destination netip.AddrPort
	Wait        time.Duration // for a port to come free; 0: not at all
	Idle        bool          // takes a port only if nobody waits for one, and never waits itself
}
