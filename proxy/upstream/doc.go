// Package upstream reaches the servers behind sallyport: it connects to endpoints, knows which of them are healthy, and
// chooses among them.
//
// A [Group] is the lasting state of one upstream: what is known of its endpoints outlives reloads, which only
// [Group.Configure] it anew. A [Dialer] makes one connection to one endpoint.
package upstream

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"regexp"
	"time"

	"sallyport/policy"
	"sallyport/proxy/sourceport"
)

// Endpoint is one server and how it is reached: ("tcp", "host:port"), ("unix", path) or ("builtin", "echo"). Immutable.
type Endpoint struct {
	Network string
	Address string
	TLS     *tls.Config // nil: plaintext
	Source  *Source     // nil: the system chooses
}

// String returns the endpoint as configuration writes it.
func (e *Endpoint) String() string {
	if e.Network == "tcp" {
		return e.Address
	}
	return e.Network + ":" + e.Address
}

// Source is what connections to an endpoint are bound to. Immutable.
type Source struct {
	Addresses   []netip.Addr       // at most one of each family; none: the system chooses
	Ports       []policy.PortRange // none: the system chooses
	HealthPorts []policy.PortRange // of active checks; none: none can be made if there are Ports
	Wait        time.Duration      // for a port to come free
}

// Purpose is what a connection is for.
type Purpose uint8

const (
	Payload Purpose = iota // a session waits for it
	Spare                  // kept for a later session; takes a source port only if nobody waits for one
	Check                  // a health check; from Source.HealthPorts
)

// Conn is a connection to an endpoint, bare of TLS.
type Conn struct {
	net.Conn
	Lease    *sourceport.Lease // nil if the system chose the port; to be released after the connection is closed
	Deadline time.Time         // for what is left to do before the payload
}

// Settings are what a generation says of a [Group]. Immutable.
type Settings struct {
	Endpoints    []*Endpoint // at least one; the first is the primary where Redundant
	Redundant    bool        // Endpoints are a primary and its backup; otherwise sessions are spread over all
	Balance      Balance
	ManualReturn bool          // the primary comes back into use only when told to
	Hold         time.Duration // for how long the primary has to be healthy before it comes back into use; 0: at once
	KeepSessions bool          // of an endpoint that fails; otherwise they are cut
	DialTimeout  time.Duration // of a session at one endpoint, and of its waiting for a turn there; 0: none
	MaxDials     int           // connections being made to one endpoint at once; 0: any number
	Queue        int           // that wait for their turn, for each endpoint; 0: nobody waits
	Health       Health
}

// Balance is how sessions are spread over endpoints.
type Balance uint8

const (
	LeastConnections Balance = iota
	RoundRobin
	SourceHash
)

// Health says when an endpoint is healthy.
type Health struct {
	Active   bool          // it is asked; otherwise only what sessions meet counts
	Interval time.Duration // between checks; without them, the longest pause before a session may try again
	Timeout  time.Duration
	Rise     int // successes in a row that make it healthy; at least 1
	Fall     int // failures in a row that end that; at least 1
	Send     string
	Expect   *regexp.Regexp // nil: no answer is waited for
}

// Connect makes one attempt to connect to an endpoint and prepare the connection for payload, within a time that begins
// once it has a source port; 0 is no limit. Ctx ends with it, or before if the endpoint is left. An error that says nothing about the endpoint, such as a lack of source
// ports, is [Local].
//
// It is called again after it has succeeded if that endpoint was left in the same moment: then it closes what it had
// made, as does its owner if [Group.Connect] returns an error after all. Calls do not overlap.
//
// Turn is for [Dialer.DialInTurn]: while the attempt waits for a source port, others are made.
type Connect func(ctx context.Context, e *Endpoint, within time.Duration, turn sourceport.Turn) error
