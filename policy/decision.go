// Package policy decides whether a session may pass.
//
// [Facts] go in, a [Decision] comes out. The package does no I/O, keeps no
// connection and imports no sibling: every other package may import it, so the
// words that all of them share (facts, verdicts, reason codes, refusals) live
// here.
package policy

import (
	"net/netip"
	"time"
)

// Verdict is the outcome of a decision. The zero value denies, so that a
// decision nobody made never lets a connection pass.
type Verdict uint8

const (
	Deny      Verdict = iota // refused
	Allow                    // may pass
	AuditDeny                // would be denied, let through by audit mode
)

// String returns the word used in configuration, log and metrics.
func (v Verdict) String() string {
	switch v {
	case Allow:
		return "allow"
	case AuditDeny:
		return "audit-deny"
	default:
		return "deny"
	}
}

// Passes reports whether a session with this verdict goes on.
func (v Verdict) Passes() bool { return v == Allow || v == AuditDeny }

// Facts are what is known of a session when it is judged. They are judged twice
// by the same code: once on what the socket knows, before any cryptography is
// paid for, and once after the handshake on everything.
type Facts struct {
	Application string
	Port        string // the port's id, unique within its application

	// Source is who connects: the address of the PROXY header where the port
	// demands one, the socket's otherwise. Unmapped, so that an IPv4 client of a
	// dual-stack socket compares as IPv4. Invalid for UNIX sockets and for a
	// header that names no address.
	Source netip.AddrPort

	// Peer is the other end of the socket itself; it differs from Source behind
	// a load balancer. Invalid for UNIX sockets.
	Peer netip.AddrPort

	// Judged says which of the two moments this is.
	Judged Moment

	// TLS tells whether the client speaks TLS. Known from the start on ports
	// with a fixed mode, and once detection is over on the others.
	TLS bool

	// ServerName is the name the client asked for; empty until the handshake is
	// over. It is hostile input: quote it where it is shown.
	ServerName string

	// Identities are what the client's verified leaf certificate says of its holder, from
	// [IdentitiesOf]; zero without one. On a resumed session the certificate is the one
	// of the original handshake.
	Identities Identities

	// Now is the time of the judgement. At the zero time no rule with a first or last day is
	// valid.
	Now time.Time
}

// local reports whether a source without an address is a UNIX socket of this host. A balancer can
// say that its client came by one: that is none of this host.
func (f *Facts) local() bool {
	return !f.Source.IsValid() && (!f.Peer.IsValid() || f.Peer.Addr().Unmap().IsLoopback())
}

// Moment is the point in a session's life at which it is judged.
type Moment uint8

const (
	Early Moment = iota // the socket's addresses only
	Final               // everything, the handshake included
)

// Decision is the answer for one set of facts. The zero value denies.
//
// Allow at the early moment says that a rule may still allow the session; which one is
// known at the final moment, so an early decision to allow names none.
type Decision struct {
	Verdict Verdict
	Rule    string // id of the rule or block that decided; empty when none did
	Reason  Reason

	// Nearest is the id of the rule that came nearest to allowing a denied session, and
	// Failed the first condition that it failed. Without such a rule Nearest is
	// empty, and Failed still tells whether any rule names the port.
	Nearest string
	Failed  Condition

	// Match is whom a session that a rule lets through is counted for, and Limits what the
	// rule sets for each Match; nil if it sets none. Limits is shared and must not be changed.
	// Of a session that is denied for its client's require_tls, Match names that client.
	Match  Match
	Limits *Limits
}

// Match is whom a session is counted for: a named client in a rule, or a source address in
// a rule. It is comparable, and the same after a reload as long as the names are.
type Match struct {
	Rule   string
	Client string       // the named client; empty where sources are counted one by one
	Source netip.Prefix // the address, for IPv6 its prefix; zero for named clients and UNIX sockets
}

// Origin is who connects to whom. All addresses are unmapped: an IPv4 client of a
// dual-stack socket is IPv4.
type Origin struct {
	// Source and Destination are the two ends as the client sees them: of the PROXY header
	// where it names them, of the socket otherwise. Invalid for UNIX sockets, and for a
	// header that names UNIX sockets.
	Source, Destination netip.AddrPort

	// Peer is the other end of the socket itself. Invalid for UNIX sockets.
	Peer netip.AddrPort

	// Header tells that a PROXY header was read.
	Header bool

	// Local tells that the header names nobody (LOCAL, UNKNOWN, unspecified family), as
	// a balancer's health checks do: the addresses are the socket's.
	Local bool
}
