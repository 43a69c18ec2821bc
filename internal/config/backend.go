package config

import (
	"net/netip"
	"regexp"
	"time"

	"sallyport/policy"
)

// Upstream is where the bytes of a session go: to a primary and perhaps a backup, or to several endpoints in parallel.
type Upstream struct {
	Primary  Located[Endpoint] // zero where there are parallel endpoints
	Backup   Located[Endpoint] // not Set: none
	Parallel []Located[Endpoint]

	Standby      Located[Standby]  // of the backup
	Failback     Located[Failback] // to the primary
	FailbackHold time.Duration     // for how long the primary has to be healthy before; 0: at once
	OnFailover   Located[OnFailover]
	Balance      Located[Balance] // of parallel endpoints

	MaxDials  int // connections being made to one endpoint at once
	DialQueue int // connections that wait for their turn to be made, for each endpoint

	Health *Health // nil: not configured, see HealthOrDefault and ActiveChecks
	Source *Source // nil: the system chooses address and port

	TLS           *UpstreamTLS // nil: plaintext
	ProxyProtocol ProxyVersion
}

// Endpoints returns all endpoints: the primary and its backup, or the parallel ones.
func (u *Upstream) Endpoints() []Located[Endpoint] {
	if len(u.Parallel) > 0 {
		return u.Parallel
	}
	if u.Backup.Set {
		return []Located[Endpoint]{u.Primary, u.Backup}
	}
	return []Located[Endpoint]{u.Primary}
}

// ActiveChecks reports whether endpoints are asked whether they are well. Otherwise their health is what sessions
// meet: a firewall that opens the pinned ports of a source alone lets no check out that has none of its own.
func (u *Upstream) ActiveChecks() bool {
	return u.Health != nil && (u.Source == nil || len(u.Source.Ports) == 0 || len(u.Source.HealthPorts) > 0)
}

// HealthOrDefault returns Health, or what counts where it is not configured: health that is judged by sessions alone
// rises, falls and pauses as well.
func (u *Upstream) HealthOrDefault() Health {
	if u.Health != nil {
		return *u.Health
	}
	return defaultHealth()
}

// Health says how an endpoint is asked whether it is well.
type Health struct {
	Interval time.Duration
	Timeout  time.Duration
	Rise     int            // successes in a row that make it healthy
	Fall     int            // failures in a row that end that
	Send     string         // bytes to send; "" for none
	Expect   *regexp.Regexp // what the answer must match; nil: no answer is waited for
	Pos      Position
}

// Source is the client-side port definition at the client: what connections to an upstream are bound to.
type Source struct {
	Addresses   []Located[netip.Addr] // at most one of each family; none: the system chooses
	Ports       []policy.PortRange    // in order and merged, as all three; none: the system chooses
	BackupPorts []policy.PortRange    // towards the backup; none: as Ports
	HealthPorts []policy.PortRange    // of active health checks; none: there are no active checks if there are Ports
	Wait        time.Duration         // for a port to come free

	// Where the keys are and what they say, for who finds something wrong with them on this host.
	At, PortsAt, BackupPortsAt, HealthPortsAt Located[string]
}

// PortsFor returns the ports of connections to an endpoint, which is the backup or not.
func (s *Source) PortsFor(backup bool) []policy.PortRange {
	if backup && len(s.BackupPorts) > 0 {
		return s.BackupPorts
	}
	return s.Ports
}

// Standby is how ready the backup is.
type Standby string

// The kinds of standby.
const (
	StandbyWarm Standby = "warm" // it is connected to when it is needed
	StandbyHot  Standby = "hot"  // a spare connection to it is kept open
)

// Failback is how the primary comes back into use.
type Failback string

// The kinds of failback.
const (
	FailbackAuto   Failback = "auto"
	FailbackManual Failback = "manual"
)

// OnFailover is what becomes of the sessions of an endpoint that fails.
type OnFailover string

// What becomes of the sessions of an endpoint that fails.
const (
	FailoverClose OnFailover = "close"
	FailoverKeep  OnFailover = "keep"
)

// Balance is how sessions are spread over parallel endpoints.
type Balance string

// The ways of spreading sessions.
const (
	BalanceLeast      Balance = "least_connections"
	BalanceRoundRobin Balance = "round_robin"
	BalanceSourceHash Balance = "source_hash"
)

// UpstreamTLS says how TLS is spoken to an upstream.
type UpstreamTLS struct {
	ServerName Located[string] // checked against the certificate; "": the endpoint's host, see NameOf

	// Credentials hold the client certificate, if there is one, and the
	// trusted CA; without a CA the system's roots are meant.
	Credentials Credentials

	ALPN []string // offered, in order of preference
	Pos  Position
}

// NameOf returns the name that the certificate of an endpoint has to have.
func (t *UpstreamTLS) NameOf(e Endpoint) string {
	if t.ServerName.Value != "" {
		return t.ServerName.Value
	}
	return e.Host()
}
