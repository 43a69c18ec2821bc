package sourceport

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"time"

	"sallyport/policy"
)

// Use counts the ports of one source towards one destination. Those that are neither leased nor cooling are free.
type Use struct {
	Source      netip.Addr
	Destination netip.AddrPort
	Ports       int // declared by the requests of late and by those that have a port; inherited ports that no request wants are added
	Leased      int
	Cooling     int
	Inherited   int // of the leased ones, by connections of the process before this one
	Waiting     int // connections
}

// Stats tells what is in use now and what was a short while ago, in a stable order.
func (p *Pool) Stats() []Use {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	p.forget(now)
	list := make([]Use, 0, len(p.books))
	for _, b := range p.books {
		list = append(list, b.use(now))
	}
	slices.SortFunc(list, func(a, b Use) int {
		return cmp.Or(a.Source.Compare(b.Source), a.Destination.Compare(b.Destination))
	})
	return list
}

func (b *book) use(now time.Time) Use {
	u := Use{Source: b.route.source, Destination: b.route.destination, Waiting: b.waiting.length()}
	for _, g := range b.segments {
		u.Leased += g.tally.leased + g.tally.inherited
		u.Inherited += g.tally.inherited
		u.Cooling += g.tally.cooling
		u.Ports += g.declared(now)
	}
	return u
}

// declared is how many ports of the segment somebody declares, as far as can be told: a range that a reload took away is
// no longer asked for, and ends to count once its connections have ended.
func (g *segment) declared(now time.Time) int {
	asked := !g.asked.IsZero()
	if asked && (g.tally.held() > 0 || now.Sub(g.asked) < idleTime) {
		return g.size()
	}
	return g.tally.held()
}

// Failures counts since the start, by reason code: each time that the kernel refused a port, also where another one or
// waiting helped, and each request that was refused for want of a port.
func (p *Pool) Failures() map[policy.Reason]uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.failures)
}
