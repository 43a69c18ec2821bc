package main

import (
	"fmt"
	"slices"

	"sallyport/internal/config"
)

// Descriptors that are needed beside sessions: standard streams, the poller, the spare for accept, the admin
// endpoint and its clients, log, files that a reload reads, look-ups.
const reservedDescriptors = 32

// Bulk plaintext borrows pipes, two descriptors each.
const (
	mostPipes    = 128
	pipesPerFile = 16 // one pipe for this many descriptors of the limit
)

// capacity finds out how many sessions the process can hold: each has a descriptor for the client and
// one for the upstream. A configured number that cannot be held is an error, since the
// process would run out of descriptors before it says that it is full.
func (p *planner) capacity() {
	limit := descriptorLimit()
	p.plan.pipes = min(mostPipes, limit/pipesPerFile)
	perSession, ports := 2, 0
	for _, app := range p.plan.config.Applications {
		ports += len(app.Ports)
		builtin := func(e config.Located[config.Endpoint]) bool { return e.Value.Network == "builtin" }
		if slices.ContainsFunc(app.Upstream.Endpoints(), builtin) {
			perSession = 3 // its other end is ours as well
		}
	}
	possible := (limit - reservedDescriptors - ports - 2*p.plan.pipes) / perSession
	wanted := p.plan.config.Limits.MaxConnections
	switch {
	case possible < 1:
		p.report(wanted.Problem(
			fmt.Sprintf("the limit of %d open files leaves no room for a single connection", limit),
			raiseLimitHint))
	case wanted.Value > possible:
		p.report(wanted.Problem(
			fmt.Sprintf("%d connections cannot be held: the limit of %d open files is enough for %d", wanted.Value, limit, possible),
			raiseLimitHint))
	case wanted.Value > 0:
		p.plan.maxConnections = wanted.Value
	default:
		p.plan.maxConnections = min(possible, mostConnections)
	}
}

// mostConnections bounds what is derived from limits that are practically infinite.
const mostConnections = 1 << 20

const raiseLimitHint = "raise the limit (ulimit -n, or LimitNOFILE= in the systemd unit)"
