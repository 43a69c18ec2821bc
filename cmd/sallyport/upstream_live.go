package main

import (
	"context"
	"reflect"
	"slices"
	"sync"

	"sallyport/certs"
	"sallyport/proxy"
	"sallyport/proxy/upstream"
)

// liveUpstream is one upstream with what runs for it.
type liveUpstream struct {
	name  string
	group *upstream.Group
	ways  []way // of its endpoints in force
	ends  []*upstream.Endpoint

	stop    context.CancelFunc
	running sync.WaitGroup

	spare     *proxy.Spare // nil: none is kept
	stopSpare context.CancelFunc
}

// cancel ends what runs for the upstream, soon.
func (l *liveUpstream) cancel() {
	if l.stop != nil {
		l.stop()
	}
	if l.stopSpare != nil {
		l.stopSpare()
	}
}

// end ends what runs for the upstream and waits for it.
func (l *liveUpstream) end() {
	l.cancel()
	l.running.Wait()
}

// endpoints returns those of a plan. One that is reached as before stays the same value, so that a spare connection to it need
// not be renewed at each reload.
func (l *liveUpstream) endpoints(plan *upstreamPlan, resumption *certs.Resumption) []*upstream.Endpoint {
	ways := plan.ways()
	ends := make([]*upstream.Endpoint, len(ways))
	for i, w := range ways {
		e := &upstream.Endpoint{Network: w.endpoint.Network, Address: w.endpoint.Address, Source: w.source}
		if plan.TLS != nil {
			e.TLS = resumption.Client(l.name+" "+e.String(), w.client)
		}
		if same := slices.IndexFunc(l.ways, w.equal); same >= 0 {
			e = l.ends[same]
		}
		ends[i] = e
	}
	l.ways, l.ends = ways, ends
	return ends
}

// equal reports whether an endpoint is reached in the same way.
func (w way) equal(o way) bool {
	return w.endpoint == o.endpoint && w.backup == o.backup && w.client.Equal(o.client) && reflect.DeepEqual(w.source, o.source)
}

// recall takes what the process before knew.
func (l *liveUpstream) recall(remembered map[string]upstream.Memory) {
	if m, ok := remembered[l.name]; ok {
		l.group.Remember(m)
	}
}
