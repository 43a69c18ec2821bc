package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"sallyport/internal/admin"
)

// Values of the label state of source ports.
const (
	portsFree    = "free"
	portsLeased  = "leased"
	portsCooling = "cooling"
)

// upstreamMetrics returns the metrics of upstreams and source ports.
func upstreamMetrics() []metric {
	const gauge, counter = prometheus.GaugeValue, prometheus.CounterValue
	endpoint := []string{"upstream", "endpoint", "role"}
	each := func(value func(*admin.Upstream, *admin.UpstreamEndpoint) float64) func(*admin.Status, emit) {
		return func(s *admin.Status, emit emit) {
			for i := range s.Upstreams {
				u := &s.Upstreams[i]
				for j := range u.Endpoints {
					e := &u.Endpoints[j]
					emit(value(u, e), u.Name, e.Endpoint, e.Role)
				}
			}
		}
	}
	whole := func(value func(*admin.Upstream) float64) func(*admin.Status, emit) {
		return func(s *admin.Status, emit emit) {
			for i := range s.Upstreams {
				emit(value(&s.Upstreams[i]), s.Upstreams[i].Name)
			}
		}
	}
	return []metric{
		{"sallyport_upstream_endpoint_healthy", gauge, endpoint,
			"Whether an endpoint counts as healthy.",
			each(func(_ *admin.Upstream, e *admin.UpstreamEndpoint) float64 { return oneIf(e.Healthy) })},
		{"sallyport_upstream_endpoint_active", gauge, endpoint,
			"Whether new sessions go to an endpoint: for a primary and its backup, which of the two; otherwise whether it is healthy.",
			each(func(u *admin.Upstream, e *admin.UpstreamEndpoint) float64 {
				return oneIf(u.Redundant && u.Active == e.Endpoint || !u.Redundant && e.Healthy)
			})},
		{"sallyport_upstream_sessions_active", gauge, endpoint,
			"Established sessions at an endpoint.",
			each(func(_ *admin.Upstream, e *admin.UpstreamEndpoint) float64 { return float64(e.Sessions) })},
		{"sallyport_upstream_connects_total", counter, endpoint,
			"Sessions that were connected to an endpoint.",
			each(func(_ *admin.Upstream, e *admin.UpstreamEndpoint) float64 { return float64(e.Connected) })},
		{"sallyport_upstream_connect_failures_total", counter, endpoint,
			"Attempts of sessions to connect to an endpoint that failed there.",
			each(func(_ *admin.Upstream, e *admin.UpstreamEndpoint) float64 { return float64(e.Failed) })},
		{"sallyport_upstream_checks_total", counter, endpoint,
			"Active health checks of an endpoint.",
			each(func(_ *admin.Upstream, e *admin.UpstreamEndpoint) float64 { return float64(e.Checks) })},
		{"sallyport_upstream_check_failures_total", counter, endpoint,
			"Active health checks that an endpoint failed.",
			each(func(_ *admin.Upstream, e *admin.UpstreamEndpoint) float64 { return float64(e.Unwell) })},
		{"sallyport_upstream_failovers_total", counter, []string{"upstream"},
			"Times that new sessions were moved to the other endpoint of a redundant upstream because the one in use failed, or because an operator said so.",
			whole(func(u *admin.Upstream) float64 { return float64(u.Failovers) })},
		{"sallyport_upstream_failbacks_total", counter, []string{"upstream"},
			"Times that new sessions were moved back to the primary.",
			whole(func(u *admin.Upstream) float64 { return float64(u.Failbacks) })},
		{"sallyport_upstream_waiting", gauge, []string{"upstream"},
			"Sessions that wait for their turn to be connected.",
			whole(func(u *admin.Upstream) float64 { return float64(u.Waiting) })},
		{"sallyport_upstream_spare_ready", gauge, []string{"upstream"},
			"Whether a spare connection to the backup is ready; only where standby is hot.", readSpares},
		{"sallyport_source_ports", gauge, []string{"source", "destination", "state"},
			"Source ports of one address towards one destination that are free, leased by a connection, or cooling because the system still has a connection from them. Only destinations that are in use.", readSourcePorts},
		{"sallyport_source_port_waiting", gauge, []string{"source", "destination"},
			"Sessions that wait for a source port.",
			func(s *admin.Status, emit emit) {
				for _, p := range s.SourcePorts {
					emit(float64(p.Waiting), p.Source, p.Destination)
				}
			}},
		{"sallyport_source_port_failures_total", counter, []string{"reason"},
			"Times that a connection got no source port, by reason code.",
			func(s *admin.Status, emit emit) {
				for reason, n := range s.SourceLacks {
					emit(float64(n), reason)
				}
			}},
	}
}

func oneIf(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

func readSpares(s *admin.Status, emit emit) {
	for _, u := range s.Upstreams {
		if u.Spare != nil {
			emit(oneIf(u.Spare.Ready), u.Name)
		}
	}
}

func readSourcePorts(s *admin.Status, emit emit) {
	for _, p := range s.SourcePorts {
		emit(float64(max(0, p.Ports-p.Leased-p.Cooling)), p.Source, p.Destination, portsFree)
		emit(float64(p.Leased), p.Source, p.Destination, portsLeased)
		emit(float64(p.Cooling), p.Source, p.Destination, portsCooling)
	}
}
