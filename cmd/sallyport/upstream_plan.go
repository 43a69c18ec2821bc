package main

import (
	"net/netip"
	"strings"

	"sallyport/certs"
	"sallyport/internal/config"
	"sallyport/proxy/upstream"
)

// upstreamPlan is one upstream with its certificates.
type upstreamPlan struct {
	*config.Upstream
	name   string       // identifies it over generations
	client certs.Client // without a server name, which is the endpoint's; zero for plaintext
}

// upstream loads the certificates of an upstream.
func (p *planner) upstream(name string, u *config.Upstream) {
	plan := upstreamPlan{Upstream: u, name: name}
	if u.TLS != nil {
		plan.client.ALPN = u.TLS.ALPN
		if creds := p.credentials(u.TLS.Credentials, certs.ForClient); creds != nil {
			plan.client.Trust, plan.client.Certificates = creds.Trust, creds.Certificates
		}
	}
	p.plan.upstreams = append(p.plan.upstreams, plan)
}

// way is how one endpoint is reached.
type way struct {
	endpoint config.Endpoint
	backup   bool
	client   certs.Client // zero for plaintext
	source   *upstream.Source
}

// ways returns those to all endpoints.
func (u *upstreamPlan) ways() []way {
	list := u.Endpoints()
	ways := make([]way, 0, len(list))
	for i, e := range list {
		w := way{endpoint: e.Value, backup: u.redundant() && i == 1}
		w.source = u.source(w.backup)
		if u.TLS != nil {
			w.client = u.client
			w.client.ServerName = u.TLS.NameOf(e.Value)
		}
		ways = append(ways, w)
	}
	return ways
}

func (u *upstreamPlan) redundant() bool { return u.Backup.Set }

func (u *upstreamPlan) source(backup bool) *upstream.Source {
	s := u.Source
	if s == nil {
		return nil
	}
	var addresses []netip.Addr
	for _, a := range s.Addresses {
		addresses = append(addresses, a.Value)
	}
	return &upstream.Source{Addresses: addresses, Ports: s.PortsFor(backup), HealthPorts: s.HealthPorts, Wait: s.Wait}
}

// settings returns what a generation says of the upstream, but for its endpoints.
func (u *upstreamPlan) settings(limits *config.Limits) upstream.Settings {
	health := u.HealthOrDefault()
	return upstream.Settings{
		Redundant:    u.redundant(),
		Balance:      balances[u.Balance.Value],
		ManualReturn: u.Failback.Value == config.FailbackManual,
		Hold:         u.FailbackHold,
		KeepSessions: u.OnFailover.Value == config.FailoverKeep,
		DialTimeout:  limits.DialTimeout,
		MaxDials:     u.MaxDials,
		Queue:        u.DialQueue, // 0: nobody waits
		Health: upstream.Health{
			Active:   u.ActiveChecks(),
			Interval: health.Interval,
			Timeout:  health.Timeout,
			Rise:     health.Rise,
			Fall:     health.Fall,
			Send:     health.Send,
			Expect:   health.Expect,
		},
	}
}

var balances = map[config.Balance]upstream.Balance{
	config.BalanceLeast:      upstream.LeastConnections,
	config.BalanceRoundRobin: upstream.RoundRobin,
	config.BalanceSourceHash: upstream.SourceHash,
}

// upstreamText names the endpoints of an upstream in one word.
func upstreamText(u *config.Upstream) string {
	var names []string
	for _, e := range u.Endpoints() {
		names = append(names, e.Value.String())
	}
	return strings.Join(names, ",")
}
