package policy

import "math/bits"

// Condition is one thing that must hold for a rule to allow a session.
type Condition uint8

const (
	NoCondition    Condition = iota
	Destination              // a rule names the port
	SourceAddress            // the rule's from matches the address
	SourcePort               // the client's ports hold the source port
	Encryption               // the rule's tls agrees with what the client speaks
	Identification           // the certificate has one of the client's identities
	Period                   // the rule is valid today
)

// String returns the word used in logs and explanations.
func (c Condition) String() string {
	switch c {
	case Destination:
		return "destination"
	case SourceAddress:
		return "address"
	case SourcePort:
		return "source port"
	case Encryption:
		return "tls"
	case Identification:
		return "identity"
	case Period:
		return "period"
	default:
		return ""
	}
}

// misses is the set of conditions that a rule fails.
type misses uint8

const (
	missPeriod misses = 1 << iota
	missIdentity
	missEncryption
	missPort
	missAddress
)

// nearness tells how near a rule came to allowing a session with one entry of its from. The
// fewer conditions it fails the nearer it is; of equally many, the more the entry
// itself demands and the session fulfils; then, the later the failing conditions are
// looked at.
type nearness struct {
	missed misses
	met    uint8 // how many of address, source port and identity are demanded and right
}

// furthest returns what is further away than everything.
func furthest() nearness { return nearness{missed: 0xff} }

// distance is smaller for the nearer one.
func (n nearness) distance() int {
	return bits.OnesCount8(uint8(n.missed))<<16 | (8-int(n.met))<<8 | int(n.missed)
}

// failing returns n with further conditions failed.
func (n nearness) failing(m misses) nearness { return nearness{n.missed | m, n.met} }

// meeting returns n with one demand more met.
func (n nearness) meeting() nearness { return nearness{n.missed, n.met + 1} }

// first returns the failing condition that is looked at first.
func (m misses) first() Condition {
	switch {
	case m == 0:
		return NoCondition
	case m&missAddress != 0:
		return SourceAddress
	case m&missPort != 0:
		return SourcePort
	case m&missEncryption != 0:
		return Encryption
	case m&missIdentity != 0:
		return Identification
	default:
		return Period
	}
}
