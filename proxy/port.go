package proxy

import (
	"crypto/tls"
	"net"
	"time"

	"sallyport/policy"
)

// Listener is where connections come from.
type Listener interface {
	// Accept blocks for the next connection, which is then the caller's. It deals with
	// transient errors itself: an error means that the listener is closed.
	Accept() (net.Conn, error)
	// Key names the socket; a generation's ports are found by it. It may change with a generation.
	Key() string
}

// Front is a port's way in, before TLS. Both methods may read ahead; the
// connection they return gives those bytes back first and replaces the one passed in.
// Their errors carry a reason code (see [policy.Refusal]).
type Front interface {
	// Origin tells where the connection comes from and reads the PROXY header for
	// it where the port demands one. With an error, the origin is the socket's.
	Origin(net.Conn) (net.Conn, policy.Origin, error)
	// Detect tells whether the client speaks TLS.
	Detect(net.Conn) (net.Conn, bool, error)
}

// Mode says what a port listens for.
type Mode uint8

const (
	Plaintext Mode = iota
	Secure
	AutoDetect
)

// String returns the word used in configuration and log.
func (m Mode) String() string {
	switch m {
	case Secure:
		return "secure"
	case AutoDetect:
		return "auto-detect"
	default:
		return "plaintext"
	}
}

// Port is everything a session needs to know of the port that it came in on.
// Immutable; each generation has its own.
type Port struct {
	Application string
	ID          string
	Mode        Mode
	Front       Front
	TLS         *tls.Config // nil on plaintext ports

	// SharedTuples says that several connections may come from one source address and port at
	// once, as from a balancer that gives each request a connection of its own.
	SharedTuples bool

	// Upstream returns where sessions for a server name go. The name is empty for
	// plaintext clients and for those that sent none.
	Upstream func(serverName string) *Target
}

// Limits are the timers and bounds of every session of a generation. A zero
// duration means no limit.
type Limits struct {
	MaxConnections   int
	Lane             *Lane
	HandshakeTimeout time.Duration
	IdleTimeout      time.Duration
	HalfCloseTimeout time.Duration
	MaxLifetime      time.Duration
	DeadPeerTimeout  time.Duration

	// KeepAlive is for the connections to upstreams. Sockets begin without: what is over before the system would have probed
	// it is spared the calls that say so.
	KeepAlive net.KeepAliveConfig
}

// Generation is one complete, immutable state. Sessions keep the one they began with.
type Generation struct {
	Number uint64
	Ports  map[string]*Port // by the key of their listener
	Limits Limits
	Gate   *policy.Gate // nil denies everything

	// CloseDenied makes a policy count for established sessions, too: those that it denies are
	// closed, spread evenly over CloseSpread; 0 means at once.
	CloseDenied bool
	CloseSpread time.Duration

	moved map[string]movedPort // sockets that are on their way out, by their key; set by Swap
}
