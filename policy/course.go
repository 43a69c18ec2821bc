package policy

import "net/netip"

// Origins says where the connections of a port can come from.
type Origins uint8

const (
	AnyOrigin  Origins = iota // not known: a PROXY header says who connects, or another program made the socket
	IPOrigin                  // a TCP socket for both families
	IPv4Origin                // a TCP socket of one family
	IPv6Origin
	UNIXOrigin // a UNIX socket, whose clients have no address
)

// Holds reports whether a source can connect at all; one that is invalid is a client of a UNIX
// socket.
func (o Origins) Holds(source netip.AddrPort) bool {
	addr := source.Addr().Unmap()
	switch o {
	case IPOrigin:
		return addr.IsValid()
	case IPv4Origin:
		return addr.Is4()
	case IPv6Origin:
		return addr.Is6()
	case UNIXOrigin:
		return !addr.IsValid()
	default:
		return true
	}
}

// String says where the port listens, after "listens".
func (o Origins) String() string {
	switch o {
	case IPOrigin:
		return "on TCP, and not on a UNIX socket"
	case IPv4Origin:
		return "on an IPv4 address"
	case IPv6Origin:
		return "on an IPv6 address"
	case UNIXOrigin:
		return "on a UNIX socket, whose clients have no address"
	default:
		return "wherever connections come from"
	}
}

// Handshake returns why the port itself refuses a client that speaks TLS or does not, and that
// shows a certificate or does not; empty if it refuses nothing.
func (p *Port) Handshake(tls, certificate bool) Reason {
	switch {
	case p.Mode == Secure && !tls:
		return NotTLS
	case p.Mode != Plaintext && p.DemandsCertificate && tls && !certificate:
		return ClientCertMissing
	default:
		return ""
	}
}

// Stage is how far a session came when it was decided about.
type Stage uint8

const (
	AtAddresses Stage = iota // on its addresses alone, before anything was read
	AtHandshake              // by the port, which asks for TLS or a certificate
	AtEnd                    // on everything
)

// Walk judges a session the way it goes: on its addresses, in the handshake, and on everything.
// The facts are those of the end, whatever moment they name. A client without identities counts as
// one without a certificate.
func (s *Set) Walk(f Facts) (Decision, Stage) {
	f.Judged = Early
	if d := s.Decide(&f); !d.Verdict.Passes() {
		return d, AtAddresses
	}
	if s != nil {
		if port := s.ports[portKey{f.Application, f.Port}]; port != nil {
			if reason := port.Handshake(f.TLS, !f.Identities.IsZero()); reason != "" {
				return Decision{Reason: reason}, AtHandshake
			}
		}
	}
	f.Judged = Final
	return s.Decide(&f), AtEnd
}
