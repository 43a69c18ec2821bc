package config

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// ownPort refuses an application that passes its connections to itself, which
// would go round until no descriptor is left.
func (c *checker) ownPort(app Application) {
	endpoints := app.Upstream.Endpoints()
	for _, p := range app.Ports {
		for _, s := range p.SNI {
			if s.Upstream != nil {
				endpoints = slices.Concat(endpoints, s.Upstream.Endpoints())
			}
		}
	}
	for _, to := range endpoints {
		for _, p := range app.Ports {
			if reaches(to.Value, p.Listen.Value) {
				c.report(to.Problem(fmt.Sprintf("is the application's own port %q", p.Name()),
					"name the server behind it; when both are on one host, they need different ports"))
				break
			}
		}
	}
}

// reaches reports whether dialling the endpoint certainly ends at the address.
func reaches(to Endpoint, at Address) bool {
	if to.Network == "unix" {
		return at == (Address{"unix", to.Address})
	}
	listening, ok := at.TCP()
	dialled, err := netip.ParseAddrPort(strings.Replace(to.Address, "localhost:", "127.0.0.1:", 1))
	if !ok || err != nil || listening.Port() != dialled.Port() {
		return false
	}
	if dialled.Addr() == listening.Addr() {
		return true
	}
	return dialled.Addr().IsLoopback() && (everything(listening.Addr()) ||
		listening.Addr().IsUnspecified() && listening.Addr().Is4() == dialled.Addr().Is4())
}
