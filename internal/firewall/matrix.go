package firewall

import (
	"net/netip"
	"time"

	"sallyport/policy"
)

// Matrix is what a firewall has to let pass, and what it has to deny. It must not be changed.
type Matrix struct {
	At     Position
	Now    time.Time
	Header Header

	// SourceBits is how much of an IPv6 address is one source, where limits are of each source.
	SourceBits int

	// Flows are the tuples, those that are denied first, then by rule, client, destination and source. Their order
	// and ids are the same in every matrix of the same input.
	Flows []Flow

	// Guards are the destinations, each once, in the order of direction, address and port.
	Guards []Guard
}

// Action is what becomes of a flow.
type Action string

// The actions.
const (
	Permit Action = "permit"
	Deny   Action = "deny"
)

// Direction is where a flow goes, as the firewall sees it.
type Direction string

// The directions.
const (
	Inbound  Direction = "inbound"  // to the firewall's host
	Outbound Direction = "outbound" // from the firewall's host
	Transit  Direction = "transit"  // through the firewall
)

// Flow is a set of TCP connections, as one line of a firewall review: some source ports of a prefix, to one destination. Flows
// may overlap.
type Flow struct {
	ID     string // unique and stable: the rule with a few digits that stand for the tuple
	Action Action
	Origin Origin
	Rule   string // id of the rule or block; of others the origin and what it belongs to

	Source      End
	Destination End
	Direction   Direction

	TLS        string // "required", "any", "plaintext"; "" if denied
	Identities []policy.Identity
	policy.Limits
	PerClient bool // Limits are of the client as a whole, and not of each source address

	Owner, Ticket, Reason string
	ValidFrom, Expires    time.Time // first and last day, UTC; zero for none
}

// Origin is what a flow comes from.
type Origin string

// The origins of flows.
const (
	FromRule     Origin = "rule"     // an allow rule of the policy
	FromBlock    Origin = "block"    // a block of the policy
	FromAudit    Origin = "audit"    // audit mode, which lets everything pass
	FromBalancer Origin = "balancer" // proxy_trusted of a port
	FromPin      Origin = "pin"      // a client-side port definition of this host
)

// End is one end of a flow.
type End struct {
	Name   string           // of the client, or of the port or application; empty if it has none
	Prefix netip.Prefix     // of no bits: every address of the family
	Ports  policy.PortRange // [AnyPort] for any
}

// Guard is a destination with all sources from which it may be reached. From everywhere else it is denied.
type Guard struct {
	Name        string // application/port, or the application whose upstream it is
	Direction   Direction
	Destination netip.Prefix // of no bits: every address of the family
	Port        uint16

	// Open are the sources that may pass, of the family of the destination, and Closed those of them that may not; labels
	// are indices of flows.
	Open, Closed Region
}

// Allowed returns what passes.
func (g *Guard) Allowed() Region { return g.Open.Minus(g.Closed) }

// ExpiresAt returns the moment at which a flow ceases to be valid, zero if it does not.
func (f *Flow) ExpiresAt() time.Time {
	if f.Expires.IsZero() {
		return time.Time{}
	}
	year, month, day := f.Expires.UTC().Date()
	return time.Date(year, month, day+1, 0, 0, 0, 0, time.UTC)
}
