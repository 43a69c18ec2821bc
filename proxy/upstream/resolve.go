package upstream

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// Lookup finds the addresses of a host name. [net.Resolver] is one.
type Lookup interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// How long an answer is used, and how long it may stand in while no new one can be had.
const (
	resolveFresh = 5 * time.Second
	resolveStale = 5 * time.Minute

	// resolvePatience is how long a new answer is waited for while an old one could do. The
	// look-up goes on behind it.
	resolvePatience = 500 * time.Millisecond
)

// Resolver turns host names into addresses at dial time, with a short memory: a name
// that moves is followed within seconds, a burst of sessions asks once, and a name
// service that fails does not take working upstreams with it. Safe for concurrent use.
type Resolver struct {
	lookup Lookup
	flight singleflight.Group

	mu      sync.Mutex
	answers map[string]answer
}

type answer struct {
	addrs []netip.Addr
	at    time.Time
}

// NewResolver returns a Resolver that asks lookup.
func NewResolver(lookup Lookup) *Resolver {
	return &Resolver{lookup: lookup, answers: make(map[string]answer)}
}

// resolve returns the addresses of host in the order in which they should be tried. A literal
// address is its own answer.
func (r *Resolver) resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	if addr, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{addr.Unmap()}, nil
	}
	known, ok := r.known(host)
	if ok && time.Since(known.at) < resolveFresh {
		return known.addrs, nil
	}
	if !ok || time.Since(known.at) >= resolveStale {
		return r.ask(ctx, host)
	}
	// A name service that hangs must not take the time that dialling needs.
	brief, cancel := context.WithTimeout(ctx, resolvePatience)
	defer cancel()
	if addrs, err := r.ask(brief, host); err == nil {
		return addrs, nil
	}
	return known.addrs, nil
}

func (r *Resolver) known(host string) (answer, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	a, ok := r.answers[host]
	return a, ok
}

// ask looks host up once for everybody who is waiting for it. The look-up itself outlives
// the one who asked first, bounded by the resolver's own time-outs.
func (r *Resolver) ask(ctx context.Context, host string) ([]netip.Addr, error) {
	result := r.flight.DoChan(host, func() (any, error) {
		addrs, err := r.lookup.LookupNetIP(context.WithoutCancel(ctx), "ip", host)
		if err == nil && len(addrs) == 0 {
			err = &net.DNSError{Err: "no address", Name: host, IsNotFound: true}
		}
		if err != nil {
			return nil, err
		}
		for i, addr := range addrs {
			addrs[i] = addr.Unmap()
		}
		r.remember(host, addrs)
		return addrs, nil
	})
	select {
	case res := <-result:
		addrs, _ := res.Val.([]netip.Addr)
		return addrs, res.Err
	case <-ctx.Done():
		return nil, &net.DNSError{Err: ctx.Err().Error(), Name: host, IsTimeout: true}
	}
}

func (r *Resolver) remember(host string, addrs []netip.Addr) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for name, a := range r.answers {
		if time.Since(a.at) >= resolveStale {
			delete(r.answers, name) // names that a reload took out of use
		}
	}
	r.answers[host] = answer{addrs: addrs, at: time.Now()}
}
