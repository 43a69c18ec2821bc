package config

import (
	"net/netip"
	"time"
)

// Application is one server to protect, or one remote server to reach.
type Application struct {
	Name        Located[string]
	Credentials Credentials // its own or the host's; ports carry their effective ones
	Upstream    Upstream
	Ports       []Port
}

// Port is one listening socket of an application.
type Port struct {
	Application    string
	ID             Located[string]
	Listen         Located[Address]
	Mode           Located[Mode]
	DetectTimeout  time.Duration // auto-detect only
	SilentClient   SilentClient  // auto-detect only
	Credentials    Credentials   // effective, after inheritance; without meaning on a plaintext port
	TLSProfile     Inherited[TLSProfile]
	ClientAuth     Inherited[ClientAuth]
	SessionTickets Inherited[bool]
	ALPN           []string // in order of preference; empty: none is negotiated
	SNI            []SNI
	ProxyProtocol  bool           // a header is required, and taken from ProxyTrusted only
	ProxyTrusted   []netip.Prefix // masked
	ProxyMulti     bool           // several connections may come for one client's source port at once
	Pos            Position
}

// Name returns "application/port", the port's name in log, status and messages.
func (p Port) Name() string { return portName(p.Application, p.ID.Value) }

func portName(application, id string) string { return application + "/" + id }

// SNI is what a port does differently for some server names.
type SNI struct {
	// Names are lower case, exact or "*.suffix"; a star stands for one label.
	// No name appears in two entries of a port.
	Names []Located[string]

	// Credentials hold certificates, keys and the password only: clients are
	// verified by the port's. With Level empty the port's certificate is served.
	Credentials Credentials

	Upstream *Upstream // nil: the application's
}

// Mode is how a port treats the first bytes of a client.
type Mode string

// The modes of a port.
const (
	ModePlaintext  Mode = "plaintext"
	ModeSecure     Mode = "secure"
	ModeAutoDetect Mode = "auto-detect"
)

// SilentClient is what becomes of a client that sends nothing to an
// auto-detect port.
type SilentClient string

// What becomes of a silent client.
const (
	SilentPlaintext SilentClient = "plaintext"
	SilentRefuse    SilentClient = "refuse"
)

// TLSProfile is a set of versions, cipher suites and curves after Mozilla's
// server side TLS guidelines.
type TLSProfile string

// The profiles.
const (
	ProfileModern       TLSProfile = "modern"
	ProfileIntermediate TLSProfile = "intermediate"
	ProfileLegacy       TLSProfile = "legacy"
)

// ClientAuth is whether a client is asked for a certificate.
type ClientAuth string

// The kinds of client authentication.
const (
	ClientAuthNone    ClientAuth = "none"
	ClientAuthRequest ClientAuth = "request"
	ClientAuthRequire ClientAuth = "require"
)

// ProxyVersion is the version of the PROXY header that an upstream is sent.
type ProxyVersion int

// The versions.
const (
	ProxyNone ProxyVersion = 0
	ProxyV1   ProxyVersion = 1
	ProxyV2   ProxyVersion = 2
)
