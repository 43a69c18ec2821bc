package main

import (
	"log/slog"
	"net/netip"
	"runtime"
	"time"

	"sallyport/certs"
	"sallyport/internal/config"
	"sallyport/listener"
	"sallyport/policy"
	"sallyport/proxy"
)

// lasting is what outlives generations and is part of each of them: a reload must not forget what clients have done.
type lasting struct {
	resumption *certs.Resumption
	upstreams  *upstreams
	lane       *proxy.Lane // another one when its size changes
	limiter    *policy.Limiter
	lockouts   *policy.Lockouts
}

func newLasting(log *slog.Logger) lasting {
	return lasting{
		upstreams:  newUpstreams(log),
		resumption: new(certs.Resumption),
		limiter:    policy.NewLimiter(0),
		lockouts:   policy.NewLockouts(time.Now(), 0, policy.LockoutRules{}),
	}
}

// handshakesKept is for how many handshakes, for each place in the lane, goroutines are kept: most of them wait for their peers.
const handshakesKept = 8

// fit makes the lane as large as is configured. A lane that is large enough stays: a storm of reloads would bring as many
// lanes otherwise.
func (l *lasting) fit(configured int) {
	if size := laneSize(configured); l.lane == nil || l.lane.Size() != size {
		l.lane = proxy.NewLane(size, handshakesKept*size)
	}
}

// builder turns a plan into a generation.
type builder struct {
	lasting
	plan     *plan
	selfMade *certs.Credentials // nil if no port needs it
	targets  map[*config.Upstream]*proxy.Target
}

// build returns the generation of a plan.
func (b *builder) build(number uint64) *proxy.Generation {
	limits := b.plan.config.Limits
	b.targets = b.upstreams.follow(b.plan, b.resumption, b.lane)
	g := &proxy.Generation{
		Number: number,
		Ports:  make(map[string]*proxy.Port, len(b.plan.ports)),
		Limits: proxy.Limits{
			MaxConnections:   b.plan.maxConnections,
			Lane:             b.lane,
			HandshakeTimeout: limits.HandshakeTimeout,
			IdleTimeout:      limits.IdleTimeout,
			HalfCloseTimeout: limits.HalfCloseTimeout,
			MaxLifetime:      limits.MaxLifetime,
			DeadPeerTimeout:  limits.DeadPeerTimeout,
			KeepAlive:        listener.KeepAlive(limits.DeadPeerTimeout),
		},
		Gate:        b.gate(),
		CloseDenied: b.plan.config.Policy.OnChange == config.ChangeClose,
		CloseSpread: b.plan.config.Policy.CloseSpread,
	}
	for i := range b.plan.ports {
		port := &b.plan.ports[i]
		g.Ports[port.spec.Key()] = b.port(port)
	}
	return g
}

// gate returns the way in. Without a configured policy it is shut.
func (b *builder) gate() *policy.Gate {
	gate := &policy.Gate{Limiter: b.limiter, Lockouts: b.lockouts}
	if b.plan.config.Policy.Set {
		gate.Policy = b.plan.policy
	}
	return gate
}

func laneSize(configured int) int {
	if configured > 0 {
		return configured
	}
	return runtime.GOMAXPROCS(0)
}

func (b *builder) port(p *portPlan) *proxy.Port {
	port := &proxy.Port{
		Application: p.Application,
		ID:          p.ID.Value,
		Mode:        modes[p.Mode.Value],
		Front:       b.front(p),
		Upstream:    b.route(p),

		SharedTuples: p.ProxyMulti,
	}
	if p.Mode.Value != config.ModePlaintext {
		server := p.server
		if server.Default == nil {
			server.Default = b.selfMade
		}
		port.TLS = b.resumption.Server(p.Name(), server)
	}
	return port
}

func (b *builder) front(p *portPlan) *listener.Front {
	silent := listener.SilentPlaintext
	if p.SilentClient == config.SilentRefuse {
		silent = listener.SilentRefuse
	}
	return &listener.Front{
		ProxyProtocol: p.ProxyProtocol,
		Trusted:       append([]netip.Prefix(nil), p.ProxyTrusted...),
		HeaderTimeout: b.plan.config.Limits.HeaderTimeout,
		AutoDetect:    p.Mode.Value == config.ModeAutoDetect,
		DetectTimeout: p.DetectTimeout,
		SilentClient:  silent,
	}
}

// route returns the upstream for each server name of a port: the one of the name's entry if
// that has one, otherwise the application's.
func (b *builder) route(p *portPlan) func(string) *proxy.Target {
	fallback := b.targets[&p.application.Upstream]
	var own []*proxy.Target
	differ := false
	for i := range p.SNI {
		target := fallback
		if p.SNI[i].Upstream != nil {
			target, differ = b.targets[p.SNI[i].Upstream], true
		}
		own = append(own, target)
	}
	if !differ {
		return func(string) *proxy.Target { return fallback }
	}
	names := p.server.Selector()
	return func(serverName string) *proxy.Target {
		if i, _ := names.Select(serverName); i >= 0 {
			return own[i]
		}
		return fallback
	}
}

var modes = map[config.Mode]proxy.Mode{
	config.ModePlaintext:  proxy.Plaintext,
	config.ModeSecure:     proxy.Secure,
	config.ModeAutoDetect: proxy.AutoDetect,
}
