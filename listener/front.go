package listener

import (
	"net"
	"net/netip"
	"time"

	"sallyport/policy"
)

// What a Front does with a zero timeout.
const (
	DefaultHeaderTimeout = 5 * time.Second
	DefaultDetectTimeout = 300 * time.Millisecond
)

// Front is a port's way in, between accept and TLS: who connects, and what they speak.
// It is immutable once in use and safe for concurrent use. The zero value reads nothing.
type Front struct {
	// ProxyProtocol demands a PROXY header (v1 or v2) in front of every connection.
	ProxyProtocol bool

	// Trusted are the senders from which a connection with a header is taken; none
	// means nobody. IPv4 prefixes are written as such, not embedded in IPv6. The peer
	// of a UNIX socket is always trusted: no prefix can name it, and the permissions
	// of the file have decided already.
	Trusted []netip.Prefix

	// HeaderTimeout bounds the whole header. Zero or less means DefaultHeaderTimeout:
	// a stranger is never waited for without an end.
	HeaderTimeout time.Duration

	// AutoDetect lets the first bytes decide between TLS and plaintext.
	AutoDetect bool

	// DetectTimeout bounds the whole detection, not each read. Zero or less means
	// DefaultDetectTimeout.
	DetectTimeout time.Duration

	// SilentClient is what becomes of a client that sends nothing within DetectTimeout.
	SilentClient Silent
}

// Silent is what becomes of a client that sends nothing while the port waits for its first bytes.
type Silent uint8

const (
	SilentPlaintext Silent = iota // it waits for the server to speak first, in plaintext
	SilentRefuse                  // it is refused
)

// String returns the word used in configuration.
func (s Silent) String() string {
	if s == SilentRefuse {
		return "refuse"
	}
	return "plaintext"
}

// Origin is who connects to whom.
type Origin = policy.Origin

// socketOrigin is the origin of a connection without a header.
func socketOrigin(conn net.Conn) Origin {
	peer := addrPort(conn.RemoteAddr())
	return Origin{Source: peer, Destination: addrPort(conn.LocalAddr()), Peer: peer}
}

// trusts reports whether a header from the other end of conn is believed.
func (f *Front) trusts(conn net.Conn) bool {
	if _, local := conn.RemoteAddr().(*net.UnixAddr); local {
		return true
	}
	// A prefix contains no address that has a zone, even fe80::/10.
	peer := addrPort(conn.RemoteAddr()).Addr().WithZone("")
	for _, prefix := range f.Trusted {
		if prefix.Contains(peer) {
			return true
		}
	}
	return false
}

// addrPort returns an address of the net package unmapped, and the invalid one where it has no port.
func addrPort(addr net.Addr) netip.AddrPort {
	socket, ok := addr.(interface{ AddrPort() netip.AddrPort })
	if !ok {
		return netip.AddrPort{}
	}
	return unmap(socket.AddrPort())
}

func unmap(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

func orDefault(d, otherwise time.Duration) time.Duration {
	if d <= 0 {
		return otherwise
	}
	return d
}
