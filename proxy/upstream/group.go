package upstream

import (
	"context"
	"log/slog"
	"net/netip"
	"time"

	"sallyport/policy"
)

// Group is the lasting state of one upstream. Create it with [NewGroup] and call [Group.Configure] before anything else;
// its methods are safe for concurrent use.
type Group struct{}

// NewGroup returns a group without endpoints. Checker makes the active checks.
func NewGroup(name string, log *slog.Logger, checker Checker) *Group { return &Group{} }

// Checker makes active checks.
type Checker interface {
	// Check asks an endpoint whether it is well, within the timeout of h.
	Check(ctx context.Context, e *Endpoint, h *Health) error
}

// Configure puts settings into force. What is known of an endpoint that stays is kept.
func (g *Group) Configure(s *Settings) {}

// Run makes active checks and fails back, until ctx ends.
func (g *Group) Run(ctx context.Context) {}

// Session is who is to be connected.
type Session struct {
	Client netip.Addr          // for [SourceHash]
	Cut    func(policy.Reason) // ends an established session at once; it must not block
}

// Use is an established session's place at an endpoint.
type Use struct{ endpoint *Endpoint }

// Endpoint returns where the session is.
func (u *Use) Endpoint() *Endpoint { return u.endpoint }

// Done says that the session is over; reason is why. Again, or on a nil use, it does nothing.
func (u *Use) Done(reason policy.Reason) {}

// Connect chooses an endpoint and connects to it, and to another one if that fails and there is one. Errors are
// [*policy.Refusal].
func (g *Group) Connect(ctx context.Context, s Session, connect Connect) (*Use, error) {
	return nil, nil
}

// State is what is known of a group, for people and metrics.
type State struct {
	Name      string
	Redundant bool
	Active    string // endpoint that new sessions go to; only where Redundant
	Held      bool   // an operator chose it, and it stays until he says otherwise or it fails
	Failovers uint64
	Failbacks uint64
	Waiting   int // sessions that wait for their turn to be connected
	Endpoints []EndpointState
}

// EndpointState is what is known of one endpoint.
type EndpointState struct {
	Endpoint  string
	Role      string // "primary", "backup" or "parallel"
	Healthy   bool
	Since     time.Time
	Problem   string // the last failure; empty if the last thing that was heard was good
	Sessions  int
	Connected uint64 // sessions so far
	Failed    uint64 // attempts to connect so far
	Checks    uint64 // active, so far
	Unwell    uint64 // of them
}

// State tells how the group is.
func (g *Group) State() State { return State{} }

// Failover makes the other endpoint of a redundant group the active one, and Failback the primary, because an operator
// said so. Errors say why it cannot be.
func (g *Group) Failover() error { return nil }

// Failback makes the primary the active endpoint.
func (g *Group) Failback() error { return nil }

// Memory is what the next process has to know of a group.
type Memory struct {
	Active string `json:"active"` // endpoint
	Held   bool   `json:"held,omitempty"`
}

// Memory returns it; ok is false if there is nothing worth knowing.
func (g *Group) Memory() (m Memory, ok bool) { return Memory{}, false }

// Remember takes what the process before has known, if its endpoint is still one of the group.
func (g *Group) Remember(m Memory) {}

// Standby returns the endpoint that a spare connection should be kept to: the backup; nil if there is none or it is not
// healthy. Changed is closed when the answer may be another one.
func (g *Group) Standby() (e *Endpoint, changed <-chan struct{}) { return nil, nil }
