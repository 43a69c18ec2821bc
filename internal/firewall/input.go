package firewall

import (
	"net/netip"
	"time"

	"sallyport/policy"
)

// Input is what a matrix is made of.
type Input struct {
	Policy   *policy.Set
	Services []Service
	Pins     []Pin
	At       Position
	Now      time.Time // decides which rules are valid

	Header Header // as far as it is not known here: Build adds notes

	Application string // only this one; empty for all
	Client      string // only flows of this client, for its own firewall; empty for all
}

// Position is where the firewall is that a matrix is for.
type Position string

// The positions of a firewall.
const (
	AtHost    Position = "host"    // on this host: its ports are reached, its pinned connections leave
	AtServer  Position = "server"  // on the host that is connected to
	AtClient  Position = "client"  // on the host that connects
	AtBetween Position = "between" // on the way
)

// Service is a port that the policy guards.
type Service struct {
	Application, Port string

	// Listen is where it listens: without an address on all of both families, at an unspecified one on all of its family. It
	// is invalid, with port 0, where no TCP address is known, and then Unknown says why, after "listens".
	Listen  netip.AddrPort
	Unknown string

	// ReachedAt is where clients find it instead, for instance at a load balancer.
	ReachedAt []netip.AddrPort

	// Balancers are the only addresses from which connections come, if PROXY headers name the clients.
	Balancers []netip.Prefix
}

// Name returns application/port.
func (s *Service) Name() string { return s.Application + "/" + s.Port }

// Pin is a client-side port definition for the connections of this host.
type Pin struct {
	Application string
	Use         string             // what the connections are for, in words
	Addresses   []netip.Addr       // empty: the system chooses
	Ports       []policy.PortRange // empty: the system chooses
	Destination netip.AddrPort
	TLS         bool
}

// Header says what an export was made from.
type Header struct {
	Host       string // its name, empty if it has none
	PolicyHash string // empty without a policy
	Generation uint64 // of the running sallyport that has this policy in force; 0 if there is none

	// Made is the time of the export, zero in one that is to be reproducible.
	Made time.Time

	Names []Resolved // that stand for addresses here, in their order
	Notes []string   // what people have to know, one sentence each
}

// Resolved is a name with the addresses that it had.
type Resolved struct {
	Name      string
	Addresses []netip.Addr
	At        time.Time // zero in an export that is to be reproducible
}
