package config

import (
	"fmt"
	"net/netip"
	"strings"

	"sallyport/internal/config/document"
	"sallyport/policy"
)

// source validates what connections to an upstream are bound to.
func (c *checker) source(raw *rawUpstream, u *Upstream) {
	r := raw.Source
	s := &Source{
		Addresses:     c.sourceAddresses(r.Address),
		Ports:         c.sourcePorts(r.Ports),
		BackupPorts:   c.sourcePorts(r.BackupPorts),
		HealthPorts:   c.sourcePorts(r.HealthPorts),
		Wait:          c.duration(r.Wait),
		At:            asWritten(r.Address),
		PortsAt:       asWritten(r.Ports),
		BackupPortsAt: asWritten(r.BackupPorts),
		HealthPortsAt: asWritten(r.HealthPorts),
	}
	u.Source = s
	c.sourceKeys(raw)
	c.checkPorts(raw, u)
	c.spare(u)
	for _, e := range u.Endpoints() {
		c.fromSource(e, s)
	}
}

// asWritten is a list as one text, where it stands.
func asWritten(list document.List) Located[string] {
	texts := make([]string, len(list.Value))
	for i, l := range list.Value {
		texts[i] = l.Value
	}
	return document.At(list, strings.Join(texts, ", "))
}

// sourceKeys reports keys that miss what they belong to.
func (c *checker) sourceKeys(raw *rawUpstream) {
	s := raw.Source
	if !s.Address.Set && !s.Ports.Set {
		c.report(s.Problem("has neither address nor ports, so it binds connections to nothing",
			`set ports = "20001-20004", address = "10.2.0.5", or both`))
		return
	}
	if s.BackupPorts.Set && !raw.Backup.Set {
		c.report(s.BackupPorts.Problem("has no effect without backup", `add backup = "host:port" to the upstream, or remove it`))
	}
	if s.Ports.Set {
		return
	}
	const message, hint = "has no effect without ports", "ports are those of sessions; name them first"
	for _, list := range []document.List{s.BackupPorts, s.HealthPorts} {
		if list.Set {
			c.report(list.Problem(message, hint))
		}
	}
	if s.Wait.Set {
		c.report(s.Wait.Problem(message, "only connections from ports that are named ever wait for one"))
	}
}

// checkPorts validates from where active checks go out. To name ports for them is to ask for them.
func (c *checker) checkPorts(raw *rawUpstream, u *Upstream) {
	s := u.Source
	if raw.Health != nil && raw.Source.Ports.Set && !raw.Source.HealthPorts.Set {
		c.report(raw.Health.Warning("nothing is asked: health is judged by what sessions meet, since the source has no health_ports",
			"a firewall that opens the source's ports alone lets nothing else out; add health_ports and open them as well"))
	}
	if raw.Health == nil && raw.Source.HealthPorts.Set {
		h := defaultHealth()
		h.Pos = raw.Source.HealthPorts.Pos
		u.Health = &h
	}
	for _, payload := range []struct {
		key   string
		ports []policy.PortRange
	}{{"ports", s.Ports}, {"backup_ports", s.BackupPorts}} {
		if both := policy.CommonPorts(payload.ports, s.HealthPorts); len(both) > 0 {
			c.report(s.HealthPortsAt.Problem(
				fmt.Sprintf("%s is in %s as well: checks and sessions would wait for each other", both[0], payload.key),
				"checks need ports of their own, which the firewall opens like the others"))
		}
	}
}

// spare warns where a hot standby leaves sessions no port.
func (c *checker) spare(u *Upstream) {
	if u.Standby.Value != StandbyHot || !u.Backup.Set || size(u.Source.PortsFor(true)) != 1 {
		return
	}
	at := u.Source.BackupPortsAt
	if !at.Set {
		at = u.Source.PortsAt
	}
	c.report(at.Warning("the spare connection holds the only source port towards the backup: one session gets the spare, all others wait for its port",
		"give the backup a port more than it has sessions at once"))
}

// sourceAddresses validates addresses of this host, at most one of each family.
func (c *checker) sourceAddresses(list document.List) []Located[netip.Addr] {
	var all []Located[netip.Addr]
	for _, l := range list.Value {
		ip, f := parseSource(l.Value)
		if f != nil {
			c.report(l.Problem(f.message, f.hint))
			continue
		}
		if before, ok := ofFamily(all, ip); ok {
			c.report(l.Problem(fmt.Sprintf("%s is a second %s address, beside %s", ip, family(ip), before),
				"one of each family: which of two would be used is not to be guessed"))
			continue
		}
		all = append(all, document.At(l, ip))
	}
	return all
}

// parseSource reads the address that connections are bound to.
func parseSource(s string) (netip.Addr, *flaw) {
	ip, err := netip.ParseAddr(unbracket(s))
	if err != nil {
		return netip.Addr{}, notSource(s)
	}
	switch {
	case ip.Zone() != "":
		return ip, &flaw{fmt.Sprintf("%q has a zone", s), "link-local addresses cannot be source addresses; name a global or a unique local one"}
	case ip.Is4In6():
		return ip, &flaw{fmt.Sprintf("%s is an IPv4 address embedded in IPv6", ip), fmt.Sprintf("write %q", ip.Unmap())}
	case ip.IsUnspecified():
		return ip, &flaw{fmt.Sprintf("%q means every address", s), "leave address out, and the system chooses it for each destination"}
	case ip.IsMulticast():
		return ip, &flaw{fmt.Sprintf("%s is a multicast address, from which nothing is sent", ip), ""}
	case ip.Is6() && ip.IsLinkLocalUnicast():
		return ip, &flaw{fmt.Sprintf("%s is a link-local address, of which every interface may have the same", ip), "name a global or a unique local address"}
	}
	return ip, nil
}

// notSource says what was written instead of an address.
func notSource(s string) *flaw {
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return &flaw{
			fmt.Sprintf("%q has a port", s),
			fmt.Sprintf(`write address = "%s" and ports = "%d"`, ap.Addr(), ap.Port()),
		}
	}
	if _, err := netip.ParsePrefix(s); err == nil {
		return &flaw{fmt.Sprintf("%q is a network", s), "name the one address in it that this host has"}
	}
	return &flaw{fmt.Sprintf("%q is not an IP address", s), "names are not resolved here: a firewall knows the address; write it"}
}
