package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"sallyport/internal/config"
	"sallyport/internal/firewall"
	"sallyport/policy"
)

// input turns an intent into what a matrix is made of.
func (a *exportAsked) input(ctx context.Context, p *intent) (*firewall.Input, error) {
	if err := a.sensible(p); err != nil {
		return nil, err
	}
	in := &firewall.Input{
		Policy: p.policy, At: a.at, Now: a.now, Application: a.application, Client: a.client,
		Header: firewall.Header{Host: p.config.Host.Name.Value},
	}
	if p.config.Policy.Set {
		in.Header.PolicyHash = p.hash
	}
	if a.dated {
		in.Header.Notes = append(in.Header.Notes, fmt.Sprintf("The rules are those of %s.", policy.DayText(a.now)))
	}
	if !a.reproducible {
		in.Header.Made = time.Now()
		in.Header.Generation = generationOf(ctx, p)
	}
	for _, port := range portsIn(p.config) {
		in.Services = append(in.Services, a.service(port))
	}
	names, err := a.pins(ctx, p, in)
	if err != nil {
		return nil, err
	}
	in.Header.Names = names
	return in, nil
}

// sensible refuses questions about what is not there.
func (a *exportAsked) sensible(p *intent) error {
	if err := a.knownApplication(p.config); err != nil {
		return err
	}
	if err := a.knownPorts(p.config); err != nil {
		return err
	}
	if err := a.knownNames(p); err != nil {
		return err
	}
	src := p.policy.Source()
	if a.client != "" && !slices.ContainsFunc(src.Clients, func(c policy.Client) bool { return c.Name == a.client }) {
		return fmt.Errorf("--client: the policy has no client %q", a.client)
	}
	if dated := slices.ContainsFunc(src.Rules, func(r policy.Rule) bool { return !r.Expires.IsZero() || !r.ValidFrom.IsZero() }); dated && a.reproducible && !a.dated {
		return fmt.Errorf("--reproducible: rules have first or last days, so the day of the export counts: name it with --as-of")
	}
	return nil
}

// knownApplication refuses a filter that leaves nothing.
func (a *exportAsked) knownApplication(cfg *config.Config) error {
	var names []string
	for i := range cfg.Applications {
		names = append(names, cfg.Applications[i].Name.Value)
	}
	if a.application == "" || slices.Contains(names, a.application) {
		return nil
	}
	return fmt.Errorf("--application: there is no %q: it is one of %s", a.application, strings.Join(names, ", "))
}

// knownNames refuses addresses of a name that nothing connects to, which would otherwise be asked for under its right spelling.
func (a *exportAsked) knownNames(p *intent) error {
	known := make(map[string]bool)
	for _, b := range bindingsOf(p.config) {
		for _, pin := range b.definitions() {
			for _, endpoint := range pin.toward {
				if host, _, err := net.SplitHostPort(endpoint.Address); err == nil {
					known[strings.ToLower(host)] = true
				}
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(a.names)) {
		if !known[name] {
			return fmt.Errorf("--resolve: nothing connects to %q from a source of its own", name)
		}
	}
	return nil
}

// generationOf returns the generation of the running sallyport, if it has the intent's policy in force.
func generationOf(ctx context.Context, p *intent) uint64 {
	client, err := adminClient(p.config.Path)
	if err != nil {
		return 0
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	status, err := client.Status(ctx)
	if err != nil || status.Policy.Hash != p.hash {
		return 0
	}
	return status.Generation
}

// pins adds the client-side port definitions, and returns the names of servers with their addresses.
func (a *exportAsked) pins(ctx context.Context, p *intent, in *firewall.Input) ([]firewall.Resolved, error) {
	if a.client != "" { // pins are of this host, and none of a client's
		return nil, nil
	}
	found := make(map[string]firewall.Resolved)
	for _, b := range bindingsOf(p.config) {
		application, _, _ := strings.Cut(b.owner, "/")
		if a.application != "" && a.application != application {
			continue
		}
		for _, pin := range b.definitions() {
			for _, endpoint := range pin.toward {
				to, err := a.addresses(ctx, endpoint, found)
				if err != nil {
					return nil, err
				}
				for _, address := range to {
					in.Pins = append(in.Pins, firewall.Pin{
						Application: application, Use: pin.purpose, Addresses: pin.sources, Ports: pin.ports,
						Destination: address, TLS: b.upstream.TLS != nil,
					})
				}
			}
		}
	}
	return slices.SortedFunc(maps.Values(found), func(x, y firewall.Resolved) int { return cmp.Compare(x.Name, y.Name) }), nil
}

// definitions returns the pins of an upstream, and of one that is bound to an address alone that.
func (b *binding) definitions() []pin {
	source := b.upstream.Source
	if len(source.Ports) > 0 {
		return b.pins()
	}
	return []pin{{owner: b.owner, purpose: forSessions, sources: values(source.Addresses), toward: overTCP(b.upstream.Endpoints())}}
}

// addresses returns the addresses of an endpoint, and remembers those of names.
func (a *exportAsked) addresses(ctx context.Context, e config.Endpoint, found map[string]firewall.Resolved) ([]netip.AddrPort, error) {
	host, text, err := net.SplitHostPort(e.Address)
	if err != nil {
		return nil, fail(err)
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return nil, fail(err)
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return []netip.AddrPort{netip.AddrPortFrom(ip.Unmap(), uint16(port))}, nil
	}
	r, err := a.lookUp(ctx, strings.ToLower(host), found)
	if err != nil {
		return nil, err
	}
	var all []netip.AddrPort
	for _, ip := range r.Addresses {
		all = append(all, netip.AddrPortFrom(ip, uint16(port)))
	}
	return all, nil
}

func (a *exportAsked) lookUp(ctx context.Context, name string, found map[string]firewall.Resolved) (firewall.Resolved, error) {
	if r, known := found[name]; known {
		return r, nil
	}
	r := firewall.Resolved{Name: name, Addresses: a.names[name]}
	if len(r.Addresses) == 0 {
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", name)
		if err != nil {
			return r, fail(fmt.Errorf("%w\n  hint: --resolve %s=ADDRESS says it", err, name))
		}
		for _, ip := range ips {
			r.Addresses = append(r.Addresses, ip.Unmap())
		}
		if !a.reproducible {
			r.At = time.Now()
		}
	}
	slices.SortFunc(r.Addresses, netip.Addr.Compare)
	r.Addresses = slices.Compact(r.Addresses)
	found[name] = r
	return r, nil
}
