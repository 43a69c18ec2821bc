package policy

import (
	"net/netip"
	"time"
)

// Source is a policy as it was written: plain values, read by somebody else. [Compile]
// checks it and prepares it for decisions; neither changes it, and it must not be changed
// while a [Set] that was made from it is in use.
type Source struct {
	Ports    []Port // what there is to connect to; from the configuration
	Clients  []Client
	Groups   []Group
	Rules    []Rule
	Blocks   []Block
	Defaults Defaults
	Lockout  Lockout
	Audit    Audit
	Tests    []Test

	// Ephemeral are the ports that the clients' systems choose from by themselves; zero
	// means 32768-60999, the default of Linux.
	Ephemeral PortRange
}

// EphemeralRange returns the ports that the clients' systems choose from by themselves: those of
// Linux unless the source names others.
func (s *Source) EphemeralRange() PortRange {
	if s.Ephemeral == (PortRange{}) {
		return PortRange{32768, 60999}
	}
	return s.Ephemeral
}

// Port is a listening port that rules may name as application/id.
type Port struct {
	Application, ID string
	Mode            Mode
	ClientAuth      bool // a client certificate is asked for
	Exposed         bool // it listens beyond loopback

	// DemandsCertificate tells that a TLS handshake without a client certificate fails.
	DemandsCertificate bool

	Origins Origins // where connections can come from
}

// Name returns application/id.
func (p *Port) Name() string { return p.Application + "/" + p.ID }

// Mode says which clients a port takes.
type Mode uint8

const (
	Plaintext  Mode = iota // no TLS
	Secure                 // TLS only
	AutoDetect             // either, decided from the first bytes
)

// Client is a client-side port definition: who connects, from where and from which source
// ports. All that it names must hold, and what it leaves out matches anything.
type Client struct {
	Name       string
	Addresses  []netip.Prefix
	Ports      []PortRange
	Identities []Identity // any of them
	RequireTLS bool       // from these addresses and ports plaintext is refused, whatever a rule says
}

// Group is a name for clients, groups and addresses.
type Group struct {
	Name    string
	Members []string
}

// Names that need no definition.
const (
	AnyName      = "any"      // every source, UNIX sockets included
	LoopbackName = "loopback" // 127.0.0.0/8, ::1, and UNIX sockets of this host
)

// Rule allows sources to connect to ports. Rules only add up: what none allows is denied.
type Rule struct {
	ID   string
	From []string // clients, groups, addresses, prefixes, built-in names
	To   []string // application/port, or application/* for all of its ports
	TLS  TLSDemand
	Mode RuleMode

	// Limits are counted for each named client, and for each source address where
	// From names an address, a prefix or a built-in name.
	Limits

	Owner, Ticket, Reason string

	ValidFrom time.Time // the first day, UTC; zero for no first day
	Expires   time.Time // the last day, UTC, to its end; zero for no last day
}

// Limits bound the sessions of one [Match].
type Limits struct {
	MaxConnections int  // at once; 0 sets no bound
	Rate           Rate // of new connections
	Burst          int  // connections above the rate at once; 0 means one second's worth, and at least one
}

// TLSDemand says which sessions a rule allows.
type TLSDemand uint8

const (
	TLSRequired   TLSDemand = iota // TLS only
	TLSAny                         // either
	PlaintextOnly                  // plaintext only
)

// String returns the word used in policy files.
func (d TLSDemand) String() string {
	switch d {
	case TLSAny:
		return "any"
	case PlaintextOnly:
		return "plaintext"
	default:
		return "required"
	}
}

// ParseTLSDemand reads "required", "any" or "plaintext". Errors are [*Malformed].
func ParseTLSDemand(text string) (TLSDemand, error) {
	return parseWord(text, TLSRequired, TLSAny, PlaintextOnly)
}

// RuleMode says what a rule does when it allows a session.
type RuleMode uint8

const (
	Enforce   RuleMode = iota // the session is allowed
	AuditRule                 // it is let through as [AuditDeny], as long as no other rule allows it
	Off                       // nothing, as if the rule were not there
)

// String returns the word used in policy files.
func (m RuleMode) String() string {
	switch m {
	case AuditRule:
		return "audit"
	case Off:
		return "off"
	default:
		return "enforce"
	}
}

// ParseRuleMode reads "enforce", "audit" or "off". Errors are [*Malformed].
func ParseRuleMode(text string) (RuleMode, error) {
	return parseWord(text, Enforce, AuditRule, Off)
}

// Block denies addresses before any rule is looked at.
type Block struct {
	ID        string
	Addresses []netip.Prefix
	Reason    string
}

// Defaults hold for every source address, whatever the rule.
type Defaults struct {
	Limits
	IPv6Prefix int  // IPv6 sources are counted by prefixes of this length; 0 means 64
	Handshakes Rate // of one source
}

// Lockout shuts sources out after repeated failures.
type Lockout struct {
	Failures int // 0: no lock-out
	Window   time.Duration
	Duration time.Duration // unused if Forever
	Forever  bool          // until somebody unlocks the source
	Exempt   []string      // clients, groups, addresses, prefixes, built-in names
}

// Audit lets pass what would be denied.
type Audit struct {
	All   bool
	Ports []string // application/port or application/*
}

// Test is a session with the verdict that the policy's author expects.
type Test struct {
	From     netip.AddrPort // invalid for a client of a UNIX socket; port 0 is one that no client's ports hold
	Identity []Identity     // what the client's certificate says; empty without one
	To       string         // application/port
	TLS      bool
	At       time.Time // zero for the time of the test
	Expect   Verdict   // Deny is met by a denial that audit mode would let through, too
}

// parseWord finds the value that is written as text.
func parseWord[T interface{ String() string }](text string, values ...T) (T, error) {
	words := make([]string, len(values))
	for i, value := range values {
		words[i] = value.String()
		if text == words[i] {
			return value, nil
		}
	}
	var zero T
	return zero, &Malformed{Problem: "unknown value " + quoted(text), Hint: "it is one of " + enumerate(words)}
}

// ParseVerdict reads "allow", "deny" or "audit-deny". Errors are [*Malformed].
func ParseVerdict(text string) (Verdict, error) { return parseWord(text, Allow, Deny, AuditDeny) }
