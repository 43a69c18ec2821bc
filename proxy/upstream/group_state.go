package upstream

import "time"

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

// State tells how the group is. It does not wait for anything that the network does.
func (g *Group) State() State {
	g.lock()
	defer g.unlock()
	s := State{
		Name:      g.name,
		Redundant: g.redundant(),
		Held:      g.held,
		Failovers: g.failovers,
		Failbacks: g.failbacks,
		Waiting:   g.followers,
		Endpoints: make([]EndpointState, 0, len(g.members)),
	}
	if s.Redundant {
		s.Active = g.active.name
	}
	for _, m := range g.members {
		s.Waiting += m.queue.Len()
		s.Endpoints = append(s.Endpoints, m.state())
	}
	return s
}

func (m *member) state() EndpointState {
	return EndpointState{
		Endpoint:  m.name,
		Role:      m.role,
		Healthy:   m.healthy,
		Since:     m.since,
		Problem:   m.problem,
		Sessions:  len(m.uses),
		Connected: m.connected,
		Failed:    m.failed,
		Checks:    m.checks,
		Unwell:    m.unwell,
	}
}
