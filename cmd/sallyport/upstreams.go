package main

import (
	"cmp"
	"context"
	"log/slog"
	"net"
	"slices"
	"sync"
	"sync/atomic"

	"sallyport/certs"
	"sallyport/internal/config"
	"sallyport/listener"
	"sallyport/proxy"
	"sallyport/proxy/sourceport"
	"sallyport/proxy/upstream"
)

// upstreams are all upstreams by their names, and the source ports that they share. What is known of them outlives
// generations.
type upstreams struct {
	log      *slog.Logger
	resolver *upstream.Resolver
	ports    *sourceport.Pool
	dialer   atomic.Pointer[upstream.Dialer] // of the generation in force

	mu         sync.Mutex
	live       map[string]*liveUpstream
	remembered map[string]upstream.Memory // what the process before knew, until it is asked for
	leaving    bool                       // another process makes the checks

	older []*foreignLeases // of processes before this one; only for changes of the state
}

func newUpstreams(log *slog.Logger) *upstreams {
	return &upstreams{
		log:      log,
		resolver: upstream.NewResolver(net.DefaultResolver),
		ports:    sourceport.New(),
		live:     make(map[string]*liveUpstream),
	}
}

// follow puts the upstreams of a plan into force and returns the target of each. Sessions of the generation before that
// are not connected yet go where this one says.
func (u *upstreams) follow(p *plan, resumption *certs.Resumption, lane *proxy.Lane) map[*config.Upstream]*proxy.Target {
	limits := &p.config.Limits
	dialer := &upstream.Dialer{Net: newDialer(), Resolver: u.resolver, Ports: u.ports}
	u.dialer.Store(dialer)
	u.mu.Lock()
	defer u.mu.Unlock()
	targets := make(map[*config.Upstream]*proxy.Target, len(p.upstreams))
	wanted := make(map[string]bool, len(p.upstreams))
	for i := range p.upstreams {
		plan := &p.upstreams[i]
		wanted[plan.name] = true
		l := u.upstream(plan.name)
		settings := plan.settings(limits)
		settings.Endpoints = l.endpoints(plan, resumption)
		l.group.Configure(&settings)
		l.recall(u.remembered)
		u.keepSpare(l, plan.Standby.Value == config.StandbyHot, proxy.SpareSettings{
			Dialer:      dialer,
			Lane:        lane,
			DialTimeout: limits.DialTimeout,
			KeepAlive:   listener.KeepAlive(limits.DeadPeerTimeout),
		})
		targets[plan.Upstream] = &proxy.Target{
			Group:  l.group,
			Dialer: dialer,
			Header: proxy.HeaderVersion(plan.ProxyProtocol),
			Spare:  l.spare,
		}
		u.run(l)
	}
	u.remembered = nil
	for name, l := range u.live {
		if !wanted[name] {
			delete(u.live, name)
			go l.end() // a check may take its time
		}
	}
	return targets
}

// upstream returns the one of a name, which may be new. u.mu is held.
func (u *upstreams) upstream(name string) *liveUpstream {
	l := u.live[name]
	if l == nil {
		l = &liveUpstream{name: name, group: upstream.NewGroup(name, u.log, u)}
		u.live[name] = l
	}
	return l
}

// Check makes an active check with the dialer in force.
func (u *upstreams) Check(ctx context.Context, e *upstream.Endpoint, h *upstream.Health) error {
	return u.dialer.Load().Check(ctx, e, h)
}

// run has the endpoints checked, unless that is so already or another process does it. u.mu is held.
func (u *upstreams) run(l *liveUpstream) {
	if l.stop != nil || u.leaving {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	l.stop = cancel
	l.running.Go(func() { l.group.Run(ctx) })
}

// keepSpare has a connection to the backup kept, or not. u.mu is held.
func (u *upstreams) keepSpare(l *liveUpstream, hot bool, s proxy.SpareSettings) {
	switch {
	case !hot && l.spare != nil:
		l.stopSpare()
		l.spare = nil
	case hot && l.spare == nil && !u.leaving:
		ctx, cancel := context.WithCancel(context.Background())
		spare := &proxy.Spare{Name: l.name, Group: l.group, Log: u.log}
		spare.Configure(s)
		l.spare, l.stopSpare = spare, cancel
		l.running.Go(func() { spare.Run(ctx) })
	case l.spare != nil:
		l.spare.Configure(s)
	}
}

// leave ends the checks and closes the spare connections, for good.
func (u *upstreams) leave() {
	u.mu.Lock()
	u.leaving = true
	live := u.sorted()
	u.mu.Unlock()
	for _, l := range live {
		l.cancel()
	}
	for _, l := range live {
		l.running.Wait()
	}
}

// sorted returns the upstreams in the order of their names. u.mu is held.
func (u *upstreams) sorted() []*liveUpstream {
	list := make([]*liveUpstream, 0, len(u.live))
	for _, l := range u.live {
		list = append(list, l)
	}
	slices.SortFunc(list, func(a, b *liveUpstream) int { return cmp.Compare(a.name, b.name) })
	return list
}

func (u *upstreams) all() []*liveUpstream {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.sorted()
}

// memory returns what the next process has to know.
func (u *upstreams) memory() map[string]upstream.Memory {
	memory := make(map[string]upstream.Memory)
	for _, l := range u.all() {
		if m, ok := l.group.Memory(); ok {
			memory[l.name] = m
		}
	}
	return memory
}

// remember keeps what the process before knew for the first plan.
func (u *upstreams) remember(memory map[string]upstream.Memory) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.remembered = memory
}
