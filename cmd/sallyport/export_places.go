package main

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"sallyport/internal/config"
	"sallyport/internal/firewall"
	"sallyport/policy"
)

// placeFlags say where clients find ports, and which addresses names have, as they were given. Exports, audits and imports
// have them.
type placeFlags struct{ reachedAt, resolve []string }

// add adds the flags. What names are of is said by the command.
func (f *placeFlags) add(cmd *cobra.Command, names string) {
	flags := cmd.Flags()
	flags.StringArrayVar(&f.reachedAt, "reached-at", nil, "`[APPLICATION/PORT=]ADDRESS[:PORT]` where clients find a port; may be repeated")
	flags.StringArrayVar(&f.resolve, "resolve", nil, "`NAME=ADDRESS[,ADDRESS]` "+names+"; may be repeated")
}

// places is what they mean.
type places struct {
	everywhere []netip.AddrPort            // --reached-at without a port's name; port 0 where none was given
	reached    map[string][]netip.AddrPort // by application/port
	names      map[string][]netip.Addr     // in lower case
}

func (f *placeFlags) understand() (*places, error) {
	p := &places{reached: make(map[string][]netip.AddrPort), names: make(map[string][]netip.Addr)}
	for _, text := range f.reachedAt {
		if err := p.reachedAt(text); err != nil {
			return nil, flagError("reached-at", err)
		}
	}
	for _, text := range f.resolve {
		if err := p.resolved(text); err != nil {
			return nil, flagError("resolve", err)
		}
	}
	return p, nil
}

// reachedAt reads "[APPLICATION/PORT=]ADDRESS[:PORT]".
func (p *places) reachedAt(text string) error {
	name, address, named := strings.Cut(text, "=")
	if !named {
		name, address = "", text
	}
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		ip, bad := netip.ParseAddr(strings.Trim(address, "[]"))
		if bad != nil {
			return &policy.Malformed{
				Problem: fmt.Sprintf("%q is not an address", address),
				Hint:    "write 192.0.2.10, 192.0.2.10:443 or [2001:db8::10]:443, after APPLICATION/PORT= if it is for one port",
			}
		}
		at = netip.AddrPortFrom(ip, 0)
	}
	if ip := at.Addr(); ip.Zone() != "" || ip.Is4In6() || ip.IsUnspecified() {
		return &policy.Malformed{Problem: fmt.Sprintf("%q is not an address that clients could connect to", address), Hint: "write it as clients have it"}
	}
	if name == "" {
		p.everywhere = append(p.everywhere, at)
		return nil
	}
	p.reached[name] = append(p.reached[name], at)
	return nil
}

// resolved reads "NAME=ADDRESS[,ADDRESS]".
func (p *places) resolved(text string) error {
	name, list, named := strings.Cut(text, "=")
	if !named || name == "" {
		return &policy.Malformed{Problem: fmt.Sprintf("%q names no address", text), Hint: "write cti-1.example.com=10.1.0.4"}
	}
	for _, address := range strings.Split(list, ",") {
		ip, err := netip.ParseAddr(strings.TrimSpace(address))
		if err != nil || ip.Zone() != "" {
			return &policy.Malformed{Problem: fmt.Sprintf("%q is not an address", address), Hint: "write cti-1.example.com=10.1.0.4"}
		}
		p.names[strings.ToLower(name)] = append(p.names[strings.ToLower(name)], ip.Unmap())
	}
	return nil
}

// knownPorts refuses to place what is not there.
func (p *places) knownPorts(cfg *config.Config) error {
	for _, name := range slices.Sorted(maps.Keys(p.reached)) {
		if !slices.ContainsFunc(portsIn(cfg), func(port *config.Port) bool { return port.Name() == name }) {
			return fmt.Errorf("--reached-at: there is no port %q", name)
		}
	}
	return nil
}

// service returns a port as firewalls see it.
func (p *places) service(port *config.Port) firewall.Service {
	s := firewall.Service{Application: port.Application, Port: port.ID.Value}
	listen := port.Listen.Value
	switch at, ok := listen.TCP(); {
	case ok && at.Port() == 0:
		s.Unknown = "at a port that the system chooses"
	case ok && listen.Network == "tcp":
		s.Listen = netip.AddrPortFrom(netip.Addr{}, at.Port()) // both families
	case ok:
		s.Listen = at
	default:
		s.Unknown = "on " + listen.String()
	}
	if port.ProxyProtocol {
		s.Balancers = port.ProxyTrusted
	}
	s.ReachedAt = p.reached[port.Name()]
	if len(s.ReachedAt) == 0 {
		s.ReachedAt = p.reachable(s.Listen)
	}
	s.ReachedAt = slices.Clone(s.ReachedAt)
	for i, at := range s.ReachedAt {
		if at.Port() == 0 {
			s.ReachedAt[i] = netip.AddrPortFrom(at.Addr(), s.Listen.Port())
		}
	}
	return s
}

// reachable returns those of the addresses of all ports at which one that listens can be found: those of its family, if it listens on
// every address of it.
func (p *places) reachable(listen netip.AddrPort) []netip.AddrPort {
	if listen.Port() == 0 || listen.Addr().IsValid() && !listen.Addr().IsUnspecified() {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(p.everywhere), func(at netip.AddrPort) bool {
		return listen.Addr().IsValid() && listen.Addr().BitLen() != at.Addr().BitLen()
	})
}

// portsIn returns the ports of all applications.
func portsIn(cfg *config.Config) []*config.Port {
	var all []*config.Port
	for i := range cfg.Applications {
		for j := range cfg.Applications[i].Ports {
			all = append(all, &cfg.Applications[i].Ports[j])
		}
	}
	return all
}
