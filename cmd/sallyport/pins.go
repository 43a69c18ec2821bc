package main

import (
	"fmt"
	"net/netip"
	"slices"

	"sallyport/internal/config"
	"sallyport/policy"
)

// What connections from pinned source ports are for.
const (
	forSessions = "sessions"
	forBackup   = "sessions of the backup"
	forHealth   = "health checks"
)

// binding is an upstream and whose it is; where it has a source, its connections are bound to that.
type binding struct {
	owner    string // the application, or the entry of a port for some server names
	upstream *config.Upstream
}

// pin is one key that binds connections to source ports.
type pin struct {
	owner   string
	purpose string
	at      config.Located[string] // the key
	sources []netip.Addr           // at most one of each family; none: the system chooses
	ports   []policy.PortRange     // in order, merged
	toward  []config.Endpoint      // those over TCP
}

// String names the pin in messages.
func (p *pin) String() string {
	return fmt.Sprintf("ports %s of %s, for %s", rangesText(p.ports), p.owner, p.purpose)
}

// upstreamsOf returns all upstreams of a configuration, those of server names after their application's.
func upstreamsOf(cfg *config.Config) []binding {
	var all []binding
	for i := range cfg.Applications {
		app := &cfg.Applications[i]
		all = append(all, binding{app.Name.Value, &app.Upstream})
		for j := range app.Ports {
			port := &app.Ports[j]
			for k := range port.SNI {
				if own := port.SNI[k].Upstream; own != nil {
					all = append(all, binding{sniUpstream(port, k), own})
				}
			}
		}
	}
	return all
}

// sniUpstream names the upstream that one entry of a port has for its server names.
func sniUpstream(port *config.Port, entry int) string {
	return fmt.Sprintf("%s/sni%d", port.Name(), entry)
}

// bindingsOf returns the upstreams that are bound to a source.
func bindingsOf(cfg *config.Config) []binding {
	return slices.DeleteFunc(upstreamsOf(cfg), func(b binding) bool { return b.upstream.Source == nil })
}

// pinsOf returns the source ports that a configuration declares, in its order.
func pinsOf(cfg *config.Config) []pin {
	var all []pin
	for _, b := range bindingsOf(cfg) {
		all = append(all, b.pins()...)
	}
	return all
}

func (b *binding) pins() []pin {
	source := b.upstream.Source
	sessions, backup := overTCP(b.upstream.Endpoints()), []config.Endpoint(nil)
	if len(source.BackupPorts) > 0 && b.upstream.Backup.Set {
		sessions = overTCP([]config.Located[config.Endpoint]{b.upstream.Primary})
		backup = overTCP([]config.Located[config.Endpoint]{b.upstream.Backup})
	}
	all := []pin{
		{purpose: forSessions, at: source.PortsAt, ports: source.Ports, toward: sessions},
		{purpose: forBackup, at: source.BackupPortsAt, ports: source.BackupPorts, toward: backup},
		{purpose: forHealth, at: source.HealthPortsAt, ports: source.HealthPorts, toward: overTCP(b.upstream.Endpoints())},
	}
	all = slices.DeleteFunc(all, func(p pin) bool { return len(p.ports) == 0 })
	for i := range all {
		all[i].owner = b.owner
		all[i].sources = values(source.Addresses)
	}
	return all
}

func overTCP(endpoints []config.Located[config.Endpoint]) []config.Endpoint {
	var all []config.Endpoint
	for _, e := range endpoints {
		if e.Value.Network == "tcp" {
			all = append(all, e.Value)
		}
	}
	return all
}
